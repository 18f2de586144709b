//! What scripts write, as the job's log has it.

use std::time::Duration;

use shared::domain::outcome::TrainingOutcome;

use crate::platform::{Job, run, start};

#[tokio::test]
async fn both_streams_come_in_order_while_the_script_runs() {
    let script = r#"
import sys, os, time
for number in range(50):
    print("out", number)
    print("err", number, file=sys.stderr)
print("Prêt ✅ 日本")
os.write(1, b"broken \xff byte\n")
while not os.path.exists("go"):
    time.sleep(0.02)
"#;
    let training = start(Job::new(script)).await;
    training.says("broken \u{fffd} byte\n").await;
    let work = std::fs::read_dir(training.temporary.path()).unwrap().map(|entry| entry.unwrap().path());
    let work = work.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with("training-")).unwrap();
    std::fs::write(work.join("go"), "").unwrap();
    let ended = training.end().await;
    let expected: String = (0..50).map(|number| format!("out {number}\nerr {number}\n")).collect();
    assert!(ended.logs.contains(&format!("{expected}Prêt ✅ 日本\n")), "{}", ended.logs);
    let sequences: Vec<u64> = ended.posts.iter().map(|(_, post)| post.sequence).collect();
    assert!(sequences.is_sorted_by(|one, next| one < next), "{sequences:?}");
}

#[tokio::test]
async fn a_progress_bar_is_a_line() {
    let script =
        "import sys\nfor step in range(1000):\n    sys.stderr.write(f'\\r{step} of 1000')\nsys.stderr.write('\\n')\nprint('done')\n";
    let ended = run(Job::new(script)).await;
    assert!(ended.logs.ends_with("999 of 1000\ndone\n"), "{}", ended.logs);
    assert!(ended.logs.lines().count() < 10, "{}", ended.logs);
}

#[tokio::test]
async fn of_a_flood_beginning_and_end_are_kept() {
    let script = "import sys\nprint('first line')\nfor n in range(400000):\n    sys.stdout.write(f'line {n} of very many lines\\n')\nprint('last line')\nsys.exit(3)\n";
    let ended = run(Job::new(script)).await;
    assert!(ended.logs.contains("first line\nline 0 of") && ended.logs.ends_with("last line\n"));
    assert!(ended.logs.contains("KB are left out here]"));
    assert!(ended.logs.len() < 3_600_000, "{}", ended.logs.len());
    assert!(matches!(ended.outcome, Some(TrainingOutcome::Exited { code: 3, .. })));
    assert!(ended.posts.iter().all(|(_, post)| post.text.len() <= 32 * 1024));
}

#[tokio::test]
async fn a_platform_that_is_away_loses_nothing() {
    let training = start(Job::new("import time\nfor n in range(20):\n    print('line', n)\n    time.sleep(0.05)\n")).await;
    training.says("line 1\n").await;
    training.platform.seen.lock().unwrap().failures = 5;
    let ended = training.end().await;
    let expected: String = (0..20).map(|number| format!("line {number}\n")).collect();
    assert!(ended.logs.ends_with(&expected), "{}", ended.logs);
    assert_eq!(ended.outcome, Some(TrainingOutcome::Succeeded));
}

#[tokio::test]
async fn a_silent_script_gives_signs_of_life() {
    let ended = run(Job::new("import time\ntime.sleep(5)\n")).await;
    let gaps: Vec<Duration> = ended.posts.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!(gaps.len() >= 2 && gaps.iter().all(|gap| *gap < Duration::from_secs(3)), "{gaps:?}");
}
