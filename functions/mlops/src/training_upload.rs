//! `POST /mlops/training/upload`: a script to train with. Documents: mlops-api-v5 1, mlops-quick-reference.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::domain::job::{Job, JobStatus};
use shared::http::response;
use shared::jobs::submit::{self, SubmittedScript};
use shared::store::idempotency::Idempotency;
use shared::{Platform, Request, Response, Result, Timestamp};
use utoipa::ToSchema;

use crate::views::problem::Problem;
use crate::views::training_job::TrainingStatus;
use crate::{body, replayed};

/// A script and what it needs. An unknown field is refused, so that a misspelt one is found at once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingUpload {
    /// The script's file name; ends in `.py`.
    #[schema(example = "my_training.py", max_length = 128)]
    pub script_name: String,
    /// The script, plain or base64; at most 1 MiB. It must log a model with MLflow.
    #[schema(example = "import mlflow\nimport mlflow.sklearn...")]
    pub script_content: String,
    /// The experiment under which its run is kept; made where there is none.
    #[schema(example = "customer_churn", max_length = 256)]
    pub experiment_name: String,
    /// The registered model that it makes a version of; made where there is none.
    #[schema(example = "churn_predictor", max_length = 256)]
    pub model_name: String,
    /// Packages that the script needs: names and version specifiers. Where absent, those that the script's inline
    /// metadata (PEP 723) names. MLflow is added where it is not among them.
    #[schema(example = json!(["scikit-learn", "pandas"]), max_items = 200)]
    pub requirements: Option<Vec<String>>,
    /// Environment variables for the script.
    #[schema(example = json!({ "DATA_PATH": "/data/train.csv" }))]
    pub environment_vars: Option<BTreeMap<String, String>>,
    /// After how many seconds the script is stopped.
    #[schema(minimum = 60, maximum = 3600, default = 300, example = 300)]
    pub timeout: Option<i64>,
    /// Tags of the model version that is registered.
    #[schema(example = json!({ "version": "1.0" }))]
    pub tags: Option<BTreeMap<String, String>>,
}

/// The job that trains.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrainingAccepted {
    /// Its id.
    #[schema(example = "0199f0a2-7c3e-7d21-b1a5-0f6f3f1f2c11")]
    pub job_id: String,
    /// The script's file name.
    #[schema(example = "my_training.py")]
    pub script_name: String,
    /// The experiment.
    #[schema(example = "customer_churn")]
    pub experiment_name: String,
    /// The registered model.
    #[schema(example = "churn_predictor")]
    pub model_name: String,
    /// Always `queued`.
    #[schema(example = "queued")]
    pub status: TrainingStatus,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

impl From<Job> for TrainingAccepted {
    fn from(job: Job) -> Self {
        Self {
            // The answer to a repeated request is the first one's, wherever the job is by now.
            status: JobStatus::first(job.kind).into(),
            job_id: job.id,
            script_name: job.script.map(|script| script.script_name).unwrap_or_default(),
            experiment_name: job.experiment_name.unwrap_or_default(),
            model_name: job.model_name,
            created_at: job.created_at,
        }
    }
}

/// Upload a training script
///
/// The script runs as a job; follow it with `GET /mlops/training/jobs/{job_id}`. A request that is sent again with the same
/// `Idempotency-Key` starts nothing a second time.
#[utoipa::path(
    post,
    path = "/mlops/training/upload",
    operation_id = "training_upload",
    tag = "Training",
    params(("Idempotency-Key" = Option<String>, Header, description = "Any text of at most 255 characters; remembered for a day")),
    request_body = TrainingUpload,
    responses(
        (
            status = 202,
            description = "Job queued successfully",
            body = TrainingAccepted,
            headers(("Idempotency-Replayed" = String, description = "`true` when an earlier request with the same key made the job"))
        ),
        (status = 400, description = "Invalid input", body = Problem),
        (status = 409, description = "The Idempotency-Key was used for another request", body = Problem),
        (status = 413, description = "The body is too long", body = Problem),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let upload: TrainingUpload = body::read(&request)?;
    let idempotency = Idempotency::of(&request, "mlops/training/upload")?;
    let script = SubmittedScript {
        script_name: upload.script_name,
        script_content: upload.script_content,
        experiment_name: upload.experiment_name,
        requirements: upload.requirements,
        environment_vars: upload.environment_vars.unwrap_or_default(),
        timeout: upload.timeout,
        tags: upload.tags.unwrap_or_default(),
    };
    let submitted = submit::training(platform, &request.caller, upload.model_name, script, idempotency.as_ref()).await?;
    let answer = response::json(StatusCode::ACCEPTED, &TrainingAccepted::from(submitted.job))?;
    Ok(if submitted.replayed { replayed::mark(answer) } else { answer })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use base64::Engine as _;
    use serde_json::{Value, json};
    use shared::Response;
    use testing::{TestPlatform, json_of, request, with_body, with_header, with_json};

    use crate::fixtures::{get, post};

    const PATH: &str = "/mlops/training/upload";

    /// The document's own request.
    fn document() -> Value {
        json!({
            "script_name": "my_training.py",
            "script_content": "import mlflow\nimport mlflow.sklearn...",
            "experiment_name": "customer_churn",
            "model_name": "churn_predictor",
            "requirements": ["scikit-learn", "pandas"],
            "environment_vars": { "DATA_PATH": "/data/train.csv" },
            "timeout": 300,
            "tags": { "version": "1.0" }
        })
    }

    #[tokio::test]
    async fn the_documents_request_is_answered_as_the_document_says() {
        let test = TestPlatform::start().await;
        let (status, answer) = post(&test, PATH, document()).await;
        assert_eq!(status, 202, "{answer}");
        let mut fields: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["created_at", "experiment_name", "job_id", "model_name", "script_name", "status"]);
        assert_eq!((answer["status"].as_str(), answer["model_name"].as_str()), (Some("queued"), Some("churn_predictor")));

        let id = answer["job_id"].as_str().unwrap();
        let job = test.platform.store().unwrap().job(id).await.unwrap().unwrap();
        let script = job.script.unwrap();
        assert_eq!((script.timeout_seconds, script.requirements.len(), job.tags["version"].as_str()), (300, 2, "1.0"));
        let kept = test.platform.objects().unwrap().get(&shared::objects::keys::script(id)).await.unwrap().unwrap();
        assert_eq!(kept, document()["script_content"].as_str().unwrap());
        let calls = test.calls();
        assert_eq!((calls.len(), calls[0].operation.as_str(), calls[0].body["name"].as_str()), (1, "StartExecution", Some(id)));
        assert_eq!(calls[0].body["stateMachineArn"], "arn:aws:states:us-east-1:000000000000:stateMachine:train");
    }

    #[tokio::test]
    async fn a_script_in_base64_is_kept_as_text() {
        let test = TestPlatform::start().await;
        let mut body = document();
        body["script_content"] = json!(base64::engine::general_purpose::STANDARD.encode("import mlflow  # é\n"));
        let (_, answer) = post(&test, PATH, body).await;
        let key = shared::objects::keys::script(answer["job_id"].as_str().unwrap());
        assert_eq!(test.platform.objects().unwrap().get(&key).await.unwrap().unwrap(), "import mlflow  # é\n");
    }

    #[tokio::test]
    async fn what_is_wrong_is_named_and_nothing_is_kept() {
        let test = TestPlatform::start().await;
        for (field, value, message) in [
            ("script_name", json!("../train.py"), "script_name: must be a file name"),
            ("script_name", Value::Null, "script_name: invalid type: null"),
            ("script_content", json!(""), "script_content: must not be empty"),
            ("experiment_name", json!(""), "experiment_name: must not be empty"),
            ("model_name", json!("a/b"), "model_name: must not contain '/'"),
            ("requirements", json!(["--index-url=http://evil"]), "requirements.0: "),
            ("requirements", json!("pandas"), "requirements: invalid type"),
            ("environment_vars", json!({ "LD_PRELOAD": "x" }), "environment_vars.LD_PRELOAD: is reserved"),
            ("environment_vars", json!({ "N": 200 }), "environment_vars.N: invalid type: integer `200`, expected a string"),
            ("timeout", json!(59), "timeout: must be from 60 to 3600 seconds, not 59"),
            ("timeout", json!("300"), "timeout: invalid type"),
            ("tags", json!({ "": "x" }), "tags: each key"),
            ("enviroment_vars", json!({}), "enviroment_vars: is not a known field; did you mean \"environment_vars\"?"),
        ] {
            let mut body = document();
            body[field] = value;
            let (status, answer) = post(&test, PATH, body).await;
            let detail = answer["detail"].as_str().unwrap();
            assert!(status == 400 && detail.starts_with(message), "{field}: {status} {detail}");
        }
        for field in ["script_name", "script_content", "experiment_name", "model_name"] {
            let mut body = document();
            body.as_object_mut().unwrap().remove(field);
            let (status, answer) = post(&test, PATH, body).await;
            assert_eq!((status, answer["detail"].as_str().unwrap()), (400, format!("{field}: missing field `{field}`").as_str()));
        }
        let send = async |body: Vec<u8>| test.send(crate::FUNCTIONS, with_body(request(http::Method::POST, PATH), body)).await;
        for (body, status) in [(&b""[..], 400), (b"{", 400), (b"\xff\xfe", 400), (b"[]", 400), (b"null", 400)] {
            assert_eq!(send(body.to_vec()).await.status(), status, "{body:?}");
        }
        assert_eq!(send(vec![b' '; crate::body::LONGEST_BODY + 1]).await.status(), 413);
        assert_eq!(test.calls(), []);
        assert_eq!(get(&test, "/mlops/training/jobs").await.1, json!({ "jobs": [], "total": 0, "next_page_token": null }));
    }

    #[tokio::test]
    async fn a_key_starts_one_job() {
        let test = TestPlatform::start().await;
        let send = async |body: &Value, key: &str| -> Response {
            let request = with_header(with_json(request(http::Method::POST, PATH), body), "idempotency-key", key);
            test.send(crate::FUNCTIONS, request).await
        };
        let first = send(&document(), "key").await;
        assert!(first.status() == 202 && !first.headers().contains_key("idempotency-replayed"));
        let again = send(&document(), "key").await;
        assert_eq!((again.status().as_u16(), again.headers()["idempotency-replayed"].to_str().unwrap()), (202, "true"));
        assert_eq!(again.body(), first.body());

        let mut other = document();
        other["timeout"] = json!(600);
        assert_eq!(send(&other, "key").await.status(), 409);
        assert_eq!(send(&document(), "").await.status(), 400);
        let another = send(&document(), "another key").await;
        assert_ne!(json_of(&another)["job_id"], json_of(&first)["job_id"]);
        assert_eq!(get(&test, "/mlops/training/jobs").await.1["total"], 2);
    }

    #[tokio::test]
    async fn requests_at_the_same_time_with_one_key_start_one_job() {
        let test = TestPlatform::start().await;
        let send = || async {
            let request = with_header(with_json(request(http::Method::POST, PATH), &document()), "idempotency-key", "key");
            let answer = test.send(crate::FUNCTIONS, request).await;
            assert_eq!(answer.status(), 202, "{answer:?}");
            json_of(&answer)["job_id"].clone()
        };
        let (first, second, third) = tokio::join!(send(), send(), send());
        assert!(first == second && second == third);
        assert_eq!(get(&test, "/mlops/training/jobs").await.1["total"], 1);
    }
}
