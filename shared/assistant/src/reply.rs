//! What the assistant says.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// An answer of the assistant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Reply {
    /// The answer, in plain text.
    pub reply: String,
    /// Whether the question was one that the assistant answers. False where it declines; `reply` says why.
    pub answered: bool,
    /// What the question was taken for, such as `explain_failure`.
    pub intent: String,
    /// What the answer was made from.
    pub references: Vec<Reference>,
    /// Calls that the user could make next. The assistant makes none itself.
    pub suggested_calls: Vec<SuggestedCall>,
    /// What to send as `context` with the next message, so that "it" means what this answer was about.
    #[schema(value_type = Object)]
    pub context: Map<String, Value>,
    /// The language model that answered; null where the built-in assistant did.
    pub model: Option<String>,
}

/// What kind of thing an id is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Recipe,
    Model,
    Run,
    Snapshot,
}

/// Something of the platform that an answer was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reference {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// Its name, where it has one.
    pub name: Option<String>,
}

/// A call that the user could make.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SuggestedCall {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: String,
    /// The path, with what is known filled in.
    pub path: String,
    /// The body to send; null where there is none.
    #[schema(value_type = Object, nullable)]
    pub body: Option<Value>,
    /// What it would do.
    pub purpose: String,
}

/// The prefix of the API's paths.
const API: &str = "/api/ml-development";

impl Reply {
    pub(crate) fn new(intent: &str, reply: impl Into<String>) -> Self {
        Self { reply: reply.into(), answered: true, intent: intent.to_owned(), ..Self::default() }
    }

    /// Adds what the answer was made from, once.
    pub(crate) fn made_from(mut self, kind: Kind, id: &str, name: Option<&str>) -> Self {
        if !self.references.iter().any(|reference| reference.id == id) {
            self.references.push(Reference { kind, id: id.to_owned(), name: name.map(str::to_owned) });
        }
        self
    }

    pub(crate) fn made_from_all<'a>(self, kind: Kind, found: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Self {
        found.into_iter().fold(self, |reply, (id, name)| reply.made_from(kind, id, name))
    }

    /// Adds a call; `path` goes on after the API's prefix.
    pub(crate) fn suggest(mut self, method: &str, path: &str, body: Option<Value>, purpose: &str) -> Self {
        let call = SuggestedCall { method: method.to_owned(), path: format!("{API}{path}"), body, purpose: purpose.to_owned() };
        if !self.suggested_calls.contains(&call) {
            self.suggested_calls.push(call);
        }
        self
    }

    /// Makes the context of the next message: the first reference of each kind, and all runs where there are several.
    pub fn with_context(mut self) -> Self {
        for (kind, field) in [(Kind::Recipe, "recipe_id"), (Kind::Model, "model_id"), (Kind::Run, "run_id")] {
            if let Some(first) = self.references.iter().find(|reference| reference.kind == kind) {
                self.context.insert(field.to_owned(), Value::from(first.id.as_str()));
            }
        }
        self
    }
}
