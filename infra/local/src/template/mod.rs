//! Reads `template.yaml`: SAM and CloudFormation, as far as the laptop cloud can honour them. What it cannot honour is
//! refused with the file, the line and what stood there, so that nothing silently behaves differently from AWS.

pub mod error;
mod function;
mod http_api;
mod identity;
mod intrinsics;
mod node;
mod policies;
mod properties;
mod rights;
mod stores;
mod workflows;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use error::TemplateError;
pub use function::{Function, Route, Schedule};
pub use http_api::{Cors, HttpApi};
pub use intrinsics::Settings;
pub use stores::{SubscriptionFilter, Table};
pub use workflows::{BuildProject, Layer, StateMachine};

use error::Refusal;
use function::Context;
use identity::{Declared, Identities, ResourceKind};
use intrinsics::Resolver;
use node::{Data, Key, Node};
use properties::Properties;

use crate::rights::Role;

/// A template, read and resolved.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// The functions, in the order written.
    pub functions: Vec<Function>,
    /// The HTTP API, if there is one.
    pub api: Option<HttpApi>,
    /// The layers.
    pub layers: Vec<Layer>,
    /// The state machines.
    pub state_machines: Vec<StateMachine>,
    /// The tables.
    pub tables: Vec<Table>,
    /// The buckets' names.
    pub buckets: Vec<String>,
    /// The container repositories' names.
    pub repositories: Vec<String>,
    /// The build projects.
    pub projects: Vec<BuildProject>,
    /// The log groups' names.
    pub log_groups: Vec<String>,
    /// The roles: those that the template declares, and those of functions and state machines that name none.
    pub roles: Vec<Arc<Role>>,
    /// The subscriptions to log groups.
    pub subscriptions: Vec<SubscriptionFilter>,
    /// The outputs.
    pub outputs: BTreeMap<String, String>,
}

impl Template {
    /// Reads a template file. `overrides` are values for its parameters; `integration_timeout` bounds each route.
    pub fn load(
        path: &Path,
        settings: &Settings,
        overrides: &BTreeMap<String, String>,
        integration_timeout: Duration,
    ) -> Result<Self, TemplateError> {
        let place = |refusal: Refusal| TemplateError { file: path.display().to_string(), line: refusal.line, message: refusal.message };
        let text =
            std::fs::read_to_string(path).map_err(|error| place(Refusal::new(1, format!("the template cannot be read: {error}"))))?;
        let project = path.parent().unwrap_or(Path::new("."));
        read(&text, project, settings, overrides, integration_timeout).map_err(place)
    }
}

fn read(
    text: &str,
    project: &Path,
    settings: &Settings,
    overrides: &BTreeMap<String, String>,
    integration_timeout: Duration,
) -> Result<Template, Refusal> {
    let root = Node::parse(text)?;
    check_sections(&root)?;
    let parameters = read_parameters(root.get("Parameters"), overrides)?;
    let Some(Node { data: Data::Mapping(entries), .. }) = root.get("Resources") else {
        return Err(Refusal::new(root.line, "the template has no Resources"));
    };
    let mut resolver = Resolver {
        parameters,
        conditions: root.get("Conditions"),
        mappings: root.get("Mappings"),
        identities: Identities { resources: BTreeMap::new(), settings },
    };
    let mut present = Vec::new();
    for (key, resource) in entries {
        let kind = check_resource(key, resource)?;
        if let Some(condition) = resource.get("Condition") {
            let name = condition.scalar().ok_or_else(|| Refusal::new(condition.line, "a condition's name is needed"))?;
            if !resolver.condition(name, condition.line)? {
                continue;
            }
        }
        let properties = resource.get("Properties");
        resolver.identities.resources.insert(key.name.clone(), Declared { kind, properties });
        present.push((key, kind, properties));
    }
    let mut template = Template::default();
    let apis: Vec<&Key> = present.iter().filter(|(_, kind, _)| *kind == ResourceKind::HttpApi).map(|(key, ..)| *key).collect();
    if let [_, second, ..] = apis.as_slice() {
        return Err(Refusal::new(second.line, "the laptop cloud serves one HTTP API; this is the second"));
    }
    let context = Context {
        project,
        stack_name: &settings.stack_name,
        api: apis.first().map(|key| (key.name.as_str(), "laptop")),
        integration_timeout,
    };
    let globals = root.get("Globals");
    for (key, kind, properties) in present {
        let declared = Declared { kind, properties };
        let name = resolver.identities.name(&resolver, &key.name, declared, 0)?;
        if kind.without_effect() {
            continue;
        }
        let merged = match kind {
            ResourceKind::Function => merge(globals.and_then(|globals| globals.get("Function")), properties),
            ResourceKind::HttpApi => merge(globals.and_then(|globals| globals.get("HttpApi")), properties),
            _ => properties.cloned(),
        };
        let resolved = match &merged {
            Some(node) => resolver.resolve(node)?,
            None => None,
        };
        let reader = Properties::new(resolved.as_ref(), format!("{}'s", key.name), key.line)?;
        let arn = |resolver: &Resolver| resolver.identities.arn(resolver, &key.name, declared, 0);
        let own_role = |reader: &Properties| policies::read_own(&key.name, resolver.identities.generated_role(&key.name), reader);
        match kind {
            ResourceKind::Function => {
                let (role, made) = own_role(&reader)?;
                template.roles.extend(made);
                template.functions.push(Function::read(&key.name, name, role, reader, &context)?);
            }
            ResourceKind::HttpApi => template.api = Some(HttpApi::read(reader, integration_timeout)?),
            ResourceKind::LayerVersion => template.layers.push(Layer::read(arn(&resolver)?, reader, project)?),
            ResourceKind::StateMachine => {
                let (role, made) = own_role(&reader)?;
                template.roles.extend(made);
                template.state_machines.push(StateMachine::read(&key.name, name, arn(&resolver)?, role, reader, project)?);
            }
            ResourceKind::Table => template.tables.push(Table::read(name, reader)?),
            ResourceKind::Bucket => template.buckets.push(stores::read_bucket(name, key.line, reader)?),
            ResourceKind::Repository => template.repositories.push(stores::read_repository(name, reader)?),
            ResourceKind::Project => {
                let properties = resolved.as_ref().map(Node::to_json).unwrap_or_default();
                let role = reader.required_text("ServiceRole")?;
                template.projects.push(BuildProject { name, arn: arn(&resolver)?, role, properties });
            }
            ResourceKind::LogGroup => template.log_groups.push(stores::read_log_group(name, reader)?),
            ResourceKind::SubscriptionFilter => {
                template.subscriptions.push(SubscriptionFilter::read(name, reader)?);
            }
            ResourceKind::Role => template.roles.push(Arc::new(policies::read_role(&key.name, arn(&resolver)?, reader)?)),
            ResourceKind::Permission | ResourceKind::BucketPolicy | ResourceKind::Alarm => {}
        }
    }
    bind_routes(&mut template)?;
    rights::check(&template, &settings.region)?;
    template.outputs = read_outputs(root.get("Outputs"), &resolver)?;
    check_unique(&template)?;
    Ok(template)
}

/// Gives the routes of the API's definition to the functions that answer them.
fn bind_routes(template: &mut Template) -> Result<(), Refusal> {
    for (route, name) in template.api.iter().flat_map(|api| &api.routes) {
        let function = template.functions.iter_mut().find(|function| function.name == *name);
        let function = function.ok_or_else(|| Refusal::new(route.line, format!("{name} is not a function of this template")))?;
        function.routes.push(route.clone());
    }
    Ok(())
}

fn check_sections(root: &Node) -> Result<(), Refusal> {
    let Data::Mapping(entries) = &root.data else {
        return Err(Refusal::new(root.line, "a template is a mapping with Resources"));
    };
    let known = [
        "AWSTemplateFormatVersion",
        "Transform",
        "Description",
        "Metadata",
        "Parameters",
        "Mappings",
        "Conditions",
        "Globals",
        "Resources",
        "Outputs",
        "Rules",
    ];
    if let Some((key, _)) = entries.iter().find(|(key, _)| !known.contains(&key.name.as_str())) {
        return Err(Refusal::new(key.line, format!("{} is not a section of a template", key.name)));
    }
    if let Some(transform) = root.get("Transform")
        && transform.scalar() != Some("AWS::Serverless-2016-10-31")
    {
        return Err(Refusal::new(transform.line, "the only transform that the laptop cloud has is AWS::Serverless-2016-10-31"));
    }
    if let Some(Node { data: Data::Mapping(sections), .. }) = root.get("Globals")
        && let Some((key, _)) = sections.iter().find(|(key, _)| !matches!(key.name.as_str(), "Function" | "HttpApi"))
    {
        return Err(Refusal::new(key.line, format!("the laptop cloud cannot honour Globals {}", key.name)));
    }
    Ok(())
}

fn check_resource(key: &Key, resource: &Node) -> Result<ResourceKind, Refusal> {
    let Data::Mapping(entries) = &resource.data else {
        return Err(Refusal::new(resource.line, format!("resource {} must be a mapping", key.name)));
    };
    let known = [
        "Type",
        "Properties",
        "Condition",
        "DependsOn",
        "Metadata",
        "DeletionPolicy",
        "UpdateReplacePolicy",
        "CreationPolicy",
        "UpdatePolicy",
    ];
    if let Some((other, _)) = entries.iter().find(|(other, _)| !known.contains(&other.name.as_str())) {
        return Err(Refusal::new(other.line, format!("{} cannot stand in resource {}", other.name, key.name)));
    }
    let type_node = resource.get("Type").ok_or_else(|| Refusal::new(key.line, format!("resource {} has no Type", key.name)))?;
    let type_name = type_node.scalar().unwrap_or_default();
    ResourceKind::of(type_name).ok_or_else(|| Refusal::new(type_node.line, format!("the laptop cloud has no {type_name} ({})", key.name)))
}

fn read_parameters(node: Option<&Node>, overrides: &BTreeMap<String, String>) -> Result<BTreeMap<String, Node>, Refusal> {
    let entries: &[(Key, Node)] = match node {
        Some(Node { data: Data::Mapping(entries), .. }) => entries,
        _ => &[],
    };
    if let Some(name) = overrides.keys().find(|name| !entries.iter().any(|(key, _)| key.name == **name)) {
        return Err(Refusal::new(node.map_or(1, |node| node.line), format!("the template has no parameter {name}")));
    }
    let mut parameters = BTreeMap::new();
    for (key, definition) in entries {
        let kind = definition.get("Type").and_then(Node::scalar).unwrap_or("String");
        let given = overrides.get(&key.name).cloned();
        let default = definition.get("Default").and_then(Node::scalar).map(String::from);
        let Some(text) = given.or(default) else {
            return Err(Refusal::new(key.line, format!("the parameter {} has no default and was given no value", key.name)));
        };
        if let Some(Node { data: Data::Sequence(allowed), .. }) = definition.get("AllowedValues") {
            let allowed: Vec<&str> = allowed.iter().filter_map(Node::scalar).collect();
            if !allowed.contains(&text.as_str()) {
                let message = format!("the parameter {} is {text}, but may only be {}", key.name, allowed.join(", "));
                return Err(Refusal::new(key.line, message));
            }
        }
        let value = match kind {
            "String" => Node::text(key.line, text),
            "Number" if text.parse::<f64>().is_ok() => Node::text(key.line, text),
            "CommaDelimitedList" | "List<Number>" => {
                let items = text.split(',').map(|item| Node::text(key.line, item.trim())).collect();
                Node { line: key.line, tag: None, data: Data::Sequence(items) }
            }
            "Number" => return Err(Refusal::new(key.line, format!("the parameter {} must be a number", key.name))),
            other => return Err(Refusal::new(key.line, format!("the laptop cloud has no parameters of type {other}"))),
        };
        parameters.insert(key.name.clone(), value);
    }
    Ok(parameters)
}

fn read_outputs(node: Option<&Node>, resolver: &Resolver) -> Result<BTreeMap<String, String>, Refusal> {
    let mut outputs = BTreeMap::new();
    let Some(Node { data: Data::Mapping(entries), .. }) = node else { return Ok(outputs) };
    for (key, output) in entries {
        if let Some(condition) = output.get("Condition").and_then(Node::scalar)
            && !resolver.condition(condition, key.line)?
        {
            continue;
        }
        let value = output.get("Value").ok_or_else(|| Refusal::new(key.line, format!("output {} has no Value", key.name)))?;
        if let Some(text) = resolver.require(value)?.scalar() {
            outputs.insert(key.name.clone(), text.to_owned());
        }
    }
    Ok(outputs)
}

/// SAM's merge of `Globals` into a resource: mappings are merged, lists added, other values replaced.
fn merge(global: Option<&Node>, own: Option<&Node>) -> Option<Node> {
    let (global, own) = match (global, own) {
        (None, own) => return own.cloned(),
        (Some(global), None) => return Some(global.clone()),
        (Some(global), Some(own)) => (global, own),
    };
    if global.tag.is_some() || own.tag.is_some() {
        return Some(own.clone());
    }
    let data = match (&global.data, &own.data) {
        (Data::Mapping(global), Data::Mapping(own)) => {
            let mut merged: Vec<(Key, Node)> = Vec::new();
            for (key, value) in global {
                let own_value = own.iter().find(|(other, _)| other.name == key.name).map(|(_, value)| value);
                merged.extend(merge(Some(value), own_value).map(|value| (key.clone(), value)));
            }
            merged.extend(own.iter().filter(|(key, _)| !global.iter().any(|(other, _)| other.name == key.name)).cloned());
            Data::Mapping(merged)
        }
        (Data::Sequence(global), Data::Sequence(own)) => Data::Sequence(global.iter().chain(own).cloned().collect()),
        (_, own) => own.clone(),
    };
    Some(Node { line: own.line, tag: None, data })
}

fn check_unique(template: &Template) -> Result<(), Refusal> {
    let mut routes: BTreeMap<(String, String), &str> = BTreeMap::new();
    for function in &template.functions {
        for route in &function.routes {
            let shape = crate::gateway::route_shape(&route.path).map_err(|message| Refusal::new(route.line, message))?;
            if let Some(other) = routes.insert((route.method.clone(), shape), &function.logical_id) {
                let message = format!("the route {} {} is already {other}'s", route.method, route.path);
                return Err(Refusal::new(route.line, message));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
