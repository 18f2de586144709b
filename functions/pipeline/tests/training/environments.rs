//! Environments: made from the requirements, kept, and refused in words.

use std::time::Instant;

use shared::domain::outcome::TrainingOutcome;

use crate::platform::{Job, Platform, start_in, start_on};

fn job(requirements: &[&str]) -> Job {
    let mut job = Job::new("import iniconfig, sys\nprint('found', iniconfig.__name__, sys.executable)\n");
    job.requirements = requirements.iter().map(|line| (*line).to_owned()).collect();
    job
}

#[tokio::test]
async fn an_environment_is_made_once() {
    let first = start_in(job(&["iniconfig==2.1.0"]), tempfile::tempdir().unwrap()).await.end().await;
    assert_eq!(first.outcome, Some(TrainingOutcome::Succeeded), "{}", first.logs);
    assert!(first.logs.starts_with("pip install iniconfig==2.1.0\nInstalled iniconfig 2.1.0 in "), "{}", first.logs);
    let begin = Instant::now();
    let second = start_in(job(&["iniconfig==2.1.0"]), first.temporary).await.end().await;
    assert_eq!(second.outcome, Some(TrainingOutcome::Succeeded), "{}", second.logs);
    assert!(second.logs.starts_with("pip install iniconfig==2.1.0\nRunning training...\nfound"), "{}", second.logs);
    eprintln!("a training in an environment that was there took {:?}", begin.elapsed());
}

#[tokio::test]
async fn a_broken_environment_is_made_anew() {
    let first = start_in(job(&["iniconfig==2.1.0"]), tempfile::tempdir().unwrap()).await.end().await;
    let environments = first.temporary.path().join("environments");
    let environment = std::fs::read_dir(&environments).unwrap().map(|entry| entry.unwrap().path());
    let environment = environment.into_iter().find(|path| path.join("bin").is_dir()).unwrap();
    std::fs::remove_file(environment.join("bin/python")).unwrap();
    let second = start_in(job(&["iniconfig==2.1.0"]), first.temporary).await.end().await;
    assert_eq!(second.outcome, Some(TrainingOutcome::Succeeded), "{}", second.logs);
}

#[tokio::test]
async fn makers_of_the_same_environment_do_not_clash() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().to_owned();
    let folders = (0..4).map(|_| {
        // Each has the same folder for its environments, by a link, and its own for the rest.
        let own = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(path.join("environments")).unwrap();
        std::os::unix::fs::symlink(path.join("environments"), own.path().join("environments")).unwrap();
        own
    });
    let mut trainings = Vec::new();
    for folder in folders {
        let platform = Platform::start(job(&["iniconfig==2.1.0"])).await;
        trainings.push(start_on(platform, folder).await);
    }
    let mut installed = 0;
    for training in trainings {
        let ended = training.end().await;
        assert_eq!(ended.outcome, Some(TrainingOutcome::Succeeded), "{} {}", ended.logs, ended.errors);
        installed += u32::from(ended.logs.contains("Installed iniconfig"));
    }
    assert_eq!(installed, 1, "one of them made it");
}

#[tokio::test]
async fn what_cannot_be_resolved_is_told() {
    for (requirements, expected) in [
        (vec!["this-package-does-not-exist-xyz"], "this-package-does-not-exist-xyz was not found in the package registry"),
        (vec!["iniconfig==99.0"], "there is no version of iniconfig==99.0"),
        (vec!["iniconfig>=2", "iniconfig<2"], "you require iniconfig>=2 and iniconfig<2"),
    ] {
        let ended = start_in(job(&requirements), tempfile::tempdir().unwrap()).await.end().await;
        let Some(TrainingOutcome::RequirementsFailed { reason }) = &ended.outcome else { panic!("{:?}", ended.outcome) };
        assert_eq!(reason, expected);
        assert!(ended.logs.contains("error: "), "{}", ended.logs);
    }
}
