//! What a training script's token may do.

use http::Method;
use serde_json::json;
use shared::domain::job::{Job, JobKind, JobStatus};
use shared::store::jobs::JobChange;
use shared::token;

use crate::Server;

/// A running training job; the server's requests carry its token from here on.
async fn job(server: &mut Server) -> Job {
    let job = Job::new(JobKind::Training, "m".to_owned());
    let secret = token::new_secret();
    server.store().create_job(&job, None).await.unwrap();
    server.store().begin_attempt(&job.id, &token::hash("ticket")).await.unwrap();
    server.store().claim_job(&job.id, "ticket", &token::hash(&secret)).await.unwrap();
    server.token = Some(token::job_token(&job.id, &secret));
    job
}

#[tokio::test]
async fn a_job_writes_its_own_runs_and_nothing_else() {
    let mut server = Server::start().await;
    let foreign = server.run().await;
    server.post("registered-models/create", json!({ "name": "theirs" })).await;
    let job = job(&mut server).await;
    let own = server.run().await;
    assert_eq!(server.store().job_runs(&job.id).await.unwrap(), [own.as_str()]);
    server.post("runs/log-parameter", json!({ "run_id": own, "key": "a", "value": "1" })).await;
    server.get(&format!("runs/get?run_id={foreign}")).await;
    let model = server.post("logged-models", json!({ "experiment_id": "0", "source_run_id": own })).await;
    let model = model["model"]["info"]["model_id"].as_str().unwrap().to_owned();
    assert_eq!(server.store().job_logged_models(&job.id).await.unwrap()[0].id, model);
    server.post("registered-models/create", json!({ "name": "mine" })).await;
    server.post("model-versions/create", json!({ "name": "mine", "source": format!("models:/{model}") })).await;
    server.post("experiments/create", json!({ "name": "mine" })).await;
    let put = server.send(Method::PUT, &format!("/api/2.0/mlflow-artifacts/artifacts/0/models/{model}/artifacts/MLmodel"), None).await;
    assert_eq!(put.0, 200);

    for (method, path, body) in [
        (Method::POST, "runs/log-parameter".to_owned(), json!({ "run_id": foreign, "key": "a", "value": "1" })),
        (Method::POST, "runs/log-batch".to_owned(), json!({ "run_id": foreign })),
        (Method::POST, "runs/delete".to_owned(), json!({ "run_id": foreign })),
        (Method::POST, "runs/update".to_owned(), json!({ "run_id": "nobody" })),
        (Method::POST, "logged-models".to_owned(), json!({ "experiment_id": "0", "source_run_id": foreign })),
        (Method::POST, "experiments/delete".to_owned(), json!({ "experiment_id": "0" })),
        (Method::DELETE, "registered-models/delete".to_owned(), json!({ "name": "theirs" })),
        (Method::POST, "registered-models/alias".to_owned(), json!({ "name": "mine", "alias": "a", "version": "1" })),
        (
            Method::POST,
            "model-versions/create".to_owned(),
            json!({ "name": "theirs", "source": format!("mlflow-artifacts:/0/{foreign}/artifacts/m") }),
        ),
        (Method::POST, "model-versions/create".to_owned(), json!({ "name": "theirs", "source": "s3://bucket/model" })),
        (Method::PUT, format!("/api/2.0/mlflow-artifacts/artifacts/0/{foreign}/artifacts/x"), json!({})),
        (Method::PUT, "/api/2.0/mlflow-artifacts/artifacts/anywhere".to_owned(), json!({})),
        (Method::DELETE, format!("/api/2.0/mlflow-artifacts/artifacts/0/{foreign}/artifacts"), json!({})),
    ] {
        let (status, code, message) = server.refused(method, &path, Some(body)).await;
        assert_eq!((status, code.as_str()), (403, "PERMISSION_DENIED"), "{path}: {message}");
    }
}

#[tokio::test]
async fn a_token_is_void_when_its_job_ends() {
    let mut server = Server::start().await;
    let job = job(&mut server).await;
    server.run().await;
    server.store().move_job(&job.id, JobStatus::Failed, JobChange::default()).await.unwrap();
    let (status, code, _) = server.refused(Method::POST, "runs/create", Some(json!({}))).await;
    assert_eq!((status, code.as_str()), (401, "UNAUTHENTICATED"));
    for token in ["job.x.y".to_owned(), token::job_token(&job.id, "wrong")] {
        server.token = Some(token);
        assert_eq!(server.refused(Method::GET, "experiments/get?experiment_id=0", None).await.0, 401);
    }
}
