//! Requests as MLflow's clients send them: a JSON object, or on a GET the query. Protobuf's JSON reading is lenient
//! (whole numbers as text, names in either case, unknown fields ignored), and its messages are those that clients know.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use shared::domain::run::MetricPoint;
use shared::domain::tracking_rules as rules;
use shared::{Error, Request, Result};

const HINT: &str = " See the API docs for more information about request parameters.";

/// The fields of a request.
#[derive(Debug, Clone)]
pub struct Message {
    fields: Map<String, Value>,
    from_query: bool,
}

impl Message {
    /// The message that a request carries.
    ///
    /// # Errors
    /// `BadRequest` when the body is not a JSON object or is not said to be JSON.
    pub fn of(request: &Request) -> Result<Self> {
        if request.method == http::Method::GET && !request.query.is_empty() {
            let mut fields = Map::new();
            for (name, value) in &request.query {
                let values = fields.entry(name.clone()).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(values) = values {
                    values.push(Value::from(value.as_str()));
                }
            }
            return Ok(Self { fields, from_query: true });
        }
        if request.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self { fields: Map::new(), from_query: false });
        }
        check_content_type(request)?;
        let value = match serde_json::from_slice(&request.body) {
            // Old clients send their JSON as a JSON text.
            Ok(Value::String(text)) => serde_json::from_str(&text),
            other => other,
        };
        match value {
            Ok(Value::Object(fields)) => Ok(Self { fields, from_query: false }),
            Ok(other) => Err(Error::bad_request(format!("The body must be a JSON object, not {}.", type_name(&other)))),
            Err(error) => Err(Error::bad_request(format!("The body is not valid JSON: {error}"))),
        }
    }

    fn of_value(value: &Value, path: &str) -> Result<Self> {
        match value {
            Value::Object(fields) => Ok(Self { fields: fields.clone(), from_query: false }),
            other => Err(invalid(path, other)),
        }
    }

    fn field(&self, name: &str) -> Option<&Value> {
        let value = self.fields.get(name).or_else(|| self.fields.get(&camel_case(name)))?;
        let value = match value {
            Value::Array(values) if self.from_query => values.first()?,
            other => other,
        };
        (!value.is_null()).then_some(value)
    }

    /// A text; `None` when it is absent.
    ///
    /// # Errors
    /// `BadRequest` when it is something else.
    pub fn text(&self, name: &str) -> Result<Option<String>> {
        match self.field(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(invalid(name, other)),
        }
    }

    /// A text; empty when it is absent.
    ///
    /// # Errors
    /// `BadRequest` when it is something else.
    pub fn text_or_empty(&self, name: &str) -> Result<String> {
        Ok(self.text(name)?.unwrap_or_default())
    }

    /// A text that must be there and not be empty.
    ///
    /// # Errors
    /// `BadRequest` when it is not.
    pub fn required(&self, name: &str) -> Result<String> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| missing(name))
    }

    /// The run's id, under its name or its old one.
    ///
    /// # Errors
    /// `BadRequest` when it is absent.
    pub fn run_id(&self) -> Result<String> {
        match self.text("run_id")?.filter(|text| !text.is_empty()) {
            Some(id) => Ok(id),
            None => self.text("run_uuid")?.filter(|text| !text.is_empty()).ok_or_else(|| missing("run_id")),
        }
    }

    /// A whole number; `None` when it is absent.
    ///
    /// # Errors
    /// `BadRequest` when it is something else.
    pub fn integer(&self, name: &str) -> Result<Option<i64>> {
        let Some(value) = self.field(name) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| invalid(name, value))
    }

    /// A real number, NaN and the infinities included; `None` when it is absent.
    ///
    /// # Errors
    /// `BadRequest` when it is something else.
    pub fn number(&self, name: &str) -> Result<Option<f64>> {
        let Some(value) = self.field(name) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| invalid(name, value))
    }

    /// Yes or no; no when it is absent.
    ///
    /// # Errors
    /// `BadRequest` when it is something else.
    pub fn flag(&self, name: &str) -> Result<bool> {
        self.flag_or(name, false)
    }

    /// Yes or no, with what it is when it is absent.
    ///
    /// # Errors
    /// `BadRequest` when it is something else.
    pub fn flag_or(&self, name: &str, absent: bool) -> Result<bool> {
        match self.field(name) {
            None => Ok(absent),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(other) => Err(invalid(name, other)),
        }
    }

    /// A name out of a list, or its number in the list counted from `first`; `None` when it is absent.
    ///
    /// # Errors
    /// `BadRequest` when it is something else.
    pub fn choice(&self, name: &str, names: &[&'static str], first: i64) -> Result<Option<&'static str>> {
        let Some(value) = self.field(name) else { return Ok(None) };
        let chosen = match value {
            Value::String(text) => names.iter().find(|name| *name == text).copied().or_else(|| nth(names, text.parse().ok()?, first)),
            Value::Number(number) => number.as_i64().and_then(|number| nth(names, number, first)),
            _ => None,
        };
        chosen.map(Some).ok_or_else(|| invalid(name, value))
    }

    /// A list; empty when it is absent.
    ///
    /// # Errors
    /// `BadRequest` when it is something else.
    fn list(&self, name: &str) -> Result<&[Value]> {
        match self.fields.get(name).or_else(|| self.fields.get(&camel_case(name))) {
            None | Some(Value::Null) => Ok(&[]),
            Some(Value::Array(values)) => Ok(values),
            Some(other) => Err(invalid(name, other)),
        }
    }

    /// A list of texts; empty when it is absent.
    ///
    /// # Errors
    /// `BadRequest` when it is something else.
    pub fn texts(&self, name: &str) -> Result<Vec<String>> {
        self.list(name)?.iter().map(|value| value.as_str().map(str::to_owned).ok_or_else(|| invalid(name, value))).collect()
    }

    /// A list of messages, each with where it is in the request; empty when it is absent.
    ///
    /// # Errors
    /// `BadRequest` when it is something else.
    pub fn messages(&self, name: &str) -> Result<Vec<(String, Message)>> {
        self.list(name)?
            .iter()
            .enumerate()
            .map(|(index, value)| {
                let path = format!("{name}[{index}]");
                Ok((path.clone(), Message::of_value(value, &path)?))
            })
            .collect()
    }

    /// A message within the message.
    ///
    /// # Errors
    /// `BadRequest` when it is something else.
    pub fn message(&self, name: &str) -> Result<Option<Message>> {
        self.field(name).map(|value| Message::of_value(value, name)).transpose()
    }

    /// The fields of an object whose fields are the caller's own.
    ///
    /// # Errors
    /// `BadRequest` when it is something else.
    pub fn object(&self, name: &str) -> Result<Option<Map<String, Value>>> {
        match self.field(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(fields.clone())),
            Some(other) => Err(invalid(name, other)),
        }
    }

    /// A list of keys with values, in order; a value that is absent is empty.
    ///
    /// # Errors
    /// `BadRequest` when it is something else or a key is missing.
    pub fn pairs(&self, name: &str) -> Result<Vec<(String, String)>> {
        self.messages(name)?
            .into_iter()
            .map(|(path, pair)| {
                let key = pair.text("key")?.filter(|key| !key.is_empty());
                let key = key.ok_or_else(|| with_hint(&rules::missing_value(&format!("{path}.key"))))?;
                Ok((key, pair.text_or_empty("value")?))
            })
            .collect()
    }

    /// A list of keys with values; of a key that comes more than once, the last counts.
    ///
    /// # Errors
    /// As [`Message::pairs`].
    pub fn map(&self, name: &str) -> Result<BTreeMap<String, String>> {
        Ok(self.pairs(name)?.into_iter().collect())
    }

    /// The value of a metric that this message is, with its name. `path` is where it is in the request, empty when it
    /// is the request.
    ///
    /// # Errors
    /// `BadRequest` when a part is missing or not what it must be.
    pub fn metric(&self, path: &str) -> Result<(String, MetricPoint)> {
        let inside = |field: &str| if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") };
        let required = |field: &str| with_hint(&rules::missing_value(&inside(field)));
        let name = self.text("key")?.filter(|name| !name.is_empty()).ok_or_else(|| required("key"))?;
        let value = self.number("value")?.ok_or_else(|| required("value"))?;
        let timestamp = self.integer("timestamp")?.ok_or_else(|| required("timestamp"))?;
        let point = MetricPoint { step: self.integer("step")?.unwrap_or(0), timestamp, value: rules::kept_value(value) };
        rules::check_metric(&name, point, path)?;
        Ok((name, point))
    }
}

fn nth(names: &[&'static str], number: i64, first: i64) -> Option<&'static str> {
    names.get(usize::try_from(number.checked_sub(first)?).ok()?).copied()
}

fn whole(number: f64) -> Option<i64> {
    // Beyond 2^53 a real number does not say which whole number is meant.
    (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |camel, word| {
        let mut letters = word.chars();
        camel + &letters.next().map(|letter| letter.to_ascii_uppercase().to_string()).unwrap_or_default() + letters.as_str()
    })
}

fn check_content_type(request: &Request) -> Result<()> {
    let content_type = request.header("content-type").unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Error::bad_request(match content_type {
        "" => "Bad Request. Content-Type header is missing.".to_owned(),
        _ => "Bad Request. Content-Type must be one of ['application/json'].".to_owned(),
    }))
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

fn invalid(path: &str, value: &Value) -> Error {
    let hint = format!(" Hint: Value was of type '{}'.", type_name(value));
    with_hint(&rules::invalid_value(path, &shortened(value), &hint))
}

/// What is shown of a wrong value.
fn shortened(value: &Value) -> Value {
    let text = value.to_string();
    if text.len() <= 200 { value.clone() } else { Value::from(text.chars().take(200).chain("…".chars()).collect::<String>()) }
}

fn missing(name: &str) -> Error {
    with_hint(&rules::missing_value(name))
}

fn with_hint(error: &Error) -> Error {
    Error::bad_request(format!("{}{HINT}", error.public_message()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn message(body: &str) -> Result<Message> {
        let mut request = Request { method: http::Method::POST, body: body.to_owned().into(), ..Request::default() };
        request.headers.insert("content-type", "application/json; charset=utf-8".parse().unwrap());
        Message::of(&request)
    }

    #[test]
    fn numbers_come_as_numbers_or_as_text() {
        let message = message(r#"{"step": "7", "start_time": 12.0, "value": "NaN", "endTime": 3, "run_id": null}"#).unwrap();
        assert_eq!(message.integer("step").unwrap(), Some(7));
        assert_eq!(message.integer("start_time").unwrap(), Some(12));
        assert_eq!(message.integer("end_time").unwrap(), Some(3));
        assert!(message.number("value").unwrap().unwrap().is_nan());
        assert_eq!(message.text("run_id").unwrap(), None);
    }

    #[test]
    fn wrong_requests_are_told_what_is_wrong() {
        for (body, text) in [
            ("{", "not valid JSON"),
            ("[]", "must be a JSON object"),
            (r#"{"name": 3}"#, "Invalid value 3 for parameter 'name' supplied:  Hint: Value was of type 'int'."),
            (r#"{"name": ""}"#, "Missing value for required parameter 'name'."),
        ] {
            let error = message(body).and_then(|message| message.required("name")).expect_err(body);
            assert_eq!(error.status(), 400, "{body}");
            assert!(error.public_message().contains(text), "{body}: {error}");
        }
        let error = message(r#"{"tags": [{"value": "a"}]}"#).unwrap().pairs("tags").unwrap_err();
        assert!(error.public_message().contains("'tags[0].key'"), "{error}");
    }

    #[test]
    fn a_query_is_a_message_too() {
        let request = Request {
            query: vec![("run_id".into(), "a".into()), ("run_ids".into(), "b".into()), ("run_ids".into(), "c".into())],
            ..Request::default()
        };
        let message = Message::of(&request).unwrap();
        assert_eq!(message.run_id().unwrap(), "a");
        assert_eq!(message.texts("run_ids").unwrap(), ["b", "c"]);
    }

    #[test]
    fn a_choice_comes_by_name_or_number() {
        let names = ["RUNNING", "SCHEDULED"];
        for (body, chosen) in [(r#"{"s": "RUNNING"}"#, "RUNNING"), (r#"{"s": 2}"#, "SCHEDULED"), (r#"{"s": "1"}"#, "RUNNING")] {
            assert_eq!(message(body).unwrap().choice("s", &names, 1).unwrap(), Some(chosen));
        }
        assert!(message(r#"{"s": 0}"#).unwrap().choice("s", &names, 1).is_err());
    }
}
