//! The body of `POST /predict`, in every form that is accepted.

use super::{
    ROW_LIMIT,
    column::{Column, Values},
};
use crate::error::Failure;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::{cell::RefCell, collections::HashMap, fmt};

/// A request as it came, before it is held against the model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// What to predict from.
    pub inputs: Inputs,
    /// The model that the caller means to reach.
    pub model_name: Option<String>,
    /// The version that the caller means to reach; a number is taken for its text.
    pub model_version: Option<String>,
    /// Whether the answer holds probabilities.
    pub return_probabilities: Probabilities,
}

/// Whether an answer holds probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Probabilities {
    /// It does not.
    #[default]
    No,
    /// It does; a model without them refuses the request.
    Yes,
    /// It does where the model gives any.
    IfAvailable,
}

/// The inputs' form.
#[derive(Clone, Debug, PartialEq)]
pub enum Inputs {
    /// Columns by name, all of the same length of at least one.
    Columns(Vec<(String, Column)>),
    /// Rows without names: `width` cells each, row after row.
    Rows { width: usize, cells: Column },
    /// One list of values.
    List(Column),
}

impl Default for Inputs {
    fn default() -> Self {
        Self::List(Column::default())
    }
}

/// Reads a body.
///
/// # Errors
/// 400 where it is empty, not JSON (`NaN` is not), has no rows, columns of different lengths or rows of different widths; 413
/// where it has too many rows.
pub fn parse(body: &[u8]) -> Result<Request, Failure> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::bad("The body is empty. Send JSON such as {\"inputs\": {\"column\": [1, 2]}}."));
    }
    let context = Context::default();
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let parsed = Body(&context).deserialize(&mut deserializer).and_then(|request| deserializer.end().map(|()| request));
    match parsed {
        Ok(request) => Ok(request),
        Err(problem) => Err(context.refusal.take().unwrap_or_else(|| not_json(&problem, body))),
    }
}

fn not_json(problem: &serde_json::Error, body: &[u8]) -> Failure {
    let nan = [&b"NaN"[..], b"Infinity"].iter().any(|word| body.windows(word.len()).any(|window| window == *word));
    let hint = if nan { " NaN and Infinity are not JSON; a missing value is null." } else { "" };
    Failure::bad(format!("The body is not JSON that can be read: {problem}.{hint}"))
}

/// Where a refusal with a status of its own waits while the JSON reader unwinds.
#[derive(Default)]
struct Context {
    refusal: RefCell<Option<Failure>>,
}

impl Context {
    fn refuse<E: Error>(&self, failure: Failure) -> E {
        let refusal = E::custom(&failure.detail);
        *self.refusal.borrow_mut() = Some(failure);
        refusal
    }

    fn rows<E: Error>(&self, rows: usize) -> Result<(), E> {
        if rows <= ROW_LIMIT {
            return Ok(());
        }
        Err(self.refuse(Failure::large(format!("A request holds at most {ROW_LIMIT} rows; send the rest in further requests."))))
    }
}

/// The top level.
struct Body<'a>(&'a Context);

impl<'de> DeserializeSeed<'de> for Body<'_> {
    type Value = Request;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Request, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Body<'_> {
    type Value = Request;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with \"inputs\"")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Request, A::Error> {
        Ok(Request { inputs: Table(self.0).visit_seq(items)?, ..Request::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Request, A::Error> {
        let context = self.0;
        let mut request = Request::default();
        let mut found: Option<String> = None;
        while let Some(key) = entries.next_key::<String>()? {
            match key.as_str() {
                "inputs" | "instances" | "dataframe_records" | "dataframe_split" => {
                    if let Some(first) = &found {
                        let detail = format!("The body holds both \"{first}\" and \"{key}\"; send one of them.");
                        return Err(context.refuse(Failure::bad(detail)));
                    }
                    request.inputs = match key.as_str() {
                        "dataframe_split" => entries.next_value_seed(Split(context))?,
                        _ => entries.next_value_seed(Table(context))?,
                    };
                    found = Some(key);
                }
                "model_name" => request.model_name = name(context, &key, entries.next_value()?)?,
                "model_version" => request.model_version = name(context, &key, entries.next_value()?)?,
                "return_probabilities" => {
                    request.return_probabilities = match entries.next_value()? {
                        Value::Bool(true) => Probabilities::Yes,
                        Value::Bool(false) | Value::Null => Probabilities::No,
                        Value::String(text) if text == "if_available" => Probabilities::IfAvailable,
                        other => {
                            let detail = format!("\"return_probabilities\" is true or false, or \"if_available\", not {}.", shown(&other));
                            return Err(context.refuse(Failure::unfit(detail)));
                        }
                    }
                }
                "params" => match entries.next_value()? {
                    Value::Null => {}
                    Value::Object(params) if params.is_empty() => {}
                    _ => return Err(context.refuse(Failure::unfit("This server takes no \"params\"; leave them out."))),
                },
                _ => {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
        if found.is_none() {
            let detail = "The body has no \"inputs\". Send {\"inputs\": {\"column\": [1, 2]}}, a list of records or a list of rows.";
            return Err(context.refuse(Failure::unfit(detail)));
        }
        Ok(request)
    }
}

fn name<E: Error>(context: &Context, key: &str, value: Value) -> Result<Option<String>, E> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Number(number) => Ok(Some(number.to_string())),
        other => Err(context.refuse(Failure::unfit(format!("\"{key}\" is a text, not {}.", shown(&other))))),
    }
}

/// A value for an error's text, cut short.
pub fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// `{"columns": […], "data": [[…]]}`
struct Split<'a>(&'a Context);

impl<'de> DeserializeSeed<'de> for Split<'_> {
    type Value = Inputs;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Inputs, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Split<'_> {
    type Value = Inputs;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\"columns\" and \"data\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Inputs, A::Error> {
        let context = self.0;
        let mut columns: Option<Vec<Value>> = None;
        let mut data = None;
        while let Some(key) = entries.next_key::<String>()? {
            match key.as_str() {
                "columns" => columns = entries.next_value()?,
                "data" => data = Some(entries.next_value_seed(Table(context))?),
                _ => {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
        let Some(Inputs::Rows { width, cells }) = data else {
            return Err(context.refuse(Failure::bad("\"dataframe_split\" needs \"data\": a list of rows, each a list.")));
        };
        // Without names, and with pandas' own numbers for names, the columns are known by position.
        let names: Option<Vec<String>> = columns.unwrap_or_default().into_iter().map(|name| name.as_str().map(str::to_owned)).collect();
        let names = names.filter(|names| !names.is_empty());
        let Some(names) = names else { return Ok(Inputs::Rows { width, cells }) };
        if names.len() != width {
            let detail = format!("\"dataframe_split\" names {} columns and its rows have {width} values.", names.len());
            return Err(context.refuse(Failure::bad(detail)));
        }
        let mut seen = HashMap::new();
        for name in &names {
            if seen.insert(name.clone(), ()).is_some() {
                return Err(context.refuse(Failure::bad(format!("The column '{name}' comes twice."))));
            }
        }
        let split = |(index, name)| (name, cells.every(index, width));
        Ok(Inputs::Columns(names.into_iter().enumerate().map(split).collect()))
    }
}

/// Columns by name, records, rows, or one list.
struct Table<'a>(&'a Context);

impl<'de> DeserializeSeed<'de> for Table<'_> {
    type Value = Inputs;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Inputs, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Table<'_> {
    type Value = Inputs;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("columns by name, a list of records or a list of rows")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Inputs, A::Error> {
        let context = self.0;
        let mut columns: Vec<(String, Column)> = Vec::new();
        let mut known = HashMap::new();
        let mut shapes: [Option<String>; 2] = [None, None];
        while let Some(name) = entries.next_key::<String>()? {
            if known.insert(name.clone(), ()).is_some() {
                return Err(context.refuse(Failure::bad(format!("The column '{name}' comes twice."))));
            }
            let mut column = Column::default();
            let listed = entries.next_value_seed(Cells { column: &mut column, context })?;
            shapes[usize::from(listed)].get_or_insert_with(|| name.clone());
            columns.push((name, column));
        }
        if let [Some(single), Some(list)] = &shapes {
            let detail = format!("The column '{single}' is one value and the column '{list}' is a list; send all as lists.");
            return Err(context.refuse(Failure::bad(detail)));
        }
        let Some((first, expected)) = columns.first().map(|(name, column)| (name, column.len())) else {
            return Err(context.refuse(Failure::bad("\"inputs\" has no columns.")));
        };
        for (name, column) in &columns {
            if column.len() != expected {
                let detail =
                    format!("The columns have different lengths: '{first}' has {expected} values and '{name}' has {}.", column.len());
                return Err(context.refuse(Failure::bad(detail)));
            }
        }
        if expected == 0 {
            return Err(context.refuse(no_rows()));
        }
        Ok(Inputs::Columns(columns))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Inputs, A::Error> {
        let context = self.0;
        let mut items_read = ItemsRead::default();
        let mut count = 0;
        while items.next_element_seed(Item { read: &mut items_read, index: count, context })?.is_some() {
            count += 1;
            context.rows(count)?;
        }
        match items_read {
            ItemsRead::Nothing => Err(context.refuse(no_rows())),
            ItemsRead::List(column) => Ok(Inputs::List(column)),
            ItemsRead::Rows { width, cells } => Ok(Inputs::Rows { width, cells }),
            ItemsRead::Records(records) => Ok(Inputs::Columns(records.columns)),
        }
    }
}

fn no_rows() -> Failure {
    Failure::bad("\"inputs\" has no rows.")
}

/// A column's values: a list, or a single one. Gives whether it was a list.
struct Cells<'a, 'b> {
    column: &'a mut Column,
    context: &'b Context,
}

impl<'de> DeserializeSeed<'de> for Cells<'_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Cells<'_, '_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        while items.next_element_seed(&mut *self.column)?.is_some() {
            self.context.rows(self.column.len())?;
        }
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<bool, A::Error> {
        self.column.visit_map(entries).map(|()| false)
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        self.column.visit_unit().map(|()| false)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
        self.column.visit_bool(value).map(|()| false)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<bool, E> {
        self.column.visit_i64(value).map(|()| false)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<bool, E> {
        self.column.visit_u64(value).map(|()| false)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<bool, E> {
        self.column.visit_f64(value).map(|()| false)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<bool, E> {
        self.column.visit_str(value).map(|()| false)
    }
}

/// Records read so far, as columns.
#[derive(Default)]
struct Records {
    columns: Vec<(String, Column)>,
    positions: HashMap<String, usize>,
}

#[derive(Default)]
enum ItemsRead {
    #[default]
    Nothing,
    List(Column),
    Rows {
        width: usize,
        cells: Column,
    },
    Records(Records),
}

/// One item of a list: a record, a row or a plain value; all of a list are of the first one's kind.
struct Item<'a, 'b> {
    read: &'a mut ItemsRead,
    index: usize,
    context: &'b Context,
}

impl Item<'_, '_> {
    fn plain<E: Error>(self, add: impl FnOnce(&mut Column) -> Result<(), E>) -> Result<(), E> {
        if let ItemsRead::Nothing = self.read {
            *self.read = ItemsRead::List(Column::default());
        }
        match self.read {
            ItemsRead::List(column) => add(column),
            _ => Err(self.other_kind("a plain value")),
        }
    }

    fn other_kind<E: Error>(&self, kind: &str) -> E {
        let first = match self.read {
            ItemsRead::List(_) => "plain values",
            ItemsRead::Rows { .. } => "rows",
            _ => "records",
        };
        self.context.refuse(Failure::bad(format!("\"inputs\" begins with {first} and its item {} is {kind}.", self.index)))
    }
}

impl<'de> DeserializeSeed<'de> for Item<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Item<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a record, a row or a value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if let ItemsRead::Nothing = self.read {
            *self.read = ItemsRead::Rows { width: 0, cells: Column::default() };
        }
        let ItemsRead::Rows { width, cells } = self.read else { return Err(self.other_kind("a row")) };
        let before = cells.len();
        while items.next_element_seed(&mut *cells)?.is_some() {}
        let found = cells.len() - before;
        if self.index == 0 {
            *width = found;
            if found == 0 {
                return Err(self.context.refuse(Failure::bad("The first row of \"inputs\" has no values.")));
            }
        }
        if found != *width {
            let detail = format!("Row {} has {found} values and the first row has {width}.", self.index);
            return Err(self.context.refuse(Failure::bad(detail)));
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        if let ItemsRead::Nothing = self.read {
            *self.read = ItemsRead::Records(Records::default());
        }
        let ItemsRead::Records(records) = self.read else { return Err(self.other_kind("a record")) };
        let context = self.context;
        let mut place = 0;
        while let Some(name) = entries.next_key::<String>()? {
            // Records mostly repeat the first one's order.
            let position = match records.columns.get(place) {
                Some((expected, _)) if *expected == name => place,
                _ => match records.positions.get(&name) {
                    Some(position) => *position,
                    None if self.index == 0 => {
                        records.positions.insert(name.clone(), records.columns.len());
                        records.columns.push((name.clone(), Column::default()));
                        records.columns.len() - 1
                    }
                    None => {
                        let detail = format!("Record {} has the column '{name}', which the first record has not.", self.index);
                        return Err(context.refuse(Failure::unfit(detail)));
                    }
                },
            };
            place = position + 1;
            let column = &mut records.columns[position].1;
            if column.len() > self.index {
                return Err(context.refuse(Failure::bad(format!("The column '{name}' comes twice in record {}.", self.index))));
            }
            entries.next_value_seed(column)?;
        }
        if records.columns.is_empty() {
            return Err(context.refuse(Failure::bad("The first record of \"inputs\" has no columns.")));
        }
        if let Some((name, _)) = records.columns.iter().find(|(_, column)| column.len() <= self.index) {
            let detail = format!("Record {} lacks the column '{name}', which the first record has.", self.index);
            return Err(context.refuse(Failure::unfit(detail)));
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.plain(|column| column.visit_unit())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.plain(|column| column.visit_bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.plain(|column| column.visit_i64(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.plain(|column| column.visit_u64(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.plain(|column| column.visit_f64(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.plain(|column| column.visit_str(value))
    }
}

/// Whether a column's values are lists or objects: cells of an array of more than two dimensions.
pub fn is_nested(column: &Column) -> bool {
    matches!(&column.values, Values::Others(values) if values.iter().any(|value| value.is_array() || value.is_object()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http::StatusCode;

    fn inputs(text: &str) -> Inputs {
        parse(text.as_bytes()).unwrap().inputs
    }

    fn refusal(text: &str) -> (StatusCode, String) {
        let failure = parse(text.as_bytes()).unwrap_err();
        (failure.status, failure.detail)
    }

    fn names(inputs: &Inputs) -> Vec<&str> {
        match inputs {
            Inputs::Columns(columns) => columns.iter().map(|(name, _)| name.as_str()).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_forms_of_a_table_are_one() {
        let columns = inputs(r#"{"inputs": {"a": [1, 2], "b": [0.5, null]}}"#);
        assert_eq!(names(&columns), ["a", "b"]);
        let same = |text: &str| assert_eq!(format!("{:?}", inputs(text)), format!("{columns:?}"), "{text}");
        same(r#"{"inputs": [{"a": 1, "b": 0.5}, {"b": null, "a": 2}]}"#);
        same(r#"{"dataframe_records": [{"a": 1, "b": 0.5}, {"a": 2, "b": null}]}"#);
        same(r#"{"instances": [{"a": 1, "b": 0.5}, {"a": 2, "b": null}]}"#);
        same(r#"[{"a": 1, "b": 0.5}, {"a": 2, "b": null}]"#);
    }

    #[test]
    fn a_split_frame_has_names_or_positions() {
        let split = inputs(r#"{"dataframe_split": {"index": [0, 1], "columns": ["a", "b"], "data": [[1, "x"], [2, "y"]]}}"#);
        assert_eq!(split, inputs(r#"{"inputs": {"a": [1, 2], "b": ["x", "y"]}}"#));
        let numbered = inputs(r#"{"dataframe_split": {"columns": [0, 1], "data": [[1, 3]]}}"#);
        assert_eq!(numbered, inputs(r#"{"inputs": [[1, 3]]}"#));
    }

    #[test]
    fn single_values_are_one_row() {
        assert_eq!(inputs(r#"{"inputs": {"a": 1, "b": "x"}}"#), inputs(r#"{"inputs": {"a": [1], "b": ["x"]}}"#));
        assert!(matches!(inputs(r#"{"inputs": [1, 2.5, 3]}"#), Inputs::List(column) if column.len() == 3));
    }

    #[test]
    fn the_documents_other_fields_are_read() {
        let request = parse(br#"{"model_name": "m", "model_version": 1, "inputs": [[1]], "return_probabilities": true}"#).unwrap();
        assert_eq!((request.model_name.as_deref(), request.model_version.as_deref()), (Some("m"), Some("1")));
        assert_eq!(request.return_probabilities, Probabilities::Yes);
        let request = parse(br#"{"inputs": [[1]], "return_probabilities": "if_available"}"#).unwrap();
        assert_eq!(request.return_probabilities, Probabilities::IfAvailable);
    }

    #[test]
    fn what_cannot_be_read_is_a_400() {
        for (text, word) in [
            ("", "empty"),
            (" \n", "empty"),
            ("{", "not JSON"),
            ("5", "not JSON"),
            (r#"{"inputs": {"a": [NaN]}}"#, "null"),
            (r#"{"inputs": {"a": [1e999]}}"#, "not JSON"),
            (r#"{"inputs": []}"#, "no rows"),
            (r#"{"inputs": {}}"#, "no columns"),
            (r#"{"inputs": {"a": []}}"#, "no rows"),
            (r#"{"inputs": [[]]}"#, "no values"),
            (r#"{"inputs": [{}]}"#, "no columns"),
            (r#"{"inputs": {"a": [1], "b": [1, 2]}}"#, "'a' has 1 values and 'b' has 2"),
            (r#"{"inputs": {"a": 1, "b": [1, 2]}}"#, "'a' is one value"),
            (r#"{"inputs": {"a": [1], "a": [2]}}"#, "comes twice"),
            (r#"{"inputs": [[1, 2], [3]]}"#, "Row 1 has 1 values"),
            (r#"{"inputs": [[1], {"a": 1}]}"#, "is a record"),
            (r#"{"inputs": [[1]], "instances": [[1]]}"#, "both"),
        ] {
            let (status, detail) = refusal(text);
            assert!(status == StatusCode::BAD_REQUEST && detail.contains(word), "{text}: {status} {detail}");
        }
        let deep = format!("{{\"inputs\": {}1{}}}", "[".repeat(5000), "]".repeat(5000));
        assert_eq!(refusal(&deep).0, StatusCode::BAD_REQUEST);
    }

    #[test]
    fn what_does_not_fit_is_a_422() {
        for (text, word) in [
            ("{}", "no \\\"inputs\\\""),
            (r#"{"inputs": [{"a": 1}, {"b": 1}]}"#, "'b'"),
            (r#"{"inputs": [{"a": 1, "b": 2}, {"b": 1}]}"#, "lacks the column 'a'"),
            (r#"{"inputs": [[1]], "return_probabilities": "yes"}"#, "true or false"),
            (r#"{"inputs": [[1]], "params": {"x": 1}}"#, "params"),
        ] {
            let (status, detail) = refusal(text);
            let word = word.replace('\\', "");
            assert!(status == StatusCode::UNPROCESSABLE_ENTITY && detail.contains(&word), "{text}: {status} {detail}");
        }
    }

    #[test]
    fn too_many_rows_are_a_413() {
        let list = format!("{{\"inputs\": [{}1]}}", "1,".repeat(ROW_LIMIT));
        assert_eq!(refusal(&list).0, StatusCode::PAYLOAD_TOO_LARGE);
        let column = format!("{{\"inputs\": {{\"a\": [{}1]}}}}", "1,".repeat(ROW_LIMIT));
        assert_eq!(refusal(&column).0, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
