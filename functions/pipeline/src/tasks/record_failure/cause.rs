//! What a state machine says of a failure, in the words that a person can act on.

use serde_json::Value;
use shared::domain::job::JobStatus;

/// How deep causes are unwrapped: a deployment nests a training, which nests a function or a build.
const DEEPEST: usize = 8;
/// The longest cause, in characters.
const LONGEST: usize = 4000;

/// The cause out of an error's name and its `Cause`, both as Step Functions gives them. `status` is where the job was.
pub fn in_words(error: &str, cause: &str, status: JobStatus) -> String {
    let words = unwrap(error, cause, status, DEEPEST);
    if words.chars().count() <= LONGEST { words } else { words.chars().take(LONGEST - 1).chain(['…']).collect() }
}

fn unwrap(error: &str, cause: &str, status: JobStatus, depth: usize) -> String {
    let doing = doing(status);
    let document = serde_json::from_str::<Value>(cause).ok().filter(Value::is_object);
    if let (Some(document), Some(depth)) = (&document, depth.checked_sub(1)) {
        // A function: its error document.
        if let Some(message) = text(document, "errorMessage") {
            return of_function(text(document, "errorType").unwrap_or(error), message, status);
        }
        // A build.
        if let Some(build) = document.get("Build").or_else(|| document.get("build")).or_else(|| document.get("Phases").map(|_| document)) {
            return of_build(build, status);
        }
        // A nested execution.
        if document.get("ExecutionArn").is_some() || document.get("Cause").is_some() || document.get("Status").is_some() {
            let status_name = text(document, "Status").unwrap_or_default();
            let error = text(document, "Error").unwrap_or(status_name);
            return unwrap(error, text(document, "Cause").unwrap_or_default(), status, depth);
        }
    }
    match error {
        "States.Timeout" | "States.HeartbeatTimeout" | "TIMED_OUT" => {
            format!("Timeout exceeded: {doing} took longer than the platform allows and was stopped")
        }
        "Cancelled" | "ABORTED" | "Aborted" => if_empty(cause, || format!("{doing} was stopped")),
        "States.Permissions" => {
            format!("The platform's role may not do what {doing} needs: {}", if_empty(cause, || "no details".to_owned()))
        }
        name if name.starts_with("Lambda.") && cause.trim().is_empty() => format!("{doing} failed: AWS Lambda was not available ({name})"),
        name if cause.trim().is_empty() => format!("{doing} failed: {}", if_empty(name, || "the state machine gave no reason".to_owned())),
        _ if document.is_some() => format!("{doing} failed: {error}"),
        _ => cause.trim().to_owned(),
    }
}

fn of_function(error: &str, message: &str, status: JobStatus) -> String {
    let doing = doing(status);
    let seconds = message.split_once("Task timed out after ").and_then(|(_, rest)| rest.split('.').next());
    match (error, seconds) {
        (_, Some(seconds)) => format!("Timeout exceeded: {doing} ran longer than {seconds} seconds and was stopped"),
        ("Runtime.OutOfMemory", _) => out_of_memory(doing),
        ("Runtime.ExitError" | "Function.ResponseSizeTooLarge", _) if message.contains("signal: killed") => out_of_memory(doing),
        ("Runtime.ExitError", _) => format!("{doing} failed: the platform's program ended unexpectedly ({message})"),
        ("Internal", _) => format!("{doing} failed by a fault of the platform; the log of its function says more"),
        _ => message.to_owned(),
    }
}

fn out_of_memory(doing: &str) -> String {
    format!("{doing} was killed, most likely because it ran out of memory")
}

fn of_build(build: &Value, status: JobStatus) -> String {
    let get = |value: &'_ Value, name: &str| -> Option<Value> {
        let lower = name[..1].to_ascii_lowercase() + &name[1..];
        value.get(name).or_else(|| value.get(&lower)).cloned()
    };
    let string = |value: &Value, name: &str| get(value, name).and_then(|value| value.as_str().map(str::to_owned));
    let build_status = string(build, "BuildStatus").unwrap_or_default();
    let doing = doing(status);
    if matches!(build_status.as_str(), "TIMED_OUT") {
        return format!("Timeout exceeded: {doing} took longer than its build may and was stopped");
    }
    if build_status == "STOPPED" {
        return format!("{doing} was stopped");
    }
    let phases = get(build, "Phases").and_then(|phases| phases.as_array().cloned()).unwrap_or_default();
    let failed = phases.iter().find(|phase| {
        let status = string(phase, "PhaseStatus").unwrap_or_default();
        !matches!(status.as_str(), "" | "SUCCEEDED")
    });
    let phase = failed.and_then(|phase| string(phase, "PhaseType")).unwrap_or_else(|| "a".to_owned());
    let message = failed
        .and_then(|phase| get(phase, "Contexts")?.as_array()?.iter().find_map(|context| string(context, "Message")))
        .filter(|message| !message.trim().is_empty());
    match message {
        Some(message) => format!("{doing} failed in its build's {phase} phase: {}", message.trim()),
        None => format!("{doing} failed in its build's {phase} phase; the build's log says more"),
    }
}

/// What the job does in a status, as the subject of a sentence.
fn doing(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Building => "Building the image",
        JobStatus::Pushing => "Pushing the image",
        JobStatus::Deploying => "Deploying the model",
        _ => "The training",
    }
}

fn text<'a>(document: &'a Value, name: &str) -> Option<&'a str> {
    document.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

fn if_empty(text: &str, otherwise: impl FnOnce() -> String) -> String {
    if text.trim().is_empty() { otherwise() } else { text.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(error: &str, cause: &str) -> String {
        in_words(error, cause, JobStatus::Training)
    }

    #[test]
    fn a_functions_message_comes_through_all_that_is_around_it() {
        let message = "ModuleNotFoundError: No module named 'xgboost'";
        let function = json!({ "errorType": "BadRequest", "errorMessage": message }).to_string();
        assert_eq!(words("BadRequest", &function), message);
        let failed = json!({ "ExecutionArn": "arn", "Status": "FAILED", "Error": "BadRequest", "Cause": function }).to_string();
        assert_eq!(words("States.TaskFailed", &failed), message);
        let failed = json!({ "ExecutionArn": "arn", "Status": "FAILED", "Error": "BadRequest", "Cause": message }).to_string();
        assert_eq!(words("States.TaskFailed", &failed), message);
    }

    #[test]
    fn limits_and_faults_are_told_in_words() {
        let function = |kind: &str, message: &str| json!({ "errorType": kind, "errorMessage": message }).to_string();
        for (error, cause, expected) in [
            ("States.Timeout", String::new(), "Timeout exceeded: The training took longer than the platform allows and was stopped"),
            (
                "Sandbox.Timedout",
                function("Sandbox.Timedout", "RequestId: 1 Error: Task timed out after 900.00 seconds"),
                "Timeout exceeded: The training ran longer than 900 seconds and was stopped",
            ),
            (
                "Runtime.ExitError",
                function("Runtime.ExitError", "RequestId: 1 Error: Runtime exited with error: signal: killed"),
                "The training was killed, most likely because it ran out of memory",
            ),
            (
                "Internal",
                function("Internal", "Internal server error."),
                "The training failed by a fault of the platform; the log of its function says more",
            ),
            ("States.TaskFailed", String::new(), "The training failed: States.TaskFailed"),
            ("", String::new(), "The training failed: the state machine gave no reason"),
            ("X", "plain words".to_owned(), "plain words"),
            ("X", "{\"other\": 1}".to_owned(), "The training failed: X"),
        ] {
            assert_eq!(words(error, &cause), expected);
        }
    }

    #[test]
    fn a_builds_failed_phase_is_named() {
        let build = json!({ "Build": { "BuildStatus": "FAILED", "Phases": [
            { "PhaseType": "INSTALL", "PhaseStatus": "SUCCEEDED" },
            { "PhaseType": "BUILD", "PhaseStatus": "FAILED", "Contexts": [{ "Message": "Error while executing command: ./bootstrap train", "StatusCode": "COMMAND_EXECUTION_ERROR" }] },
        ] } });
        assert_eq!(
            words("States.TaskFailed", &build.to_string()),
            "The training failed in its build's BUILD phase: Error while executing command: ./bootstrap train"
        );
        let timed_out = json!({ "Build": { "BuildStatus": "TIMED_OUT" } }).to_string();
        assert!(words("States.TaskFailed", &timed_out).starts_with("Timeout exceeded"));
    }

    #[test]
    fn nesting_has_an_end() {
        let mut cause = "deep".to_owned();
        for _ in 0..20 {
            cause = json!({ "Status": "FAILED", "Cause": cause }).to_string();
        }
        assert!(!words("X", &cause).is_empty());
    }
}
