//! Versions of registered models.

pub mod create;
pub mod delete;
pub mod delete_tag;
pub mod get;
pub mod get_download_uri;
pub mod search;
pub mod set_tag;
pub(crate) mod source;
pub(crate) mod stage;
pub mod transition_stage;
pub mod update;
