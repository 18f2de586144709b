//! An update of one item: what to set, add and remove, and the condition that must hold.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;

use super::keys::Key;
use super::to_attribute;
use crate::Result;

/// An update under construction. Attribute names and values go through placeholders, so that no name can clash with
/// DynamoDB's reserved words and no value can be read as an expression.
#[derive(Debug, Clone)]
pub struct Update {
    pub(crate) key: Key,
    sets: Vec<String>,
    adds: Vec<String>,
    removes: Vec<String>,
    deletes: Vec<String>,
    conditions: Vec<String>,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: HashMap<String, AttributeValue>,
}

impl Update {
    /// An update of the item under `key` that changes nothing yet.
    pub fn new(key: Key) -> Self {
        Self {
            key,
            sets: Vec::new(),
            adds: Vec::new(),
            removes: Vec::new(),
            deletes: Vec::new(),
            conditions: Vec::new(),
            names: HashMap::new(),
            values: HashMap::new(),
        }
    }

    fn name(&mut self, attribute: &str) -> String {
        let placeholder = format!("#{}", attribute.replace(['.', '-'], "_"));
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<String> {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), to_attribute(&value)?);
        Ok(placeholder)
    }

    /// Sets an attribute.
    ///
    /// # Errors
    /// `Internal` when the value cannot be written as an attribute.
    pub fn set<T: Serialize + ?Sized>(mut self, attribute: &str, value: &T) -> Result<Self> {
        let (name, value) = (self.name(attribute), self.value(value)?);
        self.sets.push(format!("{name} = {value}"));
        Ok(self)
    }

    /// Sets an attribute that is not there yet; leaves one that is.
    ///
    /// # Errors
    /// `Internal` when the value cannot be written as an attribute.
    pub fn set_once<T: Serialize + ?Sized>(mut self, attribute: &str, value: &T) -> Result<Self> {
        let (name, value) = (self.name(attribute), self.value(value)?);
        self.sets.push(format!("{name} = if_not_exists({name}, {value})"));
        Ok(self)
    }

    /// The placeholder for an entry of a map; any text can be an entry's key.
    fn entry(&mut self, map: &str, key: &str) -> String {
        let map = self.name(map);
        let known = self.names.iter().find(|(placeholder, name)| placeholder.starts_with("#_") && *name == key);
        let placeholder = known.map(|(placeholder, _)| placeholder.clone()).unwrap_or_else(|| {
            let placeholder = format!("#_{}", self.names.len());
            self.names.insert(placeholder.clone(), key.to_owned());
            placeholder
        });
        format!("{map}.{placeholder}")
    }

    /// Sets an entry of a map that is there.
    ///
    /// # Errors
    /// `Internal` when the value cannot be written as an attribute.
    pub fn set_entry<T: Serialize + ?Sized>(mut self, map: &str, key: &str, value: &T) -> Result<Self> {
        let (entry, value) = (self.entry(map, key), self.value(value)?);
        self.sets.push(format!("{entry} = {value}"));
        Ok(self)
    }

    /// Removes an entry of a map.
    pub fn remove_entry(mut self, map: &str, key: &str) -> Self {
        let entry = self.entry(map, key);
        self.removes.push(entry);
        self
    }

    /// Only if the map has such an entry.
    pub fn if_entry_exists(mut self, map: &str, key: &str) -> Self {
        let entry = self.entry(map, key);
        self.conditions.push(format!("attribute_exists({entry})"));
        self
    }

    /// Only if the map has no such entry.
    pub fn if_entry_missing(mut self, map: &str, key: &str) -> Self {
        let entry = self.entry(map, key);
        self.conditions.push(format!("attribute_not_exists({entry})"));
        self
    }

    /// Only if the map has such an entry, and with that value.
    ///
    /// # Errors
    /// `Internal` when the value cannot be written as an attribute.
    pub fn if_entry_equals<T: Serialize + ?Sized>(mut self, map: &str, key: &str, value: &T) -> Result<Self> {
        let (entry, value) = (self.entry(map, key), self.value(value)?);
        self.conditions.push(format!("{entry} = {value}"));
        Ok(self)
    }

    /// Only if the map has no such entry, or one that compares so to the value.
    ///
    /// # Errors
    /// `Internal` when the value cannot be written as an attribute.
    pub fn if_entry_absent_or<T: Serialize + ?Sized>(mut self, map: &str, key: &str, operator: &'static str, value: &T) -> Result<Self> {
        let (entry, value) = (self.entry(map, key), self.value(value)?);
        self.conditions.push(format!("(attribute_not_exists({entry}) OR {entry} {operator} {value})"));
        Ok(self)
    }

    /// Appends to a list, which is made where there is none.
    ///
    /// # Errors
    /// `Internal` when the value cannot be written as an attribute.
    pub fn append<T: Serialize>(mut self, attribute: &str, items: &[T]) -> Result<Self> {
        let name = self.name(attribute);
        let (items, empty) = (self.value(items)?, self.value::<[T]>(&[])?);
        self.sets.push(format!("{name} = list_append(if_not_exists({name}, {empty}), {items})"));
        Ok(self)
    }

    /// Adds to a number, which counts from 0 where there is none.
    ///
    /// # Errors
    /// `Internal` when the value cannot be written as an attribute.
    pub fn add(mut self, attribute: &str, amount: i64) -> Result<Self> {
        let (name, value) = (self.name(attribute), self.value(&amount)?);
        self.adds.push(format!("{name} {value}"));
        Ok(self)
    }

    /// Adds texts to a set of texts, which is made where there is none. There has to be one at least.
    pub fn include(mut self, attribute: &str, texts: &[String]) -> Self {
        let (name, value) = (self.name(attribute), self.texts(texts));
        self.adds.push(format!("{name} {value}"));
        self
    }

    /// Takes texts out of a set of texts. There has to be one at least.
    pub fn exclude(mut self, attribute: &str, texts: &[String]) -> Self {
        let (name, value) = (self.name(attribute), self.texts(texts));
        self.deletes.push(format!("{name} {value}"));
        self
    }

    fn texts(&mut self, texts: &[String]) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), AttributeValue::Ss(texts.to_vec()));
        placeholder
    }

    /// Removes an attribute.
    pub fn remove(mut self, attribute: &str) -> Self {
        let name = self.name(attribute);
        self.removes.push(name);
        self
    }

    /// Only if the item is there.
    pub fn if_exists(mut self) -> Self {
        let name = self.name("pk");
        self.conditions.push(format!("attribute_exists({name})"));
        self
    }

    /// Only if the attribute is one of these values.
    ///
    /// # Errors
    /// `Internal` when a value cannot be written as an attribute.
    pub fn if_one_of<T: Serialize>(mut self, attribute: &str, values: &[T]) -> Result<Self> {
        let name = self.name(attribute);
        let values = values.iter().map(|value| self.value(value)).collect::<Result<Vec<_>>>()?;
        self.conditions.push(format!("{name} IN ({})", values.join(", ")));
        Ok(self)
    }

    /// Only if the attribute is absent.
    pub fn if_absent(mut self, attribute: &str) -> Self {
        let name = self.name(attribute);
        self.conditions.push(format!("attribute_not_exists({name})"));
        self
    }

    /// Only if the attribute is absent, or compares so to the value (`=`, `<`, `<=`, `<>`, `>`, `>=`).
    ///
    /// # Errors
    /// `Internal` when the value cannot be written as an attribute.
    pub fn if_absent_or<T: Serialize + ?Sized>(mut self, attribute: &str, operator: &'static str, value: &T) -> Result<Self> {
        let (name, value) = (self.name(attribute), self.value(value)?);
        self.conditions.push(format!("(attribute_not_exists({name}) OR {name} {operator} {value})"));
        Ok(self)
    }

    /// Only if the attribute compares so to the value (`=`, `<`, `<=`, `<>`, `>`, `>=`).
    ///
    /// # Errors
    /// `Internal` when the value cannot be written as an attribute.
    pub fn if_compares<T: Serialize + ?Sized>(mut self, attribute: &str, operator: &'static str, value: &T) -> Result<Self> {
        let (name, value) = (self.name(attribute), self.value(value)?);
        self.conditions.push(format!("{name} {operator} {value}"));
        Ok(self)
    }

    pub(crate) fn expression(&self) -> String {
        [("SET", &self.sets), ("ADD", &self.adds), ("REMOVE", &self.removes), ("DELETE", &self.deletes)]
            .into_iter()
            .filter(|(_, clauses)| !clauses.is_empty())
            .map(|(keyword, clauses)| format!("{keyword} {}", clauses.join(", ")))
            .collect::<Vec<_>>()
            .join(" ")
    }

    pub(crate) fn condition(&self) -> Option<String> {
        (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_and_values_go_through_placeholders() {
        let update = Update::new(Key::new("JOB#1", "JOB"))
            .set("status", "running")
            .unwrap()
            .add("attempt", 1)
            .unwrap()
            .remove("error")
            .if_one_of("status", &["queued"])
            .unwrap();
        assert_eq!(update.expression(), "SET #status = :v0 ADD #attempt :v1 REMOVE #error");
        assert_eq!(update.condition().as_deref(), Some("#status IN (:v2)"));
    }
}
