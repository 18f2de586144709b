//! How scripts end, and what is said of it.

use shared::domain::outcome::TrainingOutcome;

use crate::platform::{Job, left_behind, run};

fn exception(outcome: Option<&TrainingOutcome>) -> (i32, &str) {
    match outcome {
        Some(TrainingOutcome::Exited { code, exception: Some(exception) }) => (*code, exception),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_good_script_succeeds_and_finds_what_it_needs() {
    let script = r#"
import os, sys
print("uri", os.environ["MLFLOW_TRACKING_URI"], os.environ["MLFLOW_EXPERIMENT_NAME"], os.environ["MLFLOW_TRACKING_TOKEN"])
print("mine", os.environ["N_SAMPLES"])
print("home", os.environ["HOME"] == os.getcwd(), os.environ["TMPDIR"].startswith(os.getcwd()), sys.stdin.read() == "")
print("hidden", [name for name in ("API_URL", "TICKET", "JOB_ID", "UV_CACHE_DIR") if name in os.environ])
print("isolated", sys.prefix != sys.base_prefix, __file__.endswith("my train.py"))
open("model.bin", "w").write("x")
"#;
    let mut job = Job::new(script);
    job.name = "my train.py".to_owned();
    job.variables.insert("N_SAMPLES".to_owned(), "200".to_owned());
    let ended = run(job).await;
    assert!(ended.status.success(), "{}", ended.errors);
    assert_eq!(ended.outcome, Some(TrainingOutcome::Succeeded), "{}", ended.logs);
    for line in ["experiment the-token", "mine 200", "home True True True", "hidden []", "isolated True True", "Running training...\n"] {
        assert!(ended.logs.contains(line), "{line} in {}", ended.logs);
    }
    assert!(left_behind(&ended).is_empty(), "{:?}", left_behind(&ended));
}

#[tokio::test]
async fn a_missing_package_is_named() {
    let ended = run(Job::new("print('Loading')\nimport xgboost\n")).await;
    assert_eq!(exception(ended.outcome.as_ref()), (1, "ModuleNotFoundError: No module named 'xgboost'"));
    assert!(ended.logs.contains("Loading\n") && ended.logs.contains("Traceback"), "{}", ended.logs);
    assert!(left_behind(&ended).is_empty());
}

#[tokio::test]
async fn an_error_of_syntax_names_its_line_and_installs_nothing() {
    let mut job = Job::new("print('never')\n\ndef f(:\n    pass\n");
    job.requirements = vec!["this-is-never-looked-for".to_owned()];
    let ended = run(job).await;
    assert_eq!(exception(ended.outcome.as_ref()), (1, "SyntaxError: invalid syntax (train.py, line 3)"));
    assert!(ended.logs.contains("def f(:") && !ended.logs.contains("pip install") && !ended.logs.contains("never\n"), "{}", ended.logs);
}

#[tokio::test]
async fn exit_codes_and_texts_are_told() {
    let ended = run(Job::new("import sys\nprint('Loading')\nsys.exit('no data in /data')\n")).await;
    assert_eq!(exception(ended.outcome.as_ref()), (1, "The script ended with exit code 1; its last line: no data in /data"));
    let ended = run(Job::new("import os\nos._exit(42)\n")).await;
    let outcome = ended.outcome.unwrap();
    assert!(outcome.error().unwrap().contains("exit code 42"), "{outcome:?}");
    let ended = run(Job::new("raise SystemExit(0)\n")).await;
    assert_eq!(ended.outcome, Some(TrainingOutcome::Succeeded));
}

#[tokio::test]
async fn a_signal_is_told() {
    let ended = run(Job::new("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")).await;
    assert_eq!(ended.outcome, Some(TrainingOutcome::Killed { signal: 9 }));
    let ended = run(Job::new("import ctypes\nctypes.string_at(0)\n")).await;
    assert_eq!(ended.outcome, Some(TrainingOutcome::Killed { signal: 11 }));
    assert!(ended.logs.contains("Segmentation fault"), "{}", ended.logs);
}
