//! What answers look like.

pub mod deployment;
pub mod problem;
pub mod user;
pub mod webhook;
