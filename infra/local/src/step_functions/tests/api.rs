//! The API: shapes, paging, names, errors.

use serde_json::{Value, json};

use super::{World, execution_arn, invoke, machine, machine_arn};

fn done() -> Value {
    machine("Done", json!({"Done": {"Type": "Succeed"}}))
}

async fn error(world: &World, operation: &str, body: Value) -> String {
    let error = world.call(operation, body).await.unwrap_err();
    assert!(!error.message.is_empty());
    error.code
}

#[tokio::test]
async fn start_is_idempotent_while_it_runs_and_refuses_what_differs() {
    let world = World::of(machine("Call", json!({"Call": invoke("hang")})));
    world.functions.define_gated("hang");
    let start = |input: &str| json!({"stateMachineArn": machine_arn("main"), "name": "run", "input": input});
    let first = world.call("StartExecution", start("{\"a\": 1}")).await.unwrap();
    assert_eq!(first["executionArn"], execution_arn("main", "run"));
    assert_eq!(first["startDate"], 1_893_456_000.0);
    assert_eq!(world.call("StartExecution", start("{\"a\":1}")).await.unwrap(), first);
    assert_eq!(error(&world, "StartExecution", start("{\"a\":2}")).await, "ExecutionAlreadyExists");
    world.functions.open_gate("hang");
    world.end("run").await;
    assert_eq!(error(&world, "StartExecution", start("{\"a\":1}")).await, "ExecutionAlreadyExists");
    assert_eq!(world.functions.calls().len(), 1);
}

#[tokio::test]
async fn bad_requests_have_their_own_errors() {
    let world = World::of(done());
    let arn = machine_arn("main");
    for (operation, body, code) in [
        ("StartExecution", json!({"stateMachineArn": "main"}), "InvalidArn"),
        ("StartExecution", json!({"stateMachineArn": execution_arn("main", "x")}), "InvalidArn"),
        ("StartExecution", json!({"stateMachineArn": machine_arn("other")}), "StateMachineDoesNotExist"),
        ("StartExecution", json!({"stateMachineArn": arn, "name": "a b"}), "InvalidName"),
        ("StartExecution", json!({"stateMachineArn": arn, "name": ""}), "InvalidName"),
        ("StartExecution", json!({"stateMachineArn": arn, "name": "x".repeat(81)}), "InvalidName"),
        ("StartExecution", json!({"stateMachineArn": arn, "input": "{"}), "InvalidExecutionInput"),
        ("StartExecution", json!({"stateMachineArn": arn, "input": format!("\"{}\"", "x".repeat(256 * 1024))}), "InvalidExecutionInput"),
        (
            "StartExecution",
            json!({"stateMachineArn": arn, "input": format!("{}{}", "[".repeat(120), "]".repeat(120))}),
            "InvalidExecutionInput",
        ),
        ("StartExecution", json!({"name": 1}), "ValidationException"),
        ("DescribeExecution", json!({"executionArn": execution_arn("main", "none")}), "ExecutionDoesNotExist"),
        ("DescribeExecution", json!({"executionArn": "x"}), "InvalidArn"),
        ("StopExecution", json!({"executionArn": execution_arn("main", "none")}), "ExecutionDoesNotExist"),
        ("StopExecution", json!({"executionArn": execution_arn("main", "none"), "error": "x".repeat(257)}), "ValidationException"),
        ("GetExecutionHistory", json!({"executionArn": execution_arn("main", "none")}), "ExecutionDoesNotExist"),
        ("ListExecutions", json!({"stateMachineArn": arn, "statusFilter": "DONE"}), "ValidationException"),
        ("ListExecutions", json!({"stateMachineArn": arn, "maxResults": 1001}), "ValidationException"),
        ("ListExecutions", json!({"stateMachineArn": arn, "nextToken": "?"}), "InvalidToken"),
        ("DescribeStateMachine", json!({"stateMachineArn": machine_arn("other")}), "StateMachineDoesNotExist"),
        ("CreateStateMachine", json!({}), "UnsupportedOperation"),
    ] {
        assert_eq!(error(&world, operation, body.clone()).await, code, "{operation} {body}");
    }
}

#[tokio::test]
async fn a_start_without_name_and_input_has_both() {
    let world = World::of(done());
    let started = world.call("StartExecution", json!({"stateMachineArn": machine_arn("main")})).await.unwrap();
    let arn = started["executionArn"].as_str().unwrap();
    let description = world.end(arn.rsplit(':').next().unwrap()).await;
    assert_eq!((&description["input"], &description["output"]), (&json!("{}"), &json!("{}")));
    assert_eq!(description["inputDetails"], json!({"included": true}));
    assert_eq!(description["stateMachineArn"], machine_arn("main"));
}

#[tokio::test]
async fn executions_are_listed_newest_first_by_status_and_page() {
    let world = World::of(machine(
        "Choose",
        json!({
            "Choose": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.fail %}", "Next": "Bad"}], "Default": "Good"},
            "Bad": {"Type": "Fail"}, "Good": {"Type": "Succeed"},
        }),
    ));
    for number in 0..7 {
        world.start(&format!("run-{number}"), json!({"fail": number % 3 == 0})).await;
        world.end(&format!("run-{number}")).await;
    }
    let mut names = Vec::new();
    let mut body = json!({"stateMachineArn": machine_arn("main"), "maxResults": 3});
    loop {
        let page = world.call("ListExecutions", body.clone()).await.unwrap();
        let executions = page["executions"].as_array().unwrap();
        assert!(executions.len() <= 3);
        names.extend(executions.iter().map(|execution| execution["name"].as_str().unwrap().to_owned()));
        match page.get("nextToken") {
            Some(token) => body["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(names, ["run-6", "run-5", "run-4", "run-3", "run-2", "run-1", "run-0"]);
    let failed = world.call("ListExecutions", json!({"stateMachineArn": machine_arn("main"), "statusFilter": "FAILED"})).await.unwrap();
    let failed: Vec<_> = failed["executions"].as_array().unwrap().iter().map(|execution| execution["name"].clone()).collect();
    assert_eq!(failed, ["run-6", "run-3", "run-0"]);
}

#[tokio::test]
async fn the_history_is_paged_in_both_directions() {
    let world = World::of(done());
    world.run(json!({})).await;
    for (reverse, expected) in [(false, [1, 2, 3, 4]), (true, [4, 3, 2, 1])] {
        let mut ids = Vec::new();
        let mut body = json!({"executionArn": execution_arn("main", "run"), "maxResults": 3, "reverseOrder": reverse});
        loop {
            let page = world.call("GetExecutionHistory", body.clone()).await.unwrap();
            ids.extend(page["events"].as_array().unwrap().iter().map(|event| event["id"].as_i64().unwrap()));
            match page.get("nextToken") {
                Some(token) => body["nextToken"] = token.clone(),
                None => break,
            }
        }
        assert_eq!(ids, expected);
    }
}

#[tokio::test]
async fn state_machines_are_described_and_listed() {
    let world = World::of(done());
    let description = world.call("DescribeStateMachine", json!({"stateMachineArn": machine_arn("main")})).await.unwrap();
    assert_eq!(
        (&description["name"], &description["type"], &description["status"]),
        (&json!("main"), &json!("STANDARD"), &json!("ACTIVE"))
    );
    assert_eq!(description["definition"], done().to_string());
    let list = world.call("ListStateMachines", json!({})).await.unwrap();
    assert_eq!(list["stateMachines"][0]["stateMachineArn"], machine_arn("main"));
}

#[tokio::test]
async fn old_executions_are_forgotten() {
    let world = World::of(done());
    world.run(json!({})).await;
    world.clock.pass(89 * 24 * 3600);
    let world = world.crash().await;
    world.start("second", json!({})).await;
    world.end("second").await;
    world.describe("run").await;
    world.clock.pass(2 * 24 * 3600);
    let world = world.crash().await;
    // The first clean-up is done once it waits for the next.
    world.clock.advance(3600).await;
    assert_eq!(error(&world, "DescribeExecution", json!({"executionArn": execution_arn("main", "run")})).await, "ExecutionDoesNotExist");
    world.describe("second").await;
}

#[tokio::test]
async fn closing_leaves_executions_to_be_resumed() {
    let world = World::of(machine("Call", json!({"Call": invoke("hang")})));
    world.functions.define_gated("hang");
    world.start("run", json!({})).await;
    world.functions.called(1).await;
    world.cloud.close().await;
    let world = world.crash().await;
    world.functions.open_gate("hang");
    super::output(&world.end("run").await);
}
