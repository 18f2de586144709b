//! Rows in the form in which the model takes them, ready to travel to an engine.

use serde_json::Value;

/// Rows to predict, typed and in the model's own order of columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The number of rows, at least 1.
    pub rows: usize,
    /// The values.
    pub data: Data,
    /// The columns that hold a null, by name.
    pub nulls: Vec<String>,
}

/// The values of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Numbers, row after row; the columns' names where they are known.
    Matrix { width: usize, numbers: Numbers, names: Option<Vec<String>> },
    /// Typed columns by name.
    Frame(Vec<(String, FrameColumn)>),
    /// Arrays of any number of dimensions.
    Tensors(Vec<Tensor>),
}

/// The numbers of a matrix.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    F64(Vec<f64>),
    F32(Vec<f32>),
}

/// One typed column.
#[derive(Clone, Debug, PartialEq)]
pub enum FrameColumn {
    F64(Vec<f64>),
    F32(Vec<f32>),
    I64(Vec<i64>),
    I32(Vec<i32>),
    Bool(Vec<bool>),
    /// Text, null where it is missing.
    Text(Vec<Option<String>>),
    /// Date and time without a zone (UTC), as `2025-01-31T12:00:00.5`.
    Datetime(Vec<Option<String>>),
    /// Base64.
    Binary(Vec<Option<String>>),
    /// Whatever JSON holds.
    Json(Vec<Value>),
}

/// One array.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub name: Option<String>,
    /// The element type as numpy names it.
    pub dtype: String,
    pub shape: Vec<usize>,
    pub values: TensorValues,
}

/// An array's elements, the last dimension varying fastest.
#[derive(Clone, Debug, PartialEq)]
pub enum TensorValues {
    Numbers(Vec<f64>),
    Json(Vec<Value>),
}

impl Batch {
    /// The rows as columns by name in JSON, for the log; `None` where they hold more than `limit` values.
    pub fn columns(&self, limit: usize) -> Option<Value> {
        match &self.data {
            Data::Matrix { width, numbers, names } => {
                if self.rows * width > limit {
                    return None;
                }
                let name = |index: usize| match names {
                    Some(names) => names.get(index).cloned().unwrap_or_default(),
                    None => format!("feature_{index}"),
                };
                let value = |index: usize| match numbers {
                    Numbers::F64(values) => values.get(index).copied().map_or(Value::Null, Value::from),
                    Numbers::F32(values) => values.get(index).copied().map_or(Value::Null, Value::from),
                };
                let column = |index: usize| (0..self.rows).map(|row| value(row * width + index)).collect::<Value>();
                Some(Value::Object((0..*width).map(|index| (name(index), column(index))).collect()))
            }
            Data::Frame(columns) => {
                if self.rows * columns.len() > limit {
                    return None;
                }
                Some(Value::Object(columns.iter().map(|(name, column)| (name.clone(), column.json())).collect()))
            }
            Data::Tensors(_) => None,
        }
    }
}

impl FrameColumn {
    fn json(&self) -> Value {
        match self {
            Self::F64(values) => values.iter().copied().map(Value::from).collect(),
            Self::F32(values) => values.iter().copied().map(Value::from).collect(),
            Self::I64(values) => values.iter().copied().map(Value::from).collect(),
            Self::I32(values) => values.iter().copied().map(Value::from).collect(),
            Self::Bool(values) => values.iter().copied().map(Value::from).collect(),
            Self::Text(values) | Self::Datetime(values) | Self::Binary(values) => values.iter().cloned().map(Value::from).collect(),
            Self::Json(values) => Value::Array(values.clone()),
        }
    }
}
