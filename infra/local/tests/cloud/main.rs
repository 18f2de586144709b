//! Tests of the laptop cloud as a whole: each starts a cloud (or its Lambda service) and talks HTTP to it.
//!
//! This program is three things: the tests, the functions that they call (when it finds itself in an execution
//! environment), and the supervisor of both (when it is started under that name). So it has a `main` of its own.
#![allow(clippy::unwrap_used)]

mod control;
mod function;
mod gateway;
mod http;
mod lifeline;
mod logs;
mod processes;
mod rights;
mod sandbox;
mod stores;
mod workflows;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures::FutureExt;

type Test = (&'static str, fn() -> Pin<Box<dyn Future<Output = ()>>>);

/// Lists the tests of a module: their names and what they run.
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub fn all() -> Vec<$crate::Test> {
            vec![$((concat!(module_path!(), "::", stringify!($name)), || Box::pin($name()))),*]
        }
    };
}

fn main() -> ExitCode {
    let name = std::env::args().next().unwrap_or_default();
    if name.ends_with(local::supervise::PROGRAM_NAME) {
        return ExitCode::from(local::supervise::main() as u8);
    }
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        function::main();
    }
    if name == "web" {
        function::build();
    }
    if std::env::args().nth(1).as_deref() == Some(lifeline::HOST) {
        lifeline::host();
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let tests: Vec<Test> =
        [gateway::all(), processes::all(), control::all(), lifeline::all(), logs::all(), rights::all(), stores::all(), workflows::all()]
            .into_iter()
            .flatten()
            .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())))
            .collect();
    if arguments.iter().any(|argument| argument == "--list") {
        for (name, _) in &tests {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let mut failed = Vec::new();
    println!("\nrunning {} tests", tests.len());
    for (name, test) in &tests {
        let start = Instant::now();
        let passed = runtime.block_on(async {
            let run = AssertUnwindSafe(tokio::time::timeout(Duration::from_secs(60), test())).catch_unwind().await;
            matches!(run, Ok(Ok(())))
        });
        println!("test {name} ... {} ({} ms)", if passed { "ok" } else { "FAILED" }, start.elapsed().as_millis());
        if !passed {
            failed.push(*name);
        }
    }
    println!("\ntest result: {} passed; {} failed {failed:?}", tests.len() - failed.len(), failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
