//! Nested executions: results, failures, stops, names.

use serde_json::{Value, json};

use super::fakes::answer;
use super::{World, assert_aborted, execution_arn, failure, invoke, machine, machine_arn, output, with};

fn parent(arguments: Value) -> Value {
    let arguments = with(json!({"StateMachineArn": machine_arn("child"), "Input": {"n": "{% $states.input.n %}"}}), arguments);
    machine(
        "Nest",
        json!({
            "Nest": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "Arguments": arguments, "End": true},
        }),
    )
}

fn world(parent: Value, child: Value) -> World {
    World::new(vec![("main", parent), ("child", child)])
}

async fn child_of(world: &World) -> Value {
    let list = world.call("ListExecutions", json!({"stateMachineArn": machine_arn("child")})).await.unwrap();
    assert_eq!(list["executions"].as_array().unwrap().len(), 1, "{list}");
    world.call("DescribeExecution", json!({"executionArn": list["executions"][0]["executionArn"]})).await.unwrap()
}

#[tokio::test]
async fn the_result_is_the_childs_description_with_parsed_output() {
    let world = world(
        parent(json!({"Name": "{% 'child-' & $states.context.Execution.Name %}"})),
        machine("Call", json!({"Call": invoke("double")})),
    );
    world.functions.define("double", |event, _| answer(&json!(event["n"].as_i64().unwrap() * 2)));
    let result = world.output(json!({"n": 21})).await;
    assert_eq!(result["ExecutionArn"], execution_arn("child", "child-run"));
    assert_eq!(result["StateMachineArn"], machine_arn("child"));
    assert_eq!((&result["Status"], &result["Name"]), (&json!("SUCCEEDED"), &json!("child-run")));
    assert_eq!((&result["Input"], &result["Output"]), (&json!({"n": 21}), &json!(42)));
    let types = world.event_types("run").await;
    assert_eq!(types[2..6], ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]);
}

#[tokio::test]
async fn a_failing_child_fails_the_task_with_its_description() {
    let world = world(
        parent(json!({})),
        machine("Stop", json!({"Stop": {"Type": "Fail", "Error": "Bad", "Cause": "{% 'n is ' & $states.input.n %}"}})),
    );
    let (error, cause) = world.failure(json!({"n": 1})).await;
    assert_eq!(error, "States.TaskFailed");
    let cause: Value = serde_json::from_str(&cause).unwrap();
    assert_eq!((&cause["Status"], &cause["Error"], &cause["Cause"]), (&json!("FAILED"), &json!("Bad"), &json!("n is 1")));
    assert_eq!(cause["Input"], "{\"n\":1}");
}

#[tokio::test]
async fn a_child_that_times_out_fails_the_task() {
    let nap = machine("Nap", json!({"Nap": {"Type": "Wait", "Seconds": 500, "End": true}}));
    let world = world(parent(json!({})), with(nap, json!({"TimeoutSeconds": 5})));
    world.start("run", json!({"n": 1})).await;
    assert_eq!(world.clock.advance(100).await, 5.0);
    let (error, cause) = failure(&world.end("run").await);
    assert_eq!(error, "States.TaskFailed");
    assert!(cause.contains("\"Status\":\"TIMED_OUT\""), "{cause}");
}

#[tokio::test]
async fn stopping_the_parent_stops_the_child() {
    let world = world(parent(json!({})), machine("Call", json!({"Call": invoke("hang")})));
    world.functions.define_gated("hang");
    world.start("run", json!({"n": 1})).await;
    world.functions.called(1).await;
    world.stop("run").await;
    assert_aborted(&world.describe("run").await);
    let child = child_of(&world).await;
    assert_eq!(child["status"], "ABORTED");
    assert!(child["cause"].as_str().unwrap().contains(":execution:main:run"), "{child}");
}

#[tokio::test]
async fn a_task_that_times_out_stops_the_child() {
    let mut parent = parent(json!({}));
    parent["States"]["Nest"]["TimeoutSeconds"] = json!(20);
    let world = world(parent, machine("Nap", json!({"Nap": {"Type": "Wait", "Seconds": 500, "End": true}})));
    world.start("run", json!({"n": 1})).await;
    assert_eq!(world.clock.advance(100).await, 20.0);
    assert_eq!(failure(&world.end("run").await).0, "States.Timeout");
    assert_eq!(child_of(&world).await["status"], "ABORTED");
}

#[tokio::test]
async fn what_cannot_be_started_is_an_error_of_the_service() {
    let done = machine("Done", json!({"Done": {"Type": "Succeed"}}));
    let missing = machine_arn("missing");
    for (arguments, name) in [
        (json!({"StateMachineArn": missing}), "StepFunctions.StateMachineDoesNotExistException"),
        (json!({"Name": "a b"}), "StepFunctions.InvalidNameException"),
    ] {
        let world = world(parent(arguments), done.clone());
        assert_eq!(world.failure(json!({"n": 1})).await.0, name);
    }
    // A name that another execution had is taken, also for the second parent.
    let world = world(parent(json!({"Name": "same"})), done);
    output(&world.run(json!({"n": 1})).await);
    world.start("second", json!({"n": 1})).await;
    assert_eq!(failure(&world.end("second").await).0, "StepFunctions.ExecutionAlreadyExistsException");
}
