//! JSONata in a definition's fields: a string that is `{% … %}` as a whole is evaluated, everything else is itself.

use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::parser;
use jsonata_core::value::JValue;
use serde_json::{Map, Number, Value};

use super::error::StateError;
use super::functions;

/// The longest time that one expression may take, in milliseconds.
const LONGEST_EVALUATION_MILLISECONDS: u64 = 5_000;
/// The deepest nesting of one evaluation.
const DEEPEST_EVALUATION: usize = 2_000;
/// The longest sequence that an expression may make.
const LONGEST_SEQUENCE: usize = 1_000_000;

/// The value of a field: JSON in which some strings are expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// A value without expressions in it.
    Literal(Value),
    /// A JSONata expression, without its `{%` and `%}`.
    Expression(String),
    /// An array with an expression somewhere in it.
    Array(Vec<Template>),
    /// An object with an expression somewhere in it.
    Object(Vec<(String, Template)>),
}

/// What expressions can name: `$states` and the variables.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The value of `$states`.
    pub states: Map<String, Value>,
    /// The variables that are visible here.
    pub variables: Map<String, Value>,
}

impl Template {
    /// Reads a field's value; what is wrong with its expressions is added to `problems`, with their place in the field.
    pub fn parse(value: &Value, place: &str, problems: &mut Vec<String>) -> Self {
        match value {
            Value::String(text) => Self::parse_string(text, place, problems),
            Value::Array(items) => {
                let items: Vec<Self> =
                    items.iter().enumerate().map(|(index, item)| Self::parse(item, &format!("{place}[{index}]"), problems)).collect();
                if items.iter().all(|item| matches!(item, Self::Literal(_))) { Self::Literal(value.clone()) } else { Self::Array(items) }
            }
            Value::Object(members) => {
                let members: Vec<(String, Self)> = members
                    .iter()
                    .map(|(name, member)| (name.clone(), Self::parse(member, &format!("{place}/{name}"), problems)))
                    .collect();
                if members.iter().all(|(_, member)| matches!(member, Self::Literal(_))) {
                    Self::Literal(value.clone())
                } else {
                    Self::Object(members)
                }
            }
            _ => Self::Literal(value.clone()),
        }
    }

    fn parse_string(text: &str, place: &str, problems: &mut Vec<String>) -> Self {
        let literal = || Self::Literal(Value::String(text.to_owned()));
        match (text.starts_with("{%"), text.ends_with("%}")) {
            (false, false) => literal(),
            (true, true) if text.len() >= 4 => {
                let source = text[2..text.len() - 2].trim().to_owned();
                if let Err(error) = parser::parse(&source) {
                    problems.push(format!("{place}: the JSONata expression '{source}' is not valid: {}", error.display_message()));
                }
                Self::Expression(source)
            }
            _ => {
                problems.push(format!("{place}: '{text}' must begin with '{{%' and end with '%}}' to be a JSONata expression."));
                literal()
            }
        }
    }

    /// The value without evaluation, where the field has no expression.
    pub fn literal(&self) -> Option<&Value> {
        if let Self::Literal(value) = self { Some(value) } else { None }
    }

    /// The value with every expression replaced by its result.
    ///
    /// `field` names the field in the error's cause. An expression that fails or gives nothing is a
    /// `States.QueryEvaluationError`.
    pub fn evaluate(&self, scope: &Scope, field: &str) -> Result<Value, StateError> {
        if let Self::Literal(value) = self {
            return Ok(value.clone());
        }
        self.evaluate_with(&mut evaluator(scope), field)
    }

    fn evaluate_with(&self, evaluator: &mut Evaluator, field: &str) -> Result<Value, StateError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Expression(source) => evaluate_source(evaluator, source, field),
            Self::Array(items) => {
                items.iter().enumerate().map(|(index, item)| item.evaluate_with(evaluator, &format!("{field}[{index}]"))).collect()
            }
            Self::Object(members) => members
                .iter()
                .map(|(name, member)| Ok((name.clone(), member.evaluate_with(evaluator, &format!("{field}/{name}"))?)))
                .collect::<Result<Map<_, _>, _>>()
                .map(Value::Object),
        }
    }

    /// [`Template::evaluate`], then `convert`; what it refuses is an error that names the `expected` type.
    pub fn evaluate_as<T>(
        &self,
        scope: &Scope,
        field: &str,
        expected: &str,
        convert: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, StateError> {
        let value = self.evaluate(scope, field)?;
        convert(&value).ok_or_else(|| {
            let subject = match self {
                Self::Expression(source) => format!("The JSONata expression '{source}' specified for"),
                _ => "The value of".to_owned(),
            };
            StateError::query(format!(
                "{subject} the field '{field}' returned an unexpected result type. Expected '{expected}', but was '{}' for value: {}",
                type_name(&value),
                shortened(&value.to_string()),
            ))
        })
    }
}

/// The name of a JSON value's type.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The first part of a text that may be long, for a message.
pub fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain("…".chars()).collect()
}

fn evaluator(scope: &Scope) -> Evaluator {
    let mut context = Context::new();
    for (name, value) in &scope.variables {
        context.bind(name.clone(), JValue::from(value.clone()));
    }
    context.bind("states".to_owned(), JValue::from(Value::Object(scope.states.clone())));
    let options = EvaluatorOptions {
        timeout_ms: Some(LONGEST_EVALUATION_MILLISECONDS),
        max_stack_depth: Some(DEEPEST_EVALUATION),
        max_sequence_length: Some(LONGEST_SEQUENCE),
        ..EvaluatorOptions::default()
    };
    let mut evaluator = Evaluator::with_options(context, options);
    functions::register(&mut evaluator);
    evaluator
}

fn evaluate_source(evaluator: &mut Evaluator, source: &str, field: &str) -> Result<Value, StateError> {
    let describe = |what: &str| StateError::query(format!("The JSONata expression '{source}' specified for the field '{field}' {what}"));
    let syntax = parser::parse(source).map_err(|error| describe(&format!("is not valid. {}", error.display_message())))?;
    let result = evaluator
        .evaluate(&syntax, &JValue::Undefined)
        .map_err(|error| describe(&format!("threw an error during evaluation. {}", error.message())))?;
    match to_json(&result) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(describe("returned nothing (undefined).")),
        Err(reason) => Err(describe(&format!("returned {reason}."))),
    }
}

/// A JSONata value as JSON: `None` for undefined, an error for what JSON cannot hold.
///
/// Whole numbers come out as integers: JSONata has one kind of number, and `1` must not become `1.0` on its way.
pub(super) fn to_json(value: &JValue) -> Result<Option<Value>, String> {
    Ok(Some(match value {
        JValue::Undefined => return Ok(None),
        JValue::Null => Value::Null,
        JValue::Bool(value) => Value::Bool(*value),
        JValue::Number(value) => Value::Number(to_number(*value).ok_or("a number that JSON cannot hold")?),
        JValue::String(value) => Value::String(value.to_string()),
        JValue::Array(items) => {
            let mut array = Vec::with_capacity(items.len());
            for item in items.iter() {
                array.extend(to_json(item)?);
            }
            Value::Array(array)
        }
        JValue::Object(members) => {
            let mut object = Map::new();
            for (name, member) in members.iter() {
                if let Some(member) = to_json(member)? {
                    object.insert(name.clone(), member);
                }
            }
            Value::Object(object)
        }
        JValue::Lambda(_) | JValue::Builtin { .. } => return Err("a function".to_owned()),
        JValue::Regex { .. } => return Err("a regular expression".to_owned()),
    }))
}

fn to_number(value: f64) -> Option<Number> {
    const LARGEST_EXACT: f64 = 9_007_199_254_740_991.0;
    if value.fract() == 0.0 && value.abs() <= LARGEST_EXACT {
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn evaluate(template: Value) -> Result<Value, StateError> {
        let mut problems = Vec::new();
        let template = Template::parse(&template, "Output", &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        let scope = Scope {
            states: json!({
                "input": {"name": "Ada", "one": [7], "orders": [{"id": 1, "price": 2.5}, {"id": 2, "price": 30}], "no": null},
                "context": {"Execution": {"Name": "run"}},
            })
            .as_object()
            .unwrap()
            .clone(),
            variables: json!({"count": 3, "list": [5], "nested": {"list": [[1, 2], [3]]}}).as_object().unwrap().clone(),
        };
        template.evaluate(&scope, "Output")
    }

    fn value(source: &str) -> Value {
        evaluate(Value::String(format!("{{% {source} %}}"))).unwrap()
    }

    #[test]
    fn only_a_whole_string_is_an_expression() {
        assert_eq!(evaluate(json!("plain {% 1 %} text")).unwrap(), json!("plain {% 1 %} text"));
        assert_eq!(evaluate(json!({"a": ["{% $count + 1 %}", "b"], "c": 1})).unwrap(), json!({"a": [4, "b"], "c": 1}));
        let mut problems = Vec::new();
        Template::parse(&json!({"x": "{% 1"}), "Output", &mut problems);
        Template::parse(&json!("{% $foo( %}"), "Output", &mut problems);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("Output/x: '{% 1' must begin"), "{problems:?}");
        assert!(problems[1].contains("is not valid"), "{problems:?}");
    }

    #[test]
    fn states_and_variables_are_visible_and_numbers_stay_whole() {
        assert_eq!(value("$states.input.name & '-' & $states.context.Execution.Name"), json!("Ada-run"));
        assert_eq!(value("$sum($states.input.orders.price)"), json!(32.5));
        assert_eq!(value("$count * 2"), json!(6));
        assert_eq!(value("$count / 2"), json!(1.5));
        assert_eq!(value("$states.input.no"), json!(null));
        assert_eq!(value("$states.input.orders[price > 10].id"), json!(2));
        assert_eq!(value("$states.input.orders.id"), json!([1, 2]));
        assert_eq!(value("$states.input.one"), json!([7]), "an array of one stays an array");
        assert_eq!(value("$list"), json!([5]));
        assert_eq!(value("$nested.list"), json!([[1, 2], [3]]));
        assert_eq!(value("$merge([$states.input, {'extra': $count}]).extra"), json!(3));
        assert_eq!(value("$exists($states.input.missing) ? 1 : 2"), json!(2));
        assert_eq!(value("{'a': $states.input.missing, 'b': [$states.input.missing]}"), json!({"b": []}));
        assert_eq!(value("($x := 5; $x + $count)"), json!(8));
        assert_eq!(value("$map([1..3], function($v) { $v * $v })"), json!([1, 4, 9]));
        assert_eq!(value("$string({'a': 1})"), json!("{\"a\":1}"));
        assert_eq!(value("$number('42')"), json!(42));
        assert_eq!(value("$not($exists($undefinedVariable)) and true"), json!(true));
    }

    #[test]
    fn undefined_failures_and_functions_are_query_evaluation_errors() {
        for (source, cause) in [
            ("$states.input.missing", "returned nothing (undefined)"),
            ("$neverAssigned", "returned nothing (undefined)"),
            ("$states.input.name * 2", "threw an error during evaluation"),
            ("$error('stop')", "stop"),
            ("function($x) { $x }", "returned a function"),
            ("$eval('1')", "not supported"),
            ("1 / 0", ""),
        ] {
            let error = evaluate(Value::String(format!("{{% {source} %}}"))).unwrap_err();
            assert_eq!(error.error.as_deref(), Some("States.QueryEvaluationError"), "{source}");
            assert!(error.cause.unwrap().contains(cause), "{source}");
        }
    }

    #[test]
    fn endless_and_deep_expressions_are_stopped() {
        for source in ["($f := function($n) { $f($n + 1) + 1 }; $f(1))", "[1..9999999]", "($f := function($n) { $f($n + 1) }; $f(1))"] {
            let error = evaluate(Value::String(format!("{{% {source} %}}"))).unwrap_err();
            assert_eq!(error.error.as_deref(), Some("States.QueryEvaluationError"), "{source}");
        }
    }

    #[test]
    fn a_wrong_type_is_named() {
        let template = Template::Expression("$count & ''".to_owned());
        let scope = Scope { variables: json!({"count": 3}).as_object().unwrap().clone(), ..Scope::default() };
        let error = template.evaluate_as(&scope, "Seconds", "number", Value::as_f64).unwrap_err();
        assert!(error.cause.unwrap().contains("Expected 'number', but was 'string' for value: \"3\""));
    }
}
