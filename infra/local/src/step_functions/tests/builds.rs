//! Builds as tasks.

use serde_json::{Value, json};

use super::{World, assert_aborted, failure, machine, output, with};

fn build(members: Value) -> World {
    World::of(machine(
        "Build",
        json!({
            "Build": with(json!({
                "Type": "Task", "Resource": "arn:aws:states:::codebuild:startBuild.sync",
                "Arguments": {"ProjectName": "long-job", "EnvironmentVariablesOverride": [{"Name": "JOB", "Value": "{% $states.input.job %}", "Type": "PLAINTEXT"}]},
                "End": true,
            }), members),
        }),
    ))
}

#[tokio::test]
async fn a_build_runs_the_projects_command_with_its_variables() {
    let world = build(json!({"Output": "{% $states.result.Build %}"}));
    world.start("run", json!({"job": "j-1"})).await;
    let process = world.processes.started(0).await;
    assert_eq!((process.program.as_str(), process.arguments.as_slice()), ("./bootstrap", ["train".to_owned()].as_slice()));
    assert_eq!((process.environment["JOB"].as_str(), process.environment["MODE"].as_str()), ("j-1", "project"));
    process.exit.send_replace(Some(0));
    let build = output(&world.end("run").await);
    assert_eq!(
        (&build["BuildStatus"], &build["ProjectName"], &build["BuildComplete"]),
        (&json!("SUCCEEDED"), &json!("long-job"), &json!(true))
    );
    assert_eq!(process.environment["CODEBUILD_BUILD_ID"], build["Id"].as_str().unwrap());
    assert!(build["StartTime"].is_i64());
}

#[tokio::test]
async fn a_failed_build_fails_the_task_with_the_build() {
    let world = build(json!({}));
    world.start("run", json!({"job": "j-1"})).await;
    world.processes.started(0).await.exit.send_replace(Some(3));
    let (error, cause) = failure(&world.end("run").await);
    assert_eq!(error, "States.TaskFailed");
    let build = &serde_json::from_str::<Value>(&cause).unwrap()["Build"];
    assert_eq!(build["BuildStatus"], "FAILED");
    assert_eq!(
        build["Phases"][0]["Contexts"][0]["Message"],
        "Error while executing command: ./bootstrap train. Reason: it exited with status 3."
    );
}

#[tokio::test]
async fn a_build_past_its_projects_time_is_killed() {
    let world = build(json!({}));
    world.start("run", json!({"job": "j-1"})).await;
    let process = world.processes.started(0).await;
    assert_eq!(world.clock.advance(1000).await, 600.0);
    let (error, cause) = failure(&world.end("run").await);
    assert_eq!(error, "States.TaskFailed");
    assert!(cause.contains("TIMED_OUT") && cause.contains("10 minutes"), "{cause}");
    assert!(*process.killed.borrow());
}

#[tokio::test]
async fn stopping_the_execution_or_its_timeout_kills_the_build() {
    let world = build(json!({}));
    world.start("run", json!({"job": "j-1"})).await;
    let process = world.processes.started(0).await;
    world.stop("run").await;
    assert_aborted(&world.describe("run").await);
    assert!(*process.killed.borrow());

    let world = build(json!({"TimeoutSeconds": 9}));
    world.start("run", json!({"job": "j-1"})).await;
    let process = world.processes.started(0).await;
    assert_eq!(world.clock.advance(100).await, 9.0);
    assert_eq!(failure(&world.end("run").await).0, "States.Timeout");
    assert!(*process.killed.borrow());
}

#[tokio::test]
async fn what_cannot_be_built_is_an_error_of_the_service() {
    for (arguments, name) in [
        (json!({"ProjectName": "other"}), "CodeBuild.ResourceNotFoundException"),
        (
            json!({"ProjectName": "long-job", "EnvironmentVariablesOverride": [{"Name": "A=B", "Value": "x"}]}),
            "CodeBuild.InvalidInputException",
        ),
        (
            json!({"ProjectName": "long-job", "EnvironmentVariablesOverride": [{"Name": "A", "Value": "x", "Type": "SECRETS_MANAGER"}]}),
            "CodeBuild.InvalidInputException",
        ),
    ] {
        let world = build(json!({"Arguments": arguments}));
        assert_eq!(world.failure(json!({})).await.0, name);
        assert_eq!(world.processes.count(), 0);
    }
}
