//! The training program as it runs in production: the pipeline's binary, a real Python, and a small platform.
#![allow(clippy::unwrap_used)]

mod environments;
mod limits;
mod outcomes;
mod output;
mod platform;
mod tools;
mod trouble;
