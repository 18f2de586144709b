use std::io;

/// Why a model file could not be told.
#[derive(Debug, thiserror::Error)]
pub enum InspectionError {
    /// The file's bytes could not be read: no fault of the file's author.
    #[error("the model file could not be read: {0}")]
    Unreadable(io::Error),
    /// The file's name ends in none of the known extensions.
    #[error("the model file's name must end in .pkl, .pickle, .joblib, .pt, .pth, .h5, .keras or .onnx, but it is {0:?}")]
    UnknownExtension(String),
    /// The content is not what the extension says.
    #[error("{file_name:?} is not {expected}: {found}")]
    Disagrees {
        file_name: String,
        expected: &'static str,
        /// What the content is, as a clause ("it begins like a zip archive").
        found: String,
    },
    /// The file breaks the rules of its own format.
    #[error("the model file is damaged at byte {position} of {part}: {reason}")]
    Damaged {
        /// The part of the file that was read ("the pickle", "config.json").
        part: String,
        position: u64,
        reason: String,
    },
    /// A limit of this reader was passed.
    #[error("the model file is too large to be read safely: {0}")]
    TooLarge(String),
    /// The file is whole, but cannot be served as it is; the text says what to do.
    #[error("{0}")]
    Unsupported(String),
}

impl InspectionError {
    pub(crate) fn damaged(part: &str, position: u64, reason: impl Into<String>) -> Self {
        Self::Damaged { part: part.to_owned(), position, reason: reason.into() }
    }

    /// An error of a reader: the end of the bytes and broken compressed data are the file's fault, the rest is not.
    pub(crate) fn from_reader(part: &str, position: u64, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::damaged(part, position, "it ends in the middle: was it uploaded whole?"),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Self::damaged(part, position, format!("its compressed data is broken: {error}"))
            }
            io::ErrorKind::FileTooLarge => Self::TooLarge(error.to_string()),
            _ => Self::Unreadable(error),
        }
    }
}
