//! The training program as it runs in production: the pipeline's binary, a real Python, and a small platform.
#![allow(clippy::unwrap_used)]

mod environments;
mod limits;
mod output;
mod outcomes;
mod platform;
mod tools;
mod trouble;
