//! Intrinsic functions: `!Ref`, `!Sub`, `!GetAtt`, `!Join`, `!If` and the others, in their short and long forms.

use std::collections::BTreeMap;

use super::error::Refusal;
use super::identity::{Identities, ResourceKind};
use super::node::{Data, Key, Node};
use crate::account::ACCOUNT_ID;

/// How deep functions may refer to each other before it is taken for a circle.
const MAXIMUM_DEPTH: usize = 64;

/// Resolves the functions of one template.
pub struct Resolver<'a> {
    /// Parameters and their values.
    pub parameters: BTreeMap<String, Node>,
    /// The template's `Conditions`.
    pub conditions: Option<&'a Node>,
    /// The template's `Mappings`.
    pub mappings: Option<&'a Node>,
    /// The template's resources: what `!Ref` and `!GetAtt` name.
    pub identities: Identities<'a>,
}

impl Resolver<'_> {
    /// The value with every function replaced; `None` where it is `AWS::NoValue`.
    pub fn resolve(&self, node: &Node) -> Result<Option<Node>, Refusal> {
        self.resolve_at(node, 0)
    }

    /// Like [`Resolver::resolve`], where a value must be there.
    pub fn require(&self, node: &Node) -> Result<Node, Refusal> {
        self.resolve(node)?.ok_or_else(|| Refusal::new(node.line, "AWS::NoValue cannot stand here"))
    }

    /// Whether a named condition holds.
    pub fn condition(&self, name: &str, line: usize) -> Result<bool, Refusal> {
        self.condition_at(name, line, 0)
    }

    pub(super) fn resolve_at(&self, node: &Node, depth: usize) -> Result<Option<Node>, Refusal> {
        if depth > MAXIMUM_DEPTH {
            return Err(Refusal::new(node.line, "these references go round in a circle"));
        }
        if let Some((function, argument)) = function_of(node) {
            return self.call(&function, &argument, node.line, depth + 1);
        }
        if let Some(tag) = &node.tag {
            return Err(Refusal::new(node.line, format!("the tag !{tag} is not one that the laptop cloud knows")));
        }
        let data = match &node.data {
            Data::Scalar { .. } => return Ok(Some(node.clone())),
            Data::Sequence(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for item in items {
                    resolved.extend(self.resolve_at(item, depth + 1)?);
                }
                Data::Sequence(resolved)
            }
            Data::Mapping(entries) => {
                let mut resolved: Vec<(Key, Node)> = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    if let Some(value) = self.resolve_at(value, depth + 1)? {
                        resolved.push((key.clone(), value));
                    }
                }
                Data::Mapping(resolved)
            }
        };
        Ok(Some(Node { line: node.line, tag: None, data }))
    }

    fn text_at(&self, node: &Node, depth: usize) -> Result<String, Refusal> {
        let resolved = self.resolve_at(node, depth)?;
        match resolved.as_ref().and_then(Node::scalar) {
            Some(text) => Ok(text.to_owned()),
            None => Err(Refusal::new(node.line, "a text value is needed here")),
        }
    }

    fn list_at(&self, node: &Node, depth: usize) -> Result<Vec<Node>, Refusal> {
        match self.resolve_at(node, depth)? {
            Some(Node { data: Data::Sequence(items), .. }) => Ok(items),
            _ => Err(Refusal::new(node.line, "a list is needed here")),
        }
    }

    fn call(&self, function: &str, argument: &Node, line: usize, depth: usize) -> Result<Option<Node>, Refusal> {
        match function {
            "Ref" => {
                let name = self.literal(argument)?;
                if name == "AWS::NoValue" { Ok(None) } else { self.reference(&name, line, depth).map(Some) }
            }
            "GetAtt" => {
                let path = match &argument.data {
                    Data::Scalar { text, .. } => text.clone(),
                    Data::Sequence(parts) => {
                        let parts: Result<Vec<String>, Refusal> = parts.iter().map(|part| self.text_at(part, depth)).collect();
                        parts?.join(".")
                    }
                    Data::Mapping(_) => return Err(Refusal::new(line, "GetAtt takes a resource and an attribute")),
                };
                self.attribute(&path, line, depth).map(|text| Some(Node::text(line, text)))
            }
            "Sub" => self.substitute(argument, line, depth).map(|text| Some(Node::text(line, text))),
            "Join" => {
                let [separator, list] = self.arguments::<2>(argument, "Join", "a separator and a list")?;
                let separator = self.text_at(separator, depth)?;
                let mut texts = Vec::new();
                for item in self.list_at(list, depth)? {
                    texts.push(self.text_at(&item, depth)?);
                }
                Ok(Some(Node::text(line, texts.join(&separator))))
            }
            "Select" => {
                let [index, list] = self.arguments::<2>(argument, "Select", "an index and a list")?;
                let index: usize =
                    self.text_at(index, depth)?.parse().map_err(|_| Refusal::new(line, "Select needs a number as its index"))?;
                let list = self.list_at(list, depth)?;
                let count = list.len();
                list.into_iter()
                    .nth(index)
                    .map(Some)
                    .ok_or_else(|| Refusal::new(line, format!("Select asks for item {index} of a list of {count}")))
            }
            "Split" => {
                let [separator, text] = self.arguments::<2>(argument, "Split", "a separator and a text")?;
                let separator = self.text_at(separator, depth)?;
                let text = self.text_at(text, depth)?;
                let parts = text.split(separator.as_str()).map(|part| Node::text(line, part)).collect();
                Ok(Some(Node { line, tag: None, data: Data::Sequence(parts) }))
            }
            "If" => {
                let [name, yes, no] = self.arguments::<3>(argument, "If", "a condition and two values")?;
                let name = self.literal(name)?;
                let chosen = if self.condition_at(&name, line, depth)? { yes } else { no };
                self.resolve_at(chosen, depth)
            }
            "FindInMap" => {
                let [map, first, second] = self.arguments::<3>(argument, "FindInMap", "a map and two keys")?;
                let (map, first, second) = (self.text_at(map, depth)?, self.text_at(first, depth)?, self.text_at(second, depth)?);
                let found = self.mappings.and_then(|maps| maps.get(&map)?.get(&first)?.get(&second));
                let found = found.ok_or_else(|| Refusal::new(line, format!("the mapping {map} has no value for {first}, {second}")))?;
                self.resolve_at(found, depth)
            }
            "Base64" => {
                use base64::Engine;
                let text = self.text_at(argument, depth)?;
                Ok(Some(Node::text(line, base64::engine::general_purpose::STANDARD.encode(text))))
            }
            "Equals" | "And" | "Or" | "Not" | "Condition" => {
                Err(Refusal::new(line, format!("Fn::{function} can only stand in Conditions")))
            }
            other => Err(Refusal::new(line, format!("the laptop cloud has no function Fn::{other}"))),
        }
    }

    fn literal(&self, node: &Node) -> Result<String, Refusal> {
        match (&node.tag, node.scalar()) {
            (None, Some(text)) => Ok(text.to_owned()),
            // The short tag stands on the scalar itself: `!Ref Name`.
            (Some(_), Some(text)) => Ok(text.to_owned()),
            _ => Err(Refusal::new(node.line, "a name is needed here")),
        }
    }

    fn arguments<'n, const COUNT: usize>(&self, node: &'n Node, function: &str, what: &str) -> Result<[&'n Node; COUNT], Refusal> {
        let items: Vec<&Node> = match &node.data {
            Data::Sequence(items) => items.iter().collect(),
            _ => Vec::new(),
        };
        items.try_into().map_err(|_| Refusal::new(node.line, format!("Fn::{function} takes {what}")))
    }

    fn reference(&self, name: &str, line: usize, depth: usize) -> Result<Node, Refusal> {
        let settings = self.identities.settings;
        let text = match name {
            "AWS::Region" => settings.region.clone(),
            "AWS::AccountId" => ACCOUNT_ID.to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::StackName" => settings.stack_name.clone(),
            "AWS::StackId" => crate::account::arn("cloudformation", &settings.region, &format!("stack/{}/laptop", settings.stack_name)),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            _ => {
                if let Some(value) = self.parameters.get(name) {
                    return Ok(Node { line, ..value.clone() });
                }
                return self.identities.reference(self, name, line, depth).map(|text| Node::text(line, text));
            }
        };
        Ok(Node::text(line, text))
    }

    fn attribute(&self, path: &str, line: usize, depth: usize) -> Result<String, Refusal> {
        let Some((name, attribute)) = path.split_once('.') else {
            return Err(Refusal::new(line, format!("GetAtt {path} names no attribute; write {path}.Arn, for example")));
        };
        self.identities.attribute(self, name, attribute, line, depth)
    }

    fn substitute(&self, argument: &Node, line: usize, depth: usize) -> Result<String, Refusal> {
        let (pattern, values) = match &argument.data {
            Data::Scalar { text, .. } => (text.clone(), None),
            Data::Sequence(items) if items.len() == 2 => (self.literal(&items[0])?, Some(&items[1])),
            _ => return Err(Refusal::new(line, "Fn::Sub takes a text, or a text and a mapping of values")),
        };
        let mut output = String::with_capacity(pattern.len());
        let mut rest = pattern.as_str();
        while let Some(start) = rest.find("${") {
            output.push_str(&rest[..start]);
            let Some(length) = rest[start..].find('}') else {
                return Err(Refusal::new(line, "Fn::Sub has a ${ without its }"));
            };
            let name = rest[start + 2..start + length].trim();
            if let Some(literal) = name.strip_prefix('!') {
                output.push_str("${");
                output.push_str(literal);
                output.push('}');
            } else if let Some(value) = values.and_then(|values| values.get(name)) {
                output.push_str(&self.text_at(value, depth)?);
            } else if name.contains('.') {
                output.push_str(&self.attribute(name, line, depth)?);
            } else {
                let value = self.reference(name, line, depth)?;
                let Some(text) = value.scalar() else {
                    return Err(Refusal::new(line, format!("${{{name}}} is a list and cannot stand in a text")));
                };
                output.push_str(text);
            }
            rest = &rest[start + length + 1..];
        }
        output.push_str(rest);
        Ok(output)
    }

    fn condition_at(&self, name: &str, line: usize, depth: usize) -> Result<bool, Refusal> {
        if depth > MAXIMUM_DEPTH {
            return Err(Refusal::new(line, format!("the condition {name} refers to itself")));
        }
        let condition = self.conditions.and_then(|conditions| conditions.get(name));
        let condition = condition.ok_or_else(|| Refusal::new(line, format!("there is no condition {name}")))?;
        self.evaluate(condition, depth + 1)
    }

    fn evaluate(&self, node: &Node, depth: usize) -> Result<bool, Refusal> {
        let line = node.line;
        let condition_name = node.get("Condition").and_then(Node::scalar).map(String::from);
        let (function, argument) = match (function_of(node), condition_name) {
            (Some(found), _) => found,
            (None, Some(name)) => return self.condition_at(&name, line, depth),
            (None, None) => return Err(Refusal::new(line, "a condition is Fn::Equals, And, Or, Not or Condition")),
        };
        let items: &[Node] = match &argument.data {
            Data::Sequence(items) => items,
            _ => &[],
        };
        match (function.as_str(), items) {
            ("Condition", _) => self.condition_at(&self.literal(&argument)?, line, depth),
            ("Equals", [left, right]) => Ok(self.text_at(left, depth)? == self.text_at(right, depth)?),
            ("Not", [inner]) => Ok(!self.evaluate(inner, depth + 1)?),
            ("And", [_, ..]) => {
                for item in items {
                    if !self.evaluate(item, depth + 1)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            ("Or", [_, ..]) => {
                for item in items {
                    if self.evaluate(item, depth + 1)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (other, _) => Err(Refusal::new(line, format!("Fn::{other} with these arguments is not a condition"))),
        }
    }
}

/// The function that a node calls, in its short or its long form, and its argument.
fn function_of(node: &Node) -> Option<(String, Node)> {
    if let Some(tag) = &node.tag {
        let known = [
            "Ref",
            "Sub",
            "GetAtt",
            "Join",
            "If",
            "Equals",
            "And",
            "Or",
            "Not",
            "Condition",
            "Select",
            "Split",
            "FindInMap",
            "Base64",
            "ImportValue",
            "GetAZs",
            "Cidr",
            "Transform",
            "Length",
            "ToJsonString",
        ];
        return known.contains(&tag.as_str()).then(|| (tag.clone(), Node { line: node.line, tag: None, data: node.data.clone() }));
    }
    match &node.data {
        Data::Mapping(entries) => match entries.as_slice() {
            [(key, value)] if key.name == "Ref" => Some(("Ref".into(), value.clone())),
            [(key, value)] => key.name.strip_prefix("Fn::").map(|name| (name.to_owned(), value.clone())),
            _ => None,
        },
        _ => None,
    }
}

/// Where names and addresses come from that the template itself does not say.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The stack's name.
    pub stack_name: String,
    /// The region.
    pub region: String,
    /// The address of the HTTP API, without a slash at its end.
    pub api_url: String,
}

impl ResourceKind {
    /// Whether a resource of this kind exists only on AWS: it is read and has no effect on the laptop.
    pub fn without_effect(self) -> bool {
        matches!(self, Self::Permission | Self::BucketPolicy | Self::Alarm)
    }
}
