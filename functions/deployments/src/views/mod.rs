//! What several routes show.

pub mod deployment;
pub mod model;
pub mod problem;
pub mod project;
