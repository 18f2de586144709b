//! Holds a request's inputs against what the model takes, before the model sees them.

use super::{
    batch::{Batch, Data, FrameColumn, Numbers, Tensor, TensorValues},
    column::{Column, Values},
    request::{Inputs, is_nested, shown},
};
use crate::{
    engine::{Form, Ready},
    error::Failure,
    signature::{self, Field, Signature, Type},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::collections::HashMap;

/// Most names that an error lists.
const NAMES_SHOWN: usize = 20;

/// Turns inputs into a batch in the model's own order and types.
///
/// # Errors
/// 422 naming the column that is missing, unknown or of the wrong type.
pub fn bind(inputs: Inputs, signature: &Signature, ready: &Ready) -> Result<Batch, Failure> {
    if let (Signature::Tensors(tensors), Form::Pyfunc) = (signature, ready.form) {
        return arrays(inputs, tensors);
    }
    if ready.form == Form::Tensor {
        let shape = ready.shape.clone().unwrap_or_default();
        return match signature {
            Signature::Tensors(tensors) => arrays(inputs, tensors),
            _ => arrays(inputs, &[signature::Tensor { name: None, dtype: "float64".to_owned(), kind: Type::Double, shape }]),
        };
    }
    let expected = Expected::of(signature, ready);
    if ready.form == Form::Matrix
        && let Inputs::Rows { width, cells } = inputs
    {
        expected.check_width(width)?;
        if expected.is_plain() && expected.narrow().is_none() && expected.reordered(ready).is_none() {
            match whole(cells, width, &expected) {
                Ok(batch) => return Ok(batch),
                Err(cells) => return expected.table(Inputs::Rows { width, cells }, ready),
            }
        }
        return expected.table(Inputs::Rows { width, cells }, ready);
    }
    expected.table(inputs, ready)
}

/// Numeric rows as they are: the quick way for the common case. Gives the cells back where they are not all numbers.
fn whole(cells: Column, width: usize, expected: &Expected) -> Result<Batch, Column> {
    let rows = cells.len() / width;
    let first_null = cells.first_null;
    let numbers = match cells.values {
        Values::Floats(values) => values,
        Values::Ints(values) => values.into_iter().map(|value| value as f64).collect(),
        _ => return Err(cells),
    };
    let nulls = match first_null {
        None => Vec::new(),
        Some(_) => (0..width)
            .filter(|column| numbers.iter().skip(*column).step_by(width).any(|value| value.is_nan()))
            .map(|column| expected.label(column))
            .collect(),
    };
    let data = Data::Matrix { width, numbers: Numbers::F64(numbers), names: expected.names.clone() };
    Ok(Batch { rows, data, nulls })
}

/// What the model takes, from its signature and from the model itself.
struct Expected {
    names: Option<Vec<String>>,
    kinds: Option<Vec<Type>>,
    required: Option<Vec<bool>>,
    count: Option<usize>,
}

impl Expected {
    fn of(signature: &Signature, ready: &Ready) -> Self {
        let count = ready.features.or(ready.names.as_ref().map(Vec::len));
        match signature {
            Signature::Columns(fields) => Self {
                names: Some(fields.iter().map(|field: &Field| field.name.clone()).collect()),
                kinds: Some(fields.iter().map(|field| field.kind).collect()),
                required: Some(fields.iter().map(|field| field.required).collect()),
                count: Some(fields.len()),
            },
            Signature::Positions(kinds) => Self { names: None, kinds: Some(kinds.clone()), required: None, count: Some(kinds.len()) },
            Signature::Tensors(tensors) => {
                let width = match tensors.as_slice() {
                    [signature::Tensor { shape, .. }] if shape.len() == 2 => usize::try_from(shape[1]).ok(),
                    [signature::Tensor { shape, .. }] if shape.len() == 1 => Some(1),
                    _ => None,
                };
                let count = width.or(count);
                let kind = match tensors.as_slice() {
                    // Numbers of any width go to the model as they are, but for 32-bit ones, whose arithmetic differs.
                    [tensor] if tensor.kind == Type::Float => Some(Type::Float),
                    [tensor] if tensor.kind.is_number() && tensor.kind != Type::Boolean => Some(Type::Double),
                    _ => None,
                };
                Self { names: ready.names.clone(), kinds: kind.zip(count).map(|(kind, count)| vec![kind; count]), required: None, count }
            }
            Signature::None => Self { names: ready.names.clone(), kinds: None, required: None, count },
        }
    }

    /// Whether every column takes any number.
    fn is_plain(&self) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.iter().all(|kind| matches!(kind, Type::Double | Type::Float)))
    }

    /// 32-bit numbers where all columns are such.
    fn narrow(&self) -> Option<()> {
        let kinds = self.kinds.as_ref()?;
        (!kinds.is_empty() && kinds.iter().all(|kind| *kind == Type::Float)).then_some(())
    }

    /// The model's own order of the columns, where it differs from the signature's.
    fn reordered(&self, ready: &Ready) -> Option<Vec<usize>> {
        let (names, own) = (self.names.as_ref()?, ready.names.as_ref()?);
        if names == own || names.len() != own.len() {
            return None;
        }
        let positions: HashMap<&str, usize> = names.iter().enumerate().map(|(index, name)| (name.as_str(), index)).collect();
        own.iter().map(|name| positions.get(name.as_str()).copied()).collect()
    }

    fn label(&self, index: usize) -> String {
        match self.names.as_ref().and_then(|names| names.get(index)) {
            Some(name) => name.clone(),
            None => format!("feature_{index}"),
        }
    }

    fn check_width(&self, width: usize) -> Result<(), Failure> {
        match self.count {
            Some(count) if count != width => {
                let named = self.names.as_ref().map_or_else(String::new, |names| format!(": {}", list(names)));
                Err(Failure::unfit(format!("The model expects {count} features, got {width} in each row{named}.")))
            }
            _ => Ok(()),
        }
    }

    /// The batch from inputs of any form, column by column.
    fn table(&self, inputs: Inputs, ready: &Ready) -> Result<Batch, Failure> {
        let (rows, mut columns) = match inputs {
            Inputs::Columns(columns) => self.by_name(columns)?,
            Inputs::Rows { width, cells } => {
                self.check_width(width)?;
                let rows = cells.len() / width;
                (rows, (0..width).map(|index| (self.label(index), Some(cells.every(index, width)))).collect())
            }
            Inputs::List(column) => self.list(column)?,
        };
        let mut kinds: Vec<Option<Type>> = match &self.kinds {
            Some(kinds) if kinds.len() == columns.len() => kinds.iter().copied().map(Some).collect(),
            _ => vec![None; columns.len()],
        };
        let nulls = columns
            .iter()
            .filter(|(_, column)| column.as_ref().is_some_and(|column| column.first_null.is_some()))
            .map(|(name, _)| name.clone())
            .collect();
        if ready.form != Form::Matrix {
            let typed = columns.into_iter().zip(kinds).filter_map(|((name, column), kind)| {
                let typed = typed(column?, kind, &name, ready.form);
                Some(typed.map(|column| (name, column)))
            });
            return Ok(Batch { rows, data: Data::Frame(typed.collect::<Result<_, _>>()?), nulls });
        }
        if let Some(order) = self.reordered(ready) {
            let mut taken: Vec<_> = columns.into_iter().map(Some).collect();
            columns = order.iter().filter_map(|index| taken.get_mut(*index)?.take()).collect();
            kinds = order.iter().map(|index| kinds.get(*index).copied().flatten()).collect();
        }
        let narrow = self.narrow().is_some();
        let width = columns.len();
        let mut numbers = vec![f64::NAN; rows * width];
        for (index, ((name, column), kind)) in columns.iter().zip(&kinds).enumerate() {
            let Some(column) = column else { continue };
            for (row, value) in as_numbers(column, *kind, name)?.into_iter().enumerate() {
                numbers[row * width + index] = value;
            }
        }
        let numbers = match narrow {
            true => Numbers::F32(narrowed(&numbers, |index| columns[index % width].0.clone(), width)?),
            false => Numbers::F64(numbers),
        };
        let names = self.names.is_some().then(|| columns.into_iter().map(|(name, _)| name).collect());
        Ok(Batch { rows, data: Data::Matrix { width, numbers, names }, nulls })
    }

    /// Columns by name, in the expected order; `None` for one that is optional and missing.
    #[allow(clippy::type_complexity, reason = "used in one place, right above")]
    fn by_name(&self, given: Vec<(String, Column)>) -> Result<(usize, Vec<(String, Option<Column>)>), Failure> {
        let rows = given.first().map_or(0, |(_, column)| column.len());
        let Some(names) = &self.names else {
            return Ok((rows, self.by_position(given)?));
        };
        let mut given: HashMap<String, Column> = given.into_iter().collect();
        let columns: Vec<(String, Option<Column>)> = names.iter().map(|name| (name.clone(), given.remove(name.as_str()))).collect();
        let required = |index: usize| self.required.as_ref().and_then(|required| required.get(index)).copied().unwrap_or(true);
        let missing: Vec<String> = columns
            .iter()
            .enumerate()
            .filter(|(index, (_, column))| column.is_none() && required(*index))
            .map(|(_, (name, _))| name.clone())
            .collect();
        let mut unknown: Vec<String> = given.into_keys().collect();
        unknown.sort();
        let unknown_text = match unknown.is_empty() {
            true => String::new(),
            false => format!(" The model does not know {}.", plural(&unknown)),
        };
        if !missing.is_empty() {
            let verb = if missing.len() == 1 { "is" } else { "are" };
            return Err(Failure::unfit(format!("The model needs {}, which {verb} missing.{unknown_text}", plural(&missing))));
        }
        if !unknown.is_empty() {
            let unknown = unknown_text.trim_start().trim_end_matches('.');
            return Err(Failure::unfit(format!("{unknown}; its columns are {}.", list(names))));
        }
        Ok((rows, columns))
    }

    /// Columns with names for a model that knows none: in the order of their numbers where they are numbered through from 0,
    /// else in the order given.
    fn by_position(&self, mut given: Vec<(String, Column)>) -> Result<Vec<(String, Option<Column>)>, Failure> {
        if let Some(count) = self.count
            && given.len() != count
        {
            let (prefix, numbers) = numbered(&given).unwrap_or_else(|| ("feature_".to_owned(), (0..given.len()).collect()));
            let missing: Vec<String> =
                (0..count).filter(|index| !numbers.contains(index)).map(|index| format!("{prefix}{index}")).collect();
            let unknown: Vec<String> = numbers.iter().filter(|index| **index >= count).map(|index| format!("{prefix}{index}")).collect();
            let missing = if missing.is_empty() { String::new() } else { format!(" Missing: {}.", list(&missing)) };
            let unknown = if unknown.is_empty() { String::new() } else { format!(" Too many: {}.", list(&unknown)) };
            return Err(Failure::unfit(format!("The model expects {count} features, got {}.{missing}{unknown}", given.len())));
        }
        if let Some((_, numbers)) = numbered(&given) {
            let mut sorted = numbers.clone();
            sorted.sort_unstable();
            if sorted.iter().copied().eq(0..given.len()) {
                let mut placed: Vec<_> = numbers.into_iter().zip(given).collect();
                placed.sort_by_key(|(number, _)| *number);
                given = placed.into_iter().map(|(_, column)| column).collect();
            }
        }
        Ok(given.into_iter().map(|(name, column)| (name, Some(column))).collect())
    }

    /// One list of values: a row where the model has that many features, rows where it has one.
    #[allow(clippy::type_complexity, reason = "as above")]
    fn list(&self, column: Column) -> Result<(usize, Vec<(String, Option<Column>)>), Failure> {
        let count = self.count.unwrap_or(1);
        if count == 1 {
            return Ok((column.len(), vec![(self.label(0), Some(column))]));
        }
        if column.len() != count {
            return Err(Failure::unfit(format!("The model expects {count} features, got one row of {}.", column.len())));
        }
        Ok((1, (0..count).map(|index| (self.label(index), Some(column.every(index, count)))).collect()))
    }
}

/// A prefix that all names share, and the numbers that follow it.
fn numbered(columns: &[(String, Column)]) -> Option<(String, Vec<usize>)> {
    let first = &columns.first()?.0;
    let prefix = first.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let number = |name: &str| name.strip_prefix(prefix)?.parse().ok();
    let numbers = columns.iter().map(|(name, _)| number(name)).collect::<Option<Vec<usize>>>()?;
    Some((prefix.to_owned(), numbers))
}

fn list(names: &[String]) -> String {
    let shown = names.iter().take(NAMES_SHOWN).map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    match names.len() > NAMES_SHOWN {
        true => format!("{shown} and {} more", names.len() - NAMES_SHOWN),
        false => shown,
    }
}

fn plural(names: &[String]) -> String {
    format!("the column{} {}", if names.len() == 1 { "" } else { "s" }, list(names))
}

fn wrong(name: &str, row: usize, value: &Value, wanted: &str) -> Failure {
    Failure::unfit(format!("The column '{name}' needs {wanted} in each row; row {row} (counting from 0) holds {}.", shown(value)))
}

/// The first value that `fits` refuses, as a failure.
fn first_wrong(column: &Column, name: &str, wanted: &str, fits: impl Fn(&Value) -> bool) -> Failure {
    let found = (0..column.len()).map(|row| (row, column.value(row))).find(|(_, value)| !fits(value));
    let (row, value) = found.unwrap_or((0, Value::Null));
    wrong(name, row, &value, wanted)
}

/// A column as 64-bit numbers for a matrix; not-a-number where it is null.
fn as_numbers(column: &Column, kind: Option<Type>, name: &str) -> Result<Vec<f64>, Failure> {
    match (kind, &column.values) {
        (None | Some(Type::Boolean), Values::Bools(values)) => Ok(values.iter().map(|value| f64::from(u8::from(*value))).collect()),
        (Some(Type::Boolean), _) => Err(first_wrong(column, name, Type::Boolean.described(), Value::is_boolean)),
        (Some(kind @ (Type::Integer | Type::Long)), _) => {
            Ok(whole_numbers(column, kind, name)?.into_iter().map(|value| value as f64).collect())
        }
        (_, Values::Ints(values)) => Ok(values.iter().map(|value| *value as f64).collect()),
        (_, Values::Floats(values)) => Ok(values.clone()),
        (_, Values::Nulls) => Ok(vec![f64::NAN; column.len()]),
        _ => Err(first_wrong(column, name, "a number", |value| value.is_number() || value.is_null())),
    }
}

fn whole_numbers(column: &Column, kind: Type, name: &str) -> Result<Vec<i64>, Failure> {
    let is_whole = |value: f64| value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0;
    let values = match &column.values {
        Values::Ints(values) => values.clone(),
        Values::Floats(values) if values.iter().all(|value| is_whole(*value)) => values.iter().map(|value| *value as i64).collect(),
        _ => return Err(first_wrong(column, name, kind.described(), |value| value.as_f64().is_some_and(is_whole))),
    };
    if kind == Type::Integer
        && let Some(row) = values.iter().position(|value| i32::try_from(*value).is_err())
    {
        return Err(wrong(name, row, &column.value(row), kind.described()));
    }
    Ok(values)
}

/// Numbers of 32 bits; `width` of them make a row.
fn narrowed(numbers: &[f64], name: impl Fn(usize) -> String, width: usize) -> Result<Vec<f32>, Failure> {
    let too_large = |value: f64| value.is_finite() && !(value as f32).is_finite();
    if let Some(index) = numbers.iter().position(|value| too_large(*value)) {
        return Err(wrong(&name(index), index / width, &Value::from(numbers[index]), "a number of 32 bits"));
    }
    Ok(numbers.iter().map(|value| *value as f32).collect())
}

/// A column as a table's column.
fn typed(column: Column, kind: Option<Type>, name: &str, form: Form) -> Result<FrameColumn, Failure> {
    let Some(kind) = kind else { return natural(column, name, form) };
    match kind {
        Type::Boolean => match column.values {
            Values::Bools(values) => Ok(FrameColumn::Bool(values)),
            _ => Err(first_wrong(&column, name, kind.described(), Value::is_boolean)),
        },
        Type::Integer => {
            let values = whole_numbers(&column, kind, name)?;
            Ok(FrameColumn::I32(values.into_iter().map(|value| value as i32).collect()))
        }
        Type::Long => Ok(FrameColumn::I64(whole_numbers(&column, kind, name)?)),
        Type::Double => Ok(FrameColumn::F64(as_numbers(&column, Some(kind), name)?)),
        Type::Float => {
            let numbers = as_numbers(&column, Some(kind), name)?;
            Ok(FrameColumn::F32(narrowed(&numbers, |_| name.to_owned(), 1)?))
        }
        Type::String => Ok(FrameColumn::Text(texts(column, kind, name)?)),
        Type::Binary => {
            let values = texts(column, kind, name)?;
            for (row, value) in values.iter().enumerate() {
                if let Some(text) = value.as_ref().filter(|text| STANDARD.decode(text).is_err()) {
                    return Err(wrong(name, row, &Value::from(text.as_str()), kind.described()));
                }
            }
            Ok(FrameColumn::Binary(values))
        }
        Type::Datetime => {
            let moment = |(row, value): (usize, Option<String>)| match value {
                None => Ok(None),
                Some(text) => match moment(&text) {
                    Some(moment) => Ok(Some(moment)),
                    None => Err(wrong(name, row, &Value::from(text), kind.described())),
                },
            };
            let moments: Result<Vec<_>, _> = texts(column, kind, name)?.into_iter().enumerate().map(moment).collect();
            Ok(FrameColumn::Datetime(moments?))
        }
        Type::Any => Ok(FrameColumn::Json(values(&column))),
    }
}

fn values(column: &Column) -> Vec<Value> {
    (0..column.len()).map(|row| column.value(row)).collect()
}

fn texts(column: Column, kind: Type, name: &str) -> Result<Vec<Option<String>>, Failure> {
    match column.values {
        Values::Texts(values) => Ok(values),
        Values::Nulls => Ok(vec![None; column.len()]),
        _ => Err(first_wrong(&column, name, kind.described(), |value| value.is_string() || value.is_null())),
    }
}

/// A moment in UTC without a zone, from ISO 8601 text with or without one.
fn moment(text: &str) -> Option<String> {
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return Some(timestamp.to_zoned(jiff::tz::TimeZone::UTC).datetime().to_string());
    }
    text.parse::<jiff::civil::DateTime>().ok().map(|moment| moment.to_string())
}

/// A column whose type nobody has told: the one that its values have.
fn natural(column: Column, name: &str, form: Form) -> Result<FrameColumn, Failure> {
    Ok(match column.values {
        Values::Bools(values) => FrameColumn::Bool(values),
        Values::Ints(values) => FrameColumn::I64(values),
        Values::Floats(values) => FrameColumn::F64(values),
        Values::Texts(values) => FrameColumn::Text(values),
        Values::Nulls => FrameColumn::F64(vec![f64::NAN; column.len()]),
        Values::Others(values) if form == Form::Pyfunc => FrameColumn::Json(values),
        Values::Others(values) if values.iter().all(|value| value.is_boolean() || value.is_null()) => FrameColumn::Json(values),
        Values::Others(ref values) => {
            let first = values.iter().find(|value| !value.is_null()).unwrap_or(&Value::Null).clone();
            let (wanted, same): (&str, fn(&Value) -> bool) = match first {
                Value::Number(_) => ("a number", |value| value.is_number() || value.is_null()),
                Value::String(_) => ("a text", |value| value.is_string() || value.is_null()),
                Value::Bool(_) => ("true or false", |value| value.is_boolean() || value.is_null()),
                _ => ("a plain value", |value| !value.is_array() && !value.is_object()),
            };
            return Err(first_wrong(&column, name, wanted, same));
        }
    })
}

/// Inputs of a model that takes arrays.
fn arrays(inputs: Inputs, specs: &[signature::Tensor]) -> Result<Batch, Failure> {
    let tensors: Vec<Tensor> = match (inputs, specs) {
        (Inputs::Rows { width, cells }, [spec]) if spec.name.is_none() => {
            let rows = cells.len() / width;
            vec![array(spec, vec![rows, width], &cells)?]
        }
        (Inputs::List(column), [spec]) if spec.name.is_none() => vec![array(spec, vec![column.len()], &column)?],
        (Inputs::Columns(given), specs) if specs.iter().all(|spec| spec.name.is_some()) => {
            let mut given: HashMap<String, Column> = given.into_iter().collect();
            let mut tensors = Vec::new();
            for spec in specs {
                let name = spec.name.clone().unwrap_or_default();
                let Some(column) = given.remove(&name) else {
                    return Err(Failure::unfit(format!("The model needs the column '{name}', which is missing.")));
                };
                tensors.push(array(spec, vec![column.len()], &column)?);
            }
            if let Some(name) = given.keys().min() {
                return Err(Failure::unfit(format!("The model does not know the column '{name}'.")));
            }
            tensors
        }
        (Inputs::Columns(columns), [spec]) => {
            let expected = Expected {
                names: None,
                kinds: None,
                required: None,
                count: spec.shape.get(1).and_then(|width| usize::try_from(*width).ok()),
            };
            let columns = expected.by_position(columns)?;
            let rows = columns.first().and_then(|(_, column)| column.as_ref()).map_or(0, Column::len);
            let width = columns.len();
            let mut numbers = vec![f64::NAN; rows * width];
            for (index, (name, column)) in columns.iter().enumerate() {
                let Some(column) = column else { continue };
                for (row, value) in as_numbers(column, None, name)?.into_iter().enumerate() {
                    numbers[row * width + index] = value;
                }
            }
            let values = TensorValues::Numbers(numbers);
            vec![Tensor { name: None, dtype: spec.dtype.clone(), shape: vec![rows, width], values }]
        }
        _ => {
            let names: Vec<String> = specs.iter().filter_map(|spec| spec.name.clone()).collect();
            return Err(Failure::unfit(format!("The model takes arrays by name: {}.", list(&names))));
        }
    };
    let rows = tensors.first().and_then(|tensor| tensor.shape.first()).copied().unwrap_or(0);
    Ok(Batch { rows, data: Data::Tensors(tensors), nulls: Vec::new() })
}

/// One array out of cells that may hold further lists; `shape` is what is known of it so far.
fn array(spec: &signature::Tensor, mut shape: Vec<usize>, cells: &Column) -> Result<Tensor, Failure> {
    let name = spec.name.clone().unwrap_or_else(|| "inputs".to_owned());
    let mut flat = cells.clone();
    while is_nested(&flat) {
        let Values::Others(values) = &flat.values else { break };
        let width = values.first().and_then(Value::as_array).map_or(0, Vec::len);
        let mut inner = Column::default();
        for value in values {
            match value.as_array() {
                Some(items) if items.len() == width => items.iter().cloned().for_each(|item| inner.push(item)),
                _ => return Err(Failure::unfit(format!("The array '{name}' is ragged: its lists have different lengths."))),
            }
        }
        shape.push(width);
        flat = inner;
    }
    // A model that tells no shape takes what its own code takes.
    let fits = spec.shape.is_empty()
        || shape.len() == spec.shape.len()
            && shape.iter().zip(&spec.shape).all(|(found, wanted)| *wanted < 0 || i64::try_from(*found) == Ok(*wanted));
    if !fits {
        return Err(Failure::unfit(format!(
            "The array '{name}' has the shape {shape:?}; the model expects {:?} (-1 is any length).",
            spec.shape
        )));
    }
    let values = match spec.kind.is_number() {
        true => TensorValues::Numbers(as_numbers(&flat, None, &name)?),
        false => TensorValues::Json(values(&flat)),
    };
    Ok(Tensor { name: spec.name.clone(), dtype: spec.dtype.clone(), shape, values })
}

#[cfg(test)]
#[path = "bind_tests.rs"]
mod tests;
