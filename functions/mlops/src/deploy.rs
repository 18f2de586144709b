//! `POST /mlops/deploy`: from a script, or a registered version, to a URL. Document: mlops-quick-reference.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::domain::job::{Job, JobStatus};
use shared::http::response;
use shared::jobs::submit::{self, DeploymentSource, SubmittedScript};
use shared::store::idempotency::Idempotency;
use shared::{Error, Platform, Request, Response, Result, Timestamp};
use utoipa::ToSchema;

use crate::views::deployment::DeploymentStatus;
use crate::views::problem::Problem;
use crate::{body, replayed};

/// What to deploy: a script (`script_name`, `script_content`, `experiment_name`) whose model is trained first, or a
/// registered version (`model_version`). An unknown field is refused, so that a misspelt one is found at once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeployRequest {
    /// The registered model; made where a script is deployed and there is none.
    #[schema(example = "my_model", max_length = 256)]
    pub model_name: String,
    /// The registered version to deploy without any training, in place of a script.
    #[serde(default, deserialize_with = "body::version")]
    #[schema(value_type = Option<String>)]
    pub model_version: Option<String>,
    /// The most instances that the model may have at once; beyond them it answers 429. It starts from none.
    #[schema(minimum = 1, maximum = 1000, example = 2)]
    pub replicas: Option<i64>,
    /// The script's file name; ends in `.py`.
    #[schema(example = "train.py", max_length = 128)]
    pub script_name: Option<String>,
    /// The script, plain or base64; at most 1 MiB. It must log a model with MLflow.
    #[schema(example = "...")]
    pub script_content: Option<String>,
    /// The experiment under which its run is kept; made where there is none.
    #[schema(example = "production", max_length = 256)]
    pub experiment_name: Option<String>,
    /// Packages that the script needs: names and version specifiers. Where absent, those that the script's inline
    /// metadata (PEP 723) names. MLflow is added where it is not among them.
    #[schema(example = json!(["scikit-learn"]), max_items = 200)]
    pub requirements: Option<Vec<String>>,
    /// Environment variables for the script.
    pub environment_vars: Option<BTreeMap<String, String>>,
    /// After how many seconds the script is stopped.
    #[schema(minimum = 60, maximum = 3600, default = 300)]
    pub timeout: Option<i64>,
    /// Tags of the model version that is registered.
    pub tags: Option<BTreeMap<String, String>>,
}

/// The job that deploys.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeployAccepted {
    /// Its id.
    #[schema(example = "0199f0a2-7c3e-7d21-b1a5-0f6f3f1f2c11")]
    pub job_id: String,
    /// Always `training`, the status in which a deployment begins; one of a registered version is past it at once.
    #[schema(example = "training")]
    pub status: DeploymentStatus,
    /// The registered model.
    #[schema(example = "my_model")]
    pub model_name: String,
    /// The version that is deployed; null where it is to be trained.
    pub model_version: Option<String>,
    /// The experiment; null where a registered version is deployed.
    #[schema(example = "production")]
    pub experiment_name: Option<String>,
    /// The most instances that the model may have at once; null for no bound of its own.
    #[schema(example = 2)]
    pub replicas: Option<u32>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

impl From<Job> for DeployAccepted {
    fn from(job: Job) -> Self {
        Self {
            // The answer to a repeated request is the first one's, wherever the job is by now.
            status: JobStatus::first(job.kind).into(),
            job_id: job.id,
            model_name: job.model_name,
            model_version: if job.script.is_none() { job.model_version.map(|version| version.to_string()) } else { None },
            experiment_name: job.experiment_name,
            replicas: job.replicas,
            created_at: job.created_at,
        }
    }
}

impl DeployRequest {
    fn source(self) -> Result<DeploymentSource> {
        let Some(version) = self.model_version else {
            let missing = |field: &'static str| {
                move || Error::field(field, "missing field; give a script, or the model_version of a registered model to deploy")
            };
            return Ok(DeploymentSource::Script(SubmittedScript {
                script_name: self.script_name.ok_or_else(missing("script_name"))?,
                script_content: self.script_content.ok_or_else(missing("script_content"))?,
                experiment_name: self.experiment_name.ok_or_else(missing("experiment_name"))?,
                requirements: self.requirements,
                environment_vars: self.environment_vars.unwrap_or_default(),
                timeout: self.timeout,
                tags: self.tags.unwrap_or_default(),
            }));
        };
        let of_scripts = [
            ("script_name", self.script_name.is_some()),
            ("script_content", self.script_content.is_some()),
            ("experiment_name", self.experiment_name.is_some()),
            ("requirements", self.requirements.is_some()),
            ("environment_vars", self.environment_vars.is_some()),
            ("timeout", self.timeout.is_some()),
            ("tags", self.tags.is_some()),
        ];
        match of_scripts.into_iter().find(|(_, given)| *given) {
            Some((field, _)) => Err(Error::field(
                field,
                "does not go with model_version, which deploys a registered version without running a script; leave one of the two out",
            )),
            None => Ok(DeploymentSource::Version(version)),
        }
    }
}

/// Deploy a model
///
/// With a script: train, build, push, deploy. With `model_version`: the same without the training. Poll
/// `GET /mlops/deployments/{job_id}` until it is `deployed`; predictions are then answered at `{deployment_url}/predict`.
/// The version that is live keeps answering until the new one has passed its own health check. A request that is sent
/// again with the same `Idempotency-Key` starts nothing a second time.
#[utoipa::path(
    post,
    path = "/mlops/deploy",
    operation_id = "deploy",
    tag = "Deployment",
    params(("Idempotency-Key" = Option<String>, Header, description = "Any text of at most 255 characters; remembered for a day")),
    request_body(
        content = DeployRequest,
        examples(
            ("A script" = (value = json!({
                "script_name": "train.py",
                "script_content": "...",
                "experiment_name": "production",
                "model_name": "my_model",
                "requirements": ["scikit-learn"],
                "replicas": 2
            }))),
            ("A registered version" = (value = json!({ "model_name": "my_model", "model_version": "1" })))
        )
    ),
    responses(
        (
            status = 202,
            description = "Deployment begun",
            body = DeployAccepted,
            headers(("Idempotency-Replayed" = String, description = "`true` when an earlier request with the same key made the job"))
        ),
        (status = 400, description = "Invalid input", body = Problem),
        (status = 404, description = "There is no such model version", body = Problem),
        (status = 409, description = "The version cannot be deployed, or the Idempotency-Key was used for another request", body = Problem),
        (status = 413, description = "The body is too long", body = Problem),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut deploy: DeployRequest = body::read(&request)?;
    let idempotency = Idempotency::of(&request, "mlops/deploy")?;
    let (model_name, replicas) = (std::mem::take(&mut deploy.model_name), deploy.replicas);
    let submitted = submit::deployment(platform, &request.caller, model_name, replicas, deploy.source()?, idempotency.as_ref()).await?;
    let answer = response::json(StatusCode::ACCEPTED, &DeployAccepted::from(submitted.job))?;
    Ok(if submitted.replayed { replayed::mark(answer) } else { answer })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Method;
    use serde_json::{Value, json};
    use shared::domain::registered_model::NewModelVersion;
    use testing::{TestPlatform, json_of, request, with_header, with_json};

    use crate::fixtures::{get, post, version};

    const PATH: &str = "/mlops/deploy";

    /// The document's own request.
    fn document() -> Value {
        json!({
            "script_name": "train.py",
            "script_content": "...",
            "experiment_name": "production",
            "model_name": "my_model",
            "requirements": ["scikit-learn"],
            "replicas": 2
        })
    }

    #[tokio::test]
    async fn the_documents_request_is_answered_as_the_document_says() {
        let test = TestPlatform::start().await;
        let (status, answer) = post(&test, PATH, document()).await;
        assert_eq!((status, &answer["status"], &answer["model_version"]), (202, &json!("training"), &Value::Null), "{answer}");
        let id = answer["job_id"].as_str().unwrap();
        let calls = test.calls();
        assert_eq!(calls[0].body["stateMachineArn"], "arn:aws:states:us-east-1:000000000000:stateMachine:deploy");
        assert_eq!(calls[0].body["input"], json!({ "job_id": id, "train": true }).to_string());
        let (status, view) = get(&test, &format!("/mlops/deployments/{id}")).await;
        assert_eq!((status, &view["status"], &view["replicas"]), (200, &json!("training"), &json!(2)));
        assert!(view["deployment_url"].is_null() && view["live"] == false);
    }

    #[tokio::test]
    async fn a_registered_version_is_deployed_without_a_script() {
        let test = TestPlatform::start().await;
        let version = version(&test, "my_model").await;
        for number in [json!("1"), json!(1)] {
            let (status, answer) = post(&test, PATH, json!({ "model_name": "my_model", "model_version": number })).await;
            assert_eq!((status, &answer["model_version"], &answer["experiment_name"]), (202, &json!("1"), &Value::Null), "{answer}");
            let (_, view) = get(&test, &format!("/mlops/deployments/{}", answer["job_id"].as_str().unwrap())).await;
            assert_eq!((&view["model_version"], &view["run_id"]), (&json!("1"), &json!(version.run_id)));
        }
        assert!(test.calls()[0].body["input"].as_str().unwrap().contains("\"train\":false"));
    }

    #[tokio::test]
    async fn a_version_that_cannot_be_deployed_is_refused() {
        let test = TestPlatform::start().await;
        version(&test, "my_model").await;
        for unknown in ["999", "0", "-1", "one", "", "99999999999999999999999"] {
            let (status, answer) = post(&test, PATH, json!({ "model_name": "my_model", "model_version": unknown })).await;
            assert_eq!((status, answer["detail"].as_str().unwrap()), (404, format!("Model my_model version {unknown} not found").as_str()));
        }
        let elsewhere = NewModelVersion { model_name: "x".to_owned(), source: "s3://theirs/m".to_owned(), ..NewModelVersion::default() };
        test.platform.store().unwrap().create_model_version(elsewhere).await.unwrap();
        let (status, answer) = post(&test, PATH, json!({ "model_name": "x", "model_version": "1" })).await;
        assert!(status == 409 && answer["detail"].as_str().unwrap().contains("s3://theirs/m"), "{answer}");
        assert_eq!(test.calls(), []);
    }

    #[tokio::test]
    async fn a_script_and_a_version_do_not_go_together() {
        let test = TestPlatform::start().await;
        version(&test, "my_model").await;
        let mut both = document();
        both["model_version"] = json!("1");
        for (body, message) in [
            (both, "script_name: does not go with model_version"),
            (json!({ "model_name": "my_model", "model_version": "1", "timeout": 60 }), "timeout: does not go with model_version"),
            (json!({ "model_name": "my_model" }), "script_name: missing field; give a script, or the model_version"),
            (json!({ "model_name": "my_model", "model_version": [1] }), "model_version: "),
            (
                json!({ "model_name": "my_model", "model_version": "1", "replica": 1 }),
                "replica: is not a known field; did you mean \"replicas\"?",
            ),
            (json!({ "model_name": "my_model", "model_version": "1", "replicas": 0 }), "replicas: must be from 1 to 1000, not 0"),
            (json!({ "model_name": "my_model", "model_version": "1", "replicas": 1001 }), "replicas: must be from 1 to 1000, not 1001"),
        ] {
            let (status, answer) = post(&test, PATH, body).await;
            assert!(status == 400 && answer["detail"].as_str().unwrap().starts_with(message), "{message}: {status} {answer}");
        }
    }

    #[tokio::test]
    async fn a_key_starts_one_deployment() {
        let test = TestPlatform::start().await;
        version(&test, "my_model").await;
        let send = async |body: &Value| {
            let request = with_header(with_json(request(Method::POST, PATH), body), "idempotency-key", "key");
            test.send(crate::FUNCTIONS, request).await
        };
        let body = json!({ "model_name": "my_model", "model_version": "1" });
        let first = send(&body).await;
        test.platform.store().unwrap().delete_model_version("my_model", 1).await.unwrap();
        let again = send(&body).await;
        assert_eq!((again.status().as_u16(), json_of(&again)), (202, json_of(&first)));
        assert_eq!(again.headers()["idempotency-replayed"], "true");
        assert_eq!(send(&document()).await.status(), 409);
        // A training may have the same key: keys belong to a route.
        let mut training = document();
        training.as_object_mut().unwrap().remove("replicas");
        let request = with_header(with_json(request(Method::POST, "/mlops/training/upload"), &training), "idempotency-key", "key");
        assert_eq!(test.send(crate::FUNCTIONS, request).await.status(), 202);
    }
}
