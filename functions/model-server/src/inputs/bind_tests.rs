#![allow(clippy::unwrap_used)]
use super::*;
use crate::inputs::request::parse;
use http::StatusCode;
use serde_json::json;

fn matrix(features: usize, names: Option<&[&str]>) -> Ready {
    Ready {
        form: Form::Matrix,
        features: Some(features),
        names: names.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
        ..Ready::default()
    }
}

fn bound(body: Value, signature: &Value, ready: &Ready) -> Result<Batch, Failure> {
    bind(parse(body.to_string().as_bytes()).unwrap().inputs, &Signature::parse(signature), ready)
}

fn numbers(batch: &Batch) -> &[f64] {
    match &batch.data {
        Data::Matrix { numbers: Numbers::F64(numbers), .. } => numbers,
        other => panic!("{other:?}"),
    }
}

fn refused(body: Value, signature: &Value, ready: &Ready) -> String {
    let failure = bound(body, signature, ready).unwrap_err();
    assert_eq!(failure.status, StatusCode::UNPROCESSABLE_ENTITY);
    failure.detail
}

#[test]
fn numbered_names_are_sorted_for_a_model_without_names() {
    let ready = matrix(3, None);
    let given = json!({"inputs": {"feature_2": [3, 6], "feature_0": [1, 4], "feature_1": [2, 5]}});
    assert_eq!(numbers(&bound(given, &Value::Null, &ready).unwrap()), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let other = json!({"inputs": {"x": [3], "a": [1], "b": [2]}});
    assert_eq!(numbers(&bound(other, &Value::Null, &ready).unwrap()), [3.0, 1.0, 2.0]);
    assert_eq!(numbers(&bound(json!({"inputs": [1, 2, 3]}), &Value::Null, &ready).unwrap()), [1.0, 2.0, 3.0]);
}

#[test]
fn too_few_and_too_many_features_are_named() {
    let detail = refused(json!({"inputs": {"feature_0": [1], "feature_1": [2]}}), &Value::Null, &matrix(4, None));
    assert_eq!(detail, "The model expects 4 features, got 2. Missing: 'feature_2', 'feature_3'.");
    let detail = refused(json!({"inputs": {"feature_0": [1], "feature_1": [2]}}), &Value::Null, &matrix(1, None));
    assert!(detail.contains("Too many: 'feature_1'"), "{detail}");
    let detail = refused(json!({"inputs": [[1, 2]]}), &Value::Null, &matrix(3, None));
    assert!(detail.contains("expects 3 features, got 2"), "{detail}");
    let detail = refused(json!({"inputs": [1, 2]}), &Value::Null, &matrix(3, None));
    assert!(detail.contains("got one row of 2"), "{detail}");
}

#[test]
fn names_are_matched_in_any_order_and_named_when_wrong() {
    let ready = matrix(2, Some(&["a", "b"]));
    assert_eq!(numbers(&bound(json!({"inputs": {"b": [2], "a": [1]}}), &Value::Null, &ready).unwrap()), [1.0, 2.0]);
    assert!(refused(json!({"inputs": {"b": [2]}}), &Value::Null, &ready).contains("the column 'a', which is missing"));
    let detail = refused(json!({"inputs": {"a": [1], "b": [2], "c": [3]}}), &Value::Null, &ready);
    assert!(detail.contains("does not know the column 'c'") && detail.contains("'a', 'b'"), "{detail}");
    // The model's own order wins over the signature's.
    let signature = json!([{"type": "double", "name": "b"}, {"type": "long", "name": "a"}]);
    assert_eq!(numbers(&bound(json!({"inputs": {"b": [2], "a": [1]}}), &signature, &ready).unwrap()), [1.0, 2.0]);
    assert_eq!(numbers(&bound(json!({"inputs": [[2, 1]]}), &signature, &ready).unwrap()), [1.0, 2.0]);
}

#[test]
fn types_are_held_against_the_signature() {
    let frame = Ready { form: Form::Frame, ..Ready::default() };
    let one = |kind: &str, value: Value| {
        let signature = json!([{"type": kind, "name": "x", "required": true}]);
        bound(json!({"inputs": {"x": [value]}}), &signature, &frame).map(|batch| match batch.data {
            Data::Frame(mut columns) => columns.remove(0).1,
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(one("double", json!(1)).unwrap(), FrameColumn::F64(vec![1.0]));
    assert_eq!(one("float", json!(0.5)).unwrap(), FrameColumn::F32(vec![0.5]));
    assert_eq!(one("long", json!(3.0)).unwrap(), FrameColumn::I64(vec![3]));
    assert_eq!(one("integer", json!(3)).unwrap(), FrameColumn::I32(vec![3]));
    assert_eq!(one("boolean", json!(true)).unwrap(), FrameColumn::Bool(vec![true]));
    assert_eq!(one("string", json!(null)).unwrap(), FrameColumn::Text(vec![None]));
    let moment = FrameColumn::Datetime(vec![Some("2025-01-31T11:00:00".into())]);
    assert_eq!(one("datetime", json!("2025-01-31T12:00:00+01:00")).unwrap(), moment);
    assert_eq!(one("datetime", json!("2025-01-31T11:00:00")).unwrap(), moment);
    for (kind, value) in [
        ("double", json!("1")),
        ("double", json!(true)),
        ("float", json!(1e300)),
        ("long", json!(1.5)),
        ("long", json!(null)),
        ("integer", json!(3_000_000_000_i64)),
        ("boolean", json!(1)),
        ("string", json!(1)),
        ("datetime", json!("yesterday")),
        ("binary", json!("!")),
    ] {
        let failure = one(kind, value.clone()).unwrap_err();
        assert!(failure.status == 422 && failure.detail.contains("'x'"), "{kind} {value}: {failure}");
    }
}

#[test]
fn text_is_refused_where_numbers_are_needed_and_nulls_are_remembered() {
    let ready = matrix(2, None);
    let detail = refused(json!({"inputs": [[1, 2], [3, "x"]]}), &Value::Null, &ready);
    assert!(detail.contains("'feature_1'") && detail.contains("row 1") && detail.contains("\"x\""), "{detail}");
    let batch = bound(json!({"inputs": [[1, null], [3, 4]]}), &Value::Null, &ready).unwrap();
    assert_eq!(batch.nulls, ["feature_1"]);
    assert_eq!(batch.columns(100).unwrap(), json!({"feature_0": [1.0, 3.0], "feature_1": [null, 4.0]}));
    assert!(batch.columns(3).is_none());
}

#[test]
fn optional_columns_may_be_missing() {
    let signature = json!([{"type": "double", "name": "a"}, {"type": "double", "name": "b", "required": false}]);
    let frame = Ready { form: Form::Frame, ..Ready::default() };
    let batch = bound(json!({"inputs": {"a": [1]}}), &signature, &frame).unwrap();
    assert!(matches!(&batch.data, Data::Frame(columns) if columns.len() == 1));
    let batch = bound(json!({"inputs": {"a": [1]}}), &signature, &matrix(2, Some(&["a", "b"]))).unwrap();
    assert!(numbers(&batch)[1].is_nan());
}

#[test]
fn arrays_keep_their_shape() {
    let pyfunc = Ready { form: Form::Pyfunc, ..Ready::default() };
    let signature = json!([{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2, 2]}}]);
    let batch = bound(json!({"inputs": [[[1, 2], [3, 4]]]}), &signature, &pyfunc).unwrap();
    let Data::Tensors(tensors) = &batch.data else { panic!("{batch:?}") };
    assert_eq!(tensors[0].shape, [1, 2, 2]);
    assert!(refused(json!({"inputs": [[[1, 2], [3]]]}), &signature, &pyfunc).contains("ragged"));
    assert!(refused(json!({"inputs": [[1, 2]]}), &signature, &pyfunc).contains("[-1, 2, 2]"));
}

#[test]
fn a_network_takes_one_array_in_its_own_shape() {
    let network = |shape: Option<Vec<i64>>| Ready { form: Form::Tensor, shape, ..Ready::default() };
    let shape_of = |batch: &Batch| match &batch.data {
        Data::Tensors(tensors) => (batch.rows, tensors[0].shape.clone()),
        other => panic!("{other:?}"),
    };
    let flat = network(Some(vec![-1, 3]));
    assert_eq!(shape_of(&bound(json!({"inputs": [[1, 2, 3], [4, 5, 6]]}), &Value::Null, &flat).unwrap()), (2, vec![2, 3]));
    assert_eq!(shape_of(&bound(json!({"inputs": {"x": [1], "y": [2], "z": [3]}}), &Value::Null, &flat).unwrap()), (1, vec![1, 3]));
    assert!(refused(json!({"inputs": [[1, 2]]}), &Value::Null, &flat).contains("expects [-1, 3]"));
    assert!(refused(json!({"inputs": {"x": [1]}}), &Value::Null, &flat).contains("expects 3 features, got 1"));
    assert!(refused(json!({"inputs": [["a", "b", "c"]]}), &Value::Null, &flat).contains("needs a number"));
    // One that tells no shape takes any; what it cannot take, its own code says.
    assert_eq!(shape_of(&bound(json!({"inputs": [[[1], [2]]]}), &Value::Null, &network(None)).unwrap()), (1, vec![1, 2, 1]));
    // What was told of its file before it was loaded comes first.
    let signature = json!([{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2, 2]}}]);
    assert!(refused(json!({"inputs": [[1, 2]]}), &signature, &network(None)).contains("expects [-1, 2, 2]"));
}
