//! ONNX models, whose protobuf is walked through in windows: of tensors nothing but their place is read.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek};

use prost::Message;

use crate::error::InspectionError;
use crate::imports::shown;
use crate::inspection::{Format, Framework, Import, Inspection, Shape};
use crate::pickle::Input;
use crate::source::Window;

const PART: &str = "the ONNX model";
/// How deep graphs in nodes are followed.
const DEPTH: usize = 16;
const LISTED: usize = 10_000;

#[derive(Clone, PartialEq, Message)]
struct ValueInfo {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    kind: Option<ValueKind>,
}

#[derive(Clone, PartialEq, Message)]
struct ValueKind {
    #[prost(message, optional, tag = "1")]
    tensor: Option<TensorKind>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorKind {
    #[prost(message, optional, tag = "2")]
    shape: Option<TensorShape>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorShape {
    #[prost(message, repeated, tag = "1")]
    dimensions: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
struct Dimension {
    #[prost(int64, optional, tag = "1")]
    length: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct OperatorSet {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, Message)]
struct TextEntry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// Inspects a file that may be an ONNX model; the error `Damaged` stands for one that is not.
pub(crate) fn inspect(file: &mut (impl Read + Seek), size: u64) -> Result<Inspection, InspectionError> {
    let mut window = Window::new(file, 0, size);
    let mut walk = Walk { input: Input::new(&mut window, PART), found: Found::default() };
    walk.model(size)?;
    let found = walk.found;
    if !found.graph || found.ir_version.is_none() || found.operator_sets.is_empty() {
        return Err(InspectionError::damaged(PART, size, "it has no graph, no version or no operator set"));
    }
    Ok(found.into_inspection())
}

#[derive(Default)]
struct Found {
    graph: bool,
    graph_name: String,
    ir_version: Option<u64>,
    producer: String,
    producer_version: String,
    operator_sets: BTreeMap<String, i64>,
    inputs: Vec<ValueInfo>,
    outputs: Vec<ValueInfo>,
    initializers: BTreeSet<String>,
    /// The last node that is a model of classical machine learning.
    classical: Option<String>,
    class_labels: Option<u64>,
}

/// A field's number, and its value: a number, or where its bytes end.
enum Field {
    Number(u64, u64),
    Bytes(u64, u64),
    Fixed,
}

struct Walk<'a> {
    input: Input<'a>,
    found: Found,
}

impl Walk<'_> {
    fn varint(&mut self) -> Result<u64, InspectionError> {
        let mut number = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.input.byte()?;
            if shift < 64 {
                number |= u64::from(byte & 0x7f) << shift;
            }
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.input.damaged("a number is too long"))
    }

    /// The next field before `end`; of bytes the content is still to be read.
    fn field(&mut self, end: u64) -> Result<Option<Field>, InspectionError> {
        if self.input.position() >= end {
            return if self.input.position() == end {
                Ok(None)
            } else {
                Err(self.input.damaged("a field reaches over the end of its message"))
            };
        }
        let key = self.varint()?;
        let number = key >> 3;
        if number == 0 {
            return Err(self.input.damaged("a field has the number 0"));
        }
        let field = match key & 7 {
            0 => Field::Number(number, self.varint()?),
            1 => {
                self.input.skip_bytes(8)?;
                Field::Fixed
            }
            2 => {
                let length = self.varint()?;
                let field_end = self.input.position().checked_add(length).filter(|field_end| *field_end <= end);
                Field::Bytes(number, field_end.ok_or_else(|| self.input.damaged("a field reaches over the end of its message"))?)
            }
            5 => {
                self.input.skip_bytes(4)?;
                Field::Fixed
            }
            kind => return Err(self.input.damaged(format!("a field has the unknown wire type {kind}"))),
        };
        Ok(Some(field))
    }

    fn skip_to(&mut self, end: u64) -> Result<(), InspectionError> {
        let count = end.saturating_sub(self.input.position());
        self.input.skip_bytes(count)
    }

    fn message<M: Message + Default>(&mut self, end: u64) -> Result<M, InspectionError> {
        let blob = self.input.blob(end - self.input.position())?;
        let content = blob.whole().ok_or_else(|| self.input.damaged("a name or a shape is unusually long"))?;
        M::decode(content).map_err(|error| self.input.damaged(format!("a message cannot be decoded: {error}")))
    }

    fn text(&mut self, end: u64) -> Result<String, InspectionError> {
        let blob = self.input.blob(end - self.input.position())?;
        Ok(blob.whole().and_then(|text| std::str::from_utf8(text).ok()).map(shown).unwrap_or_default())
    }

    fn model(&mut self, end: u64) -> Result<(), InspectionError> {
        while let Some(field) = self.field(end)? {
            match field {
                Field::Number(1, version) => self.found.ir_version = Some(version),
                Field::Bytes(2, end) => self.found.producer = self.text(end)?,
                Field::Bytes(3, end) => self.found.producer_version = self.text(end)?,
                Field::Bytes(7, end) => {
                    if std::mem::replace(&mut self.found.graph, true) {
                        return Err(self.input.damaged("it has two graphs"));
                    }
                    self.graph(end, 0)?;
                }
                Field::Bytes(8, end) => {
                    let set: OperatorSet = self.message(end)?;
                    if self.found.operator_sets.len() < 100 {
                        self.found.operator_sets.insert(set.domain, set.version);
                    }
                }
                // Functions, whose nodes are in field 7.
                Field::Bytes(25, end) => {
                    while let Some(field) = self.field(end)? {
                        match field {
                            Field::Bytes(7, end) => self.node(end, 1)?,
                            Field::Bytes(_, end) => self.skip_to(end)?,
                            _ => {}
                        }
                    }
                }
                Field::Bytes(_, end) => self.skip_to(end)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn graph(&mut self, end: u64, depth: usize) -> Result<(), InspectionError> {
        if depth > DEPTH {
            return Err(InspectionError::TooLarge(format!("its graphs are nested more than {DEPTH} deep")));
        }
        while let Some(field) = self.field(end)? {
            match field {
                Field::Bytes(1, end) => self.node(end, depth)?,
                Field::Bytes(2, end) if depth == 0 => self.found.graph_name = self.text(end)?,
                Field::Bytes(5, end) => {
                    let name = self.tensor(end)?;
                    if depth == 0 && self.found.initializers.len() < LISTED {
                        self.found.initializers.insert(name);
                    }
                }
                Field::Bytes(11, end) if depth == 0 => {
                    let value = self.message(end)?;
                    if self.found.inputs.len() < LISTED {
                        self.found.inputs.push(value);
                    }
                }
                Field::Bytes(12, end) if depth == 0 => {
                    let value = self.message(end)?;
                    if self.found.outputs.len() < LISTED {
                        self.found.outputs.push(value);
                    }
                }
                Field::Bytes(15, end) => self.sparse_tensor(end)?,
                Field::Bytes(_, end) => self.skip_to(end)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn node(&mut self, end: u64, depth: usize) -> Result<(), InspectionError> {
        let mut operator = String::new();
        let mut domain = String::new();
        while let Some(field) = self.field(end)? {
            match field {
                Field::Bytes(4, end) => operator = self.text(end)?,
                Field::Bytes(5, end) => self.attribute(end, depth)?,
                Field::Bytes(7, end) => domain = self.text(end)?,
                Field::Bytes(_, end) => self.skip_to(end)?,
                _ => {}
            }
        }
        if domain == "ai.onnx.ml" && (operator.ends_with("Classifier") || operator.ends_with("Regressor")) {
            self.found.classical = Some(operator);
        }
        Ok(())
    }

    fn attribute(&mut self, end: u64, depth: usize) -> Result<(), InspectionError> {
        let mut name = String::new();
        let mut items = 0u64;
        while let Some(field) = self.field(end)? {
            match field {
                Field::Bytes(1, end) => name = self.text(end)?,
                Field::Bytes(5 | 10, end) => drop(self.tensor(end)?),
                Field::Bytes(6 | 11, end) => self.graph(end, depth + 1)?,
                Field::Bytes(22 | 23, end) => self.sparse_tensor(end)?,
                Field::Number(8, _) => items += 1,
                Field::Bytes(9, end) => {
                    items += 1;
                    self.skip_to(end)?;
                }
                Field::Bytes(8, end) if name.starts_with("classlabels") => {
                    while self.input.position() < end {
                        self.varint()?;
                        items += 1;
                    }
                }
                Field::Bytes(_, end) => self.skip_to(end)?,
                _ => {}
            }
        }
        if name.starts_with("classlabels") && items > 0 {
            self.found.class_labels = Some(items);
        }
        Ok(())
    }

    fn sparse_tensor(&mut self, end: u64) -> Result<(), InspectionError> {
        while let Some(field) = self.field(end)? {
            match field {
                Field::Bytes(1 | 2, end) => drop(self.tensor(end)?),
                Field::Bytes(_, end) => self.skip_to(end)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// A tensor's name; its values must be in the file.
    fn tensor(&mut self, end: u64) -> Result<String, InspectionError> {
        let mut name = String::new();
        let mut external = false;
        let mut location = None;
        while let Some(field) = self.field(end)? {
            match field {
                Field::Bytes(8, end) => name = self.text(end)?,
                Field::Bytes(13, end) => {
                    let entry: TextEntry = self.message(end)?;
                    external = true;
                    if entry.key == "location" {
                        location = Some(shown(&entry.value));
                    }
                }
                Field::Number(14, place) => external |= place != 0,
                Field::Bytes(_, end) => self.skip_to(end)?,
                _ => {}
            }
        }
        if external {
            return Err(InspectionError::Unsupported(format!(
                "the ONNX model keeps the values of {name:?} in another file, {:?}, which is not part of the upload; \
                 save it as one file (onnx.save without save_as_external_data)",
                location.unwrap_or_default()
            )));
        }
        Ok(name)
    }
}

impl Found {
    fn into_inspection(mut self) -> Inspection {
        self.inputs.retain(|input| !self.initializers.contains(&input.name));
        let (input_shape, feature_names) = self.input();
        let output_shape = self.output();
        let mut package_versions = BTreeMap::new();
        if let Some(version) = self.ir_version {
            package_versions.insert("onnx_ir".to_owned(), version.to_string());
        }
        if !self.producer.is_empty() && !self.producer_version.is_empty() {
            package_versions.insert(self.producer.clone(), self.producer_version.clone());
        }
        let mut unknown = BTreeSet::new();
        for (domain, version) in &self.operator_sets {
            let name = match domain.as_str() {
                "" | "ai.onnx" => "onnx_opset".to_owned(),
                domain => format!("onnx_opset_{}", shown(domain)),
            };
            package_versions.insert(name, version.to_string());
            if !is_known_domain(domain) {
                unknown.insert(Import {
                    module: shown(domain),
                    name: "*".to_owned(),
                    reason: "its operators are not ONNX's own: onnxruntime needs a library that has them".to_owned(),
                });
            }
        }
        let model_type =
            self.classical.or_else(|| (!self.graph_name.is_empty()).then_some(self.graph_name)).unwrap_or_else(|| "Graph".to_owned());
        Inspection {
            format: Format::Onnx,
            framework: Framework::Onnx,
            module: format!("onnx.{model_type}"),
            model_type,
            input_shape,
            output_shape,
            feature_names,
            package_versions,
            packages: BTreeSet::from(["onnxruntime".to_owned()]),
            suspicious_imports: Vec::new(),
            unknown_imports: unknown.into_iter().collect(),
        }
    }

    /// The shape of the one input; or, where each feature is an input of its own, their number and names.
    fn input(&self) -> (Option<Shape>, Option<Vec<String>>) {
        match self.inputs.as_slice() {
            [one] => (shape_of(one), None),
            [] => (None, None),
            many if many.iter().all(|input| shape_of(input) == Some(vec![Some(1)])) => {
                (Some(vec![Some(many.len() as u64)]), Some(many.iter().map(|input| shown(&input.name)).collect()))
            }
            _ => (None, None),
        }
    }

    fn output(&self) -> Option<Shape> {
        if let (Some(_), Some(labels)) = (&self.classical, self.class_labels) {
            return Some(vec![Some(labels)]);
        }
        let probabilities = self.outputs.iter().find(|output| output.name.contains("prob"));
        shape_of(probabilities.or_else(|| self.outputs.first())?)
    }
}

fn is_known_domain(domain: &str) -> bool {
    matches!(
        domain,
        "" | "ai.onnx"
            | "ai.onnx.ml"
            | "ai.onnx.training"
            | "ai.onnx.preview.training"
            | "com.microsoft"
            | "com.microsoft.nchwc"
            | "com.microsoft.experimental"
            | "com.ms.internal.nhwc"
            | "org.pytorch.aten"
    )
}

/// A tensor's shape without its batch dimension.
fn shape_of(value: &ValueInfo) -> Option<Shape> {
    let dimensions = &value.kind.as_ref()?.tensor.as_ref()?.shape.as_ref()?.dimensions;
    let (_, rest) = dimensions.split_first()?;
    Some(rest.iter().map(|dimension| dimension.length.and_then(|length| u64::try_from(length).ok()).filter(|length| *length > 0)).collect())
}
