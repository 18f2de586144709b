//! Each kind of state when all goes well, variables and their scopes, what expressions can see.

use serde_json::{Value, json};

use super::fakes::answer;
use super::{World, invoke, machine, machine_arn, with};

#[tokio::test]
async fn pass_assigns_and_puts_out() {
    let world = World::of(machine(
        "First",
        json!({
            "First": {"Type": "Pass", "Assign": {"who": "{% $states.input.name %}", "list": [1, "{% 1 + 1 %}"]}, "Output": {"before": "{% $exists($who) %}"}, "Next": "Second"},
            "Second": {"Type": "Pass", "Output": {"who": "{% $who %}", "list": "{% $list %}", "before": "{% $states.input.before %}"}, "Next": "Third"},
            "Third": {"Type": "Succeed", "Output": "{% $merge([$states.input, {'done': true}]) %}"},
        }),
    ));
    let output = world.output(json!({"name": "Ada"})).await;
    assert_eq!(output, json!({"who": "Ada", "list": [1, 2], "before": false, "done": true}));
}

#[tokio::test]
async fn pass_without_output_gives_its_input_unchanged() {
    let world = World::of(machine("Only", json!({"Only": {"Type": "Pass", "End": true}})));
    let input = json!({"large": 9_007_199_254_740_993_i64, "text": "{% not evaluated %}", "nothing": null, "decimal": 1.0});
    assert_eq!(world.output(input.clone()).await, input);
}

#[tokio::test]
async fn choice_takes_the_first_rule_that_holds() {
    let definition = machine(
        "Choose",
        json!({
            "Choose": {
                "Type": "Choice",
                "Choices": [
                    {"Condition": "{% $states.input.n > 10 %}", "Next": "Large", "Output": "{% 'n=' & $states.input.n %}", "Assign": {"rule": 0}},
                    {"Condition": "{% $states.input.n > 5 %}", "Next": "Large", "Assign": {"rule": 1}},
                ],
                "Default": "Small", "Assign": {"rule": "default"}, "Output": "other",
            },
            "Large": {"Type": "Pass", "Output": ["{% $rule %}", "{% $states.input %}"], "End": true},
            "Small": {"Type": "Pass", "Output": {"small": ["{% $rule %}", "{% $states.input %}"]}, "End": true},
        }),
    );
    for (n, expected) in [(11, json!([0, "n=11"])), (6, json!([1, {"n": 6}])), (1, json!({"small": ["default", "other"]}))] {
        assert_eq!(World::of(definition.clone()).output(json!({"n": n})).await, expected);
    }
}

#[tokio::test]
async fn wait_waits_for_seconds_and_until_a_time() {
    let world = World::of(machine(
        "Seconds",
        json!({
            "Seconds": {"Type": "Wait", "Seconds": 7, "Next": "Computed"},
            "Computed": {"Type": "Wait", "Seconds": "{% $states.input.pause %}", "Next": "Until"},
            "Until": {"Type": "Wait", "Timestamp": "{% $states.input.until %}", "Next": "Past"},
            "Past": {"Type": "Wait", "Timestamp": "2001-01-01T00:00:00Z", "Output": {"done": true}, "End": true},
        }),
    ));
    world.start("run", json!({"pause": 2.5, "until": "2030-01-01T00:01:00Z"})).await;
    assert_eq!(world.clock.advance(1000).await, 7.0);
    assert_eq!(world.clock.advance(1000).await, 2.5);
    assert_eq!(world.clock.advance(1000).await, 50.5);
    assert_eq!(super::output(&world.end("run").await), json!({"done": true}));
}

#[tokio::test]
async fn task_invokes_a_function_with_arguments_and_shapes_its_result() {
    let world = World::of(machine(
        "Call",
        json!({
            "Call": {
                "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                "Arguments": {"FunctionName": "add", "Qualifier": "live", "Payload": {"a": "{% $states.input.a %}", "b": 2}},
                "Assign": {"sum": "{% $states.result.Payload.sum %}"},
                "Output": {"status": "{% $states.result.StatusCode %}", "version": "{% $states.result.ExecutedVersion %}"},
                "Next": "End",
            },
            "End": {"Type": "Pass", "Output": "{% $merge([$states.input, {'sum': $sum}]) %}", "End": true},
        }),
    ));
    world.functions.define("add:live", |event, _| answer(&json!({"sum": event["a"].as_i64().unwrap() + event["b"].as_i64().unwrap()})));
    assert_eq!(world.output(json!({"a": 40})).await, json!({"status": 200, "version": "$LATEST", "sum": 42}));
    assert_eq!(world.functions.calls(), [("add:live".to_owned(), json!({"a": 40, "b": 2}))]);
}

#[tokio::test]
async fn fail_has_its_error_and_cause() {
    let world = World::of(machine(
        "Stop",
        json!({
            "Stop": {"Type": "Fail", "Error": "{% 'My' & 'Error' %}", "Cause": "{% $states.input.why %}"},
        }),
    ));
    assert_eq!(world.failure(json!({"why": "because"})).await, ("MyError".to_owned(), "because".to_owned()));
    let world = World::of(machine("Stop", json!({"Stop": {"Type": "Fail"}})));
    let description = world.run(json!({})).await;
    assert_eq!((description.get("error"), description.get("cause")), (None, None));
}

#[tokio::test]
async fn parallel_gives_the_outputs_in_order_and_scopes_variables() {
    let branch = |name: &str, states: Value| json!({"StartAt": name, "States": states});
    let world = World::of(machine(
        "Set",
        json!({
            "Set": {"Type": "Pass", "Assign": {"outer": 1}, "Next": "Both"},
            "Both": {
                "Type": "Parallel", "Arguments": {"n": "{% $states.input.n * 2 %}"},
                "Branches": [
                    branch("A", json!({"A": invoke("slow")})),
                    branch("B1", json!({
                        "B1": {"Type": "Pass", "Assign": {"inner": "{% $outer + $states.input.n %}"}, "Next": "B2"},
                        "B2": {"Type": "Pass", "Output": "{% $inner %}", "End": true},
                    })),
                ],
                "Assign": {"both": "{% $states.result %}", "leaked": "{% $exists($inner) %}"}, "Next": "Show",
            },
            "Show": {"Type": "Pass", "Output": {"both": "{% $both %}", "input": "{% $states.input %}", "leaked": "{% $leaked %}"}, "End": true},
        }),
    ));
    world.functions.define_gated("slow");
    world.start("run", json!({"n": 4})).await;
    world.functions.called(1).await;
    world.functions.open_gate("slow");
    let output = super::output(&world.end("run").await);
    assert_eq!(output, json!({"both": [{"n": 8}, 9], "input": [{"n": 8}, 9], "leaked": false}));
}

#[tokio::test]
async fn map_runs_each_item_with_its_context_and_keeps_the_order() {
    let world = World::of(machine(
        "Each",
        json!({
            "Each": {
                "Type": "Map", "Items": "{% $states.input.items %}",
                "ItemSelector": {"index": "{% $states.context.Map.Item.Index %}", "value": "{% $states.context.Map.Item.Value %}", "factor": "{% $states.input.factor %}"},
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Scale",
                    "States": {
                        "Scale": {"Type": "Pass", "Assign": {"scaled": "{% $states.input.value * $states.input.factor %}"}, "Next": "Show"},
                        "Show": {"Type": "Pass", "Output": {"scaled": "{% $scaled %}", "index": "{% $states.context.Map.Item.Index %}"}, "End": true},
                    },
                },
                "End": true,
            },
        }),
    ));
    let output = world.output(json!({"items": [1, 2, 3], "factor": 10})).await;
    assert_eq!(output, json!([{"scaled": 10, "index": 0}, {"scaled": 20, "index": 1}, {"scaled": 30, "index": 2}]));
}

#[tokio::test]
async fn map_over_its_input_and_over_nothing() {
    let definition = machine(
        "Each",
        json!({
            "Each": {"Type": "Map", "ItemProcessor": {"StartAt": "Same", "States": {"Same": {"Type": "Pass", "End": true}}}, "End": true},
        }),
    );
    assert_eq!(World::of(definition.clone()).output(json!([3, {"a": 1}, null])).await, json!([3, {"a": 1}, null]));
    assert_eq!(World::of(definition.clone()).output(json!([])).await, json!([]));
    let (error, cause) = World::of(definition).failure(json!({"not": "a list"})).await;
    assert_eq!(error, "States.QueryEvaluationError");
    assert!(cause.contains("must be an array"), "{cause}");
}

#[tokio::test]
async fn map_runs_no_more_at_once_than_allowed() {
    let each = json!({
        "Type": "Map", "Items": "{% [1..5] %}", "MaxConcurrency": "{% 2 %}",
        "ItemProcessor": {"StartAt": "Call", "States": {"Call": invoke("slow")}}, "End": true,
    });
    let world = World::of(machine("Each", json!({"Each": each})));
    world.functions.define_gated("slow");
    world.start("run", json!({})).await;
    assert_eq!(world.functions.called(2).await.len(), 2);
    // Whatever can run has run once a second execution has come as far as it can.
    world.start("second", json!({})).await;
    assert_eq!(world.functions.called(4).await.len(), 4);
    world.functions.open_gate("slow");
    assert_eq!(super::output(&world.end("run").await), json!([1, 2, 3, 4, 5]));
    assert_eq!(super::output(&world.end("second").await), json!([1, 2, 3, 4, 5]));
}

#[tokio::test]
async fn the_context_tells_who_and_where() {
    let world = World::of(machine("Tell", json!({"Tell": {"Type": "Pass", "Output": "{% $states.context %}", "End": true}})));
    let output = world.output(json!({"a": 1})).await;
    let arn = super::execution_arn("main", "run");
    assert_eq!(
        output["Execution"],
        json!({
            "Id": arn, "Input": {"a": 1}, "Name": "run", "RoleArn": "arn:aws:iam::000000000000:role/states",
            "StartTime": "2030-01-01T00:00:00.000Z", "RedriveCount": 0,
        })
    );
    assert_eq!(output["State"], json!({"EnteredTime": "2030-01-01T00:00:00.000Z", "Name": "Tell", "RetryCount": 0}));
    assert_eq!(output["StateMachine"], json!({"Id": machine_arn("main"), "Name": "main"}));
}

#[tokio::test]
async fn the_history_tells_the_whole_way() {
    let world = World::of(machine(
        "Call",
        json!({
            "Call": with(invoke("echo"), json!({"Next": "Each", "End": null})),
            "Each": {"Type": "Map", "Items": [1], "ItemProcessor": {"StartAt": "Same", "States": {"Same": {"Type": "Pass", "End": true}}}, "End": true},
        }),
    ));
    world.functions.define("echo", |event, _| answer(&event));
    world.output(json!({"x": 1})).await;
    assert_eq!(
        world.event_types("run").await,
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskSucceeded",
            "TaskStateExited",
            "MapStateEntered",
            "MapStateStarted",
            "MapIterationStarted",
            "PassStateEntered",
            "PassStateExited",
            "MapIterationSucceeded",
            "MapStateSucceeded",
            "MapStateExited",
            "ExecutionSucceeded",
        ]
    );
    let history = world.history("run").await;
    for (index, event) in history.iter().enumerate() {
        assert_eq!(event["id"], index + 1);
        assert!(event["previousEventId"].as_i64().unwrap() <= index as i64);
    }
    assert_eq!(history[1]["stateEnteredEventDetails"]["input"], "{\"x\":1}");
    assert_eq!(
        history[5]["stateExitedEventDetails"],
        json!({"name": "Call", "output": "{\"x\":1}", "outputDetails": {"truncated": false}})
    );
    assert_eq!(history[14]["executionSucceededEventDetails"]["output"], "[1]");
    assert_eq!(history[8]["previousEventId"], 8, "an iteration follows the Map's start");
}

#[tokio::test]
async fn five_hundred_executions_run_at_once() {
    let world = World::of(machine(
        "Call",
        json!({
            "Call": with(invoke("slow"), json!({"Next": "Done", "End": null})),
            "Done": {"Type": "Pass", "Assign": {"x": "{% $states.input.n %}"}, "End": true},
        }),
    ));
    world.functions.define_gated("slow");
    let starts = (0..500).map(|number| {
        let world = &world;
        async move { world.start(&format!("run-{number}"), json!({"n": number})).await }
    });
    futures::future::join_all(starts).await;
    assert_eq!(world.functions.called(500).await.len(), 500);
    world.functions.open_gate("slow");
    for number in 0..500 {
        assert_eq!(super::output(&world.end(&format!("run-{number}")).await), json!({"n": number}));
    }
}
