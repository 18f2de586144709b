//! What scripts are not let do: run on, take all memory, leave processes behind.

use std::time::{Duration, Instant};

use shared::domain::outcome::TrainingOutcome;

use crate::platform::{Job, left_behind, run, runs, start};

/// Starts a child that does not want to end, by `setup`, and tells its id.
fn with_child(setup: &str, then: &str) -> String {
    format!(
        r#"
import os, signal, sys, time
reader, writer = os.pipe()
if os.fork() == 0:
    {setup}
    os.write(writer, str(os.getpid()).encode())
    os.close(writer)
    time.sleep(600)
    os._exit(0)
os.close(writer)
print("child=" + os.read(reader, 100).decode(), flush=True)
{then}
"#
    )
}

#[tokio::test]
async fn past_its_time_nothing_of_it_survives() {
    for setup in ["signal.signal(signal.SIGTERM, signal.SIG_IGN)", "os.setsid()", "os.setsid() if os.fork() == 0 else os._exit(0)"] {
        let mut job = Job::new(&with_child(setup, "time.sleep(600)"));
        job.timeout = 2;
        let training = start(job).await;
        training.says("child=").await;
        training.says("\n").await;
        let child = training.number_behind("child=");
        let ended = training.end().await;
        assert_eq!(ended.outcome, Some(TrainingOutcome::TimedOut { seconds: 2 }), "{setup}");
        assert!(!runs(child), "{setup}: {child} runs on");
        assert!(left_behind(&ended).is_empty());
    }
}

#[tokio::test]
async fn a_script_that_ends_takes_its_children_along() {
    for setup in ["pass", "os.setsid() if os.fork() == 0 else os._exit(0)"] {
        let begin = Instant::now();
        let training = start(Job::new(&with_child(setup, "print('bye')"))).await;
        training.says("bye").await;
        let child = training.number_behind("child=");
        let ended = training.end().await;
        assert_eq!(ended.outcome, Some(TrainingOutcome::Succeeded));
        assert!(!runs(child), "{setup}");
        assert!(begin.elapsed() < Duration::from_secs(30), "it does not wait for the child");
    }
}

#[tokio::test]
async fn a_script_may_say_goodbye_when_its_time_is_over() {
    let script = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(0)))\nprint('ready')\ntime.sleep(600)\n";
    let mut job = Job::new(script);
    job.timeout = 2;
    let ended = run(job).await;
    assert_eq!(ended.outcome, Some(TrainingOutcome::TimedOut { seconds: 2 }));
    assert!(ended.logs.ends_with("ready\nsaved\n"), "{}", ended.logs);
}

#[tokio::test]
async fn too_much_memory_is_seen() {
    let script = "import time\nheld = []\nwhile True:\n    held.append(bytearray(8 * 1024 * 1024))\n    time.sleep(0.01)\n";
    let mut job = Job::new(script);
    job.memory_mb = Some(256);
    let ended = run(job).await;
    assert_eq!(ended.outcome, Some(TrainingOutcome::OutOfMemory { limit_mb: 192 }));
}

#[tokio::test]
async fn processes_without_number_are_stopped() {
    // Each starts a few that live on, in sessions of their own: bounded, so that a failing test does no harm.
    let script = r#"
import os, time
for _ in range(700):
    if os.fork() == 0:
        os.setsid()
        time.sleep(120)
        os._exit(0)
time.sleep(120)
"#;
    let ended = run(Job::new(script)).await;
    let error = ended.outcome.unwrap().error().unwrap();
    assert!(error.contains("Too many processes"), "{error}");
}

#[tokio::test]
async fn a_cancel_is_seen_although_the_script_is_silent() {
    let training = start(Job::new(&with_child("os.setsid()", "time.sleep(600)"))).await;
    training.says("child=").await;
    training.says("\n").await;
    let child = training.number_behind("child=");
    training.platform.seen.lock().unwrap().cancel = true;
    let asked = Instant::now();
    let ended = training.end().await;
    assert_eq!(ended.outcome, Some(TrainingOutcome::Cancelled));
    assert!(asked.elapsed() < Duration::from_secs(6), "{:?}", asked.elapsed());
    assert!(!runs(child));
}
