//! From the JSON of a definition to its types, collecting everything that is wrong on the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map as JsonMap, Value};

use super::definition::{Catcher, Choice, Definition, Graph, Kind, Map, Next, Resource, Retrier, Rule, State, Task, Wait};
use super::error::RESERVED;
use super::expression::{Template, type_name};

/// Fields of the JSONPath query language, and what JSONata has in their place.
const JSON_PATH_FIELDS: [(&str, &str); 15] = [
    ("InputPath", "Arguments or Output"),
    ("OutputPath", "Output"),
    ("ResultPath", "Output or Assign"),
    ("ResultSelector", "Output"),
    ("Parameters", "Arguments"),
    ("Result", "Output"),
    ("ItemsPath", "Items"),
    ("SecondsPath", "Seconds"),
    ("TimestampPath", "Timestamp"),
    ("TimeoutSecondsPath", "TimeoutSeconds"),
    ("HeartbeatSecondsPath", "HeartbeatSeconds"),
    ("MaxConcurrencyPath", "MaxConcurrency"),
    ("ErrorPath", "Error"),
    ("CausePath", "Cause"),
    ("Variable", "Condition"),
];

/// The longest wait or timeout in seconds that Step Functions takes.
const LONGEST_SECONDS: f64 = 99_999_999.0;
/// The longest name of a state, in characters.
const LONGEST_STATE_NAME: usize = 80;
/// The longest name of a variable, in characters.
const LONGEST_VARIABLE_NAME: usize = 80;
/// The deepest nesting of Parallel and Map states.
const DEEPEST_NESTING: usize = 16;

/// The fields of one JSON object, read one by one; [`Fields::finish`] complains about those that nobody read.
struct Fields<'a> {
    place: String,
    object: Option<&'a JsonMap<String, Value>>,
    read: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    fn new(value: &'a Value, place: impl Into<String>, problems: &mut Vec<String>) -> Self {
        let place = place.into();
        let object = value.as_object();
        if object.is_none() {
            problems.push(format!("{place}must be an object, not {}.", article(type_name(value))));
        }
        Self { place, object, read: Vec::new() }
    }

    fn get(&mut self, name: &'static str) -> Option<&'a Value> {
        self.read.push(name);
        self.object?.get(name)
    }

    fn problem(&self, problems: &mut Vec<String>, message: &str) {
        problems.push(format!("{}{message}", self.place));
    }

    fn wrong_type(&self, problems: &mut Vec<String>, name: &str, expected: &str, value: &Value) {
        self.problem(problems, &format!("{name} must be {expected}, not {}.", article(type_name(value))));
    }

    fn string(&mut self, name: &'static str, problems: &mut Vec<String>) -> Option<String> {
        let value = self.get(name)?;
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            self.wrong_type(problems, name, "a string", value);
        }
        text
    }

    fn required_string(&mut self, name: &'static str, problems: &mut Vec<String>) -> String {
        if self.object.is_some_and(|object| !object.contains_key(name)) {
            self.problem(problems, &format!("{name} is missing."));
        }
        self.string(name, problems).unwrap_or_default()
    }

    fn template(&mut self, name: &'static str, problems: &mut Vec<String>) -> Option<Template> {
        let value = self.get(name)?;
        Some(Template::parse(value, &format!("{}{name}", self.place), problems))
    }

    /// A field that is an object or an expression.
    fn object_template(&mut self, name: &'static str, problems: &mut Vec<String>) -> Option<Template> {
        let template = self.template(name, problems)?;
        let value = self.get(name)?;
        if !(value.is_object() || matches!(template, Template::Expression(_))) {
            self.wrong_type(problems, name, "an object or a JSONata expression", value);
        }
        Some(template)
    }

    /// A field that is a number within bounds, or an expression.
    fn number_template(&mut self, name: &'static str, least: f64, problems: &mut Vec<String>) -> Option<Template> {
        let template = self.template(name, problems)?;
        if let Some(value) = template.literal() {
            let fits = value.as_u64().is_some_and(|number| (least..=LONGEST_SECONDS).contains(&(number as f64)));
            if !fits {
                self.problem(
                    problems,
                    &format!("{name} must be a whole number from {least} to {LONGEST_SECONDS}, or a JSONata expression."),
                );
            }
        } else if !matches!(template, Template::Expression(_)) {
            self.problem(problems, &format!("{name} must be a whole number or a JSONata expression."));
        }
        Some(template)
    }

    fn string_template(&mut self, name: &'static str, problems: &mut Vec<String>) -> Option<Template> {
        let template = self.template(name, problems)?;
        let value = self.get(name)?;
        if !value.is_string() {
            self.wrong_type(problems, name, "a string", value);
        }
        Some(template)
    }

    fn assign(&mut self, problems: &mut Vec<String>) -> Option<Template> {
        let value = self.get("Assign")?;
        let Some(members) = value.as_object() else {
            self.wrong_type(problems, "Assign", "an object of variables", value);
            return None;
        };
        for name in members.keys() {
            if !is_variable_name(name) {
                self.problem(problems, &format!(
                    "Assign: '{name}' cannot be a variable's name: a letter first, then letters, digits and '_', at most {LONGEST_VARIABLE_NAME}, and not 'states'."
                ));
            }
        }
        self.template("Assign", problems)
    }

    fn array(&mut self, name: &'static str, problems: &mut Vec<String>) -> &'a [Value] {
        match self.get(name) {
            None => &[],
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.wrong_type(problems, name, "an array", other);
                &[]
            }
        }
    }

    fn comment(&mut self, problems: &mut Vec<String>) {
        self.string("Comment", problems);
    }

    fn query_language(&mut self, required: bool, problems: &mut Vec<String>) {
        match self.string("QueryLanguage", problems).as_deref() {
            Some("JSONata") => {}
            None if !required && !self.object.is_some_and(|object| object.contains_key("QueryLanguage")) => {}
            Some("JSONPath") | None => {
                self.problem(problems, "QueryLanguage must be \"JSONata\": the laptop cloud does not interpret JSONPath, the default.");
            }
            Some(other) => self.problem(problems, &format!("QueryLanguage must be \"JSONata\", not \"{other}\".")),
        }
    }

    fn finish(self, problems: &mut Vec<String>) {
        let Some(object) = self.object else { return };
        for name in object.keys().filter(|name| !self.read.contains(&name.as_str())) {
            let message = match JSON_PATH_FIELDS.iter().find(|(field, _)| field == name) {
                Some((_, instead)) => format!("{name} belongs to JSONPath; with JSONata it is {instead}."),
                None => format!("{name} is not a field that is known here."),
            };
            problems.push(format!("{}{message}", self.place));
        }
    }
}

fn article(name: &str) -> String {
    match name {
        "null" => name.to_owned(),
        "array" | "object" => format!("an {name}"),
        _ => format!("a {name}"),
    }
}

fn is_variable_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|character| character.is_alphanumeric() || character == '_')
        && name.chars().count() <= LONGEST_VARIABLE_NAME
        && name != "states"
}

/// Reads the whole document.
pub(super) fn definition(document: &Value, problems: &mut Vec<String>) -> Definition {
    let mut fields = Fields::new(document, "The state machine: ", problems);
    fields.comment(problems);
    fields.query_language(true, problems);
    if let Some(version) = fields.string("Version", problems)
        && version != "1.0"
    {
        fields.problem(problems, &format!("Version must be \"1.0\", not \"{version}\"."));
    }
    let timeout = fields.get("TimeoutSeconds");
    let timeout_seconds = timeout.and_then(Value::as_u64).filter(|seconds| (1..=LONGEST_SECONDS as u64).contains(seconds));
    if timeout.is_some() && timeout_seconds.is_none() {
        fields.problem(problems, &format!("TimeoutSeconds must be a whole number from 1 to {LONGEST_SECONDS}."));
    }
    let graph = graph(&mut fields, 0, problems);
    fields.finish(problems);
    Definition { graph: Arc::new(graph), timeout_seconds, text: String::new() }
}

fn graph(fields: &mut Fields<'_>, depth: usize, problems: &mut Vec<String>) -> Graph {
    let start_at = fields.required_string("StartAt", problems);
    let mut states = BTreeMap::new();
    match fields.get("States") {
        None => fields.problem(problems, "States is missing."),
        Some(_) if depth > DEEPEST_NESTING => {
            fields.problem(problems, &format!("Parallel and Map states are nested deeper than {DEEPEST_NESTING}."));
        }
        Some(Value::Object(members)) => {
            for (name, value) in members {
                if name.is_empty() || name.chars().count() > LONGEST_STATE_NAME {
                    problems.push(format!("State '{name}': a name has 1 to {LONGEST_STATE_NAME} characters."));
                }
                if let Some(state) = state(name, value, depth, problems) {
                    states.insert(name.clone(), Arc::new(state));
                }
            }
        }
        Some(other) => fields.wrong_type(problems, "States", "an object", other),
    }
    Graph { start_at, states }
}

fn state(name: &str, value: &Value, depth: usize, problems: &mut Vec<String>) -> Option<State> {
    let mut fields = Fields::new(value, format!("State '{name}': "), problems);
    fields.object?;
    fields.comment(problems);
    fields.query_language(false, problems);
    let type_name = fields.required_string("Type", problems);
    let kind = match type_name.as_str() {
        "Task" => Kind::Task(task(&mut fields, problems)),
        "Choice" => Kind::Choice(choice(&mut fields, name, problems)),
        "Pass" => Kind::Pass,
        "Wait" => Kind::Wait(wait(&mut fields, problems)),
        "Succeed" => Kind::Succeed,
        "Fail" => Kind::Fail { error: fields.string_template("Error", problems), cause: fields.string_template("Cause", problems) },
        "Parallel" => parallel(&mut fields, name, depth, problems),
        "Map" => Kind::Map(map(&mut fields, name, depth, problems)),
        "" => return None,
        other => {
            fields.problem(problems, &format!("Type '{other}' is none of Task, Choice, Pass, Wait, Succeed, Fail, Parallel, Map."));
            return None;
        }
    };
    let can_fail = matches!(kind, Kind::Task(_) | Kind::Parallel { .. } | Kind::Map(_));
    let state = State {
        assign: if matches!(kind, Kind::Fail { .. } | Kind::Succeed) { None } else { fields.assign(problems) },
        output: if matches!(kind, Kind::Fail { .. }) { None } else { fields.template("Output", problems) },
        next: next(&mut fields, &kind, problems),
        retry: if can_fail { retriers(&mut fields, name, problems) } else { Vec::new() },
        catch: if can_fail { catchers(&mut fields, name, problems) } else { Vec::new() },
        kind,
    };
    fields.finish(problems);
    Some(state)
}

fn next(fields: &mut Fields<'_>, kind: &Kind, problems: &mut Vec<String>) -> Next {
    if matches!(kind, Kind::Choice(_) | Kind::Succeed | Kind::Fail { .. }) {
        return Next::None;
    }
    let target = fields.string("Next", problems);
    let end = fields.get("End");
    match (target, end) {
        (Some(target), None) => Next::State(target),
        (None, Some(Value::Bool(true))) => Next::End,
        (Some(_), Some(_)) => {
            fields.problem(problems, "has both Next and End; it must have exactly one of them.");
            Next::End
        }
        (None, Some(_)) => {
            fields.problem(problems, "End can only be true.");
            Next::End
        }
        (None, None) => {
            fields.problem(problems, "has neither Next nor \"End\": true; it must have exactly one of them.");
            Next::End
        }
    }
}

fn task(fields: &mut Fields<'_>, problems: &mut Vec<String>) -> Task {
    let text = fields.required_string("Resource", problems);
    let resource = Resource::ALL.into_iter().find(|resource| resource.arn() == text);
    if resource.is_none() && !text.is_empty() {
        let known: Vec<_> = Resource::ALL.iter().map(|resource| resource.arn()).collect();
        fields.problem(problems, &format!("the Resource '{text}' does not exist here; the laptop cloud has {}.", known.join(", ")));
    }
    let arguments = fields.object_template("Arguments", problems);
    if let (Some(resource), Some(Value::Object(members))) = (resource, fields.get("Arguments")) {
        check_arguments(fields, resource, members, problems);
    } else if arguments.is_none() && resource.is_some() {
        fields.problem(problems, "Arguments is missing.");
    }
    let timeout_seconds = fields.number_template("TimeoutSeconds", 1.0, problems);
    let heartbeat = fields.number_template("HeartbeatSeconds", 1.0, problems);
    if let (Some(timeout), Some(heartbeat)) = (literal_number(&timeout_seconds), literal_number(&heartbeat))
        && heartbeat >= timeout
    {
        fields.problem(problems, "HeartbeatSeconds must be smaller than TimeoutSeconds.");
    }
    Task {
        resource: resource.unwrap_or(Resource::LambdaInvoke),
        arguments: arguments.unwrap_or(Template::Literal(Value::Null)),
        timeout_seconds,
    }
}

fn check_arguments(fields: &Fields<'_>, resource: Resource, members: &JsonMap<String, Value>, problems: &mut Vec<String>) {
    let known = resource.arguments();
    for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
        fields.problem(problems, &format!("Arguments: {name} is not understood by {}; known are {}.", resource.arn(), known.join(", ")));
    }
    if !members.contains_key(known[0]) {
        fields.problem(problems, &format!("Arguments: {} is missing; {} requires it.", known[0], resource.arn()));
    }
}

fn literal_number(template: &Option<Template>) -> Option<f64> {
    template.as_ref()?.literal()?.as_f64()
}

fn wait(fields: &mut Fields<'_>, problems: &mut Vec<String>) -> Wait {
    let seconds = fields.number_template("Seconds", 0.0, problems);
    let timestamp = fields.string_template("Timestamp", problems);
    match (seconds, timestamp) {
        (Some(seconds), None) => Wait::Seconds(seconds),
        (None, Some(timestamp)) => {
            if let Some(Value::String(text)) = timestamp.literal()
                && text.parse::<jiff::Timestamp>().is_err()
            {
                fields.problem(problems, &format!("Timestamp '{text}' is not an RFC 3339 time, for example 2030-01-31T12:00:00Z."));
            }
            Wait::Timestamp(timestamp)
        }
        _ => {
            fields.problem(problems, "a Wait state has exactly one of Seconds and Timestamp.");
            Wait::Seconds(Template::Literal(Value::from(0)))
        }
    }
}

fn choice(fields: &mut Fields<'_>, name: &str, problems: &mut Vec<String>) -> Choice {
    let rules = fields.array("Choices", problems);
    if rules.is_empty() {
        fields.problem(problems, "Choices must have at least one rule.");
    }
    let rules = rules.iter().enumerate().map(|(index, value)| rule(name, index, value, problems)).collect();
    Choice { rules, default: fields.string("Default", problems) }
}

fn rule(state: &str, index: usize, value: &Value, problems: &mut Vec<String>) -> Rule {
    let mut fields = Fields::new(value, format!("State '{state}', Choices[{index}]: "), problems);
    fields.comment(problems);
    let condition = fields.template("Condition", problems);
    match &condition {
        Some(Template::Expression(_) | Template::Literal(Value::Bool(_))) => {}
        Some(_) => fields.problem(problems, "Condition must be a JSONata expression that gives a boolean."),
        None => fields.problem(problems, "Condition is missing."),
    }
    let rule = Rule {
        condition: condition.unwrap_or(Template::Literal(Value::Bool(false))),
        next: fields.required_string("Next", problems),
        assign: fields.assign(problems),
        output: fields.template("Output", problems),
    };
    fields.finish(problems);
    rule
}

fn parallel(fields: &mut Fields<'_>, name: &str, depth: usize, problems: &mut Vec<String>) -> Kind {
    let branches = fields.array("Branches", problems);
    if branches.is_empty() {
        fields.problem(problems, "Branches must have at least one branch.");
    }
    let branches = branches
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let mut fields = Fields::new(value, format!("State '{name}', Branches[{index}]: "), problems);
            fields.comment(problems);
            let graph = graph(&mut fields, depth + 1, problems);
            fields.finish(problems);
            Arc::new(graph)
        })
        .collect();
    Kind::Parallel { branches, arguments: fields.template("Arguments", problems) }
}

fn map(fields: &mut Fields<'_>, name: &str, depth: usize, problems: &mut Vec<String>) -> Map {
    let processor = match fields.get("ItemProcessor") {
        None => {
            fields.problem(problems, "ItemProcessor is missing.");
            Arc::default()
        }
        Some(value) => {
            let mut inner = Fields::new(value, format!("State '{name}', ItemProcessor: "), problems);
            inner.comment(problems);
            if let Some(config) = inner.get("ProcessorConfig") {
                let mut config = Fields::new(config, format!("State '{name}', ProcessorConfig: "), problems);
                if config.string("Mode", problems).is_some_and(|mode| mode != "INLINE") {
                    config.problem(problems, "Mode must be \"INLINE\": the laptop cloud has no distributed Map.");
                }
                config.finish(problems);
            }
            let graph = graph(&mut inner, depth + 1, problems);
            inner.finish(problems);
            Arc::new(graph)
        }
    };
    let items = fields.template("Items", problems);
    if items.as_ref().and_then(Template::literal).is_some_and(|items| !items.is_array()) {
        fields.problem(problems, "Items must be an array or a JSONata expression.");
    }
    Map {
        processor,
        items,
        item_selector: fields.template("ItemSelector", problems),
        max_concurrency: fields.number_template("MaxConcurrency", 0.0, problems),
    }
}

fn retriers(fields: &mut Fields<'_>, state: &str, problems: &mut Vec<String>) -> Vec<Retrier> {
    let values = fields.array("Retry", problems);
    let retriers: Vec<_> = values
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let mut fields = Fields::new(value, format!("State '{state}', Retry[{index}]: "), problems);
            fields.comment(problems);
            let full_jitter = match fields.string("JitterStrategy", problems).as_deref() {
                None | Some("NONE") => false,
                Some("FULL") => true,
                Some(other) => {
                    fields.problem(problems, &format!("JitterStrategy must be FULL or NONE, not {other}."));
                    false
                }
            };
            let retrier = Retrier {
                error_equals: error_equals(&mut fields, problems),
                interval_seconds: bounded(&mut fields, "IntervalSeconds", 1.0..=LONGEST_SECONDS, true, problems).unwrap_or(1.0),
                max_attempts: bounded(&mut fields, "MaxAttempts", 0.0..=LONGEST_SECONDS, true, problems).unwrap_or(3.0) as u32,
                backoff_rate: bounded(&mut fields, "BackoffRate", 1.0..=1000.0, false, problems).unwrap_or(2.0),
                max_delay_seconds: bounded(&mut fields, "MaxDelaySeconds", 1.0..=31_622_400.0, true, problems),
                full_jitter,
            };
            if retrier.max_delay_seconds.is_some_and(|delay| delay <= retrier.interval_seconds) {
                fields.problem(problems, "MaxDelaySeconds must be greater than IntervalSeconds.");
            }
            fields.finish(problems);
            retrier
        })
        .collect();
    all_comes_last(state, "Retry", retriers.iter().map(|retrier| &retrier.error_equals), problems);
    retriers
}

fn catchers(fields: &mut Fields<'_>, state: &str, problems: &mut Vec<String>) -> Vec<Catcher> {
    let values = fields.array("Catch", problems);
    let catchers: Vec<_> = values
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let mut fields = Fields::new(value, format!("State '{state}', Catch[{index}]: "), problems);
            fields.comment(problems);
            let catcher = Catcher {
                error_equals: error_equals(&mut fields, problems),
                next: fields.required_string("Next", problems),
                assign: fields.assign(problems),
                output: fields.template("Output", problems),
            };
            fields.finish(problems);
            catcher
        })
        .collect();
    all_comes_last(state, "Catch", catchers.iter().map(|catcher| &catcher.error_equals), problems);
    catchers
}

fn error_equals(fields: &mut Fields<'_>, problems: &mut Vec<String>) -> Vec<String> {
    let values = fields.array("ErrorEquals", problems);
    if values.is_empty() {
        fields.problem(problems, "ErrorEquals must name at least one error.");
    }
    let mut names = Vec::new();
    for value in values {
        match value.as_str() {
            None | Some("") => fields.problem(problems, "ErrorEquals must hold names of errors, as strings."),
            Some(name) if name.starts_with("States.") && !RESERVED.contains(&name) => {
                fields.problem(
                    problems,
                    &format!("ErrorEquals: '{name}' is no error of Step Functions; names that begin with 'States.' are its own."),
                );
            }
            Some(name) => names.push(name.to_owned()),
        }
    }
    if names.len() > 1 && names.iter().any(|name| name == super::error::ALL) {
        fields.problem(problems, "ErrorEquals: States.ALL must stand alone.");
    }
    names
}

fn all_comes_last<'a>(state: &str, field: &str, entries: impl ExactSizeIterator<Item = &'a Vec<String>>, problems: &mut Vec<String>) {
    let last = entries.len().saturating_sub(1);
    for (index, names) in entries.enumerate() {
        if index != last && names.iter().any(|name| name == super::error::ALL) {
            problems.push(format!("State '{state}', {field}[{index}]: States.ALL must be in the last entry."));
        }
    }
}

fn bounded(
    fields: &mut Fields<'_>,
    name: &'static str,
    range: std::ops::RangeInclusive<f64>,
    whole: bool,
    problems: &mut Vec<String>,
) -> Option<f64> {
    let value = fields.get(name)?;
    let number = value.as_f64().filter(|number| range.contains(number) && (!whole || number.fract() == 0.0));
    if number.is_none() {
        let kind = if whole { "a whole number" } else { "a number" };
        fields.problem(problems, &format!("{name} must be {kind} from {} to {}.", range.start(), range.end()));
    }
    number
}
