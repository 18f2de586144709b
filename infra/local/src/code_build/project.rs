//! A build project as the template has it: what is understood of it, and the commands of its buildspec.

use std::collections::BTreeMap;

use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

use super::invalid;
use crate::aws_error::AwsError;

/// CodeBuild's own time limit where a project names none, in minutes.
const DEFAULT_TIMEOUT_MINUTES: u64 = 60;
/// The longest time limit, in minutes: CodeBuild's 36 hours.
const LONGEST_TIMEOUT_MINUTES: u64 = 2160;

/// A project of the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// The variables of its builds.
    pub environment: BTreeMap<String, String>,
    /// The time limit of a build, in minutes.
    pub timeout_minutes: u64,
    /// The commands of the `build` phase: a program and its arguments each.
    pub commands: Vec<Vec<String>>,
}

impl Project {
    /// Reads an `AWS::CodeBuild::Project` from its resolved CloudFormation properties; the error says what is refused.
    pub fn read(name: &str, properties: &Value) -> Result<Self, String> {
        let refuse = |message: String| format!("build project {name}: {message}");
        let properties = properties.as_object().ok_or_else(|| refuse("its properties must be an object".to_owned()))?;
        const KNOWN: [&str; 14] = [
            "Name",
            "Description",
            "ServiceRole",
            "Artifacts",
            "Environment",
            "Source",
            "TimeoutInMinutes",
            "QueuedTimeoutInMinutes",
            "LogsConfig",
            "Tags",
            "ConcurrentBuildLimit",
            "Cache",
            "EncryptionKey",
            "AutoRetryLimit",
        ];
        if let Some(unknown) = properties.keys().find(|property| !KNOWN.contains(&property.as_str())) {
            return Err(refuse(format!("the laptop cloud does not know its property {unknown}")));
        }
        let at = |path: &[&str]| {
            path.iter().try_fold(properties.get(path[0])?, |value, name| if *name == path[0] { Some(value) } else { value.get(name) })
        };
        for (path, only) in [(["Source", "Type"], "NO_SOURCE"), (["Artifacts", "Type"], "NO_ARTIFACTS")] {
            let found = at(&path).and_then(Value::as_str).unwrap_or("nothing");
            if found != only {
                return Err(refuse(format!("{} must be {only}, not {found}", path.join("."))));
            }
        }
        let timeout_minutes = match properties.get("TimeoutInMinutes") {
            None => DEFAULT_TIMEOUT_MINUTES,
            Some(minutes) => number(minutes)
                .filter(|minutes| (5..=LONGEST_TIMEOUT_MINUTES).contains(minutes))
                .ok_or_else(|| refuse(format!("TimeoutInMinutes must be a whole number from 5 to {LONGEST_TIMEOUT_MINUTES}")))?,
        };
        let variables = at(&["Environment", "EnvironmentVariables"]).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let environment = variables
            .iter()
            .map(|variable| variable_of(variable, ["Name", "Value", "Type"]))
            .collect::<Result<BTreeMap<_, _>, _>>()
            .map_err(|error| refuse(error.message))?;
        let build_spec =
            at(&["Source", "BuildSpec"]).and_then(Value::as_str).ok_or_else(|| refuse("Source.BuildSpec is missing".to_owned()))?;
        let commands = read_build_spec(build_spec).map_err(refuse)?;
        Ok(Self { name: name.to_owned(), environment, timeout_minutes, commands })
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// One environment variable, whose members have the given names.
pub(super) fn variable_of(variable: &Value, names: [&str; 3]) -> Result<(String, String), AwsError> {
    let member = |name: &str| variable.get(name).and_then(Value::as_str);
    let name = member(names[0]).ok_or_else(|| invalid("an environment variable has no name"))?;
    let valid = |(index, character): (usize, char)| {
        character == '_' || character.is_ascii_alphabetic() || (index > 0 && character.is_ascii_digit())
    };
    if name.is_empty() || !name.chars().enumerate().all(valid) || name.starts_with("CODEBUILD_") {
        return Err(invalid(format!(
            "'{name}' cannot be an environment variable's name: letters, digits and '_', not a digit first, not CODEBUILD_"
        )));
    }
    match variable.get(names[2]).map(Value::as_str) {
        None | Some(Some("PLAINTEXT")) => {}
        Some(_) => return Err(invalid(format!("the environment variable {name} must have the type PLAINTEXT, the only one here"))),
    }
    let value = match variable.get(names[1]) {
        Some(Value::String(value)) => value.clone(),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        _ => return Err(invalid(format!("the environment variable {name} must have a value that is a string"))),
    };
    if value.contains('\0') {
        return Err(invalid(format!("the environment variable {name} must not contain a NUL character")));
    }
    Ok((name.to_owned(), value))
}

/// The commands of a buildspec's `build` phase.
fn read_build_spec(text: &str) -> Result<Vec<Vec<String>>, String> {
    let documents = Yaml::load_from_str(text).map_err(|error| format!("the buildspec is not valid YAML: {error}"))?;
    let document = documents.first().ok_or("the buildspec is empty")?;
    only_keys(document, &["version", "env", "phases"], "the buildspec")?;
    let version = document.as_mapping_get("version").and_then(|version| version.as_floating_point()).unwrap_or_default();
    if version != 0.2 {
        return Err("the buildspec's version must be 0.2".to_owned());
    }
    if let Some(env) = document.as_mapping_get("env") {
        only_keys(env, &["shell"], "the buildspec's env")?;
    }
    let phases = document.as_mapping_get("phases").ok_or("the buildspec has no phases")?;
    only_keys(phases, &["install", "pre_build", "build"], "the buildspec's phases")?;
    let build = phases.as_mapping_get("build").ok_or("the buildspec has no build phase")?;
    only_keys(build, &["commands", "on-failure"], "the buildspec's build phase")?;
    let commands = build
        .as_mapping_get("commands")
        .and_then(|commands| commands.as_sequence())
        .ok_or("the buildspec's build phase has no commands")?;
    if commands.is_empty() {
        return Err("the buildspec's build phase has no commands".to_owned());
    }
    commands
        .iter()
        .map(|command| {
            let command = command.as_str().ok_or("a build command must be text")?;
            let words = split_command(command)?;
            if words.is_empty() { Err("a build command is empty".to_owned()) } else { Ok(words) }
        })
        .collect()
}

fn only_keys(node: &Yaml<'_>, known: &[&str], what: &str) -> Result<(), String> {
    let mapping = node.as_mapping().ok_or_else(|| format!("{what} must be a mapping"))?;
    for key in mapping.keys() {
        let key = key.as_str().unwrap_or("(not text)");
        if !known.contains(&key) {
            return Err(format!("{what} has '{key}', which the laptop cloud does not run; known are {}", known.join(", ")));
        }
    }
    Ok(())
}

/// The words of a command; what only a shell could do is refused.
fn split_command(command: &str) -> Result<Vec<String>, String> {
    let refuse = |character: char| {
        format!("the build command '{command}' has '{character}': each command must be one program with its arguments, without a shell")
    };
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in command.trim().chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (Some('"'), '$' | '`' | '\\') => return Err(refuse(character)),
            (Some(_), other) => word.get_or_insert_default().push(other),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t') => words.extend(word.take()),
            (
                None,
                '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' | '\\' | '*' | '?' | '[' | ']' | '{' | '}' | '~' | '#' | '!' | '\n',
            ) => {
                return Err(refuse(character));
            }
            (None, other) => word.get_or_insert_default().push(other),
        }
    }
    if let Some(open) = quote {
        return Err(format!("the build command '{command}' has a {open} that is not closed"));
    }
    words.extend(word);
    match words.first() {
        Some(first) if first.contains('=') => Err(refuse('=')),
        _ => Ok(words),
    }
}
