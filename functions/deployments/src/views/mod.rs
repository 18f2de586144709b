//! What several routes show.

pub mod alert;
pub mod alert_rule;
pub mod deployment;
pub mod model;
pub mod problem;
pub mod project;
