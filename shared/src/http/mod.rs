//! Requests and responses as handlers see them, apart from how Lambda carries them.

pub mod error_style;
pub mod fields;
pub mod request;
pub mod response;
