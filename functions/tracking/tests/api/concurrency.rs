//! Many writers at once lose nothing.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::json;
use shared::domain::registered_model::NewModelVersion;
use shared::domain::run::MetricPoint;
use shared::paging::PageRequest;

use crate::Server;

fn new_version(job_id: Option<&str>) -> NewModelVersion {
    NewModelVersion {
        model_name: "m".to_owned(),
        source: "mlflow-artifacts:/0/a/artifacts/model".to_owned(),
        job_id: job_id.map(str::to_owned),
        ..NewModelVersion::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_numbered_without_gap_or_clash() {
    let server = Server::start().await;
    let store = server.store();
    let made = join_all((0..16).map(|_| store.create_model_version(new_version(None)))).await;
    let numbers: BTreeSet<u64> = made.into_iter().map(|version| version.unwrap().version).collect();
    assert_eq!(numbers, (1..=16).collect());
    assert_eq!(store.count_registered_models().await.unwrap(), 1);
    let newest = store.model_versions("m", &PageRequest { limit: 2, after: None }).await.unwrap();
    assert_eq!(newest.items.iter().map(|version| version.version).collect::<Vec<_>>(), [16, 15]);
    assert_eq!(store.latest_version("m").await.unwrap().unwrap().version, 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_registers_once() {
    let server = Server::start().await;
    let store = server.store();
    let job_id = shared::id::new_id();
    let made = join_all((0..8).map(|_| store.create_model_version(new_version(Some(&job_id))))).await;
    let numbers: BTreeSet<u64> = made.into_iter().map(|version| version.unwrap().version).collect();
    assert_eq!(numbers, BTreeSet::from([1]));
    assert_eq!(store.version_of_job(&job_id).await.unwrap().unwrap().version, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_to_a_run_lose_nothing() {
    let server = Server::start().await;
    let run = server.run().await;
    let writers = (0..8_i64).map(|writer| {
        let (server, run) = (&server, &run);
        async move {
            for round in 0..5_i64 {
                let step = round * 8 + writer;
                let metrics: Vec<_> =
                    (0..20).map(|metric| json!({ "key": format!("m{metric}"), "value": step, "timestamp": 1, "step": step })).collect();
                server
                    .post(
                        "runs/log-batch",
                        json!({ "run_id": run, "metrics": metrics, "params": [{ "key": format!("p{step}"), "value": "1" }] }),
                    )
                    .await;
                server.post("runs/set-tag", json!({ "run_id": run, "key": format!("t{step}"), "value": "1" })).await;
            }
        }
    });
    join_all(writers).await;
    let read = server.store().run(&run).await.unwrap().unwrap();
    assert_eq!(read.params.len(), 40);
    assert_eq!(read.tags.len(), 41);
    assert_eq!(read.metrics.len(), 20);
    for (metric, latest) in &read.metrics {
        assert_eq!(*latest, MetricPoint { step: 39, timestamp: 1, value: 39.0 }, "{metric}");
        let history = server.store().metric_history(&run, metric, &PageRequest { limit: 100, after: None }).await.unwrap();
        assert_eq!(history.items.len(), 40, "{metric}");
    }
    // The lists by metric agree with the run.
    let found =
        server.post("runs/search", json!({ "experiment_ids": ["0"], "filter": "metrics.m7 >= 39", "order_by": ["metrics.m7 DESC"] })).await;
    assert_eq!(found["runs"].as_array().unwrap().len(), 1);
    let older = server.post("runs/search", json!({ "experiment_ids": ["0"], "filter": "metrics.m7 < 39" })).await;
    assert_eq!(older["runs"], serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_value_of_a_param_wins() {
    let server = Server::start().await;
    let run = server.run().await;
    let store = server.store();
    let values: Vec<String> = (0..10).map(|at| format!("{at}").repeat(if at % 2 == 0 { 1 } else { 3000 })).collect();
    let outcomes = join_all(values.iter().map(|value| store.log_param(&run, "p", value))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let won = outcomes.iter().position(Result::is_ok).unwrap();
    assert_eq!(store.run(&run).await.unwrap().unwrap().params["p"], values[won]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_experiment_is_made_once() {
    let server = Server::start().await;
    let store = server.store();
    let made = join_all((0..10).map(|_| store.ensure_experiment("same"))).await;
    let ids: BTreeSet<String> = made.into_iter().map(|experiment| experiment.unwrap().id).collect();
    assert_eq!(ids.len(), 1);
    let made = join_all((0..10).map(|_| store.ensure_default_experiment())).await;
    assert!(made.into_iter().all(|experiment| experiment.unwrap().id == "0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_very_many_metrics_leave_the_lists_as_the_run_is() {
    const METRICS: usize = 260;
    let server = Server::start().await;
    let run = server.run().await;
    // More metrics than the run's own item holds, whose values come back: 0, 1, 2, 0, 1, 2.
    let writers = (0..3_i64).map(|writer| {
        let (server, run) = (&server, &run);
        async move {
            for round in 0..2_i64 {
                let step = round * 3 + writer;
                let metrics: Vec<_> = (0..METRICS)
                    .map(|metric| json!({ "key": format!("m{metric}"), "value": step % 3, "timestamp": 1, "step": step }))
                    .collect();
                server.post("runs/log-batch", json!({ "run_id": run, "metrics": metrics })).await;
            }
        }
    });
    join_all(writers).await;
    let read = server.store().run(&run).await.unwrap().unwrap();
    assert_eq!(read.metrics.len(), METRICS);
    assert!(read.metrics.values().all(|latest| *latest == MetricPoint { step: 5, timestamp: 1, value: 2.0 }), "{:?}", read.metrics);
    for metric in (0..METRICS).step_by(13) {
        for (filter, expected) in [(format!("metrics.m{metric} = 2"), 1), (format!("metrics.m{metric} < 2"), 0)] {
            let search = json!({ "experiment_ids": ["0"], "filter": filter, "order_by": [format!("metrics.m{metric} DESC")] });
            let found = server.post("runs/search", search).await;
            assert_eq!(found["runs"].as_array().map_or(0, Vec::len), expected, "{filter}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_registered_during_a_rename_is_not_lost() {
    let server = Server::start().await;
    let store = server.store();
    for _ in 0..20 {
        store.create_model_version(new_version(None)).await.unwrap();
    }
    let register = async {
        for _ in 0..5 {
            store.create_model_version(new_version(None)).await.unwrap();
        }
    };
    let (renamed, ()) = futures::join!(store.rename_registered_model("m", "n"), register);
    renamed.unwrap();
    let page = PageRequest { limit: 100, after: None };
    let (old, new) = (store.model_versions("m", &page).await.unwrap(), store.model_versions("n", &page).await.unwrap());
    assert_eq!(old.items.len() + new.items.len(), 25, "{} and {}", old.items.len(), new.items.len());
}
