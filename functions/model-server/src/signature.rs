//! An MLflow signature: what a model says of its inputs.

use serde_json::Value;

/// The type of a column, as MLflow names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Boolean,
    Integer,
    Long,
    Float,
    Double,
    String,
    Binary,
    Datetime,
    /// Arrays, objects, maps and whatever comes: handed on as they are.
    Any,
}

impl Type {
    fn parse(name: &str) -> Self {
        match name {
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "long" => Self::Long,
            "float" => Self::Float,
            "double" => Self::Double,
            "string" => Self::String,
            "binary" => Self::Binary,
            "datetime" => Self::Datetime,
            _ => Self::Any,
        }
    }

    /// The type of a numpy element: `float64` and the like.
    fn of_element(dtype: &str) -> Self {
        match dtype {
            "bool" => Self::Boolean,
            "int8" | "int16" | "int32" | "uint8" | "uint16" => Self::Integer,
            "int64" | "uint32" | "uint64" => Self::Long,
            "float32" => Self::Float,
            "float16" | "float64" => Self::Double,
            "str" | "object" => Self::String,
            _ => Self::Any,
        }
    }

    /// What a person would call a value of this type.
    pub fn described(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::Integer => "a whole number of 32 bits",
            Self::Long => "a whole number",
            Self::Float | Self::Double => "a number",
            Self::String => "a text",
            Self::Binary => "bytes as Base64 text",
            Self::Datetime => "a date or time as ISO 8601 text",
            Self::Any => "a value",
        }
    }

    /// Whether values of this type travel as numbers.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Boolean | Self::Integer | Self::Long | Self::Float | Self::Double)
    }
}

/// One named column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub kind: Type,
    pub required: bool,
}

/// One array: its element type as numpy names it, and its shape, in which -1 is any length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    pub name: Option<String>,
    pub dtype: String,
    pub kind: Type,
    pub shape: Vec<i64>,
}

/// What a model takes, as its signature says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Signature {
    /// The model has none.
    #[default]
    None,
    /// Columns by name.
    Columns(Vec<Field>),
    /// Columns without names, by position.
    Positions(Vec<Type>),
    /// Arrays.
    Tensors(Vec<Tensor>),
}

impl Signature {
    /// Reads the `inputs` of a signature: a list of column or tensor specifications. Anything else counts as none.
    pub fn parse(inputs: &Value) -> Self {
        let Some(specs) = inputs.as_array().filter(|specs| !specs.is_empty()) else {
            return Self::None;
        };
        if specs.iter().any(|spec| spec.get("tensor-spec").is_some()) {
            let tensors: Option<Vec<Tensor>> = specs.iter().map(tensor).collect();
            return tensors.map_or(Self::None, Self::Tensors);
        }
        let kind = |spec: &Value| Type::parse(spec.get("type").and_then(Value::as_str).unwrap_or_default());
        if specs.iter().all(|spec| spec.get("name").is_some_and(Value::is_string)) {
            let field = |spec: &Value| Field {
                name: spec["name"].as_str().unwrap_or_default().to_owned(),
                kind: kind(spec),
                required: spec.get("required").and_then(Value::as_bool).unwrap_or(true),
            };
            return Self::Columns(specs.iter().map(field).collect());
        }
        Self::Positions(specs.iter().map(kind).collect())
    }

    /// Whether any column is known to hold something other than numbers.
    pub fn has_text(&self) -> bool {
        match self {
            Self::None => false,
            Self::Columns(fields) => fields.iter().any(|field| !field.kind.is_number()),
            Self::Positions(kinds) => kinds.iter().any(|kind| !kind.is_number()),
            Self::Tensors(tensors) => tensors.iter().any(|tensor| !tensor.kind.is_number()),
        }
    }

    /// Whether the columns have names.
    pub fn is_named(&self) -> bool {
        matches!(self, Self::Columns(_))
    }
}

fn tensor(spec: &Value) -> Option<Tensor> {
    let inner = spec.get("tensor-spec")?;
    let dtype = inner.get("dtype")?.as_str()?.to_owned();
    Some(Tensor {
        name: spec.get("name").and_then(Value::as_str).map(str::to_owned),
        kind: Type::of_element(&dtype),
        dtype,
        shape: inner.get("shape")?.as_array()?.iter().map(Value::as_i64).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_columns_tensors_and_nothing() {
        let columns = Signature::parse(&json!([
            {"type": "double", "name": "a", "required": true},
            {"type": "string", "name": "b", "required": false},
        ]));
        let Signature::Columns(fields) = &columns else { panic!("{columns:?}") };
        assert_eq!(fields[0], Field { name: "a".into(), kind: Type::Double, required: true });
        assert!(!fields[1].required && columns.has_text());

        let tensors = Signature::parse(&json!([{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 20]}}]));
        let Signature::Tensors(list) = &tensors else { panic!("{tensors:?}") };
        assert_eq!((list[0].kind, list[0].shape.as_slice(), &list[0].name), (Type::Float, &[-1, 20][..], &None));

        assert_eq!(Signature::parse(&json!([{"type": "string"}])), Signature::Positions(vec![Type::String]));
        assert_eq!(Signature::parse(&json!(null)), Signature::None);
        assert_eq!(Signature::parse(&json!([])), Signature::None);
    }
}
