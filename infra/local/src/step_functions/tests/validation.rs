//! What is refused when a definition is loaded, and with what words.

use serde_json::{Value, json};

use super::super::definition::Definition;
use super::{invoke, machine, with};

fn problems(definition: &Value) -> Vec<String> {
    Definition::load(&definition.to_string()).err().map(|problems| problems.0).unwrap_or_default()
}

/// Asserts that a machine of this one state, beside a state `End`, has exactly one problem, which contains `message`.
fn refused(state: Value, message: &str) {
    let mut definition = machine("It", json!({"It": state, "End": {"Type": "Succeed"}}));
    let leads_to_end = definition.to_string().contains("\"Next\":\"End\"") && definition["States"]["It"].get("End").is_none();
    if !leads_to_end {
        definition["States"].as_object_mut().unwrap().remove("End");
    }
    let problems = problems(&definition);
    assert!(problems.iter().any(|problem| problem.contains(message)), "{definition} has no '{message}': {problems:#?}");
    assert!(problems.iter().all(|problem| problem.contains("'It'")), "a problem without its state: {problems:#?}");
}

#[test]
fn json_path_is_refused() {
    let states = json!({"It": {"Type": "Pass", "End": true}});
    for definition in [json!({"StartAt": "It", "States": states}), json!({"QueryLanguage": "JSONPath", "StartAt": "It", "States": states})]
    {
        let problems = problems(&definition);
        assert!(problems[0].contains("QueryLanguage must be \"JSONata\""), "{problems:?}");
    }
    for (field, instead) in [
        ("InputPath", "Arguments or Output"),
        ("ResultPath", "Output or Assign"),
        ("Parameters", "Arguments"),
        ("Result", "Output"),
        ("OutputPath", "Output"),
    ] {
        refused(json!({"Type": "Pass", field: "$", "End": true}), &format!("{field} belongs to JSONPath; with JSONata it is {instead}"));
    }
    refused(json!({"Type": "Pass", "QueryLanguage": "JSONPath", "End": true}), "must be \"JSONata\"");
}

#[test]
fn states_must_be_whole() {
    refused(json!({"Type": "Pass"}), "has neither Next nor");
    refused(json!({"Type": "Pass", "Next": "End", "End": true}), "has both Next and End");
    refused(json!({"Type": "Pass", "End": false}), "End can only be true");
    refused(json!({"Type": "Pass", "Next": "Nowhere"}), "leads to 'Nowhere'");
    refused(json!({"Type": "Pass", "Typo": 1, "End": true}), "Typo is not a field");
    refused(json!({"Type": "Script", "End": true}), "Type 'Script' is none of");
    refused(json!({"End": true}), "Type is missing");
    refused(json!(1), "must be an object, not a number");
    refused(json!({"Type": "Pass", "Comment": 1, "End": true}), "Comment must be a string");
    refused(json!({"Type": "Pass", "Assign": {"1a": 1}, "End": true}), "'1a' cannot be a variable's name");
    refused(json!({"Type": "Pass", "Assign": {"states": 1}, "End": true}), "'states' cannot be a variable's name");
    refused(json!({"Type": "Pass", "Assign": "{% {} %}", "End": true}), "Assign must be an object of variables");
    refused(json!({"Type": "Pass", "Output": "{% 1 + %}", "End": true}), "is not valid");
    refused(json!({"Type": "Pass", "Retry": [], "End": true}), "Retry is not a field");
    refused(json!({"Type": "Succeed", "End": true}), "End is not a field");
    refused(json!({"Type": "Fail", "Cause": 1}), "Cause must be a string");
    refused(json!({"Type": "Wait", "End": true}), "exactly one of Seconds and Timestamp");
    refused(json!({"Type": "Wait", "Seconds": 1, "Timestamp": "2030-01-01T00:00:00Z", "End": true}), "exactly one of");
    refused(json!({"Type": "Wait", "Seconds": "1", "End": true}), "whole number");
    refused(json!({"Type": "Wait", "Seconds": -1, "End": true}), "whole number");
    refused(json!({"Type": "Wait", "Timestamp": "tomorrow", "End": true}), "not an RFC 3339 time");
    refused(json!({"Type": "Choice", "Choices": []}), "at least one rule");
    refused(json!({"Type": "Choice", "Choices": [{"Next": "End"}]}), "Condition is missing");
    refused(json!({"Type": "Choice", "Choices": [{"Condition": "yes", "Next": "End"}]}), "must be a JSONata expression");
    refused(
        json!({"Type": "Choice", "Choices": [{"Variable": "$.x", "Condition": "{% true %}", "Next": "End"}]}),
        "Variable belongs to JSONPath",
    );
    refused(json!({"Type": "Parallel", "Branches": [], "End": true}), "at least one branch");
    refused(json!({"Type": "Map", "End": true}), "ItemProcessor is missing");
    let processor = json!({"StartAt": "In", "States": {"In": {"Type": "Pass", "End": true}}});
    refused(json!({"Type": "Map", "Items": {"a": 1}, "ItemProcessor": processor, "End": true}), "Items must be an array");
    refused(json!({"Type": "Map", "ItemReader": {}, "ItemProcessor": processor, "End": true}), "ItemReader is not a field");
    refused(
        json!({"Type": "Map", "ItemProcessor": with(processor, json!({"ProcessorConfig": {"Mode": "DISTRIBUTED"}})), "End": true}),
        "no distributed Map",
    );
}

#[test]
fn tasks_call_only_what_exists_here() {
    refused(
        with(invoke("f"), json!({"Resource": "arn:aws:states:::sqs:sendMessage"})),
        "'arn:aws:states:::sqs:sendMessage' does not exist here",
    );
    refused(with(invoke("f"), json!({"Resource": "arn:aws:lambda:us-east-1:0:function:f"})), "does not exist here");
    refused(with(invoke("f"), json!({"Resource": null})), "Resource is missing");
    refused(with(invoke("f"), json!({"Arguments": null})), "Arguments is missing");
    refused(with(invoke("f"), json!({"Arguments": {"Payload": 1}})), "FunctionName is missing");
    refused(with(invoke("f"), json!({"Arguments": {"FunctionName": "f", "InvocationType": "Event"}})), "InvocationType is not understood");
    refused(with(invoke("f"), json!({"Arguments": 1})), "Arguments must be an object or a JSONata expression");
    refused(with(invoke("f"), json!({"TimeoutSeconds": 0})), "TimeoutSeconds must be a whole number from 1");
    refused(with(invoke("f"), json!({"TimeoutSeconds": 5, "HeartbeatSeconds": 5})), "HeartbeatSeconds must be smaller");
}

#[test]
fn retry_and_catch_name_known_errors() {
    let retry = |retrier: Value| with(invoke("f"), json!({"Retry": [retrier]}));
    refused(retry(json!({})), "ErrorEquals must name at least one error");
    refused(retry(json!({"ErrorEquals": [1]})), "names of errors, as strings");
    refused(retry(json!({"ErrorEquals": ["States.Nothing"]})), "'States.Nothing' is no error");
    refused(retry(json!({"ErrorEquals": ["States.ALL", "Other"]})), "must stand alone");
    refused(retry(json!({"ErrorEquals": ["A"], "IntervalSeconds": 0})), "IntervalSeconds must be a whole number from 1");
    refused(retry(json!({"ErrorEquals": ["A"], "MaxAttempts": -1})), "MaxAttempts must be");
    refused(retry(json!({"ErrorEquals": ["A"], "BackoffRate": 0.5})), "BackoffRate must be a number from 1");
    refused(retry(json!({"ErrorEquals": ["A"], "IntervalSeconds": 5, "MaxDelaySeconds": 5})), "must be greater than IntervalSeconds");
    refused(retry(json!({"ErrorEquals": ["A"], "JitterStrategy": "SOME"})), "FULL or NONE");
    refused(
        with(invoke("f"), json!({"Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["A"]}]})),
        "States.ALL must be in the last entry",
    );
    refused(with(invoke("f"), json!({"Catch": [{"ErrorEquals": ["A"]}]})), "Next is missing");
    refused(with(invoke("f"), json!({"Catch": [{"ErrorEquals": ["A"], "Next": "Nowhere"}]})), "leads to 'Nowhere'");
    refused(
        with(invoke("f"), json!({"Catch": [{"ErrorEquals": ["A"], "Next": "It", "ResultPath": "$.e"}]})),
        "ResultPath belongs to JSONPath",
    );
}

#[test]
fn the_whole_hangs_together() {
    let pass = json!({"Type": "Pass", "End": true});
    for (definition, message) in [
        (machine("None", json!({"It": pass})), "StartAt names 'None'"),
        (machine("It", json!({"It": pass, "Lost": pass})), "State 'Lost': no other state leads to it."),
        (machine("It", json!({"It": {"Type": "Pass", "Next": "It"}})), "no state ends it"),
        (
            machine("It", json!({"It": {"Type": "Map", "ItemProcessor": {"StartAt": "It", "States": {"It": pass}}, "End": true}})),
            "used 2 times",
        ),
        (
            machine(
                "It",
                json!({"It": {"Type": "Parallel", "Branches": [{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Out"}}}], "Next": "Out"}, "Out": pass}),
            ),
            "State 'A': leads to 'Out', which does not exist beside it",
        ),
        (
            machine(
                "Set",
                json!({
                    "Set": {"Type": "Pass", "Assign": {"x": 1}, "Next": "It"},
                    "It": {"Type": "Map", "ItemProcessor": {"StartAt": "In", "States": {"In": {"Type": "Pass", "Assign": {"x": 2}, "End": true}}}, "End": true},
                }),
            ),
            "State 'In': Assign sets 'x', which is a variable of an outer scope",
        ),
        (with(machine("It", json!({"It": pass})), json!({"TimeoutSeconds": 0})), "TimeoutSeconds must be a whole number"),
        (with(machine("It", json!({"It": pass})), json!({"Version": "2.0"})), "Version must be \"1.0\""),
        (json!({"QueryLanguage": "JSONata"}), "States is missing"),
        (json!([]), "must be an object"),
    ] {
        let problems = problems(&definition);
        assert!(problems.iter().any(|problem| problem.contains(message)), "{message}: {problems:#?}");
    }
    assert!(Definition::load("{").unwrap_err().0[0].contains("not valid JSON"));
}

#[test]
fn every_problem_is_named_at_once() {
    let definition = machine(
        "A",
        json!({
            "A": {"Type": "Pass", "ResultPath": "$.x"},
            "B": {"Type": "Task", "Resource": "other", "End": true},
        }),
    );
    let problems = problems(&definition);
    assert_eq!(problems.len(), 4, "{problems:#?}");
}
