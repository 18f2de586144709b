//! Searching runs: every order and every filter finds what reading all of them would.

use http::Method;
use serde_json::{Value, json};

use crate::Server;

const RUNS: usize = 30;

/// Runs whose metric `a` rises with their number (every fifth has NaN, every seventh has none), with equal values in pairs.
async fn with_runs() -> (Server, Vec<String>) {
    let server = Server::start().await;
    let mut ids = Vec::new();
    for at in 0..RUNS {
        let body = json!({ "experiment_id": "0", "start_time": 1000 + at, "run_name": format!("run {at}") });
        let id = server.post("runs/create", body).await["run"]["info"]["run_id"].as_str().unwrap().to_owned();
        let value = if at % 5 == 0 { json!("NaN") } else { json!((at / 2) as f64 - 4.0) };
        let metrics = if at % 7 == 0 { json!([]) } else { json!([{ "key": "a", "value": value, "timestamp": 1 }]) };
        let params =
            json!([{ "key": "kind", "value": if at % 2 == 0 { "even" } else { "odd" } }, { "key": "n", "value": format!("{at:02}") }]);
        server.post("runs/log-batch", json!({ "run_id": id, "metrics": metrics, "params": params })).await;
        ids.push(id);
    }
    (server, ids)
}

/// All pages of a search, each run as its number.
async fn all(server: &Server, ids: &[String], mut body: Value, page: usize) -> Vec<usize> {
    let mut found = Vec::new();
    body["experiment_ids"] = json!(["0"]);
    body["max_results"] = json!(page);
    loop {
        let answer = server.post("runs/search", body.clone()).await;
        for run in answer["runs"].as_array().unwrap_or(&Vec::new()) {
            let id = run["info"]["run_id"].as_str().unwrap();
            found.push(ids.iter().position(|known| known == id).unwrap());
        }
        match answer["next_page_token"].as_str() {
            Some(token) => body["page_token"] = json!(token),
            None => return found,
        }
    }
}

/// What `a` of a run is; `None` where it has none.
fn value(at: usize) -> Option<f64> {
    match at {
        at if at % 7 == 0 => None,
        at if at % 5 == 0 => Some(f64::NAN),
        at => Some((at / 2) as f64 - 4.0),
    }
}

/// MLflow's order by `a`: numbers, then NaN, then none; the newest first among equals.
fn ordered(mut runs: Vec<usize>, ascending: bool) -> Vec<usize> {
    let rank = |at: &usize| match value(*at) {
        Some(value) if value.is_nan() => 1,
        Some(_) => 0,
        None => 2,
    };
    runs.sort_by(|one, other| {
        let values = value(*one).partial_cmp(&value(*other)).unwrap_or(std::cmp::Ordering::Equal);
        let values = if ascending { values } else { values.reverse() };
        rank(one).cmp(&rank(other)).then(if rank(one) == 0 { values } else { std::cmp::Ordering::Equal }).then(other.cmp(one))
    });
    runs
}

#[tokio::test]
async fn equal_values_come_newest_first_from_any_number_of_experiments() {
    let server = Server::start().await;
    let other = server.post("experiments/create", json!({ "name": "other" })).await["experiment_id"].as_str().unwrap().to_owned();
    let mut expected = Vec::new();
    for at in 0..24 {
        let experiment = if at % 2 == 0 { "0" } else { other.as_str() };
        let id =
            server.post("runs/create", json!({ "experiment_id": experiment, "start_time": at })).await["run"]["info"]["run_id"].clone();
        // Runs 4 to 21 have one value, the others each their own.
        let value = if (4..22).contains(&at) { 10 } else { at };
        let metric = json!({ "run_id": id, "key": "same", "value": value, "timestamp": 1 });
        server.post("runs/log-metric", metric).await;
        expected.push((value, at, id));
    }
    for (direction, ascending) in [("ASC", true), ("DESC", false)] {
        expected.sort_by_key(|(value, at, _)| (if ascending { *value } else { -*value }, -*at));
        let wanted: Vec<&Value> = expected.iter().map(|(_, _, id)| id).collect();
        for page in [1, 3, 7, 100] {
            let mut found = Vec::new();
            let mut body =
                json!({ "experiment_ids": ["0", other], "order_by": [format!("metrics.same {direction}")], "max_results": page });
            loop {
                let answer = server.post("runs/search", body.clone()).await;
                found.extend(answer["runs"].as_array().unwrap().iter().map(|run| run["info"]["run_id"].clone()));
                match answer["next_page_token"].as_str() {
                    Some(token) => body["page_token"] = json!(token),
                    None => break,
                }
            }
            assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{direction}, pages of {page}");
        }
    }
}

#[tokio::test]
async fn runs_come_in_the_order_of_a_metric() {
    let (server, ids) = with_runs().await;
    for (direction, ascending) in [("ASC", true), ("DESC", false)] {
        for page in [1, 4, 100] {
            let body = json!({ "order_by": [format!("metrics.a {direction}")] });
            assert_eq!(all(&server, &ids, body, page).await, ordered((0..RUNS).collect(), ascending), "{direction} {page}");
            let body = json!({ "order_by": [format!("metrics.`a` {direction}"), "start_time DESC"], "filter": "metrics.a > -2 AND metrics.a <= 6 AND params.kind = 'odd'" });
            let matching = (0..RUNS).filter(|at| value(*at).is_some_and(|value| value > -2.0 && value <= 6.0) && at % 2 == 1);
            assert_eq!(all(&server, &ids, body, page).await, ordered(matching.collect(), ascending), "{direction} {page}");
        }
    }
}

#[tokio::test]
async fn runs_come_by_time_and_by_anything_else() {
    let (server, ids) = with_runs().await;
    let newest: Vec<usize> = (0..RUNS).rev().collect();
    for page in [1, 7, 100] {
        assert_eq!(all(&server, &ids, json!({}), page).await, newest);
        assert_eq!(all(&server, &ids, json!({ "order_by": ["start_time ASC"] }), page).await, (0..RUNS).collect::<Vec<_>>());
        assert_eq!(all(&server, &ids, json!({ "order_by": ["params.n"] }), page).await, (0..RUNS).collect::<Vec<_>>());
        let odd: Vec<usize> = newest.iter().copied().filter(|at| at % 2 == 1).collect();
        let even: Vec<usize> = newest.iter().copied().filter(|at| at % 2 == 0).collect();
        assert_eq!(all(&server, &ids, json!({ "order_by": ["params.kind DESC"] }), page).await, [odd.clone(), even].concat());
        assert_eq!(all(&server, &ids, json!({ "filter": "params.kind = 'odd'" }), page).await, odd);
        let below: Vec<usize> = newest.iter().copied().filter(|at| value(*at).is_some_and(|value| value < 0.0)).collect();
        assert_eq!(all(&server, &ids, json!({ "filter": "metrics.a < 0" }), page).await, below);
        let other: Vec<usize> = newest.iter().copied().filter(|at| value(*at).is_some_and(|value| value != 2.0)).collect();
        assert_eq!(all(&server, &ids, json!({ "filter": "metrics.a != 2.0" }), page).await, other);
    }
    for (filter, found) in [
        ("run_name = 'run 3'", vec![3]),
        ("attributes.run_name LIKE 'run 1_'", (10..20).rev().collect()),
        ("start_time >= 1028", vec![29, 28]),
        ("status = 'FINISHED'", vec![]),
        ("tags.`mlflow.runName` ILIKE 'RUN 2'", vec![2]),
        ("params.missing IS NULL AND run_name = 'run 4'", vec![4]),
        (&format!("run_id IN ('{}', '{}')", ids[5], ids[6]), vec![6, 5]),
    ] {
        assert_eq!(all(&server, &ids, json!({ "filter": filter }), 100).await, found, "{filter}");
    }
}

#[tokio::test]
async fn deleted_runs_are_seen_when_asked_for() {
    let (server, ids) = with_runs().await;
    server.post("runs/delete", json!({ "run_id": ids[4] })).await;
    assert!(!all(&server, &ids, json!({}), 100).await.contains(&4));
    assert!(!all(&server, &ids, json!({ "order_by": ["metrics.a"] }), 100).await.contains(&4));
    assert_eq!(all(&server, &ids, json!({ "run_view_type": "DELETED_ONLY" }), 100).await, [4]);
    assert_eq!(all(&server, &ids, json!({ "run_view_type": "ALL" }), 3).await.len(), RUNS);
}

#[tokio::test]
async fn wrong_searches_are_refused() {
    let server = Server::start().await;
    for body in [
        json!({ "filter": "metrics.a >" }),
        json!({ "filter": "nonsense" }),
        json!({ "filter": "params.a = 'x' OR params.b = 'y'" }),
        json!({ "filter": "x".repeat(30_000) }),
        json!({ "max_results": 0 }),
        json!({ "max_results": 50_001 }),
        json!({ "max_results": "many" }),
        json!({ "order_by": ["metrics.a SIDEWAYS"] }),
        json!({ "order_by": "metrics.a" }),
        json!({ "page_token": "eyJvZmZzZXQiOiA1fQ==" }),
        json!({ "page_token": "§" }),
        json!({ "experiment_ids": ["abc"] }),
        json!({ "experiment_ids": "0" }),
        json!({ "run_view_type": "SOME" }),
    ] {
        let (status, code, message) = server.refused(Method::POST, "runs/search", Some(body.clone())).await;
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER_VALUE"), "{body} {message}");
    }
    assert_eq!(server.post("runs/search", json!({})).await, json!({}));
}
