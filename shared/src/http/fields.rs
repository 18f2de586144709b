//! Reading a request's body or query field by field, so that all that is wrong with it is told at once, in the words of the
//! documents whose 422 is a list (`loc`, `msg`, `type`).

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::request::Request;
use crate::error::FieldProblem;
use crate::{Error, ErrorKind, Result};

/// The most entries of a list that a caller may skip.
pub const MOST_OFFSET: i64 = 10_000;

/// A value of a fixed set, such as a status, that requests name by text.
pub trait Choice: Sized + Copy + 'static {
    /// Every value, in the document's order.
    const ALL: &'static [Self];
    /// As it is written.
    fn name(self) -> &'static str;
    /// The value of that name.
    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|choice| choice.name() == name)
    }
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How many entries at the most.
    pub limit: usize,
    /// How many entries lie before the first.
    pub offset: usize,
}

/// The fields of a body or of a query, taken one by one. Each `take` notes what is wrong and goes on; [`Fields::finish`]
/// tells all of it. `null` counts as absent.
#[derive(Debug)]
pub struct Fields {
    place: &'static str,
    values: Map<String, Value>,
    faults: Vec<FieldProblem>,
    invalid_choice: Option<String>,
}

impl Fields {
    /// The members of a JSON body.
    ///
    /// # Errors
    /// `PayloadTooLarge` when it has more than `most` bytes; `Unprocessable` when it is no JSON object.
    pub fn of_body(request: &Request, most: usize) -> Result<Self> {
        if request.body.len() > most {
            let message = format!("the body has {} bytes; at most {most} are accepted", request.body.len());
            return Err(Error::new(ErrorKind::PayloadTooLarge, message));
        }
        if request.body.iter().all(u8::is_ascii_whitespace) {
            return Err(refusal(vec![problem(vec!["body".to_owned()], "field required", "value_error.missing")]));
        }
        match serde_json::from_slice(&request.body) {
            Ok(Value::Object(values)) => Ok(Self::of("body", values)),
            Ok(_) => Err(refusal(vec![problem(vec!["body".to_owned()], "value is not a valid dict", "type_error.dict")])),
            Err(error) => Err(refusal(vec![problem(vec!["body".to_owned()], format!("invalid JSON: {error}"), "value_error.jsondecode")])),
        }
    }

    /// The query's parameters, the first of each name.
    pub fn of_query(request: &Request) -> Self {
        let mut values = Map::new();
        for (name, value) in &request.query {
            values.entry(name.clone()).or_insert_with(|| Value::String(value.clone()));
        }
        Self::of("query", values)
    }

    fn of(place: &'static str, values: Map<String, Value>) -> Self {
        Self { place, values, faults: Vec::new(), invalid_choice: None }
    }

    /// Notes that something is wrong with a field; `path` leads to it within the body or query.
    pub fn fault(&mut self, path: &[&str], message: impl Into<String>, kind: &'static str) {
        let location = std::iter::once(self.place).chain(path.iter().copied()).map(str::to_owned).collect();
        self.faults.push(problem(location, message, kind));
    }

    /// Notes that a field is missing.
    pub fn missing(&mut self, field: &str) {
        self.fault(&[field], "field required", "value_error.missing");
    }

    fn given(&mut self, field: &str) -> Option<Value> {
        self.values.remove(field).filter(|value| !value.is_null())
    }

    /// A field that may be anything.
    pub fn any(&mut self, field: &str) -> Option<Value> {
        self.given(field)
    }

    /// A text of `length` characters.
    pub fn text(&mut self, field: &str, length: RangeInclusive<usize>) -> Option<String> {
        match self.given(field)? {
            Value::String(text) => {
                let characters = text.chars().count();
                if characters < *length.start() {
                    let least = length.start();
                    self.fault(&[field], format!("ensure this value has at least {least} characters"), "value_error.any_str.min_length");
                } else if characters > *length.end() {
                    let most = length.end();
                    self.fault(&[field], format!("ensure this value has at most {most} characters"), "value_error.any_str.max_length");
                } else {
                    return Some(text);
                }
                None
            }
            _ => {
                self.fault(&[field], "str type expected", "type_error.string");
                None
            }
        }
    }

    /// A text that has to be there; empty where it is not, which [`Fields::finish`] refuses.
    pub fn required_text(&mut self, field: &str, length: RangeInclusive<usize>) -> String {
        self.require(field);
        self.text(field, length).unwrap_or_default()
    }

    /// Notes that a field is missing, if it is.
    pub fn require(&mut self, field: &str) {
        if self.values.get(field).is_none_or(Value::is_null) {
            self.missing(field);
        }
    }

    /// A list of at most `most` texts, each of at most `length` characters.
    pub fn texts(&mut self, field: &str, most: usize, length: usize) -> Option<Vec<String>> {
        let Value::Array(entries) = self.given(field)? else {
            self.fault(&[field], "value is not a valid list", "type_error.list");
            return None;
        };
        if entries.len() > most {
            self.fault(&[field], format!("ensure this value has at most {most} items"), "value_error.list.max_items");
            return None;
        }
        let mut texts = Vec::with_capacity(entries.len());
        for (at, entry) in entries.into_iter().enumerate() {
            match entry {
                Value::String(text) if text.chars().count() <= length => texts.push(text),
                Value::String(_) => {
                    let message = format!("ensure this value has at most {length} characters");
                    self.fault(&[field, &at.to_string()], message, "value_error.any_str.max_length");
                }
                _ => self.fault(&[field, &at.to_string()], "str type expected", "type_error.string"),
            }
        }
        Some(texts)
    }

    /// A JSON object of at most `bytes` bytes and `depth` levels.
    pub fn object(&mut self, field: &str, bytes: usize, depth: usize) -> Option<Value> {
        let value = self.given(field)?;
        if !value.is_object() {
            self.fault(&[field], "value is not a valid dict", "type_error.dict");
            return None;
        }
        self.bounded(field, value, bytes, depth)
    }

    /// A list of JSON values of at most `bytes` bytes and `depth` levels.
    pub fn list(&mut self, field: &str, bytes: usize, depth: usize) -> Option<Vec<Value>> {
        let value = self.given(field)?;
        if !value.is_array() {
            self.fault(&[field], "value is not a valid list", "type_error.list");
            return None;
        }
        match self.bounded(field, value, bytes, depth)? {
            Value::Array(entries) => Some(entries),
            _ => None,
        }
    }

    fn bounded(&mut self, field: &str, value: Value, bytes: usize, depth: usize) -> Option<Value> {
        if is_deeper_than(&value, depth) {
            self.fault(&[field], format!("ensure this value has at most {depth} levels"), "value_error.dict.max_depth");
            return None;
        }
        let length = value.to_string().len();
        if length > bytes {
            self.fault(&[field], format!("ensure this value has at most {bytes} bytes; it has {length}"), "value_error.dict.max_length");
            return None;
        }
        Some(value)
    }

    /// A whole number in a range.
    pub fn integer(&mut self, field: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let number = match self.given(field)? {
            Value::String(text) if self.place == "query" => text.parse().ok(),
            value => value.as_i64(),
        };
        let Some(number) = number else {
            self.fault(&[field], "value is not a valid integer", "type_error.integer");
            return None;
        };
        if number < *range.start() {
            let message = format!("ensure this value is greater than or equal to {}", range.start());
            self.fault(&[field], message, "value_error.number.not_ge");
            return None;
        }
        if number > *range.end() {
            self.fault(&[field], format!("ensure this value is less than or equal to {}", range.end()), "value_error.number.not_le");
            return None;
        }
        Some(number)
    }

    /// A number in a range.
    pub fn number(&mut self, field: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let Some(number) = self.given(field)?.as_f64().filter(|number| number.is_finite()) else {
            self.fault(&[field], "value is not a valid float", "type_error.float");
            return None;
        };
        if !range.contains(&number) {
            let message = format!("ensure this value is from {} to {}", range.start(), range.end());
            self.fault(&[field], message, "value_error.number.not_le");
            return None;
        }
        // DynamoDB has no number that is nearer to zero than 1e-130.
        Some(if number.abs() < 1e-100 { 0.0 } else { number })
    }

    /// Whether a field is there, and null: a change takes what it holds away.
    pub fn is_null(&self, field: &str) -> bool {
        self.values.get(field).is_some_and(Value::is_null)
    }

    /// True or false.
    pub fn boolean(&mut self, field: &str) -> Option<bool> {
        let value = match self.given(field)? {
            Value::Bool(value) => Some(value),
            Value::String(text) if self.place == "query" => text.parse().ok(),
            _ => None,
        };
        if value.is_none() {
            self.fault(&[field], "value could not be parsed to a boolean", "type_error.bool");
        }
        value
    }

    /// A value of a fixed set. A text that is none of them is a 400 that names the field.
    pub fn choice<T: Choice>(&mut self, field: &str) -> Option<T> {
        match self.given(field)? {
            Value::String(text) => {
                let found = T::of_name(&text);
                if found.is_none() {
                    let known: Vec<&str> = T::ALL.iter().map(|choice| choice.name()).collect();
                    let message = format!("Invalid {field} value: must be one of {}", known.join(", "));
                    self.invalid_choice.get_or_insert(message);
                }
                found
            }
            _ => {
                self.fault(&[field], "str type expected", "type_error.string");
                None
            }
        }
    }

    /// `limit` (100 unless told, at most 500) and `offset` of a list.
    pub fn window(&mut self) -> Window {
        let limit = self.integer("limit", 1..=500).unwrap_or(100);
        let offset = self.integer("offset", 0..=MOST_OFFSET).unwrap_or(0);
        Window { limit: usize::try_from(limit).unwrap_or(100), offset: usize::try_from(offset).unwrap_or(0) }
    }

    /// That nothing was wrong.
    ///
    /// # Errors
    /// `Unprocessable` with everything that was noted; `BadRequest` when a value is none of its set.
    pub fn finish(self) -> Result<()> {
        if !self.faults.is_empty() {
            return Err(refusal(self.faults));
        }
        self.invalid_choice.map_or(Ok(()), |message| Err(Error::bad_request(message)))
    }
}

fn problem(location: Vec<String>, message: impl Into<String>, kind: &'static str) -> FieldProblem {
    FieldProblem { location, message: message.into(), kind }
}

fn refusal(faults: Vec<FieldProblem>) -> Error {
    let told: Vec<String> = faults.iter().map(|fault| format!("{}: {}", fault.location.join("."), fault.message)).collect();
    Error::new(ErrorKind::Unprocessable, told.join("; ")).with_fields(faults)
}

/// True when a value has lists or objects within each other beyond `depth` levels.
pub fn is_deeper_than(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(entries) => depth == 0 || entries.iter().any(|entry| is_deeper_than(entry, depth - 1)),
        Value::Object(members) => depth == 0 || members.values().any(|member| is_deeper_than(member, depth - 1)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::http::error_style;

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Level {
        Low,
        High,
    }

    impl Choice for Level {
        const ALL: &'static [Self] = &[Level::Low, Level::High];
        fn name(self) -> &'static str {
            if self == Level::Low { "low" } else { "high" }
        }
    }

    fn body(value: &Value) -> Fields {
        Fields::of_body(&Request { body: value.to_string().into(), ..Request::default() }, 10_000).unwrap()
    }

    fn answer(error: &Error) -> (u16, Value) {
        let response = error_style::validation_list(error, "request");
        (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let mut fields = body(&json!({ "tags": ["a", 1], "manifest": [], "level": "none", "count": 7 }));
        fields.required_text("name", 1..=5);
        fields.texts("tags", 5, 5);
        fields.object("manifest", 100, 3);
        fields.choice::<Level>("level");
        fields.integer("count", 1..=6);
        let (status, told) = answer(&fields.finish().unwrap_err());
        assert_eq!(status, 422);
        assert_eq!(
            told["detail"],
            json!([
                { "loc": ["body", "name"], "msg": "field required", "type": "value_error.missing" },
                { "loc": ["body", "tags", 1], "msg": "str type expected", "type": "type_error.string" },
                { "loc": ["body", "manifest"], "msg": "value is not a valid dict", "type": "type_error.dict" },
                { "loc": ["body", "count"], "msg": "ensure this value is less than or equal to 6", "type": "value_error.number.not_le" },
            ])
        );
    }

    #[test]
    fn a_value_outside_of_its_set_is_a_400() {
        let mut fields = body(&json!({ "level": "none" }));
        assert_eq!(fields.choice::<Level>("level"), None);
        let (status, told) = answer(&fields.finish().unwrap_err());
        assert_eq!((status, told["detail"].as_str()), (400, Some("Invalid level value: must be one of low, high")));
    }

    #[test]
    fn a_window_has_bounds() {
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=501", "limit"),
            ("limit=x", "limit"),
            ("offset=-1", "offset"),
            ("offset=99999999999999999999", "offset"),
        ] {
            let (name, value) = query.split_once('=').unwrap();
            let mut fields = Fields::of_query(&Request { query: vec![(name.to_owned(), value.to_owned())], ..Request::default() });
            fields.window();
            let (status, told) = answer(&fields.finish().unwrap_err());
            assert_eq!((status, &told["detail"][0]["loc"]), (422, &json!(["query", field])), "{query}");
        }
        let mut fields = Fields::of_query(&Request::default());
        assert_eq!(fields.window(), Window { limit: 100, offset: 0 });
    }

    #[test]
    fn what_is_no_object_is_told_so() {
        for (sent, kind) in [("", "value_error.missing"), ("{", "value_error.jsondecode"), ("[]", "type_error.dict")] {
            let error = Fields::of_body(&Request { body: sent.into(), ..Request::default() }, 100).unwrap_err();
            let (status, told) = answer(&error);
            assert_eq!((status, told["detail"][0]["type"].as_str()), (422, Some(kind)), "{sent}");
        }
        let deep = format!("{{\"a\": {}{}}}", "[".repeat(200), "]".repeat(200));
        let error = Fields::of_body(&Request { body: deep.into(), ..Request::default() }, 1000).unwrap_err();
        assert_eq!(answer(&error).0, 422);
        assert!(is_deeper_than(&json!([[[]]]), 2) && !is_deeper_than(&json!([[[]]]), 3));
    }
}
