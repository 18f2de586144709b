//! Shapes that several routes answer with.

pub mod deployment;
pub mod model;
pub mod problem;
pub mod stage;
pub mod training_job;
