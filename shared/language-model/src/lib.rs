//! A language model of Amazon Bedrock that answers with look-ups as its tools: it asks for them, we make them, and it
//! answers from what they gave (Bedrock's Converse API).

mod document;

use std::time::Duration;

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::error::{DisplayErrorContext, ProvideErrorMetadata as _};
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, ConverseOutput, InferenceConfiguration, Message, SystemContentBlock, Tool as ToolKind,
    ToolConfiguration, ToolInputSchema, ToolResultBlock, ToolResultContentBlock, ToolResultStatus, ToolSpecification,
};
use serde_json::{Value, json};
use shared::{Error, ErrorKind, Platform, Result};

use document::{from_document, to_document};

/// How often a model may ask for look-ups before it has to answer.
const MOST_ROUNDS: usize = 8;
/// The longest time for an answer, with all its calls and look-ups; the gateway waits for 30 s.
const LONGEST_ANSWER: Duration = Duration::from_secs(25);
/// The most that a look-up gives the model, in bytes of JSON.
const LARGEST_RESULT: usize = 60_000;

/// A look-up that the model may ask for.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Its name, of letters, digits and underscores.
    pub name: &'static str,
    /// What it gives, for the model to choose by.
    pub description: &'static str,
    /// The JSON schema of what it takes.
    pub input: Value,
}

/// Makes the look-ups that a model asks for.
#[async_trait::async_trait]
pub trait LookUps: Send + Sync {
    /// What the look-up of that name finds.
    ///
    /// # Errors
    /// Any: the model is told, and may ask for another one. `Internal` ends the answer.
    async fn look_up(&self, name: &str, input: Value) -> Result<Value>;
}

/// A model of Bedrock.
#[derive(Debug, Clone)]
pub struct LanguageModel {
    client: Client,
    model_id: String,
    longest_answer: Duration,
}

impl LanguageModel {
    /// The model, or inference profile, with that id, in the account and region of the platform.
    pub fn new(platform: &Platform, model_id: String) -> Self {
        Self { client: Client::new(platform.sdk_config()), model_id, longest_answer: LONGEST_ANSWER }
    }

    /// The same model, with another time for an answer than 25 s.
    pub fn with_longest_answer(self, longest_answer: Duration) -> Self {
        Self { longest_answer, ..self }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.model_id
    }

    /// The model's answer to a message, made with the look-ups that it asked for. An error of a look-up is told to the model,
    /// which may ask for another one; a fault of ours ends the answer.
    ///
    /// # Errors
    /// `Unavailable` when Bedrock does not answer in time, refuses, or the model never comes to an answer.
    pub async fn answer(&self, instructions: &str, message: &str, tools: &[Tool], look_ups: &dyn LookUps) -> Result<String> {
        let answer = self.converse_to_the_end(instructions, message, tools, look_ups);
        let in_time = tokio::time::timeout(self.longest_answer, answer).await;
        in_time.unwrap_or_else(|_| Err(self.unavailable("it did not answer in time")))
    }

    async fn converse_to_the_end(&self, instructions: &str, message: &str, tools: &[Tool], look_ups: &dyn LookUps) -> Result<String> {
        let configuration = tool_configuration(tools)?;
        let mut messages = vec![said(ConversationRole::User, vec![ContentBlock::Text(message.to_owned())])?];
        for _ in 0..MOST_ROUNDS {
            let answer = self.converse(instructions, &messages, &configuration).await?;
            let asked: Vec<_> = answer.content().iter().filter_map(|block| block.as_tool_use().ok()).cloned().collect();
            if asked.is_empty() {
                let text: Vec<&str> = answer.content().iter().filter_map(|block| block.as_text().ok()).map(String::as_str).collect();
                return Ok(text.join("\n").trim().to_owned());
            }
            let mut results = Vec::new();
            for call in &asked {
                let found = look_ups.look_up(call.name(), from_document(call.input())).await;
                let (found, status) = match found {
                    Ok(found) => (bounded(found), ToolResultStatus::Success),
                    Err(error) if error.kind() == ErrorKind::Internal => return Err(error),
                    Err(error) => (json!({ "error": error.public_message() }), ToolResultStatus::Error),
                };
                let result = ToolResultBlock::builder()
                    .tool_use_id(call.tool_use_id())
                    .content(ToolResultContentBlock::Json(to_document(&found)))
                    .status(status);
                results.push(ContentBlock::ToolResult(result.build().map_err(incomplete)?));
            }
            messages.push(answer);
            messages.push(said(ConversationRole::User, results)?);
        }
        Err(self.unavailable(&format!("it asked for look-ups {MOST_ROUNDS} times and gave no answer")))
    }

    async fn converse(&self, instructions: &str, messages: &[Message], tools: &ToolConfiguration) -> Result<Message> {
        let call = self
            .client
            .converse()
            .model_id(&self.model_id)
            .system(SystemContentBlock::Text(instructions.to_owned()))
            .set_messages(Some(messages.to_vec()))
            .tool_config(tools.clone())
            .inference_config(InferenceConfiguration::builder().max_tokens(1500).temperature(0.0).build());
        let output = call.send().await.map_err(|error| {
            tracing::warn!(cause = %DisplayErrorContext(&error), "the language model did not answer");
            self.unavailable(error.message().unwrap_or("Bedrock was not reached"))
        })?;
        match output.output {
            Some(ConverseOutput::Message(message)) => Ok(message),
            _ => Err(self.unavailable("its answer has no message")),
        }
    }

    fn unavailable(&self, reason: &str) -> Error {
        Error::new(ErrorKind::Unavailable, format!("The language model {} could not answer: {reason}", self.model_id))
    }
}

fn said(role: ConversationRole, content: Vec<ContentBlock>) -> Result<Message> {
    Message::builder().role(role).set_content(Some(content)).build().map_err(incomplete)
}

fn tool_configuration(tools: &[Tool]) -> Result<ToolConfiguration> {
    let specified = tools.iter().map(|tool| {
        let schema = ToolInputSchema::Json(to_document(&tool.input));
        let specification = ToolSpecification::builder().name(tool.name).description(tool.description).input_schema(schema).build();
        specification.map(ToolKind::ToolSpec).map_err(incomplete)
    });
    ToolConfiguration::builder().set_tools(Some(specified.collect::<Result<_>>()?)).build().map_err(incomplete)
}

fn incomplete(error: aws_sdk_bedrockruntime::error::BuildError) -> Error {
    Error::internal("making a request for the language model", error)
}

/// What a look-up found; where it is too much, the beginning of its text.
fn bounded(found: Value) -> Value {
    let text = found.to_string();
    if text.len() <= LARGEST_RESULT && found.is_object() {
        return found;
    }
    let end = text.floor_char_boundary(LARGEST_RESULT);
    json!({ "cut_off": true, "text": &text[..end] })
}
