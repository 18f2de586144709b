//! Logged models.

pub mod create;
pub mod delete;
pub mod delete_tag;
pub mod finalize;
pub mod get;
pub mod log_params;
pub mod search;
pub mod set_tags;
