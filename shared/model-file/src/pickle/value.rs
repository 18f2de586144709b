//! What a pickle would build, kept as symbols: nothing here is ever called or imported.

use std::collections::HashMap;

use super::input::Blob;

/// How many objects are kept. Past it new ones become [`Value::Opaque`], and an import named by one is suspicious.
const NODES: usize = 2_000_000;
/// How many bytes of texts are kept.
const TEXT_BYTES: usize = 32 << 20;
/// How many items of containers are kept.
const ITEMS: usize = 3_000_000;
/// How many bytes of long texts and of byte strings are kept.
const BLOB_BYTES: usize = 32 << 20;

/// A value on the stack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float,
    /// Something whose content is not kept: a persistent object, a huge integer, whatever passed a limit.
    Opaque,
    /// An import, by its place in [`Arena::globals`].
    Global(u32),
    /// An object, by its place in the arena.
    Node(u32),
}

/// An imported name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Global {
    pub(crate) module: String,
    pub(crate) name: String,
}

/// An object made by a call, or by a class and its state.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) callable: Value,
    /// The call's arguments: a tuple, where they are known.
    pub(crate) arguments: Value,
    pub(crate) state: Option<Value>,
    pub(crate) items: Vec<Value>,
    pub(crate) entries: Vec<(Value, Value)>,
    /// The array that joblib read in this object's place from a pickle of its own.
    pub(crate) content: Option<Value>,
}

#[derive(Debug)]
pub(crate) enum Node {
    Text { start: u32, length: u32 },
    Bytes(Box<Blob>),
    Tuple(Box<[Value]>),
    List(Vec<Value>),
    Set(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    Object(Box<Object>),
}

/// All values of one file.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    nodes: Vec<Node>,
    texts: String,
    globals: Vec<Global>,
    known: HashMap<Global, u32>,
    items: usize,
    blob_bytes: usize,
}

impl Arena {
    pub(crate) fn is_full(&self) -> bool {
        self.nodes.len() >= NODES || self.texts.len() >= TEXT_BYTES || self.items >= ITEMS
    }

    pub(crate) fn globals(&self) -> &[Global] {
        &self.globals
    }

    /// The place of an import, which is kept once; `None` past the limit of `limit` different ones.
    pub(crate) fn intern(&mut self, global: Global, limit: usize) -> Option<(u32, bool)> {
        if let Some(place) = self.known.get(&global) {
            return Some((*place, false));
        }
        if self.globals.len() >= limit {
            return None;
        }
        let place = self.globals.len() as u32;
        self.globals.push(global.clone());
        self.known.insert(global, place);
        Some((place, true))
    }

    pub(crate) fn push(&mut self, node: Node) -> Value {
        if self.nodes.len() >= NODES {
            return Value::Opaque;
        }
        self.nodes.push(node);
        Value::Node((self.nodes.len() - 1) as u32)
    }

    pub(crate) fn push_text(&mut self, text: &str) -> Value {
        if self.nodes.len() >= NODES || self.texts.len() + text.len() > TEXT_BYTES {
            return Value::Opaque;
        }
        let start = self.texts.len() as u32;
        self.texts.push_str(text);
        self.push(Node::Text { start, length: text.len() as u32 })
    }

    pub(crate) fn push_blob(&mut self, mut blob: Blob) -> Value {
        let bytes = blob.head.len() + blob.tail.len();
        if self.blob_bytes + bytes > BLOB_BYTES {
            blob.head = Vec::new();
            blob.tail = Vec::new();
        } else {
            self.blob_bytes += bytes;
        }
        self.push(Node::Bytes(Box::new(blob)))
    }

    pub(crate) fn push_tuple(&mut self, values: &[Value]) -> Value {
        if self.items + values.len() > ITEMS {
            return Value::Opaque;
        }
        self.items += values.len();
        self.push(Node::Tuple(values.into()))
    }

    /// Adds items to a list, a set or an object; those past the limit are not kept.
    pub(crate) fn extend(&mut self, container: Value, values: &[Value]) {
        let room = ITEMS.saturating_sub(self.items);
        let values = &values[..values.len().min(room)];
        let Value::Node(place) = container else { return };
        match self.nodes.get_mut(place as usize) {
            Some(Node::List(items) | Node::Set(items)) => items.extend_from_slice(values),
            Some(Node::Object(object)) => object.items.extend_from_slice(values),
            _ => return,
        }
        self.items += values.len();
    }

    /// Adds keys and values, which alternate, to a dict or an object; those past the limit are not kept.
    pub(crate) fn insert(&mut self, container: Value, pairs: &[Value]) {
        let room = ITEMS.saturating_sub(self.items) / 2 * 2;
        let pairs = &pairs[..pairs.len().min(room)];
        let Value::Node(place) = container else { return };
        let entries = match self.nodes.get_mut(place as usize) {
            Some(Node::Dict(entries)) => entries,
            Some(Node::Object(object)) => &mut object.entries,
            _ => return,
        };
        entries.extend(pairs.chunks_exact(2).map(|pair| (pair[0], pair[1])));
        self.items += pairs.len();
    }

    pub(crate) fn node(&self, value: Value) -> Option<&Node> {
        match value {
            Value::Node(place) => self.nodes.get(place as usize),
            _ => None,
        }
    }

    pub(crate) fn object(&self, value: Value) -> Option<&Object> {
        match self.node(value)? {
            Node::Object(object) => Some(object),
            _ => None,
        }
    }

    pub(crate) fn object_mut(&mut self, value: Value) -> Option<&mut Object> {
        match value {
            Value::Node(place) => match self.nodes.get_mut(place as usize)? {
                Node::Object(object) => Some(object),
                _ => None,
            },
            _ => None,
        }
    }

    pub(crate) fn text(&self, value: Value) -> Option<&str> {
        match self.node(value)? {
            Node::Text { start, length } => self.texts.get(*start as usize..(*start + *length) as usize),
            _ => None,
        }
    }

    pub(crate) fn bytes(&self, value: Value) -> Option<&Blob> {
        match self.node(value)? {
            Node::Bytes(blob) => Some(blob),
            _ => None,
        }
    }

    pub(crate) fn tuple(&self, value: Value) -> Option<&[Value]> {
        match self.node(value)? {
            Node::Tuple(values) => Some(values),
            _ => None,
        }
    }

    /// The items of a list, a tuple or a set.
    pub(crate) fn sequence(&self, value: Value) -> Option<&[Value]> {
        match self.node(value)? {
            Node::Tuple(values) => Some(values),
            Node::List(values) | Node::Set(values) => Some(values),
            Node::Object(object) if !object.items.is_empty() => Some(&object.items),
            _ => None,
        }
    }

    /// The keys and values of a dict, or of an object that has items by key.
    pub(crate) fn entries(&self, value: Value) -> Option<&[(Value, Value)]> {
        match self.node(value)? {
            Node::Dict(entries) => Some(entries),
            Node::Object(object) => Some(&object.entries),
            _ => None,
        }
    }

    pub(crate) fn global(&self, value: Value) -> Option<&Global> {
        match value {
            Value::Global(place) => self.globals.get(place as usize),
            _ => None,
        }
    }

    /// What a dict holds under a text; of equal keys the last counts.
    pub(crate) fn get(&self, dict: Value, key: &str) -> Option<Value> {
        self.entries(dict)?.iter().rev().find(|(name, _)| self.text(*name) == Some(key)).map(|(_, value)| *value)
    }

    /// The class of an object, by whichever way it was made.
    pub(crate) fn class(&self, value: Value) -> Option<&Global> {
        let object = self.object(value)?;
        let callable = self.global(object.callable)?;
        let made_by_helper = matches!(
            (callable.module.as_str(), callable.name.as_str()),
            ("copyreg" | "copy_reg", "_reconstructor" | "__newobj__" | "__newobj_ex__")
        );
        if !made_by_helper {
            return Some(callable);
        }
        self.global(*self.tuple(object.arguments)?.first()?)
    }

    /// The attributes of an object: its state, where that is a dict.
    pub(crate) fn attribute(&self, value: Value, name: &str) -> Option<Value> {
        let state = self.object(value)?.state?;
        match self.node(state)? {
            Node::Tuple(parts) => parts.iter().find_map(|part| self.get(*part, name)),
            _ => self.get(state, name),
        }
    }
}
