//! The one binary. Started by itself it is the command line: `serve` and `deploy`. Started under the name of a program
//! of the platform, it is that program: so one build has everything that the laptop cloud runs.

use std::process::ExitCode;

use clap::Parser as _;
use serveml::{deploy, display, environment, options, programs, serve};

fn main() -> ExitCode {
    if let Some(exit_code) = programs::run_as_started() {
        return exit_code;
    }
    let command_line = options::CommandLine::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            display::failure(&format!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match command_line.command {
            Some(options::Command::Deploy(deploy)) => deploy::run(&command_line.cloud, &deploy).await,
            Some(options::Command::Environment) => environment::run(&command_line.cloud),
            Some(options::Command::Serve) | None => serve::run(&command_line.cloud).await,
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            display::failure(&message);
            ExitCode::FAILURE
        }
    }
}
