//! A machine that follows a pickle's instructions with symbols in place of objects.
//!
//! It must agree with Python's own machines (the C one, and the Python one that joblib extends) on every file that
//! those accept: where they would differ from each other, and where a value that matters cannot be told, it refuses.

use std::collections::BTreeSet;

use super::array::{item_layout, lengths};
use super::input::{Blob, Input};
use super::value::{Arena, Global, Node, Object, Value};
use crate::error::InspectionError;
use crate::imports::{self, Verdict};
use crate::inspection::Import;

const OPERATIONS: u64 = 500_000_000;
const STACK: usize = 1_000_000;
const MARKS: usize = 100_000;
const MEMO: usize = 8_000_000;
const GLOBALS: usize = 20_000;
const FINDINGS: usize = 100;
const NAME_BYTES: usize = 4096;
const NUMBER_BYTES: usize = 64 << 10;
const TEXT_BYTES: usize = 64 << 10;

/// Who reads the file, and so what it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `pickle.load`, or `joblib.load` where arrays lie among the instructions.
    Python,
    /// `torch.load`: tensors' storages are persistent objects.
    Torch,
    /// `torch.jit.load`: classes of the archive's own code besides.
    TorchScript,
}

/// Something suspicious that is no import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    ComputedImport,
    ComputedCall,
    Extension,
    Persistent,
    BuildOnImport,
    ItemsOnImport,
    PartialOfUnknown,
    ForeignSubclass,
}

impl Finding {
    fn import(self) -> Import {
        let (name, reason) = match self {
            Self::ComputedImport => ("STACK_GLOBAL", "what it imports is computed, or too long to be a name"),
            Self::ComputedCall => ("REDUCE", "it calls something that was computed instead of imported by its name"),
            Self::Extension => ("EXT", "it imports through copyreg's extension registry, which names nothing"),
            Self::Persistent => ("PERSID", "it refers to an object outside of the file"),
            Self::BuildOnImport => ("BUILD", "it changes something that it imported"),
            Self::ItemsOnImport => ("SETITEMS", "it puts items into something that it imported"),
            Self::PartialOfUnknown => ("REDUCE", "it makes a functools.partial of something that is not known to be safe"),
            Self::ForeignSubclass => ("BUILD", "it has joblib make an array of a class that is not NumPy's"),
        };
        Import { module: "pickle".to_owned(), name: name.to_owned(), reason: reason.to_owned() }
    }
}

/// What one pickle's instructions work on.
#[derive(Default)]
struct Run {
    stack: Vec<Value>,
    marks: Vec<usize>,
    /// Encoded values: 0 is an empty place.
    memo: Vec<u32>,
    memoized: usize,
    /// It is the pickle of an array inside a joblib file, which `pickle.load` reads.
    nested: bool,
}

pub(crate) struct Machine {
    pub(crate) arena: Arena,
    pub(crate) suspicious: BTreeSet<Import>,
    pub(crate) unknown: BTreeSet<Import>,
    /// Arrays lay among the instructions.
    pub(crate) joblib: bool,
    dialect: Dialect,
    verdicts: Vec<Verdict>,
    operations: u64,
}

impl Machine {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            arena: Arena::default(),
            suspicious: BTreeSet::new(),
            unknown: BTreeSet::new(),
            joblib: false,
            dialect,
            verdicts: Vec::new(),
            operations: 0,
        }
    }

    /// Follows one pickle to its end and gives its root.
    pub(crate) fn run(&mut self, input: &mut Input<'_>) -> Result<Value, InspectionError> {
        self.follow(input, Run::default())
    }

    fn report(&mut self, finding: Finding) {
        if self.suspicious.len() < FINDINGS {
            self.suspicious.insert(finding.import());
        }
    }

    fn follow(&mut self, input: &mut Input<'_>, mut run: Run) -> Result<Value, InspectionError> {
        loop {
            self.operations += 1;
            if self.operations > OPERATIONS {
                return Err(InspectionError::TooLarge(format!("it has more than {OPERATIONS} pickle instructions")));
            }
            if run.stack.len() > STACK || run.marks.len() > MARKS {
                return Err(InspectionError::TooLarge("its pickle puts more than a million values on the stack".to_owned()));
            }
            let operation = input.byte()?;
            if operation == b'.' {
                let root = run.pop(input)?;
                input.leave_frame()?;
                return Ok(root);
            }
            self.step(operation, input, &mut run)?;
        }
    }

    fn step(&mut self, operation: u8, input: &mut Input<'_>, run: &mut Run) -> Result<(), InspectionError> {
        match operation {
            // Structure.
            0x80 => {
                let protocol = input.byte()?;
                if protocol > 5 {
                    return Err(input.damaged(format!("protocol {protocol} of pickle does not exist")));
                }
            }
            0x95 => {
                let length = u64::from_le_bytes(input.array()?);
                input.enter_frame(length)?;
            }
            b'(' => run.marks.push(run.stack.len()),
            b'0' => {
                if run.stack.len() > run.fence() {
                    run.stack.pop();
                } else if run.marks.pop().is_none() {
                    return Err(input.damaged("it takes a value from an empty stack"));
                }
            }
            b'1' => {
                run.pop_to_mark(input)?;
            }
            b'2' => {
                let top = run.top(input)?;
                run.stack.push(top);
            }

            // The memo.
            b'p' => {
                let place = number_line(input)?;
                run.put(input, place)?;
            }
            b'q' => {
                let place = input.byte()?;
                run.put(input, u64::from(place))?;
            }
            b'r' => {
                let place = u32::from_le_bytes(input.array()?);
                run.put(input, u64::from(place))?;
            }
            0x94 => run.put(input, run.memoized as u64)?,
            b'g' => {
                let place = number_line(input)?;
                run.get(input, place)?;
            }
            b'h' => {
                let place = input.byte()?;
                run.get(input, u64::from(place))?;
            }
            b'j' => {
                let place = u32::from_le_bytes(input.array()?);
                run.get(input, u64::from(place))?;
            }

            // Plain values.
            b'N' => run.stack.push(Value::None),
            0x88 => run.stack.push(Value::Bool(true)),
            0x89 => run.stack.push(Value::Bool(false)),
            b'I' => {
                let line = input.line(NUMBER_BYTES)?;
                run.stack.push(match line.as_slice() {
                    b"00" => Value::Bool(false),
                    b"01" => Value::Bool(true),
                    digits => whole_number(digits),
                });
            }
            b'L' => {
                let line = input.line(NUMBER_BYTES)?;
                run.stack.push(whole_number(line.strip_suffix(b"L").unwrap_or(&line)));
            }
            b'J' => {
                let number = i32::from_le_bytes(input.array()?);
                run.stack.push(Value::Int(i64::from(number)));
            }
            b'K' => {
                let number = input.byte()?;
                run.stack.push(Value::Int(i64::from(number)));
            }
            b'M' => {
                let number = u16::from_le_bytes(input.array()?);
                run.stack.push(Value::Int(i64::from(number)));
            }
            0x8a => {
                let length = input.byte()?;
                let number = input.blob(u64::from(length))?;
                run.stack.push(binary_number(&number));
            }
            0x8b => {
                let length = signed_length(input)?;
                let number = input.blob(length)?;
                run.stack.push(binary_number(&number));
            }
            b'F' => {
                input.line(NUMBER_BYTES)?;
                run.stack.push(Value::Float);
            }
            b'G' => {
                input.array::<8>()?;
                run.stack.push(Value::Float);
            }

            // Texts and bytes.
            b'S' | b'V' => {
                let (line, whole) = input.long_line(TEXT_BYTES)?;
                self.push_line(run, &line, whole, operation == b'S');
            }
            b'U' | 0x8c => {
                let length = input.byte()?;
                self.push_text(input, run, u64::from(length))?;
            }
            b'T' => {
                let length = signed_length(input)?;
                self.push_text(input, run, length)?;
            }
            b'X' => {
                let length = u32::from_le_bytes(input.array()?);
                self.push_text(input, run, u64::from(length))?;
            }
            0x8d => {
                let length = u64::from_le_bytes(input.array()?);
                self.push_text(input, run, length)?;
            }
            b'C' => {
                let length = input.byte()?;
                self.push_bytes(input, run, u64::from(length))?;
            }
            b'B' => {
                let length = u32::from_le_bytes(input.array()?);
                self.push_bytes(input, run, u64::from(length))?;
            }
            0x8e | 0x96 => {
                let length = u64::from_le_bytes(input.array()?);
                self.push_bytes(input, run, length)?;
            }
            0x97 | 0x98 => {
                return Err(InspectionError::Unsupported(
                    "the pickle keeps its buffers outside of the file; save it without buffer_callback".to_owned(),
                ));
            }

            // Containers.
            b')' => run.stack.push(self.arena.push_tuple(&[])),
            0x85..=0x87 => {
                let values = run.pop_many(input, usize::from(operation - 0x84))?;
                run.stack.push(self.arena.push_tuple(&values));
            }
            b't' => {
                let values = run.pop_to_mark(input)?;
                run.stack.push(self.arena.push_tuple(&values));
            }
            b']' => run.stack.push(self.arena.push(Node::List(Vec::new()))),
            b'}' => run.stack.push(self.arena.push(Node::Dict(Vec::new()))),
            0x8f => run.stack.push(self.arena.push(Node::Set(Vec::new()))),
            b'l' => {
                let values = run.pop_to_mark(input)?;
                let list = self.arena.push(Node::List(Vec::new()));
                self.arena.extend(list, &values);
                run.stack.push(list);
            }
            b'd' => {
                let values = run.pop_to_mark(input)?;
                let dict = self.arena.push(Node::Dict(Vec::new()));
                self.arena.insert(dict, &values);
                run.stack.push(dict);
            }
            0x91 => {
                let values = run.pop_to_mark(input)?;
                let set = self.arena.push(Node::Set(Vec::new()));
                self.arena.extend(set, &values);
                run.stack.push(set);
            }
            b'a' => {
                let value = run.pop(input)?;
                self.add_items(input, run, &[value])?;
            }
            b'e' | 0x90 => {
                let values = run.pop_to_mark(input)?;
                self.add_items(input, run, &values)?;
            }
            b's' => {
                let pair = run.pop_many(input, 2)?;
                self.add_entries(input, run, &pair)?;
            }
            b'u' => {
                let values = run.pop_to_mark(input)?;
                if values.len() % 2 == 1 {
                    return Err(input.damaged("a key has no value"));
                }
                self.add_entries(input, run, &values)?;
            }

            // Imports, calls and states.
            b'c' => {
                let imported = self.import_of_lines(input)?;
                run.stack.push(imported);
            }
            0x93 => {
                let names = run.pop_many(input, 2)?;
                let imported = match (self.arena.text(names[0]), self.arena.text(names[1])) {
                    (Some(module), Some(name)) if module.len() + name.len() <= NAME_BYTES => {
                        let global = Global { module: module.to_owned(), name: name.to_owned() };
                        self.import(global)?
                    }
                    _ => {
                        self.report(Finding::ComputedImport);
                        Value::Opaque
                    }
                };
                run.stack.push(imported);
            }
            b'i' => {
                let class = self.import_of_lines(input)?;
                let arguments = run.pop_to_mark(input)?;
                self.call(run, class, &arguments);
            }
            b'o' => {
                let values = run.pop_to_mark(input)?;
                let Some((class, arguments)) = values.split_first() else {
                    return Err(input.damaged("an object has no class"));
                };
                self.call(run, *class, arguments);
            }
            b'R' | 0x81 => {
                let values = run.pop_many(input, 2)?;
                self.make(run, values[0], values[1]);
            }
            0x92 => {
                let values = run.pop_many(input, 3)?;
                self.make(run, values[0], values[1]);
            }
            b'b' => {
                let state = run.pop(input)?;
                self.build(input, run, state)?;
            }
            0x82..=0x84 => {
                match operation {
                    0x82 => drop(input.array::<1>()?),
                    0x83 => drop(input.array::<2>()?),
                    _ => drop(input.array::<4>()?),
                }
                self.report(Finding::Extension);
                run.stack.push(Value::Opaque);
            }
            b'P' => {
                input.line(NAME_BYTES)?;
                self.push_persistent(run);
            }
            b'Q' => {
                run.pop(input)?;
                self.push_persistent(run);
            }
            unknown => {
                return Err(input.damaged(format!("there is no pickle instruction 0x{unknown:02x}")));
            }
        }
        Ok(())
    }

    fn push_persistent(&mut self, run: &mut Run) {
        if self.dialect == Dialect::Python {
            self.report(Finding::Persistent);
        }
        run.stack.push(Value::Opaque);
    }

    /// A text of protocol 0. What it escapes is not worked out: such a text names nothing.
    fn push_line(&mut self, run: &mut Run, line: &[u8], whole: bool, quoted: bool) {
        let text = if quoted {
            let line = line.trim_ascii();
            match (line.first(), line.last()) {
                (Some(b'\'' | b'"'), Some(b'\'' | b'"')) if line.len() >= 2 => &line[1..line.len() - 1],
                _ => b"\\",
            }
        } else {
            line
        };
        let plain = whole && text.is_ascii() && !text.contains(&b'\\');
        let value = match std::str::from_utf8(text) {
            Ok(text) if plain => self.arena.push_text(text),
            _ => Value::Opaque,
        };
        run.stack.push(value);
    }

    fn push_text(&mut self, input: &mut Input<'_>, run: &mut Run, length: u64) -> Result<(), InspectionError> {
        let blob = input.blob(length)?;
        let value = match blob.whole().map(std::str::from_utf8) {
            Some(Ok(text)) => self.arena.push_text(text),
            Some(Err(_)) => Value::Opaque,
            None => self.arena.push_blob(blob),
        };
        run.stack.push(value);
        Ok(())
    }

    fn push_bytes(&mut self, input: &mut Input<'_>, run: &mut Run, length: u64) -> Result<(), InspectionError> {
        let blob = input.blob(length)?;
        run.stack.push(self.arena.push_blob(blob));
        Ok(())
    }

    fn add_items(&mut self, input: &Input<'_>, run: &Run, values: &[Value]) -> Result<(), InspectionError> {
        let container = run.top(input)?;
        if let Value::Global(_) = container {
            self.report(Finding::ItemsOnImport);
        }
        self.arena.extend(container, values);
        Ok(())
    }

    fn add_entries(&mut self, input: &Input<'_>, run: &Run, pairs: &[Value]) -> Result<(), InspectionError> {
        let container = run.top(input)?;
        if let Value::Global(_) = container {
            self.report(Finding::ItemsOnImport);
        }
        self.arena.insert(container, pairs);
        Ok(())
    }

    fn import_of_lines(&mut self, input: &mut Input<'_>) -> Result<Value, InspectionError> {
        let module = input.line(NAME_BYTES)?;
        let name = input.line(NAME_BYTES)?;
        match (String::from_utf8(module), String::from_utf8(name)) {
            (Ok(module), Ok(name)) => self.import(Global { module, name }),
            _ => Err(input.damaged("an import's name is not UTF-8")),
        }
    }

    fn import(&mut self, global: Global) -> Result<Value, InspectionError> {
        let Some((place, new)) = self.arena.intern(global.clone(), GLOBALS) else {
            return Err(InspectionError::TooLarge(format!("it imports more than {GLOBALS} different names")));
        };
        if new {
            let verdict = imports::judge(&global.module, &global.name, self.dialect);
            let listed = match &verdict {
                Verdict::Safe => None,
                Verdict::Suspicious(reason) => Some((&mut self.suspicious, reason)),
                Verdict::Unknown(reason) => Some((&mut self.unknown, reason)),
            };
            if let Some((list, reason)) = listed
                && list.len() < FINDINGS
            {
                list.insert(Import { module: imports::shown(&global.module), name: imports::shown(&global.name), reason: reason.clone() });
            }
            self.verdicts.push(verdict);
        }
        Ok(Value::Global(place))
    }

    fn call(&mut self, run: &mut Run, callable: Value, arguments: &[Value]) {
        let arguments = self.arena.push_tuple(arguments);
        self.make(run, callable, arguments);
    }

    /// Pushes what a call would give.
    fn make(&mut self, run: &mut Run, callable: Value, arguments: Value) {
        if self.arena.global(callable).is_none() {
            self.report(Finding::ComputedCall);
        }
        if self.is_partial(callable) {
            self.check_partial(arguments);
        }
        let object = self.arena.push(Node::Object(Box::new(Object {
            callable,
            arguments,
            state: None,
            items: Vec::new(),
            entries: Vec::new(),
            content: None,
        })));
        run.stack.push(object);
    }

    fn is_partial(&self, callable: Value) -> bool {
        self.arena.global(callable).is_some_and(|global| global.module == "functools" && global.name == "partial")
    }

    /// Holds that what a `functools.partial` is made of is known, as far as it stands in `parts` itself.
    fn check_partial(&mut self, parts: Value) {
        let known = self.arena.tuple(parts).is_some_and(|parts| {
            parts.iter().all(|part| match part {
                Value::Global(place) => matches!(self.verdicts.get(*place as usize), Some(Verdict::Safe)),
                Value::Opaque => false,
                _ => true,
            })
        });
        if !known {
            self.report(Finding::PartialOfUnknown);
        }
    }

    fn build(&mut self, input: &mut Input<'_>, run: &mut Run, state: Value) -> Result<(), InspectionError> {
        let built = run.top(input)?;
        if let Value::Global(_) = built {
            self.report(Finding::BuildOnImport);
            return Ok(());
        }
        if self.arena.is_full() && built == Value::Opaque {
            return Err(InspectionError::TooLarge("it has more than 2 million objects".to_owned()));
        }
        let class = self.arena.class(built).map(|class| (class.module.as_str(), class.name.as_str()));
        match class {
            Some(("joblib.numpy_pickle", "NumpyArrayWrapper")) if self.dialect == Dialect::Python => {
                return self.read_array(input, run, built, state);
            }
            Some((_, "NumpyArrayWrapper" | "NDArrayWrapper" | "ZNDArrayWrapper")) => {
                return Err(InspectionError::Unsupported(
                    "the file was saved by a joblib that is no longer read; load it and save it again with joblib 1.2 or later".to_owned(),
                ));
            }
            Some(("functools", "partial")) => self.check_partial(state),
            _ => {}
        }
        if let Some(object) = self.arena.object_mut(built) {
            object.state = Some(state);
        }
        Ok(())
    }

    /// Skips the array that joblib put behind its wrapper's state.
    fn read_array(&mut self, input: &mut Input<'_>, run: &mut Run, wrapper: Value, state: Value) -> Result<(), InspectionError> {
        if run.nested {
            return Err(input.damaged("an array of objects holds an array of joblib's"));
        }
        if self.arena.is_full() {
            return Err(InspectionError::TooLarge("it has more than 2 million objects".to_owned()));
        }
        self.joblib = true;
        if !self.is_fresh(wrapper) || !matches!(self.arena.node(state), Some(Node::Dict(_))) {
            return Err(input.damaged("an array's description is not as joblib writes it"));
        }
        let attribute = |name: &str| self.arena.get(state, name);
        let layout = attribute("dtype")
            .ok_or("an array has no data type")
            .and_then(|dtype| item_layout(&self.arena, dtype))
            .map_err(|reason| input.damaged(reason))?;
        let bytes = attribute("shape")
            .and_then(|shape| lengths(&self.arena, shape))
            .and_then(|lengths| {
                let items = lengths.iter().try_fold(1u64, |product, length| product.checked_mul(*length));
                items?.checked_mul(layout.bytes).filter(|bytes| *bytes <= i64::MAX as u64)
            })
            .ok_or_else(|| input.damaged("an array's shape cannot be told"))?;
        let padded = match attribute("numpy_array_alignment_bytes") {
            None | Some(Value::None) => false,
            Some(Value::Int(_)) => true,
            Some(_) => return Err(input.damaged("an array's alignment cannot be told")),
        };
        let subclass = attribute("subclass").and_then(|class| self.arena.global(class));
        let foreign = !subclass.is_some_and(|class| class.module == "numpy" || class.module.starts_with("numpy."));
        input.leave_frame()?;
        if foreign {
            self.report(Finding::ForeignSubclass);
        }
        let content = if layout.objects {
            let nested = Run { nested: true, ..Run::default() };
            Some(self.follow(input, nested)?)
        } else {
            if padded {
                let padding = input.byte()?;
                input.skip_bytes(u64::from(padding))?;
            }
            input.skip_bytes(bytes)?;
            None
        };
        if let Some(object) = self.arena.object_mut(wrapper) {
            object.state = Some(state);
            object.content = content;
        }
        Ok(())
    }

    /// A wrapper as joblib pickles it: made without arguments, its state not yet set.
    fn is_fresh(&self, wrapper: Value) -> bool {
        let Some(object) = self.arena.object(wrapper) else {
            return false;
        };
        let by_helper = self.arena.global(object.callable).is_some_and(|callable| callable.name == "_reconstructor");
        let arguments = self.arena.tuple(object.arguments);
        let bare = match arguments {
            Some([]) => !by_helper,
            Some([_, Value::Global(base), Value::None]) => {
                by_helper && self.arena.globals().get(*base as usize).is_some_and(|base| base.name == "object")
            }
            _ => false,
        };
        bare && object.state.is_none()
    }
}

impl Run {
    /// Below it, values belong to an older mark.
    fn fence(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self, input: &Input<'_>) -> Result<Value, InspectionError> {
        match self.stack.last() {
            Some(value) if self.stack.len() > self.fence() => Ok(*value),
            _ => Err(input.damaged("it takes a value from an empty stack")),
        }
    }

    fn pop(&mut self, input: &Input<'_>) -> Result<Value, InspectionError> {
        let top = self.top(input)?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_many(&mut self, input: &Input<'_>, count: usize) -> Result<Vec<Value>, InspectionError> {
        let Some(start) = self.stack.len().checked_sub(count).filter(|start| *start >= self.fence()) else {
            return Err(input.damaged("it takes a value from an empty stack"));
        };
        Ok(self.stack.split_off(start))
    }

    fn pop_to_mark(&mut self, input: &Input<'_>) -> Result<Vec<Value>, InspectionError> {
        let mark = self.marks.pop().ok_or_else(|| input.damaged("a mark is missing"))?;
        Ok(self.stack.split_off(mark))
    }

    fn put(&mut self, input: &Input<'_>, place: u64) -> Result<(), InspectionError> {
        let value = self.top(input)?;
        if place >= MEMO as u64 {
            return Err(InspectionError::TooLarge(format!("its pickle remembers more than {MEMO} values")));
        }
        // Each stored value took at least one byte, and the places are dealt out one by one.
        if place > input.position() {
            return Err(input.damaged(format!("it stores a value at place {place} of a memo that is far smaller")));
        }
        let place = place as usize;
        if place >= self.memo.len() {
            self.memo.resize(place + 1, 0);
        }
        if self.memo[place] == 0 {
            self.memoized += 1;
        }
        self.memo[place] = match value {
            Value::Node(node) => node * 2 + 2,
            Value::Global(global) => global * 2 + 3,
            // Plain values are never memoized by Python; of others nothing is known.
            _ => 1,
        };
        Ok(())
    }

    fn get(&mut self, input: &Input<'_>, place: u64) -> Result<(), InspectionError> {
        let memoized = usize::try_from(place).ok().and_then(|place| self.memo.get(place));
        let value = match memoized.copied() {
            None | Some(0) => return Err(input.damaged(format!("it recalls value {place}, which it never stored"))),
            Some(1) => Value::Opaque,
            Some(code) if code % 2 == 0 => Value::Node((code - 2) / 2),
            Some(code) => Value::Global((code - 3) / 2),
        };
        self.stack.push(value);
        Ok(())
    }
}

fn number_line(input: &mut Input<'_>) -> Result<u64, InspectionError> {
    let line = input.line(32)?;
    std::str::from_utf8(&line)
        .ok()
        .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| input.damaged("a place in the memo is not a number"))
}

fn signed_length(input: &mut Input<'_>) -> Result<u64, InspectionError> {
    let length = i32::from_le_bytes(input.array()?);
    u64::try_from(length).map_err(|_| input.damaged("a length is negative"))
}

fn whole_number(digits: &[u8]) -> Value {
    std::str::from_utf8(digits).ok().and_then(|digits| digits.trim().parse().ok()).map_or(Value::Opaque, Value::Int)
}

/// A little-endian number in two's complement.
fn binary_number(blob: &Blob) -> Value {
    match blob.whole() {
        Some([]) => Value::Int(0),
        Some(bytes) if bytes.len() <= 8 => {
            let negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
            let mut number = [if negative { 0xff } else { 0 }; 8];
            number[..bytes.len()].copy_from_slice(bytes);
            Value::Int(i64::from_le_bytes(number))
        }
        _ => Value::Opaque,
    }
}
