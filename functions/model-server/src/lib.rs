//! The program inside every deployed model's container: it answers `/`, `/health`, `/metadata` and `/predict` for one model.
//!
//! Where `AWS_LAMBDA_RUNTIME_API` is set it speaks Lambda's Runtime API, anywhere else it is an HTTP server. The model itself is
//! held by an [`engine`], which the image's `model.json` names.

mod app;
mod caller;
mod deadline;
pub mod engine;
mod error;
mod example;
pub mod inputs;
mod log;
mod options;
pub mod outputs;
mod platform;
mod routes;
mod serve;
mod served;
mod signature;

pub use options::Options;

use clap::Parser;
use std::{ffi::OsString, process::ExitCode};

/// Runs the program with this process's own arguments and environment, and gives its exit code.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

/// Runs the program with these arguments (the first is the program's name) and gives its exit code: 0 after an orderly end, 1
/// where it could not start, 2 where the arguments are wrong. What went wrong is on standard error.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = match Options::try_parse_from(arguments) {
        Ok(options) => options,
        Err(refusal) => {
            let _ = refusal.print();
            return ExitCode::from(u8::try_from(refusal.exit_code()).unwrap_or(2));
        }
    };
    log::start();
    match serve::serve(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            tracing::error!("{problem}");
            ExitCode::FAILURE
        }
    }
}
