//! What answers look like.

pub mod problem;
pub mod user;
