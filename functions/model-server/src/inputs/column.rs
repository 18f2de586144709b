//! A column of values as they come out of JSON: as narrow a type as holds them all.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// What a column holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Nothing but nulls.
    Nulls,
    Bools(Vec<bool>),
    Ints(Vec<i64>),
    /// Numbers; a null is not-a-number.
    Floats(Vec<f64>),
    Texts(Vec<Option<String>>),
    /// Values of several kinds, or lists and objects.
    Others(Vec<Value>),
}

/// A column under construction and its finished form.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The values, as many as [`len`](Self::len).
    pub values: Values,
    /// The index of the first null.
    pub first_null: Option<usize>,
    len: usize,
}

impl Default for Column {
    fn default() -> Self {
        Self { values: Values::Nulls, first_null: None, len: 0 }
    }
}

impl Column {
    /// The number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value at an index, as JSON.
    pub fn value(&self, index: usize) -> Value {
        match &self.values {
            Values::Nulls => Value::Null,
            Values::Bools(values) => values.get(index).copied().map_or(Value::Null, Value::from),
            Values::Ints(values) => values.get(index).copied().map_or(Value::Null, Value::from),
            Values::Floats(values) => values.get(index).copied().map_or(Value::Null, Value::from),
            Values::Texts(values) => values.get(index).cloned().flatten().map_or(Value::Null, Value::from),
            Values::Others(values) => values.get(index).cloned().unwrap_or(Value::Null),
        }
    }

    /// Every `step`th value from `start` on, as a column of its own: one column of cells that lie row by row.
    pub fn every(&self, start: usize, step: usize) -> Self {
        let mut column = Self::default();
        match &self.values {
            Values::Bools(values) => values.iter().skip(start).step_by(step).for_each(|value| column.push_bool(*value)),
            Values::Ints(values) => values.iter().skip(start).step_by(step).for_each(|value| column.push_int(*value)),
            Values::Floats(values) => values.iter().skip(start).step_by(step).for_each(|value| match value.is_nan() {
                true => column.push_null(),
                false => column.push_float(*value),
            }),
            _ => (start..self.len).step_by(step).for_each(|index| column.push(self.value(index))),
        }
        column
    }

    /// Adds a value of any kind.
    pub fn push(&mut self, value: Value) {
        match value {
            Value::Null => self.push_null(),
            Value::Bool(value) => self.push_bool(value),
            Value::Number(number) => match number.as_i64() {
                Some(value) => self.push_int(value),
                None => self.push_float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(value) => self.push_text(value),
            other => self.push_other(other),
        }
    }

    /// Adds a null.
    pub fn push_null(&mut self) {
        self.first_null.get_or_insert(self.len);
        match &mut self.values {
            Values::Nulls => {}
            Values::Floats(values) => values.push(f64::NAN),
            Values::Texts(values) => values.push(None),
            Values::Others(values) => values.push(Value::Null),
            Values::Ints(values) => {
                let mut floats: Vec<f64> = values.iter().map(|value| *value as f64).collect();
                floats.push(f64::NAN);
                self.values = Values::Floats(floats);
            }
            Values::Bools(_) => return self.push_other(Value::Null),
        }
        self.len += 1;
    }

    /// Adds a whole number.
    pub fn push_int(&mut self, value: i64) {
        match &mut self.values {
            Values::Ints(values) => values.push(value),
            Values::Floats(values) => values.push(value as f64),
            Values::Nulls if self.len == 0 => self.values = Values::Ints(vec![value]),
            Values::Nulls => return self.push_float(value as f64),
            _ => return self.push_other(Value::from(value)),
        }
        self.len += 1;
    }

    /// Adds a number.
    pub fn push_float(&mut self, value: f64) {
        match &mut self.values {
            Values::Floats(values) => values.push(value),
            Values::Ints(values) => {
                let mut floats: Vec<f64> = values.iter().map(|value| *value as f64).collect();
                floats.push(value);
                self.values = Values::Floats(floats);
            }
            Values::Nulls => {
                let mut floats = vec![f64::NAN; self.len];
                floats.push(value);
                self.values = Values::Floats(floats);
            }
            _ => return self.push_other(Value::from(value)),
        }
        self.len += 1;
    }

    /// Adds true or false.
    pub fn push_bool(&mut self, value: bool) {
        match &mut self.values {
            Values::Bools(values) => values.push(value),
            Values::Nulls if self.len == 0 => self.values = Values::Bools(vec![value]),
            _ => return self.push_other(Value::from(value)),
        }
        self.len += 1;
    }

    /// Adds a text.
    pub fn push_text(&mut self, value: String) {
        match &mut self.values {
            Values::Texts(values) => values.push(Some(value)),
            Values::Nulls => {
                let mut texts = vec![None; self.len];
                texts.push(Some(value));
                self.values = Values::Texts(texts);
            }
            _ => return self.push_other(Value::from(value)),
        }
        self.len += 1;
    }

    fn push_other(&mut self, value: Value) {
        if !matches!(self.values, Values::Others(_)) {
            self.values = Values::Others((0..self.len).map(|index| self.value(index)).collect());
        }
        if let Values::Others(values) = &mut self.values {
            if value.is_null() {
                self.first_null.get_or_insert(self.len);
            }
            values.push(value);
            self.len += 1;
        }
    }
}

/// Reads one JSON value into a column.
impl<'de> DeserializeSeed<'de> for &mut Column {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Column {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.push_null();
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.push_bool(value);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.push_int(value);
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.push_int(value),
            Err(_) => self.push_float(value as f64),
        }
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.push_float(value);
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.push_text(value.to_owned());
        Ok(())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<(), E> {
        self.push_text(value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Value>()? {
            list.push(item);
        }
        self.push_other(Value::Array(list));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut object = serde_json::Map::new();
        while let Some((key, value)) = entries.next_entry::<String, Value>()? {
            object.insert(key, value);
        }
        self.push_other(Value::Object(object));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn column(values: Value) -> Column {
        let mut column = Column::default();
        for value in values.as_array().cloned().unwrap_or_default() {
            column.push(value);
        }
        column
    }

    #[test]
    fn takes_the_narrowest_type() {
        assert_eq!(column(json!([1, 2])).values, Values::Ints(vec![1, 2]));
        assert_eq!(column(json!([1, 2.5])).values, Values::Floats(vec![1.0, 2.5]));
        assert_eq!(column(json!([true])).values, Values::Bools(vec![true]));
        assert_eq!(column(json!([null, "a"])).values, Values::Texts(vec![None, Some("a".into())]));
        assert_eq!(column(json!([1, "a", null])).values, Values::Others(vec![json!(1), json!("a"), json!(null)]));
        assert_eq!(column(json!([true, null])).values, Values::Others(vec![json!(true), json!(null)]));
        assert_eq!(column(json!([null, null])).values, Values::Nulls);
        let holes = column(json!([1, null, 3]));
        assert!(matches!(&holes.values, Values::Floats(values) if values[1].is_nan()));
        assert_eq!((holes.first_null, holes.len()), (Some(1), 3));
    }

    #[test]
    fn takes_one_column_of_rows() {
        assert_eq!(column(json!([1, "a", 2, "b"])).every(1, 2).values, Values::Texts(vec![Some("a".into()), Some("b".into())]));
        assert_eq!(column(json!([1, 2.5, null, 4])).every(0, 2).first_null, Some(1));
    }
}
