//! What MLflow's own web pages ask beyond what its clients do.

use http::Method;
use serde_json::{Value, json};
use testing::{json_of, request, with_body};

use crate::Server;

impl Server {
    async fn graphql(&self, body: Value) -> Value {
        self.post("/graphql", body).await
    }

    /// A run with a metric, a param and two files.
    async fn full_run(&self) -> String {
        let run_id = self.run().await;
        let metrics = json!([{ "key": "loss", "value": 0.5, "timestamp": 7, "step": 3 }, { "key": "nan", "value": "NaN", "timestamp": 7 }]);
        self.post("runs/log-batch", json!({ "run_id": run_id, "metrics": metrics, "params": [{ "key": "C", "value": "1" }] })).await;
        for path in ["notes.txt", "folder/more.txt"] {
            let answer = self.upload(&run_id, path, "hello").await;
            assert_eq!(answer, (200, json!({})));
        }
        run_id
    }

    async fn upload(&self, run_id: &str, path: &str, content: &str) -> (u16, Value) {
        let path = format!("/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path={path}");
        let response = self.test.send(tracking::FUNCTIONS, with_body(request(Method::POST, &path), content.to_owned())).await;
        (response.status().as_u16(), json_of(&response))
    }
}

#[tokio::test]
async fn a_run_is_read_with_its_experiment_and_versions() {
    let server = Server::start().await;
    let run_id = server.full_run().await;
    server.post("registered-models/create", json!({ "name": "churn" })).await;
    server.post("model-versions/create", json!({ "name": "churn", "source": format!("runs:/{run_id}/model"), "run_id": run_id })).await;
    let query = "query GetRun($data: MlflowGetRunInput!) @component(name: \"MLflow.ExperimentRunTracking\") {
        mlflowGetRun(input: $data) {
            __typename
            apiError { message }
            run { ...Whole experiment { name tags { key } } modelVersions { name version status } }
        }
    }
    fragment Whole on MlflowRun {
        info { id: runId status startTime endTime }
        data { metrics { key value step timestamp } params { key value } }
        inputs { datasetInputs { dataset { name } } }
    }";
    let answer = server.graphql(json!({ "query": query, "operationName": "GetRun", "variables": { "data": { "runId": run_id } } })).await;
    let run = json!({
        "info": { "id": run_id, "status": "RUNNING", "startTime": "1000", "endTime": "0" },
        "data": {
            "metrics": [
                { "key": "loss", "value": 0.5, "step": "3", "timestamp": "7" },
                { "key": "nan", "value": null, "step": "0", "timestamp": "7" },
            ],
            "params": [{ "key": "C", "value": "1" }],
        },
        "inputs": { "datasetInputs": [] },
        "experiment": { "name": "Default", "tags": [] },
        "modelVersions": [{ "name": "churn", "version": "1", "status": "READY" }],
    });
    let expected = json!({ "mlflowGetRun": { "__typename": "MlflowGetRun", "apiError": null, "run": run } });
    assert_eq!(answer, json!({ "data": expected, "errors": null }), "{answer:#}");
}

#[tokio::test]
async fn experiments_runs_artifacts_and_histories_are_read() {
    let server = Server::start().await;
    let run_id = server.full_run().await;
    let query = format!(
        r#"{{
            experiment: mlflowGetExperiment(input: {{ experimentId: "0" }}) {{ experiment {{ name lifecycleStage }} }}
            runs: mlflowSearchRuns(input: {{ experimentIds: ["0"], runViewType: ACTIVE_ONLY, maxResults: 5 }}) {{ runs {{ info {{ runId }} }} }}
            files: mlflowListArtifacts(input: {{ runId: "{run_id}" }}) {{ files {{ path isDir fileSize }} }}
            history: mlflowGetMetricHistoryBulkInterval(input: {{ runIds: ["{run_id}"], metricKey: "loss" }}) {{ metrics {{ runId value }} }}
            versions: mlflowSearchModelVersions(input: {{ filter: "name = 'no'" }}) {{ modelVersions {{ name }} }}
            datasets: mlflowSearchDatasets(input: {{ experimentIds: ["0"] }}) {{ datasetSummaries {{ name }} }}
        }}"#
    );
    let answer = server.graphql(json!({ "query": query })).await;
    let files = [("folder", true, "0"), ("notes.txt", false, "5")]
        .map(|(path, is_dir, size)| json!({ "path": path, "isDir": is_dir, "fileSize": size }));
    let expected = json!({
        "experiment": { "experiment": { "name": "Default", "lifecycleStage": "active" } },
        "runs": { "runs": [{ "info": { "runId": run_id } }] },
        "files": { "files": files },
        "history": { "metrics": [{ "runId": run_id, "value": 0.5 }] },
        "versions": { "modelVersions": [] },
        "datasets": { "datasetSummaries": [] },
    });
    assert_eq!(answer, json!({ "data": expected, "errors": null }), "{answer:#}");
}

#[tokio::test]
async fn queries_that_are_wrong_or_ask_too_much_are_told_so() {
    let server = Server::start().await;
    let many = |field: &str, count: usize| (0..count).map(|number| field.replace('#', &number.to_string())).collect::<String>();
    let deep = format!("{{ mlflowGetExperiment(input: {{ experimentId: \"0\" }}) {}{} }}", "{ name ".repeat(12), "}".repeat(12));
    let cases = [
        ("{ mlflowGetExperiment(".to_owned(), "Syntax Error"),
        ("{ mlflowDropEverything { name } }".to_owned(), "Cannot query field 'mlflowDropEverything' on type 'Query'."),
        (
            r#"{ mlflowGetExperiment(input: { experimentId: "0" }) { experiment { password } } }"#.to_owned(),
            "'password' on type 'MlflowExperiment'",
        ),
        (r#"{ mlflowGetExperiment(input: { experimentId: "77" }) { experiment { name } } }"#.to_owned(), "No Experiment with id=77 exists"),
        ("query A($data: X!) { mlflowGetRun(input: $data) { run { info { runId } } } }".to_owned(), "Variable '$data'"),
        ("query A { test { output } } query B { test { output } }".to_owned(), "Must provide operation name"),
        ("{ ...A } fragment A on Query { ...A }".to_owned(), "refer to too many others, or to themselves"),
        (format!("{{ {} }}", many("key_#: test(inputString: \"a\") { output } ", 12)), "at most 10 root fields"),
        (format!("{{ test {{ {} }} }}", many("a#: output ", 12)), "at most 10 aliases"),
        (deep, "Query exceeds maximum depth of 10"),
        (format!("{{ test {{ {} }} }}", many("field_# { name } ", 1002)), "Query exceeds maximum total selections of 1000"),
        ("{".repeat(60_000), "Syntax Error"),
    ];
    for (query, problem) in cases {
        let answer = server.graphql(json!({ "query": query })).await;
        let told = answer["errors"][0].as_str().unwrap_or_else(|| panic!("{answer}"));
        assert!(told.contains(problem), "{told} has no {problem}");
    }
    for body in [json!({}), json!({ "query": 3 }), json!({ "query": "a".repeat(70_000) }), json!({ "query": "{ a }", "variables": [] })] {
        let (status, code, _) = server.refused(Method::POST, "/graphql", Some(body)).await;
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER_VALUE"));
    }
}

#[tokio::test]
async fn files_of_runs_and_models_are_sent_and_read() {
    let server = Server::start().await;
    let run_id = server.full_run().await;
    for (run_id, path, content, wanted) in [
        (run_id.as_str(), "../up", "a", 400),
        (run_id.as_str(), "", "a", 400),
        (run_id.as_str(), "empty", "", 400),
        ("none", "a", "a", 404),
    ] {
        assert_eq!(server.upload(run_id, path, content).await.0, wanted, "{path}");
    }
    let model = server.post("logged-models", json!({ "experiment_id": "0", "name": "model" })).await;
    let model_id = model["model"]["info"]["model_id"].as_str().unwrap();
    let file = format!("/api/2.0/mlflow-artifacts/artifacts/0/models/{model_id}/artifacts/MLmodel");
    let response = server.test.send(tracking::FUNCTIONS, with_body(request(Method::PUT, &file), "flavors: {}")).await;
    assert_eq!(response.status(), 200);
    let read = async |path: &str| {
        let path = format!("/ajax-api/2.0/mlflow/logged-models/{model_id}/artifacts/files{path}");
        let response = server.test.send(tracking::FUNCTIONS, request(Method::GET, &path)).await;
        (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
    };
    assert_eq!(read("?artifact_file_path=MLmodel").await, (200, "flavors: {}".to_owned()));
    for (path, status) in [("", 400), ("?artifact_file_path=../x", 400), ("?artifact_file_path=none", 404)] {
        assert_eq!(read(path).await.0, status, "{path}");
    }
}

#[tokio::test]
async fn what_is_not_served_says_so_in_mlflows_shape() {
    let server = Server::start().await;
    for (method, path) in [
        (Method::POST, "/api/3.0/mlflow/traces"),
        (Method::GET, "/ajax-api/3.0/mlflow/gateway/endpoints/list"),
        (Method::POST, "/ajax-api/2.0/mlflow/runs/create-promptlab-run"),
        (Method::DELETE, "/api/2.0/mlflow/webhooks/1"),
        (Method::POST, "/v1/traces"),
    ] {
        let (status, code, message) = server.refused(method, path, None).await;
        assert_eq!((status, code.as_str()), (501, "NOT_IMPLEMENTED"), "{path}: {message}");
    }
    let telemetry = server.get("/ajax-api/3.0/mlflow/ui-telemetry").await;
    assert_eq!(telemetry["disable_ui_telemetry"], true);
}

#[tokio::test]
async fn histories_of_several_runs_are_thinned_out_at_the_same_steps() {
    let server = Server::start().await;
    let mut run_ids = Vec::new();
    for count in [10, 20] {
        let run_id = server.run().await;
        let metrics: Vec<Value> = (0..count).map(|step| json!({ "key": "loss", "value": 1.0, "timestamp": 1, "step": step })).collect();
        server.post("runs/log-batch", json!({ "run_id": run_id, "metrics": metrics })).await;
        run_ids.push(run_id);
    }
    let (one, other) = (&run_ids[0], &run_ids[1]);
    let steps = async |query: &str| {
        let answer = server.get(&format!("metrics/get-history-bulk-interval?metric_key=loss&{query}")).await;
        let metrics = answer["metrics"].as_array().unwrap().iter();
        metrics.map(|metric| (metric["run_id"] == **other, metric["step"].as_i64().unwrap())).collect::<Vec<_>>()
    };
    let wanted = [0, 2, 4, 6, 8, 9].map(|step| (false, step));
    assert_eq!(steps(&format!("run_ids={one}&max_results=5")).await, wanted);
    let wanted = [0, 4, 8, 9].map(|step| (false, step)).into_iter().chain([0, 4, 8, 9, 12, 16, 19].map(|step| (true, step)));
    assert_eq!(steps(&format!("run_ids={one}&run_ids={other}&max_results=5")).await, wanted.collect::<Vec<_>>());
    assert_eq!(steps(&format!("run_ids={one}&start_step=2&end_step=4")).await, [2, 3, 4].map(|step| (false, step)));

    let many: String = (0..101).map(|number| format!("&run_ids=id{number}&run_id=id{number}")).collect();
    for (path, told) in [
        ("metrics/get-history-bulk?metric_key=a".to_owned(), "must specify at least one run_id"),
        (format!("metrics/get-history-bulk?metric_key=a{many}"), "cannot specify more than 100 run_ids"),
        ("metrics/get-history-bulk-interval?metric_key=a".to_owned(), "Missing value for required parameter 'run_ids'."),
        (format!("metrics/get-history-bulk-interval?metric_key=a{many}"), "must specify at most 100 run_ids"),
        (
            "metrics/get-history-bulk-interval?metric_key=a&run_ids=1&start_step=1&end_step=0".to_owned(),
            "end_step must be greater than start_step. ",
        ),
    ] {
        let (status, _, message) = server.refused(Method::GET, &path, None).await;
        assert!(status == 400 && message.contains(told), "{message}");
    }
    for (ids, told) in [(0, "must specify at least one experiment_id."), (21, "cannot specify more than 20 experiment_ids")] {
        let ids: Vec<String> = (0..ids).map(|id| id.to_string()).collect();
        let refused = server.refused(Method::POST, "experiments/search-datasets", Some(json!({ "experiment_ids": ids }))).await;
        assert!(refused.2.contains(told), "{refused:?}");
    }
}
