//! Registered models and their aliases.

pub mod create;
pub mod delete;
pub mod delete_alias;
pub mod delete_tag;
pub mod get;
pub mod get_by_alias;
pub mod get_latest_versions;
pub mod rename;
pub mod search;
pub mod set_alias;
pub mod set_tag;
pub mod update;
