//! Reads the properties of a resource one by one and refuses those that nothing read.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::error::Refusal;
use super::node::{Data, Node};

/// A mapping whose keys must all be known.
pub struct Properties<'a> {
    node: Option<&'a Node>,
    owner: String,
    line: usize,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Properties<'a> {
    /// The properties of `owner` (for messages), a resolved mapping.
    pub fn new(node: Option<&'a Node>, owner: impl Into<String>, line: usize) -> Result<Self, Refusal> {
        let owner = owner.into();
        if let Some(node) = node
            && !matches!(node.data, Data::Mapping(_))
        {
            return Err(Refusal::new(node.line, format!("{owner} must be a mapping")));
        }
        Ok(Self { node, owner, line, read: RefCell::default() })
    }

    /// The line that messages about the whole name.
    pub fn line(&self) -> usize {
        self.line
    }

    /// A property's node, if it stands there.
    pub fn node(&self, name: &str) -> Option<&'a Node> {
        self.read.borrow_mut().insert(name.to_owned());
        self.node?.get(name).filter(|node| !node.is_null())
    }

    /// Notes properties that are honoured by doing nothing.
    pub fn accept(&self, names: &[&str]) {
        for name in names {
            self.node(name);
        }
    }

    /// A text property.
    pub fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.node(name) {
            None => Ok(None),
            Some(node) => match node.scalar() {
                Some(text) => Ok(Some(text.to_owned())),
                None => Err(Refusal::new(node.line, format!("{} {name} must be text", self.owner))),
            },
        }
    }

    /// A text property that must stand there.
    pub fn required_text(&self, name: &str) -> Result<String, Refusal> {
        self.text(name)?.ok_or_else(|| Refusal::new(self.line, format!("{} needs {name}", self.owner)))
    }

    /// A whole number within bounds.
    pub fn number(&self, name: &str, minimum: u64, maximum: u64) -> Result<Option<u64>, Refusal> {
        let Some(node) = self.node(name) else { return Ok(None) };
        match node.scalar().and_then(|text| text.parse::<u64>().ok()) {
            Some(number) if (minimum..=maximum).contains(&number) => Ok(Some(number)),
            _ => Err(Refusal::new(node.line, format!("{} {name} must be a whole number from {minimum} to {maximum}", self.owner))),
        }
    }

    /// A truth value.
    pub fn truth(&self, name: &str) -> Result<Option<bool>, Refusal> {
        let Some(node) = self.node(name) else { return Ok(None) };
        match node.scalar().map(str::to_ascii_lowercase).as_deref() {
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            _ => Err(Refusal::new(node.line, format!("{} {name} must be true or false", self.owner))),
        }
    }

    /// A list of texts; a single text counts as a list of one.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        let Some(node) = self.node(name) else { return Ok(None) };
        let items = match &node.data {
            Data::Sequence(items) => items.iter().map(|item| item.scalar().map(String::from)).collect(),
            Data::Scalar { text, .. } => Some(vec![text.clone()]),
            Data::Mapping(_) => None,
        };
        items.map(Some).ok_or_else(|| Refusal::new(node.line, format!("{} {name} must be a list of texts", self.owner)))
    }

    /// A mapping of names to texts.
    pub fn text_map(&self, name: &str) -> Result<BTreeMap<String, String>, Refusal> {
        let Some(node) = self.node(name) else { return Ok(BTreeMap::new()) };
        let Data::Mapping(entries) = &node.data else {
            return Err(Refusal::new(node.line, format!("{} {name} must be a mapping", self.owner)));
        };
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            let Some(text) = value.scalar() else {
                return Err(Refusal::new(value.line, format!("{} {name}.{} must be text", self.owner, key.name)));
            };
            map.insert(key.name.clone(), text.to_owned());
        }
        Ok(map)
    }

    /// The properties of a mapping inside this one.
    pub fn inner(&self, name: &str) -> Result<Option<Properties<'a>>, Refusal> {
        match self.node(name) {
            None => Ok(None),
            Some(node) => Properties::new(Some(node), format!("{} {name}", self.owner), node.line).map(Some),
        }
    }

    /// The items of a list, each with its line.
    pub fn list(&self, name: &str) -> Result<&'a [Node], Refusal> {
        match self.node(name) {
            None => Ok(&[]),
            Some(node) => match &node.data {
                Data::Sequence(items) => Ok(items),
                _ => Err(Refusal::new(node.line, format!("{} {name} must be a list", self.owner))),
            },
        }
    }

    /// Refuses the first property that nothing read.
    pub fn finish(self) -> Result<(), Refusal> {
        let Some(Node { data: Data::Mapping(entries), .. }) = self.node else { return Ok(()) };
        let read = self.read.borrow();
        match entries.iter().find(|(key, _)| !read.contains(&key.name)) {
            None => Ok(()),
            Some((key, _)) => Err(Refusal::new(
                key.line,
                format!("the laptop cloud cannot honour {} {}; remove it or run this on AWS", self.owner, key.name),
            )),
        }
    }
}
