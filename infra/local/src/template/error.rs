//! What a template can be refused for.

/// A template that cannot be run: what stood where, and why it was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct TemplateError {
    /// The template's path, as it was given.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What was wrong and what to do.
    pub message: String,
}

/// A refusal that does not know its file yet; [`crate::template::Template::load`] adds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The line, counted from 1.
    pub line: usize,
    /// What was wrong and what to do.
    pub message: String,
}

impl Refusal {
    /// A refusal of what stands at `line`.
    pub fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}
