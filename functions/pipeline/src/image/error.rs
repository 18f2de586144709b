//! What can go wrong while an image is built.

use std::io;
use std::path::Path;

/// A failed build, told so that a person can act on it.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The user's content cannot be put into an image: a hostile name, a link that leaves its folder, a size.
    #[error("{0}")]
    Refused(String),
    /// A line of the model's requirements is not a name with version specifiers.
    #[error("{0}")]
    Requirement(String),
    /// The requirements cannot be satisfied; the text is the resolver's reason.
    #[error("The model's requirements could not be installed: {0}")]
    Dependencies(String),
    /// The base image's manifest or configuration cannot be built upon.
    #[error("The base image cannot be used: {0}")]
    Base(String),
    /// A tool that the build calls is missing or does not start.
    #[error("{0}")]
    Tool(String),
    /// A tool did not end within its time limit; its whole process group was stopped.
    #[error("{0}")]
    TimedOut(String),
    /// Reading or writing failed.
    #[error("{context}: {source}")]
    Io {
        /// What was being done, with the path.
        context: String,
        /// The system's reason.
        source: io::Error,
    },
}

impl ImageError {
    /// Whether the user's model or requirements are the cause, so that the message is for them and a retry is useless.
    pub fn is_users(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Requirement(_) | Self::Dependencies(_))
    }

    /// An adapter for `map_err`: names what was done (`"reading"`) to which path.
    pub fn io<'a>(doing: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Io { context: format!("{doing} {}", path.display()), source }
    }
}
