//! A platform that refuses, a machine that lacks something.

use crate::platform::{Job, Platform, start, start_on};

#[tokio::test]
async fn a_ticket_that_was_used_is_an_error() {
    let platform = Platform::start(Job::new("print('never')")).await;
    platform.seen.lock().unwrap().claims = 1;
    let ended = start_on(platform, tempfile::tempdir().unwrap()).await.end().await;
    assert!(!ended.status.success());
    assert!(ended.errors.contains("was used before"), "{}", ended.errors);
    assert_eq!(ended.outcome, None);
}

#[tokio::test]
async fn a_script_whose_attempt_is_over_is_stopped() {
    let training = start(Job::new("import os, time\nprint('pid=%d' % os.getpid())\ntime.sleep(600)\n")).await;
    training.says("pid=").await;
    training.says("\n").await;
    let script = training.number_behind("pid=");
    training.platform.seen.lock().unwrap().gone = true;
    let ended = training.end().await;
    assert!(!ended.status.success(), "another attempt is running: this one is an error");
    assert!(!crate::platform::runs(script));
}
