//! The programs that this binary can be, by the name under which it is started: the last folder of the functions'
//! `CodeUri` in `template.yaml`.

use std::path::Path;

/// What a program's `main` returns.
pub type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;
/// A program's `main`.
pub type Program = fn() -> Outcome;

/// An API crate is one line here.
const PROGRAMS: &[(&str, Program)] = &[
    ("mlops", || shared::functions::main(mlops::FUNCTIONS)),
    ("tracking", || shared::functions::main(tracking::FUNCTIONS)),
    ("pipeline", pipeline::main),
    ("model-server", model_server::main),
    ("serveml-supervise", supervise),
];

/// The program as which this process was started; `None` for the command line.
pub fn of_this_process() -> Option<Program> {
    let name = std::env::args_os().next()?;
    let name = Path::new(&name).file_name()?.to_str()?.to_owned();
    PROGRAMS.iter().find(|(known, _)| *known == name).map(|(_, program)| *program)
}

fn supervise() -> Outcome {
    std::process::exit(local::supervise::main())
}
