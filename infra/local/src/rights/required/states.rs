//! Step Functions: an operation's own action on the state machine or the execution.

use serde::Deserialize;

use crate::rights::Needed;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Body {
    state_machine_arn: Option<String>,
    execution_arn: Option<String>,
}

/// What an operation needs.
pub fn of(operation: &str, body: &[u8]) -> Vec<Needed> {
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    let resource = body.execution_arn.or(body.state_machine_arn).unwrap_or_else(|| "*".to_owned());
    vec![Needed::new(format!("states:{operation}"), resource)]
}

/// What a state machine needs to start another one and wait for its end.
pub fn nested(machine: &str, execution: &str) -> Vec<Needed> {
    vec![
        Needed::new("states:StartExecution", machine),
        Needed::new("states:DescribeExecution", execution),
        Needed::new("states:StopExecution", execution),
    ]
}

/// What a state machine needs from the start for the services that its definition waits for: Step Functions hears of their
/// end through rules that it makes in the state machine's name, and refuses to create one that may not.
pub fn waiting(region: &str, definition: &str) -> Vec<Needed> {
    let rules = [
        ("states:startExecution.sync", "StepFunctionsGetEventsForStepFunctionsExecutionRule"),
        ("codebuild:startBuild.sync", "StepFunctionsGetEventForCodeBuildStartBuildRule"),
    ];
    let used = rules.iter().filter(|(service, _)| definition.contains(service));
    used.flat_map(|(_, rule)| {
        let rule = crate::account::arn("events", region, &format!("rule/{rule}"));
        ["PutTargets", "PutRule", "DescribeRule"].map(|action| Needed::new(format!("events:{action}"), rule.clone()))
    })
    .collect()
}
