//! Arguments and variables of a query as JSON.

use serde_json::{Map, Value, json};

use super::query::{Given, Number, Type, VariableDefinition};
use super::schema::snake_case;

/// The values of an operation's variables: those given, else their defaults.
///
/// # Errors
/// The variable that must be given and is not.
pub fn variables(definitions: &[VariableDefinition], given: &Map<String, Value>) -> Result<Map<String, Value>, String> {
    let mut variables = Map::new();
    for definition in definitions {
        let value = given.get(&definition.name).filter(|value| !value.is_null());
        let value = match (value, &definition.default_value) {
            (Some(value), _) => value.clone(),
            (None, Some(default)) => value_of(default, &Map::new())?,
            (None, None) if matches!(definition.var_type, Type::NonNullType(_)) => {
                return Err(format!("Variable '${}' of required type was not provided.", definition.name));
            }
            (None, None) => Value::Null,
        };
        variables.insert(definition.name.clone(), value);
    }
    Ok(variables)
}

/// A value of the query as JSON, with its variables put in.
///
/// # Errors
/// The variable that the operation does not define.
pub fn value_of(given: &Given, variables: &Map<String, Value>) -> Result<Value, String> {
    Ok(match given {
        Given::Variable(name) => variables.get(name).cloned().ok_or_else(|| format!("Variable '${name}' is not defined."))?,
        Given::Int(number) => json!(integer(number)?),
        Given::Float(number) => json!(number),
        Given::String(text) | Given::Enum(text) => json!(text),
        Given::Boolean(flag) => json!(flag),
        Given::Null => Value::Null,
        Given::List(items) => Value::Array(items.iter().map(|item| value_of(item, variables)).collect::<Result<_, _>>()?),
        Given::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| Ok((name.clone(), value_of(value, variables)?)));
            Value::Object(fields.collect::<Result<_, String>>()?)
        }
    })
}

fn integer(number: &Number) -> Result<i64, String> {
    number.as_i64().ok_or_else(|| "A whole number of the query is too large.".to_owned())
}

/// An input object with the names of the REST API.
pub fn message(input: &Value) -> Value {
    match input {
        Value::Object(fields) => Value::Object(fields.iter().map(|(name, value)| (snake_case(name), value.clone())).collect()),
        other => other.clone(),
    }
}
