//! What a killed process leaves behind goes on when the folder is opened again.

use serde_json::json;

use super::fakes::{answer, function_error};
use super::{World, assert_aborted, execution_arn, invoke, machine, machine_arn, output, with};

#[tokio::test]
async fn a_task_in_flight_runs_again_with_its_input_and_variables() {
    let world = World::of(machine(
        "Set",
        json!({
            "Set": {"Type": "Pass", "Assign": {"kept": "{% $states.input.n + 1 %}"}, "Output": {"m": 5}, "Next": "Call"},
            "Call": with(invoke("hang"), json!({"Next": "Show", "End": null})),
            "Show": {"Type": "Pass", "Output": {"answer": "{% $states.input %}", "kept": "{% $kept %}", "input": "{% $states.context.Execution.Input %}"}, "End": true},
        }),
    ));
    world.functions.define_gated("hang");
    world.start("run", json!({"n": 1})).await;
    world.functions.called(1).await;
    let world = world.crash().await;
    assert_eq!(world.functions.called(2).await, vec![("hang".to_owned(), json!({"m": 5})); 2]);
    world.functions.open_gate("hang");
    assert_eq!(output(&world.end("run").await), json!({"answer": {"m": 5}, "kept": 2, "input": {"n": 1}}));
    let types = world.event_types("run").await;
    assert_eq!(types.iter().filter(|kind| *kind == "TaskStateEntered").count(), 1, "it was entered once: {types:?}");
}

#[tokio::test]
async fn a_wait_keeps_its_deadline() {
    let world = World::of(machine("Nap", json!({"Nap": {"Type": "Wait", "Seconds": 100, "End": true}})));
    world.start("run", json!({})).await;
    // The deadline is on disk once the state sleeps.
    let world = loop_until_sleeping(world).await;
    world.clock.pass(40);
    let world = world.crash().await;
    assert_eq!(world.clock.advance(1000).await, 60.0);
    assert_eq!(output(&world.end("run").await), json!({}));
}

#[tokio::test]
async fn a_wait_whose_time_came_meanwhile_ends_at_once() {
    let world = World::of(machine("Nap", json!({"Nap": {"Type": "Wait", "Seconds": 100, "End": true}})));
    world.start("run", json!({})).await;
    let world = loop_until_sleeping(world).await;
    world.clock.pass(5000);
    let world = world.crash().await;
    assert_eq!(output(&world.end("run").await), json!({}));
}

/// Waits until a Wait state's deadline is being slept for.
async fn loop_until_sleeping(world: World) -> World {
    while !world.clock.sleeping() {
        tokio::task::yield_now().await;
    }
    world
}

#[tokio::test]
async fn retries_are_counted_across_crashes() {
    let world = World::of(machine(
        "Call",
        json!({
            "Call": with(invoke("broken"), json!({"Retry": [{"ErrorEquals": ["Broken"], "IntervalSeconds": 10, "MaxAttempts": 2}]})),
        }),
    ));
    world.functions.define("broken", |_, _| function_error(&json!({"errorType": "Broken"})));
    world.start("run", json!({})).await;
    world.functions.called(1).await;
    let world = loop_until_sleeping(world).await;
    let world = world.crash().await;
    assert_eq!(world.clock.advance(1000).await, 10.0);
    world.functions.called(2).await;
    let world = loop_until_sleeping(world).await;
    let world = world.crash().await;
    assert_eq!(world.clock.advance(1000).await, 20.0);
    assert_eq!(super::failure(&world.end("run").await).0, "Broken");
    assert_eq!(world.functions.calls().len(), 3);
}

#[tokio::test]
async fn branches_that_ended_are_not_run_again() {
    let branch = |name: &str, function: &str| json!({"StartAt": name, "States": {name: invoke(function)}});
    let world = World::of(machine(
        "Both",
        json!({
            "Both": {"Type": "Parallel", "Branches": [branch("Quick", "quick"), branch("Slow", "hang")], "End": true},
        }),
    ));
    world.functions.define("quick", |_, before| answer(&json!(before)));
    world.functions.define_gated("hang");
    world.start("run", json!({"n": 1})).await;
    world.functions.called(2).await;
    while !world.event_types("run").await.iter().filter(|kind| *kind == "TaskStateExited").count().eq(&1) {
        tokio::task::yield_now().await;
    }
    let world = world.crash().await;
    world.functions.called(3).await;
    world.functions.open_gate("hang");
    assert_eq!(output(&world.end("run").await), json!([0, {"n": 1}]));
    assert_eq!(world.functions.events("quick").len(), 1);
}

#[tokio::test]
async fn iterations_that_ended_are_not_run_again_and_items_stay_the_same() {
    let world = World::of(machine(
        "Each",
        json!({
            "Each": {
                "Type": "Map", "Items": "{% [$uuid(), $uuid(), $uuid()] %}", "MaxConcurrency": 1,
                "ItemProcessor": {"StartAt": "Call", "States": {"Call": invoke("third-hangs")}}, "End": true,
            },
        }),
    ));
    world.functions.define("third-hangs", |event, _| answer(&event));
    world.functions.define_gated("hang");
    let functions = world.functions.clone();
    world.start("run", json!({})).await;
    let first = functions.called(1).await[0].1.clone();
    let world = world.crash().await;
    let items = output(&world.end("run").await);
    assert_eq!(items[0], first, "the items were made once");
    assert_eq!(items.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_nested_execution_is_attached_to_and_not_started_again() {
    let nest = machine(
        "Nest",
        json!({
            "Nest": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
                     "Arguments": {"StateMachineArn": machine_arn("child"), "Input": {"n": 1}}, "Output": "{% $states.result.Output %}", "End": true},
        }),
    );
    let world = World::new(vec![("main", nest), ("child", machine("Call", json!({"Call": invoke("hang")})))]);
    world.functions.define_gated("hang");
    world.start("run", json!({})).await;
    world.functions.called(1).await;
    let world = world.crash().await;
    world.functions.called(2).await;
    world.functions.open_gate("hang");
    assert_eq!(output(&world.end("run").await), json!({"n": 1}));
    let children = world.call("ListExecutions", json!({"stateMachineArn": machine_arn("child")})).await.unwrap();
    assert_eq!(children["executions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_build_in_flight_is_started_again() {
    let world = World::of(machine(
        "Build",
        json!({
            "Build": {"Type": "Task", "Resource": "arn:aws:states:::codebuild:startBuild.sync", "Arguments": {"ProjectName": "long-job"},
                      "Output": "{% $states.result.Build.BuildStatus %}", "End": true},
        }),
    ));
    world.start("run", json!({})).await;
    world.processes.started(0).await;
    let world = world.crash().await;
    world.processes.started(1).await.exit.send_replace(Some(0));
    assert_eq!(output(&world.end("run").await), json!("SUCCEEDED"));
}

#[tokio::test]
async fn a_stop_that_was_asked_for_holds_after_a_crash_and_reaches_the_children() {
    let nest = machine(
        "Nest",
        json!({
            "Nest": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
                     "Arguments": {"StateMachineArn": machine_arn("child")}, "End": true},
        }),
    );
    let world = World::new(vec![("main", nest), ("child", machine("Call", json!({"Call": invoke("hang")})))]);
    world.functions.define_gated("hang");
    world.start("run", json!({})).await;
    world.functions.called(1).await;
    let service = &world.cloud.service;
    let row = service.store.get(&execution_arn("main", "run")).await.unwrap().unwrap().id;
    let stop = json!({"status": "ABORTED", "error": "Cancelled", "cause": "by a person"});
    service.store.request_stop(row, stop.to_string()).await.unwrap();
    let world = world.crash().await;
    assert_aborted(&world.end("run").await);
    let children = world.call("ListExecutions", json!({"stateMachineArn": machine_arn("child"), "statusFilter": "ABORTED"})).await.unwrap();
    assert_eq!(children["executions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_execution_goes_on_with_the_definition_it_started_with() {
    let mut world = World::of(machine(
        "Call",
        json!({
            "Call": with(invoke("hang"), json!({"Next": "Old", "End": null})),
            "Old": {"Type": "Pass", "Output": "old", "End": true},
        }),
    ));
    world.functions.define_gated("hang");
    world.start("run", json!({})).await;
    world.functions.called(1).await;
    world.machines = vec![("main", machine("New", json!({"New": {"Type": "Pass", "Output": "new", "End": true}})))];
    let world = world.crash().await;
    world.functions.open_gate("hang");
    assert_eq!(output(&world.end("run").await), json!("old"));
    world.start("second", json!({})).await;
    assert_eq!(output(&world.end("second").await), json!("new"));
}

#[tokio::test]
async fn what_ended_stays_as_it_was() {
    let world = World::of(machine("Done", json!({"Done": {"Type": "Succeed"}})));
    let before = world.run(json!({"a": 1})).await;
    let history = world.history("run").await;
    let world = world.crash().await;
    assert_eq!(world.describe("run").await, before);
    assert_eq!(world.history("run").await, history);
}

/// A real process, really killed: it is this test program again, which runs only [`victim`].
#[tokio::test]
async fn a_killed_process_loses_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut victim = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["step_functions::tests::crash::victim", "--exact", "--ignored", "--nocapture"])
        .env("VICTIM_FOLDER", folder.path())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(victim.stdout.take().unwrap()));
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains("all are in flight") {
            break;
        }
    }
    victim.kill().await.unwrap();

    let world = World { folder: std::sync::Arc::new(folder), ..World::of(victim_machine()) };
    world.functions.define("work", |event, _| answer(&event));
    let world = world.crash().await;
    for number in 0..20 {
        assert_eq!(output(&world.end(&format!("run-{number}")).await), json!({"n": number, "kept": number * 2}));
    }
}

fn victim_machine() -> serde_json::Value {
    machine(
        "Set",
        json!({
            "Set": {"Type": "Pass", "Assign": {"kept": "{% $states.input.n * 2 %}"}, "Next": "Work"},
            "Work": with(invoke("work"), json!({"Next": "Show", "End": null})),
            "Show": {"Type": "Pass", "Output": {"n": "{% $states.input.n %}", "kept": "{% $kept %}"}, "End": true},
        }),
    )
}

#[tokio::test]
#[ignore = "the process that another test starts and kills"]
async fn victim() {
    let Ok(folder) = std::env::var("VICTIM_FOLDER") else { return };
    let mut world = World::of(victim_machine());
    let processes = world.processes.clone();
    world.cloud = super::open(std::path::Path::new(&folder), &world.machines, &world.functions, &processes, &world.clock);
    world.functions.define_gated("work");
    for number in 0..20 {
        world.start(&format!("run-{number}"), json!({"n": number})).await;
    }
    world.functions.called(20).await;
    println!("all are in flight");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn what_cannot_be_read_back_fails_with_that_reason() {
    let world = World::of(machine("Nap", json!({"Nap": {"Type": "Wait", "Seconds": 100, "End": true}})));
    for name in ["record", "definition"] {
        world.start(name, json!({})).await;
        while !world.event_types(name).await.contains(&"WaitStateEntered".to_owned()) {
            tokio::task::yield_now().await;
        }
    }
    let world = world.kill().await;
    let file = world.folder.path().join("executions.sqlite");
    rusqlite::Connection::open(file)
        .unwrap()
        .execute_batch(
            "UPDATE branches SET record = '{}' WHERE execution = (SELECT id FROM executions WHERE name = 'record');
             UPDATE executions SET definition = '{}' WHERE name = 'definition';",
        )
        .unwrap();
    world.cloud.resume().await.unwrap();
    for name in ["record", "definition"] {
        let (error, cause) = super::failure(&world.end(name).await);
        assert_eq!(error, "States.Runtime", "{name}: {cause}");
    }
}
