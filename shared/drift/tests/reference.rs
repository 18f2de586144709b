//! Indices against those that numpy computes, and what follows from them.
#![allow(clippy::unwrap_used)]

use drift::{Comparison, Outcome, Profile, ProfileBuilder, Report, Status};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
struct Case {
    name: String,
    training: Vec<Value>,
    newer: Vec<Value>,
    psi: f64,
}

fn columns(values: &[Value]) -> Map<String, Value> {
    [("x".to_owned(), Value::from(values.to_vec()))].into_iter().collect()
}

fn profile(values: &[Value]) -> Profile {
    let mut builder = ProfileBuilder::new();
    builder.add_columns(&columns(values));
    builder.finish()
}

fn compared(profile: &Profile, values: &[Value]) -> Outcome {
    let mut comparison = Comparison::new(profile);
    comparison.add_columns(&columns(values));
    comparison.finish()
}

fn report(profile: &Profile, values: &[Value]) -> Report {
    match compared(profile, values) {
        Outcome::Computed(report) => report,
        other => panic!("{other:?}"),
    }
}

/// Numbers that look normally distributed, the same at every run.
fn normal(count: usize, mean: f64, mut seed: u64) -> Vec<Value> {
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..count).map(|_| json!((0..12).map(|_| next()).sum::<f64>() - 6.0 + mean)).collect()
}

#[test]
fn indices_are_those_of_the_reference() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("reference/cases.json")).unwrap();
    assert!(cases.len() > 10);
    for case in cases {
        let psi = report(&profile(&case.training), &case.newer).features["x"].psi;
        assert!((psi - case.psi).abs() < 1e-9, "{}: {psi} instead of {}", case.name, case.psi);
    }
}

#[test]
fn the_same_distribution_raises_no_alarm_and_a_shifted_one_does() {
    let profile = profile(&normal(20_000, 0.0, 1));
    assert_eq!(profile.rows, 20_000);
    for seed in 2..12 {
        let report = report(&profile, &normal(5_000, 0.0, seed));
        assert_eq!((report.overall_status, report.inference_rows), (Status::Low, 5_000));
        assert!(report.features["x"].psi < 0.02, "{report:?}");
    }
    assert_eq!(report(&profile, &normal(5_000, 0.4, 20)).overall_status, Status::Moderate);
    assert_eq!(report(&profile, &normal(5_000, 1.0, 21)).overall_status, Status::High);
}

#[test]
fn a_few_rows_of_the_same_distribution_raise_no_alarm() {
    let profile = profile(&normal(5_000, 0.0, 1));
    let alarms = (2..202).filter(|seed| report(&profile, &normal(100, 0.0, *seed)).overall_status != Status::Low).count();
    assert!(alarms <= 20, "{alarms} of 200");
}

#[test]
fn too_few_rows_are_told() {
    let trained = profile(&normal(1_000, 0.0, 1));
    assert_eq!(compared(&trained, &normal(99, 0.0, 2)), Outcome::TooFewRows { rows: 99, needed: 100 });
    assert_eq!(compared(&profile(&normal(5, 0.0, 1)), &normal(500, 0.0, 2)), Outcome::TooFewTrainingRows { rows: 5, needed: 100 });
    let mut other = Comparison::new(&trained);
    for _ in 0..200 {
        other.add_row(&[("y".to_owned(), json!(1))].into_iter().collect());
    }
    assert_eq!(other.finish(), Outcome::NoSharedFeatures);
}

#[test]
fn few_different_numbers_have_a_bin_each() {
    let values = |count: usize, value: fn(usize) -> i64| (0..count).map(|at| json!(value(at))).collect::<Vec<_>>();
    let constant = profile(&values(500, |_| 7));
    assert_eq!(report(&constant, &values(500, |_| 7)).overall_status, Status::Low);
    for other in [|_: usize| 6, |_: usize| 8, |_: usize| -7] {
        assert_eq!(report(&constant, &values(500, other)).overall_status, Status::High);
    }
    let truth = profile(&values(500, |at| i64::from(at % 2 == 0)));
    assert_eq!(report(&truth, &values(500, |at| i64::from(at % 2 == 0))).overall_status, Status::Low);
    assert_eq!(report(&truth, &values(500, |at| i64::from(at % 10 == 0))).overall_status, Status::High);
}

#[test]
fn rows_and_columns_count_alike_and_what_is_no_number_is_missing() {
    let trained = profile(&normal(500, 0.0, 1));
    let newer = normal(300, 0.0, 2);
    let mut comparison = Comparison::new(&trained);
    for value in &newer {
        comparison.add_row(&[("x".to_owned(), json!(value.to_string())), ("other".to_owned(), json!([1]))].into_iter().collect());
    }
    assert_eq!(comparison.finish(), compared(&trained, &newer));
    let masked = vec![json!("********"); 300];
    assert_eq!(report(&trained, &masked), report(&trained, &vec![Value::Null; 300]));
}

#[test]
fn a_profile_is_bounded_and_keeps_no_rare_value() {
    let mut builder = ProfileBuilder::new();
    for row in 0..2_000 {
        let mut values: Map<String, Value> = (0..600).map(|at| (format!("f{at}"), json!(row * at))).collect();
        values.insert("a".into(), json!(format!("person {row}")));
        values.insert("b".into(), json!(format!("{}{}", "x".repeat(5_000), row % 3)));
        values.insert("f1".into(), json!(format!("city {}", row % 90)));
        builder.add_row(&values);
    }
    let profile = builder.finish();
    assert_eq!((profile.rows, profile.features.len(), profile.left_out), (2_000, 500, 102));
    let text = serde_json::to_string(&profile).unwrap();
    assert!(text.len() < 200_000 && !text.contains("person "), "{}", text.len());
    assert_eq!(serde_json::from_str::<Profile>(&text).unwrap().features.len(), 500);
    assert!(text.matches("city ").count() == 50);
}
