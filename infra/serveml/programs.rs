//! The programs that the one binary can be, by the name under which it is started: the last folder of the functions'
//! `CodeUri` in `template.yaml`.

use std::path::Path;
use std::process::ExitCode;

use shared::FunctionSet;

/// The functions of every API and of the pipeline. A new API is one line here.
pub const FUNCTION_SETS: &[FunctionSet] =
    &[mlops::FUNCTIONS, serving::FUNCTIONS, deployments::FUNCTIONS, ml_development::FUNCTIONS, tracking::FUNCTIONS, pipeline::FUNCTIONS];

/// Runs the program as which this process was started, to its end; `None` where that is the command line.
pub fn run_as_started() -> Option<ExitCode> {
    let name = std::env::args_os().next()?;
    let name = Path::new(&name).file_name()?.to_str()?.to_owned();
    match name.as_str() {
        "pipeline" => Some(exit_code(pipeline::main())),
        "model-server" => Some(model_server::main()),
        "serveml-supervise" => std::process::exit(local::supervise::main()),
        _ => FUNCTION_SETS.iter().find(|set| set.name == name).map(|set| exit_code(shared::functions::main(*set))),
    }
}

fn exit_code(outcome: Result<(), Box<dyn std::error::Error + Send + Sync>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
