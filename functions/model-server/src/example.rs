//! Inputs with which the model can be tried: what a caller puts under `inputs` of a `/predict` request.

use serde_json::{Map, Value, json};

/// How many rows of a long example are shown.
const ROWS: usize = 2;

/// How many zeros an example of a tensor has at the most.
const LARGEST_TENSOR: usize = 200_000;

/// Example inputs: the model's own input example, else values of the types that its signature names, else zeros for as
/// many features as it was fitted with. Null where nothing tells what it takes.
pub fn inputs(example: Option<&Value>, signature: Option<&Value>, names: Option<&[String]>, features: Option<usize>) -> Value {
    example
        .and_then(of_example)
        .or_else(|| of_signature(signature?.get("inputs")?.as_array()?))
        .or_else(|| Some(names?.iter().map(|name| (name.clone(), json!([0.0]))).collect::<Map<_, _>>().into()))
        .or_else(|| Some(json!([vec![0.0; features?]])))
        .unwrap_or(Value::Null)
}

/// From a request body as MLflow keeps it beside a model (`serving_input_example.json`).
fn of_example(body: &Value) -> Option<Value> {
    if let Some(split) = body.get("dataframe_split") {
        let rows: Vec<_> = split["data"].as_array()?.iter().take(ROWS).collect();
        let columns = split["columns"].as_array()?.iter().enumerate().map(|(at, name)| {
            let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
            (name, rows.iter().map(|row| row[at].clone()).collect::<Value>())
        });
        return Some(Value::Object(columns.collect()));
    }
    let inputs = ["inputs", "instances", "dataframe_records"].into_iter().find_map(|form| body.get(form))?;
    Some(match inputs {
        Value::Array(rows) => rows.iter().take(ROWS).cloned().collect(),
        other => other.clone(),
    })
}

/// From the fields of a signature, as MLflow writes them.
fn of_signature(fields: &[Value]) -> Option<Value> {
    let columns = fields.iter().map(|field| {
        let value = match field["type"].as_str()? {
            "boolean" => json!(false),
            "integer" | "long" => json!(0),
            "float" | "double" => json!(0.0),
            "string" => json!("a"),
            "datetime" => json!("2026-01-01T00:00:00"),
            _ => return None,
        };
        Some((field["name"].as_str()?.to_owned(), json!([value])))
    });
    let named: Option<Map<_, _>> = columns.collect();
    named.filter(|columns| !columns.is_empty()).map(Value::Object).or_else(|| of_tensor(fields))
}

fn of_tensor(fields: &[Value]) -> Option<Value> {
    let [tensor] = fields else { return None };
    let shape: Vec<i64> = tensor["tensor-spec"]["shape"].as_array()?.iter().filter_map(Value::as_i64).collect();
    let (_, inner) = shape.split_first().filter(|(_, inner)| !inner.is_empty())?;
    // Where a length may vary, nobody knows which ones the model takes: a convolution needs an image larger than its kernel.
    let lengths: Vec<usize> = inner.iter().map(|length| usize::try_from(*length).ok()).collect::<Option<_>>()?;
    let count = lengths.iter().try_fold(1usize, |count, length| count.checked_mul(*length))?;
    (1..=LARGEST_TENSOR).contains(&count).then(|| json!([zeros(&lengths)]))
}

fn zeros(lengths: &[usize]) -> Value {
    match lengths.split_first() {
        None => json!(0.0),
        Some((length, inner)) => vec![zeros(inner); *length].into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_own_example_comes_first() {
        let example = json!({ "dataframe_split": { "columns": ["a", "b"], "data": [[1, "x"], [2, "y"], [3, "z"]] } });
        assert_eq!(inputs(Some(&example), None, None, Some(9)), json!({ "a": [1, 2], "b": ["x", "y"] }));
        assert_eq!(inputs(Some(&json!({ "inputs": [[1.0]] })), None, None, None), json!([[1.0]]));
    }

    #[test]
    fn else_what_is_known_of_the_columns() {
        let signature = json!({ "inputs": [{ "name": "a", "type": "long" }, { "name": "b", "type": "string" }] });
        assert_eq!(inputs(None, Some(&signature), None, Some(2)), json!({ "a": [0], "b": ["a"] }));
        let tensor = json!({ "inputs": [{ "type": "tensor", "tensor-spec": { "dtype": "float64", "shape": [-1, 3] } }] });
        assert_eq!(inputs(None, Some(&tensor), None, None), json!([[0.0, 0.0, 0.0]]));
        let tensor = json!({ "inputs": [{ "type": "tensor", "tensor-spec": { "dtype": "float32", "shape": [-1, 2, 1] } }] });
        assert_eq!(inputs(None, Some(&tensor), None, None), json!([[[0.0], [0.0]]]));
        let varies = json!({ "inputs": [{ "type": "tensor", "tensor-spec": { "dtype": "float32", "shape": [-1, 3, -1, -1] } }] });
        assert_eq!(inputs(None, Some(&varies), None, None), Value::Null);
        let huge =
            json!({ "inputs": [{ "type": "tensor", "tensor-spec": { "dtype": "float32", "shape": [-1, 1_000_000_000, 1_000_000_000] } }] });
        assert_eq!(inputs(None, Some(&huge), None, None), Value::Null);
        assert_eq!(inputs(None, None, Some(&["a".to_owned()]), Some(1)), json!({ "a": [0.0] }));
        assert_eq!(inputs(None, None, None, Some(2)), json!([[0.0, 0.0]]));
        assert_eq!(inputs(None, None, None, None), Value::Null);
    }
}
