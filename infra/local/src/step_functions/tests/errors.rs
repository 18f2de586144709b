//! What fails, and what Retry and Catch make of it; timeouts, limits, stops.

use serde_json::{Value, json};

use super::fakes::{answer, died, function_error};
use super::{World, assert_aborted, failure, invoke, machine, output, with};
use crate::aws_error::AwsError;

fn retry(names: &[&str], members: Value) -> Value {
    with(json!({"ErrorEquals": names}), members)
}

#[tokio::test]
async fn retries_back_off_and_then_succeed() {
    let world = World::of(machine(
        "Call",
        json!({
            "Call": with(invoke("flaky"), json!({
                "Output": "{% $states.context.State.RetryCount %}",
                "Retry": [retry(&["Other"], json!({"MaxAttempts": 9})), retry(&["Flaky", "Lambda.TooManyRequestsException"], json!({"IntervalSeconds": 3, "BackoffRate": 2, "MaxAttempts": 4, "MaxDelaySeconds": 10}))],
            })),
        }),
    ));
    world.functions.define("flaky", |_, before| match before {
        0 | 2 => function_error(&json!({"errorType": "Flaky", "errorMessage": "not yet"})),
        1 | 3 => Err(AwsError::new(429, "TooManyRequestsException", "Rate Exceeded.")),
        _ => answer(&json!("done")),
    });
    world.start("run", json!({})).await;
    let mut delays = Vec::new();
    for _ in 0..4 {
        delays.push(world.clock.advance(1000).await);
    }
    assert_eq!(delays, [3.0, 6.0, 10.0, 10.0]);
    assert_eq!(output(&world.end("run").await), json!(4));
    let types = world.event_types("run").await;
    assert_eq!(types.iter().filter(|kind| *kind == "TaskFailed").count(), 4);
}

#[tokio::test]
async fn an_exhausted_retry_fails_with_the_last_error() {
    let world = World::of(machine(
        "Call",
        json!({
            "Call": with(invoke("dead"), json!({"Retry": [retry(&["States.ALL"], json!({"IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1}))]})),
        }),
    ));
    world.functions.define("dead", |_, _| function_error(&died()));
    world.start("run", json!({})).await;
    assert_eq!(world.clock.advance(10).await, 1.0);
    assert_eq!(world.clock.advance(10).await, 1.0);
    let (error, cause) = failure(&world.end("run").await);
    assert_eq!((error.as_str(), serde_json::from_str::<Value>(&cause).unwrap()), ("Runtime.ExitError", died()));
    assert_eq!(world.functions.calls().len(), 3);
}

#[tokio::test]
async fn functions_and_their_service_fail_by_name() {
    let definition = machine("Call", json!({"Call": invoke("function")}));
    let document = json!({"errorType": "ValueError", "errorMessage": "bad", "stackTrace": []});
    let world = World::of(definition.clone());
    world.functions.define("function", move |_, _| function_error(&document));
    let (error, cause) = world.failure(json!({})).await;
    assert_eq!(error, "ValueError");
    assert_eq!(serde_json::from_str::<Value>(&cause).unwrap()["errorMessage"], "bad");
    assert_eq!(world.history("run").await[4]["taskFailedEventDetails"]["error"], "ValueError");

    let world = World::of(definition.clone());
    world.functions.define("function", |_, _| function_error(&json!({"errorMessage": "no type"})));
    let (error, cause) = world.failure(json!({})).await;
    assert_eq!(error, "Lambda.Unknown");
    assert!(cause.ends_with("Returned payload: {\"errorMessage\":\"no type\"}"), "{cause}");

    let (error, cause) = World::of(definition).failure(json!({})).await;
    assert_eq!(error, "Lambda.ResourceNotFoundException");
    assert!(cause.starts_with("Function not found: function (Service: Lambda, Status Code: 404"), "{cause}");
}

#[tokio::test]
async fn catch_takes_over_with_the_error_and_variables() {
    let world = World::of(machine(
        "Call",
        json!({
            "Call": with(invoke("broken"), json!({
                "Catch": [
                    {"ErrorEquals": ["Other"], "Next": "Other"},
                    {"ErrorEquals": ["States.TaskFailed"], "Next": "Record", "Assign": {"why": "{% $states.errorOutput.Error %}"},
                     "Output": {"cause": "{% $parse($states.errorOutput.Cause).errorMessage %}", "input": "{% $states.input %}"}},
                ],
            })),
            "Other": {"Type": "Fail"},
            "Record": {"Type": "Pass", "Output": {"why": "{% $why %}", "input": "{% $states.input %}"}, "End": true},
        }),
    ));
    world.functions.define("broken", |_, _| function_error(&json!({"errorType": "Broken", "errorMessage": "in two"})));
    let output = world.output(json!({"id": 7})).await;
    assert_eq!(output, json!({"why": "Broken", "input": {"cause": "in two", "input": {"id": 7}}}));
}

#[tokio::test]
async fn catch_without_output_passes_the_error_document_on() {
    let world = World::of(machine(
        "Call",
        json!({
            "Call": with(invoke("none"), json!({"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Show"}]})),
            "Show": {"Type": "Pass", "End": true},
        }),
    ));
    let output = world.output(json!({})).await;
    assert_eq!(output["Error"], "Lambda.ResourceNotFoundException");
    assert!(output["Cause"].is_string());
}

#[tokio::test]
async fn failing_expressions_are_caught_where_a_state_can_catch() {
    let catch = json!([{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "Show"}]);
    for broken in [
        json!({"Arguments": {"FunctionName": "echo", "Payload": "{% $states.input.missing %}"}}),
        json!({"Output": "{% $states.result.missing %}"}),
        json!({"Assign": {"x": "{% 1 + 'a' %}"}}),
        json!({"TimeoutSeconds": "{% 'soon' %}"}),
        json!({"Arguments": "{% [1] %}"}),
    ] {
        let world = World::of(machine(
            "Call",
            json!({
                "Call": with(with(invoke("echo"), json!({"Catch": catch})), broken.clone()),
                "Show": {"Type": "Pass", "End": true},
            }),
        ));
        world.functions.define("echo", |event, _| answer(&event));
        let output = world.output(json!({})).await;
        assert_eq!(output["Error"], "States.QueryEvaluationError", "{broken}");
        let cause = output["Cause"].as_str().unwrap();
        assert!(cause.starts_with("An error occurred while executing the state 'Call'. "), "{cause}");
    }
}

#[tokio::test]
async fn failing_expressions_elsewhere_fail_the_execution() {
    for state in [
        json!({"Type": "Pass", "Output": "{% $missing %}", "End": true}),
        json!({"Type": "Wait", "Seconds": "{% 'a' %}", "End": true}),
        json!({"Type": "Wait", "Seconds": "{% -1 %}", "End": true}),
        json!({"Type": "Wait", "Timestamp": "{% 'tomorrow' %}", "End": true}),
        json!({"Type": "Choice", "Choices": [{"Condition": "{% 1 %}", "Next": "End"}]}),
        json!({"Type": "Fail", "Error": "{% 1 %}"}),
        json!({"Type": "Map", "Items": "{% 1 %}", "ItemProcessor": {"StartAt": "X", "States": {"X": {"Type": "Pass", "End": true}}}, "End": true}),
    ] {
        let mut states = json!({"Odd": state});
        if state["Type"] == "Choice" {
            states["End"] = json!({"Type": "Succeed"});
        }
        let (error, cause) = World::of(machine("Odd", states)).failure(json!({})).await;
        assert_eq!(error, "States.QueryEvaluationError", "{state}");
        assert!(cause.contains("state 'Odd'"), "{cause}");
    }
}

#[tokio::test]
async fn no_choice_matched() {
    let world = World::of(machine(
        "Choose",
        json!({
            "Choose": {"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "End"}]},
            "End": {"Type": "Succeed"},
        }),
    ));
    assert_eq!(world.failure(json!({})).await.0, "States.NoChoiceMatched");
}

#[tokio::test]
async fn a_failing_branch_stops_its_siblings() {
    let world = World::of(machine(
        "Both",
        json!({
            "Both": {
                "Type": "Parallel",
                "Branches": [
                    {"StartAt": "Hang", "States": {"Hang": invoke("hang")}},
                    {"StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 500, "End": true}}},
                    {"StartAt": "Break", "States": {"Break": with(invoke("late"), json!({"Output": "{% $error('no') %}"}))}},
                ],
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Show"}], "End": true,
            },
            "Show": {"Type": "Pass", "Output": "{% $states.input.Error %}", "End": true},
        }),
    ));
    world.functions.define_gated("hang");
    world.functions.define_gated("late");
    world.start("run", json!({})).await;
    world.functions.called(2).await;
    world.functions.open_gate("late");
    assert_eq!(output(&world.end("run").await), json!("States.QueryEvaluationError"));
    let types = world.event_types("run").await;
    for kind in ["ParallelStateFailed", "TaskStateAborted", "WaitStateAborted", "EvaluationFailed"] {
        assert!(types.iter().any(|found| found == kind), "{kind}: {types:?}");
    }
    // The function of the stopped branch is not killed: it comes to its own end.
    world.functions.open_gate("hang");
    world.functions.finished(2).await;
}

#[tokio::test]
async fn a_failing_iteration_stops_the_map_which_can_be_retried() {
    let world = World::of(machine(
        "Each",
        json!({
            "Each": {
                "Type": "Map", "Items": [1, 2, 3], "MaxConcurrency": 1,
                "ItemProcessor": {"StartAt": "Call", "States": {"Call": invoke("second-fails-once")}},
                "Retry": [retry(&["Once"], json!({"IntervalSeconds": 5}))], "End": true,
            },
        }),
    ));
    world.functions.define("second-fails-once", |event, before| match before {
        1 => function_error(&json!({"errorType": "Once"})),
        _ => answer(&event),
    });
    world.start("run", json!({})).await;
    assert_eq!(world.clock.advance(100).await, 5.0);
    assert_eq!(output(&world.end("run").await), json!([1, 2, 3]));
    assert_eq!(world.functions.events("second-fails-once"), [json!(1), json!(2), json!(1), json!(2), json!(3)]);
    let types = world.event_types("run").await;
    assert!(types.contains(&"MapIterationFailed".to_owned()), "{types:?}");
}

#[tokio::test]
async fn a_task_times_out_and_is_caught_by_name_only() {
    let catch = |name: &str| json!([{"ErrorEquals": [name], "Next": "Show"}]);
    for (name, caught) in [("States.Timeout", true), ("States.ALL", true), ("States.TaskFailed", false)] {
        let world = World::of(machine(
            "Call",
            json!({
                "Call": with(invoke("hang"), json!({"TimeoutSeconds": "{% 30 %}", "HeartbeatSeconds": 10, "Catch": catch(name)})),
                "Show": {"Type": "Pass", "Output": "{% $states.input.Error %}", "End": true},
            }),
        ));
        world.functions.define_gated("hang");
        world.start("run", json!({})).await;
        world.functions.called(1).await;
        assert_eq!(world.clock.advance(100).await, 30.0);
        let description = world.end("run").await;
        if caught {
            assert_eq!(output(&description), json!("States.Timeout"));
        } else {
            assert_eq!(failure(&description).0, "States.Timeout");
        }
        assert!(world.event_types("run").await.contains(&"TaskTimedOut".to_owned()));
    }
}

#[tokio::test]
async fn the_whole_execution_times_out() {
    let definition = machine("Nap", json!({"Nap": {"Type": "Wait", "Seconds": 500, "End": true}}));
    let world = World::of(with(definition, json!({"TimeoutSeconds": 60})));
    world.start("run", json!({})).await;
    assert_eq!(world.clock.advance(100).await, 60.0);
    let description = world.end("run").await;
    assert_eq!((&description["status"], &description["error"]), (&json!("TIMED_OUT"), &json!("States.Timeout")));
    assert_eq!(world.event_types("run").await.last().unwrap(), "ExecutionTimedOut");
}

#[tokio::test]
async fn too_much_data_is_refused_and_not_caught_by_a_wildcard() {
    let world = World::of(machine(
        "Call",
        json!({
            "Call": with(invoke("large"), json!({"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Show"}]})),
            "Show": {"Type": "Pass", "End": true},
        }),
    ));
    world.functions.define("large", |_, _| answer(&json!("x".repeat(256 * 1024))));
    let (error, cause) = world.failure(json!({})).await;
    assert_eq!(error, "States.DataLimitExceeded");
    assert!(cause.contains("The function's answer has"), "{cause}");

    for field in [
        json!({"Output": "{% $join($map([1..300], function($i) { $pad('x', 1000) })) %}"}),
        json!({"Assign": {"large": "{% $pad('x', 300000) %}"}}),
    ] {
        let world = World::of(machine("Only", json!({"Only": with(json!({"Type": "Pass", "End": true}), field)})));
        assert_eq!(world.failure(json!({})).await.0, "States.DataLimitExceeded");
    }
}

#[tokio::test]
async fn an_endless_loop_ends_at_the_limit_of_its_history() {
    let world = World::of(machine(
        "Again",
        json!({
            "Again": {"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "Out"}], "Default": "Again"},
            "Out": {"Type": "Succeed"},
        }),
    ));
    let (error, cause) = world.failure(json!({})).await;
    assert_eq!(error, "States.Runtime");
    assert!(cause.contains("(200)"), "{cause}");
}

#[tokio::test]
async fn stop_interrupts_a_wait() {
    let world = World::of(machine("Nap", json!({"Nap": {"Type": "Wait", "Seconds": 500, "End": true}})));
    world.start("run", json!({})).await;
    let stopped = world.stop("run").await;
    let description = world.describe("run").await;
    assert_aborted(&description);
    assert_eq!(stopped["stopDate"], description["stopDate"]);
    assert_eq!(world.event_types("run").await.last().unwrap(), "ExecutionAborted");
    assert_eq!(world.stop("run").await["stopDate"], description["stopDate"], "stopping again changes nothing");
}

#[tokio::test]
async fn stop_interrupts_a_task_but_not_its_function() {
    let world = World::of(machine("Call", json!({"Call": invoke("hang")})));
    world.functions.define_gated("hang");
    world.start("run", json!({})).await;
    world.functions.called(1).await;
    world.stop("run").await;
    assert_aborted(&world.describe("run").await);
    world.functions.open_gate("hang");
    world.functions.finished(1).await;
    assert_aborted(&world.describe("run").await);
}

#[tokio::test]
async fn stop_interrupts_the_wait_for_a_retry() {
    let world = World::of(machine(
        "Call",
        json!({
            "Call": with(invoke("missing"), json!({"Retry": [retry(&["States.ALL"], json!({"IntervalSeconds": 100}))]})),
        }),
    ));
    world.start("run", json!({})).await;
    world.functions.called(1).await;
    world.stop("run").await;
    assert_aborted(&world.describe("run").await);
    assert_eq!(world.functions.calls().len(), 1);
}

#[tokio::test]
async fn stop_interrupts_branches_and_iterations() {
    let nap = json!({"StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 500, "End": true}}});
    let call = json!({"StartAt": "Call", "States": {"Call": invoke("hang")}});
    let world = World::of(machine("Both", json!({"Both": {"Type": "Parallel", "Branches": [nap, call], "End": true}})));
    world.functions.define_gated("hang");
    world.start("run", json!({})).await;
    world.functions.called(1).await;
    world.stop("run").await;
    assert_aborted(&world.describe("run").await);
    let types = world.event_types("run").await;
    assert!(types.contains(&"ParallelStateAborted".to_owned()), "{types:?}");

    let world = World::of(machine(
        "Each",
        json!({"Each": {"Type": "Map", "Items": [1, 2], "MaxConcurrency": 1, "ItemProcessor": call, "End": true}}),
    ));
    world.functions.define_gated("hang");
    world.start("run", json!({})).await;
    world.functions.called(1).await;
    world.stop("run").await;
    assert_aborted(&world.describe("run").await);
    let types = world.event_types("run").await;
    assert!(types.contains(&"MapIterationAborted".to_owned()) && types.contains(&"MapStateAborted".to_owned()), "{types:?}");
    assert_eq!(world.functions.calls().len(), 1, "the second item never began");
}
