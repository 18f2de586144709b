//! YAML that remembers where each value stood and which short tag (`!Ref`, `!Sub`, …) it had.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use serde_json::Value;

use super::error::Refusal;

/// How deep a template may nest.
const MAXIMUM_DEPTH: usize = 64;

/// A value of the template.
#[derive(Debug, Clone)]
pub struct Node {
    /// The line it starts at, counted from 1.
    pub line: usize,
    /// The short tag's name without its exclamation mark.
    pub tag: Option<String>,
    /// The value itself.
    pub data: Data,
}

/// The three shapes of a value.
#[derive(Debug, Clone)]
pub enum Data {
    /// Text; `plain` when it stood without quotes and so may mean a number, a truth value or nothing.
    Scalar { text: String, plain: bool },
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping, in the order written.
    Mapping(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its text.
    pub name: String,
    /// The line it stands at.
    pub line: usize,
}

impl Node {
    /// Reads one YAML document.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let mut events = Parser::new_from_str(text);
        let mut reader = Reader { anchors: HashMap::new() };
        loop {
            match next(&mut events)? {
                (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
                (Event::StreamEnd | Event::DocumentEnd, span) => {
                    return Err(Refusal::new(line(&span), "the template is empty"));
                }
                (event, span) => return reader.node(event, &span, &mut events, 0),
            }
        }
    }

    /// A text value made by an intrinsic function.
    pub fn text(line: usize, text: impl Into<String>) -> Self {
        Self { line, tag: None, data: Data::Scalar { text: text.into(), plain: false } }
    }

    /// The value under a key of a mapping.
    pub fn get(&self, name: &str) -> Option<&Node> {
        match &self.data {
            Data::Mapping(entries) => entries.iter().find(|(key, _)| key.name == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a scalar.
    pub fn scalar(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether it is YAML's null.
    pub fn is_null(&self) -> bool {
        matches!(&self.data, Data::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// The value as JSON, with unquoted scalars read as numbers, truth values and null.
    pub fn to_json(&self) -> Value {
        match &self.data {
            Data::Scalar { text, plain: false } => Value::String(text.clone()),
            Data::Scalar { text, plain: true } => plain_scalar(text),
            Data::Sequence(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Data::Mapping(entries) => Value::Object(entries.iter().map(|(key, value)| (key.name.clone(), value.to_json())).collect()),
        }
    }
}

fn plain_scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    // A leading zero, as in an account number, makes it text.
    let digits = text.strip_prefix('-').unwrap_or(text);
    let leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if !leading_zero {
        if let Ok(number) = text.parse::<i64>() {
            return number.into();
        }
        if digits.starts_with(|first: char| first.is_ascii_digit())
            && let Ok(number) = text.parse::<f64>()
            && let Some(number) = serde_json::Number::from_f64(number)
        {
            return Value::Number(number);
        }
    }
    Value::String(text.into())
}

type Events<'input> = Parser<'input, saphyr_parser::StrInput<'input>>;

fn next<'input>(events: &mut Events<'input>) -> Result<(Event<'input>, Span), Refusal> {
    match events.next() {
        Some(Ok(event)) => Ok(event),
        Some(Err(error)) => Err(Refusal::new(error.marker().line(), format!("this is not YAML: {}", error.info()))),
        None => Err(Refusal::new(1, "the template ends in the middle of a value")),
    }
}

fn line(span: &Span) -> usize {
    span.start.line()
}

fn tag_name(tag: Option<std::borrow::Cow<'_, Tag>>) -> Option<String> {
    tag.filter(|tag| !tag.is_yaml_core_schema()).map(|tag| tag.suffix.clone())
}

struct Reader {
    anchors: HashMap<usize, Node>,
}

impl Reader {
    fn node<'input>(&mut self, event: Event<'input>, span: &Span, events: &mut Events<'input>, depth: usize) -> Result<Node, Refusal> {
        let line = line(span);
        if depth > MAXIMUM_DEPTH {
            return Err(Refusal::new(line, format!("values are nested deeper than {MAXIMUM_DEPTH} levels")));
        }
        let (anchor, node) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                (anchor, Node { line, tag: tag_name(tag), data: Data::Scalar { text: text.into_owned(), plain } })
            }
            Event::SequenceStart(anchor, tag) => {
                let mut items = Vec::new();
                loop {
                    match next(events)? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, &span, events, depth + 1)?),
                    }
                }
                (anchor, Node { line, tag: tag_name(tag), data: Data::Sequence(items) })
            }
            Event::MappingStart(anchor, tag) => {
                let mut entries: Vec<(Key, Node)> = Vec::new();
                loop {
                    let (event, span) = next(events)?;
                    if event == Event::MappingEnd {
                        break;
                    }
                    let key = self.node(event, &span, events, depth + 1)?;
                    let Some(name) = key.scalar().map(String::from) else {
                        return Err(Refusal::new(key.line, "a key must be text"));
                    };
                    if entries.iter().any(|(other, _)| other.name == name) {
                        return Err(Refusal::new(key.line, format!("the key {name} stands twice in this mapping")));
                    }
                    let (event, span) = next(events)?;
                    let value = self.node(event, &span, events, depth + 1)?;
                    entries.push((Key { name, line: key.line }, value));
                }
                (anchor, Node { line, tag: tag_name(tag), data: Data::Mapping(entries) })
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                return node.ok_or_else(|| Refusal::new(line, "this alias names no anchor"));
            }
            other => return Err(Refusal::new(line, format!("unexpected {other:?}"))),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keeps_lines_tags_and_order() {
        let node = Node::parse("A: 1\nB:\n  - !Ref Table\n  - !Sub \"x-${Y}\"\nC: !GetAtt Api.Url\n").unwrap();
        let list = node.get("B").unwrap();
        let Data::Sequence(items) = &list.data else { panic!("a list") };
        assert_eq!(items[0].tag.as_deref(), Some("Ref"));
        assert_eq!(items[0].line, 3);
        assert_eq!(items[1].scalar(), Some("x-${Y}"));
        assert_eq!(node.get("C").unwrap().tag.as_deref(), Some("GetAtt"));
    }

    #[test]
    fn plain_scalars_become_numbers_and_truth_values_but_quoted_ones_stay_text() {
        let node = Node::parse("[1, 1.5, true, ~, \"1\", 000000000000, 2023-01-01, provided.al2023]").unwrap();
        assert_eq!(node.to_json(), serde_json::json!([1, 1.5, true, null, "1", "000000000000", "2023-01-01", "provided.al2023"]));
    }

    #[test]
    fn refuses_a_repeated_key_with_its_line() {
        let refusal = Node::parse("A: 1\nB: 2\nA: 3\n").unwrap_err();
        assert_eq!(refusal.line, 3);
        assert!(refusal.message.contains("twice"), "{}", refusal.message);
    }

    #[test]
    fn refuses_what_is_not_yaml() {
        assert!(Node::parse("A: [1, 2").unwrap_err().message.contains("not YAML"));
    }
}
