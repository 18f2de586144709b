//! Experiments.

pub mod create;
pub mod delete;
pub mod delete_experiment_tag;
pub mod get;
pub mod get_by_name;
pub mod restore;
pub mod search;
pub mod search_datasets;
pub mod set_experiment_tag;
pub mod update;
