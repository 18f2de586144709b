//! State machines, build projects and layers: what the template's jobs are made of.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::Refusal;
use super::function::expect;
use super::properties::Properties;

/// `AWS::Serverless::StateMachine`.
#[derive(Debug, Clone, PartialEq)]
pub struct StateMachine {
    /// Its name in the template.
    pub logical_id: String,
    /// Its physical name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The ARN of its role.
    pub role: String,
    /// The definition, with its substitutions made.
    pub definition: Value,
    /// Where it stands in the template.
    pub line: usize,
}

impl StateMachine {
    /// Reads a state machine and the file that defines it.
    pub fn read(
        logical_id: &str,
        name: String,
        arn: String,
        role: String,
        properties: Properties,
        project: &Path,
    ) -> Result<Self, Refusal> {
        properties.accept(&["Name", "Logging", "Tracing", "Tags", "PropagateTags"]);
        expect(&properties, "Type", &["STANDARD"], "STANDARD")?;
        let substitutions = properties.text_map("DefinitionSubstitutions")?;
        let (line, mut text) = match (properties.node("DefinitionUri"), properties.node("Definition")) {
            (Some(uri), None) => {
                let Some(file) = uri.scalar() else {
                    return Err(Refusal::new(uri.line, "DefinitionUri must be a file of the project"));
                };
                let path = project.join(file);
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| Refusal::new(uri.line, format!("{} cannot be read: {error}", path.display())))?;
                (uri.line, text)
            }
            (None, Some(definition)) => (definition.line, definition.to_json().to_string()),
            _ => return Err(Refusal::new(properties.line(), format!("state machine {logical_id} needs a DefinitionUri"))),
        };
        for (key, value) in &substitutions {
            // The values go into JSON texts, so they are escaped as such.
            let escaped = Value::String(value.clone()).to_string();
            text = text.replace(&format!("${{{key}}}"), &escaped[1..escaped.len() - 1]);
        }
        if let Some(start) = text.find("${") {
            let name: String = text[start + 2..].chars().take_while(|character| *character != '}').take(64).collect();
            return Err(Refusal::new(line, format!("the definition uses ${{{name}}}, which DefinitionSubstitutions lacks")));
        }
        let definition = serde_json::from_str(&text)
            .map_err(|error| Refusal::new(line, format!("the definition of {logical_id} is not JSON: {error}")))?;
        let line = properties.line();
        properties.finish()?;
        Ok(Self { logical_id: logical_id.to_owned(), name, arn, role, definition, line })
    }
}

/// `AWS::CodeBuild::Project`.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildProject {
    /// Its physical name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The ARN of its role.
    pub role: String,
    /// Its resolved properties, as CloudFormation has them; who runs builds reads what it needs.
    pub properties: Value,
}

/// `AWS::Serverless::LayerVersion`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its ARN: what functions name it by.
    pub arn: String,
    /// The last folder of its `ContentUri`: what it is called in the cache folder.
    pub name: String,
    /// The program that builds it on this machine: `infra/<name>/build.py`.
    pub builder: PathBuf,
}

impl Layer {
    /// Reads a layer from its resolved properties.
    pub fn read(arn: String, properties: Properties, project: &Path) -> Result<Self, Refusal> {
        properties.accept(&[
            "LayerName",
            "Description",
            "CompatibleRuntimes",
            "CompatibleArchitectures",
            "LicenseInfo",
            "RetentionPolicy",
            "PublishLambdaVersion",
        ]);
        let content = properties.required_text("ContentUri")?;
        let line = properties.node("ContentUri").map_or(properties.line(), |node| node.line);
        let name = Path::new(content.trim_end_matches('/')).file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.ok_or_else(|| Refusal::new(line, format!("ContentUri {content} names no folder")))?;
        let builder = project.join("infra").join(&name).join("build.py");
        if !builder.is_file() {
            return Err(Refusal::new(line, format!("the layer {name} is built by {}, which is not there", builder.display())));
        }
        properties.finish()?;
        Ok(Self { arn, name, builder })
    }
}
