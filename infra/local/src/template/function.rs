//! `AWS::Serverless::Function`: what runs, with what, and what calls it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::error::Refusal;
use super::node::{Data, Node};
use super::properties::Properties;

/// A function of the template.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its name in the template.
    pub logical_id: String,
    /// Its physical name.
    pub name: String,
    /// The folder of its code: what `LAMBDA_TASK_ROOT` says.
    pub task_root: PathBuf,
    /// The name its program is started under: the last folder of its `CodeUri`.
    pub program: String,
    /// `_HANDLER`.
    pub handler: String,
    /// What it does, in a person's words.
    pub description: String,
    /// Megabytes.
    pub memory_size: u32,
    /// Seconds.
    pub timeout: u32,
    /// Megabytes of `/tmp`.
    pub ephemeral_storage: u32,
    /// `arm64` or `x86_64`.
    pub architecture: String,
    /// Its own variables.
    pub environment: BTreeMap<String, String>,
    /// ARNs of layers, in the order given.
    pub layers: Vec<String>,
    /// How many may run at once, if that is bounded.
    pub reserved_concurrency: Option<u32>,
    /// Where its log goes.
    pub log_group: String,
    /// How often an asynchronous call that failed is tried again (0 to 2).
    pub maximum_retry_attempts: u8,
    /// Its routes.
    pub routes: Vec<Route>,
    /// Its schedules.
    pub schedules: Vec<Schedule>,
    /// The ARN of its role.
    pub role: String,
}

/// A route of the HTTP API that a function answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `GET`, …, or `ANY`.
    pub method: String,
    /// A path with `{name}` and `{name+}`, or `$default`.
    pub path: String,
    /// How long the answer may take.
    pub timeout: Duration,
    /// Where it stands in the template.
    pub line: usize,
    /// The ARN of the role with which the API calls the function; none where the function's own policy lets it.
    pub role: Option<String>,
}

/// A call that comes round.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Its physical name.
    pub name: String,
    /// The time between two calls.
    pub every: Duration,
    /// Whether it runs.
    pub enabled: bool,
    /// What the function gets, where the template says it.
    pub input: Option<Value>,
    /// Whether it is EventBridge Scheduler's (`ScheduleV2`) and not EventBridge's.
    pub scheduler: bool,
}

/// The stack-wide facts a function is read with.
pub struct Context<'a> {
    /// The project's folder.
    pub project: &'a Path,
    /// The stack's name.
    pub stack_name: &'a str,
    /// The logical id and physical id of the HTTP API, if the template has one.
    pub api: Option<(&'a str, &'a str)>,
    /// How long an integration may take at most.
    pub integration_timeout: Duration,
}

impl Function {
    /// Reads a function from its resolved properties (the template's `Globals` already merged in); `role` is its role's ARN.
    pub fn read(logical_id: &str, name: String, role: String, properties: Properties, context: &Context) -> Result<Self, Refusal> {
        let line = properties.line();
        let owner = format!("function {logical_id}'s");
        properties.accept(&["FunctionName", "AssumeRolePolicyDocument", "Tags", "Tracing", "PropagateTags"]);
        expect(&properties, "PackageType", &["Zip"], "Zip")?;
        let runtime = properties.required_text("Runtime")?;
        if !matches!(runtime.as_str(), "provided.al2023" | "provided.al2") {
            return Err(Refusal::new(line, format!("{owner} Runtime {runtime} cannot run here: only provided.al2023 can")));
        }
        let architecture = match properties.texts("Architectures")?.as_deref() {
            None => "x86_64".to_owned(),
            Some([one]) if matches!(one.as_str(), "arm64" | "x86_64") => one.clone(),
            Some(_) => return Err(Refusal::new(line, format!("{owner} Architectures must be [arm64] or [x86_64]"))),
        };
        let code = properties.required_text("CodeUri")?;
        let code_path = Path::new(code.trim_end_matches('/'));
        if code.starts_with("s3://") || code_path.is_absolute() {
            return Err(Refusal::new(line, format!("{owner} CodeUri must be a folder of the project, not {code}")));
        }
        let program = code_path.file_name().map(|name| name.to_string_lossy().into_owned());
        let program = program.ok_or_else(|| Refusal::new(line, format!("{owner} CodeUri {code} names no folder")))?;
        let ephemeral_storage = match properties.inner("EphemeralStorage")? {
            None => 512,
            Some(inner) => {
                let size = inner.number("Size", 512, 10240)?.unwrap_or(512);
                inner.finish()?;
                size as u32
            }
        };
        let environment = match properties.inner("Environment")? {
            None => BTreeMap::new(),
            Some(inner) => {
                let variables = inner.text_map("Variables")?;
                inner.finish()?;
                variables
            }
        };
        let log_group = match properties.inner("LoggingConfig")? {
            None => None,
            Some(inner) => {
                inner.accept(&["ApplicationLogLevel", "LogFormat", "SystemLogLevel"]);
                let group = inner.text("LogGroup")?;
                inner.finish()?;
                group
            }
        };
        let maximum_retry_attempts = match properties.inner("EventInvokeConfig")? {
            None => 2,
            Some(inner) => {
                inner.accept(&["MaximumEventAgeInSeconds"]);
                let attempts = inner.number("MaximumRetryAttempts", 0, 2)?.unwrap_or(2);
                inner.finish()?;
                attempts as u8
            }
        };
        let mut routes = Vec::new();
        let mut schedules = Vec::new();
        if let Some(events) = properties.node("Events") {
            let Data::Mapping(events) = &events.data else {
                return Err(Refusal::new(events.line, format!("{owner} Events must be a mapping")));
            };
            for (key, event) in events {
                let owner = format!("{owner} event {}", key.name);
                let event = Properties::new(Some(event), owner.clone(), key.line)?;
                let type_name = event.required_text("Type")?;
                let inner = Properties::new(event.node("Properties"), owner.clone(), key.line)?;
                match type_name.as_str() {
                    "HttpApi" => routes.push(read_route(inner, context)?),
                    "Schedule" | "ScheduleV2" => {
                        let name = format!("{}-{logical_id}{}", context.stack_name, key.name);
                        schedules.push(read_schedule(inner, name, type_name == "ScheduleV2")?);
                    }
                    other => {
                        return Err(Refusal::new(
                            key.line,
                            format!("{owner} is of type {other}; the laptop cloud has HttpApi, Schedule and ScheduleV2"),
                        ));
                    }
                }
                event.finish()?;
            }
        }
        let function = Self {
            logical_id: logical_id.to_owned(),
            task_root: context.project.join(code_path),
            program,
            handler: properties.required_text("Handler")?,
            description: properties.text("Description")?.unwrap_or_default(),
            memory_size: properties.number("MemorySize", 128, 10240)?.unwrap_or(128) as u32,
            timeout: properties.number("Timeout", 1, 900)?.unwrap_or(3) as u32,
            ephemeral_storage,
            architecture,
            environment,
            layers: properties.texts("Layers")?.unwrap_or_default(),
            reserved_concurrency: properties.number("ReservedConcurrentExecutions", 0, 1_000_000)?.map(|n| n as u32),
            log_group: log_group.unwrap_or_else(|| format!("/aws/lambda/{name}")),
            maximum_retry_attempts,
            routes,
            schedules,
            role,
            name,
        };
        properties.finish()?;
        Ok(function)
    }
}

/// Refuses a property whose value is not among those that work here.
pub(super) fn expect(properties: &Properties, name: &str, allowed: &[&str], default: &str) -> Result<(), Refusal> {
    let value = properties.text(name)?.unwrap_or_else(|| default.to_owned());
    if allowed.contains(&value.as_str()) {
        return Ok(());
    }
    let line = properties.node(name).map_or(properties.line(), |node| node.line);
    Err(Refusal::new(line, format!("{name} {value} cannot be honoured on the laptop; it has {}", allowed.join(", "))))
}

/// A method of a route in capitals; `ANY` for all of them.
pub(super) fn read_method(method: &str, line: usize) -> Result<String, Refusal> {
    let method = method.to_uppercase();
    match method.as_str() {
        "GET" | "POST" | "PUT" | "DELETE" | "PATCH" | "HEAD" | "OPTIONS" | "ANY" => Ok(method),
        "X-AMAZON-APIGATEWAY-ANY-METHOD" => Ok("ANY".to_owned()),
        _ => Err(Refusal::new(line, format!("{method} is not a method of an HTTP API"))),
    }
}

fn read_route(properties: Properties, context: &Context) -> Result<Route, Refusal> {
    let line = properties.line();
    if let Some(api) = properties.text("ApiId")? {
        let known = context.api.is_some_and(|(logical, physical)| api == logical || api == physical);
        if !known {
            return Err(Refusal::new(line, format!("ApiId {api} is not the HTTP API of this template")));
        }
    }
    properties.accept(&["RouteSettings"]);
    expect(&properties, "PayloadFormatVersion", &["2.0"], "2.0")?;
    if let Some(inner) = properties.inner("Auth")? {
        expect(&inner, "Authorizer", &["NONE"], "NONE")?;
        inner.finish()?;
    }
    let timeout = properties.number("TimeoutInMillis", 50, 30_000)?.map(Duration::from_millis);
    let method = read_method(&properties.text("Method")?.unwrap_or_else(|| "ANY".into()), line)?;
    let path = properties.text("Path")?.unwrap_or_else(|| "$default".into());
    if path != "$default" && !path.starts_with('/') {
        return Err(Refusal::new(line, format!("the path {path} must start with a slash")));
    }
    properties.finish()?;
    let timeout = timeout.unwrap_or(context.integration_timeout).min(context.integration_timeout);
    Ok(Route { method, path, timeout, line, role: None })
}

fn read_schedule(properties: Properties, default_name: String, scheduler: bool) -> Result<Schedule, Refusal> {
    let line = properties.line();
    let expression = if scheduler { properties.text("ScheduleExpression")? } else { properties.text("Schedule")? };
    let expression = expression.ok_or_else(|| Refusal::new(line, "a schedule needs its expression"))?;
    let every = parse_rate(&expression).ok_or_else(|| {
        Refusal::new(line, format!("the schedule {expression} cannot be honoured; the laptop cloud has rate(n minutes|hours|days)"))
    })?;
    let input = match properties.node("Input") {
        None => None,
        Some(Node { data: Data::Scalar { text, .. }, line, .. }) => {
            Some(serde_json::from_str(text).map_err(|error| Refusal::new(*line, format!("Input is not JSON: {error}")))?)
        }
        Some(node) => Some(node.to_json()),
    };
    let state = properties.text("State")?.map(|state| state.eq_ignore_ascii_case("ENABLED"));
    let enabled = properties.truth("Enabled")?.or(state).unwrap_or(true);
    properties.accept(&["Description", "RetryPolicy", "FlexibleTimeWindow", "RoleArn", "OmitName", "PermissionsBoundary"]);
    let name = properties.text("Name")?.unwrap_or(default_name);
    properties.finish()?;
    Ok(Schedule { name, every, enabled, input, scheduler })
}

/// Reads `rate(5 minutes)`.
fn parse_rate(expression: &str) -> Option<Duration> {
    let inner = expression.strip_prefix("rate(")?.strip_suffix(')')?;
    let (count, unit) = inner.trim().split_once(' ')?;
    let count: u64 = count.parse().ok().filter(|count| (1..=100_000).contains(count))?;
    let seconds = match unit.trim() {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3600,
        "day" | "days" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(count * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read() {
        assert_eq!(parse_rate("rate(1 minute)"), Some(Duration::from_secs(60)));
        assert_eq!(parse_rate("rate(2 hours)"), Some(Duration::from_secs(7200)));
        assert_eq!(parse_rate("cron(0 12 * * ? *)"), None);
        assert_eq!(parse_rate("rate(0 minutes)"), None);
    }
}
