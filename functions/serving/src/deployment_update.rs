//! `PATCH /api/v1/deployments/{deployment_id}`: another name or configuration. Document: serveml-api, "Update Deployment".

use serde::Deserialize;
use shared::domain::deployment::ConfigurationChange;
use shared::domain::name;
use shared::http::response;
use shared::jobs::deploy_file::{MEMORY_MB, TIMEOUT_SECONDS, within};
use shared::jobs::reconfigure::{MIN_INSTANCES, reconfigure};
use shared::jobs::submit::REPLICAS;
use shared::{Error, Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::views::deployment::DeploymentView;
use crate::views::problem::Problem;
use crate::{body, deployment_id};

/// What is to change; what is absent stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateRequest {
    /// The name.
    #[schema(example = "new-name", max_length = 256)]
    pub name: Option<String>,
    /// Memory in megabytes.
    #[schema(minimum = 128, maximum = 10240, example = 2048)]
    pub memory_mb: Option<i64>,
    /// The longest time of one request, in seconds.
    #[schema(minimum = 1, maximum = 900, example = 60)]
    pub timeout_seconds: Option<i64>,
    /// How many instances wait for requests at all times; 0 costs nothing while nobody calls.
    #[schema(minimum = 0, maximum = 100, example = 1)]
    pub min_instances: Option<i64>,
    /// How many instances there may be at once.
    #[schema(minimum = 1, maximum = 1000, example = 20)]
    pub max_instances: Option<i64>,
}

impl UpdateRequest {
    fn configuration(&self) -> Result<ConfigurationChange> {
        let checked = |field, value: Option<i64>, bounds, unit| value.map(|value| within(field, value, bounds, unit)).transpose();
        Ok(ConfigurationChange {
            memory_mb: checked("memory_mb", self.memory_mb, MEMORY_MB, "megabytes")?,
            timeout_seconds: checked("timeout_seconds", self.timeout_seconds, TIMEOUT_SECONDS, "seconds")?,
            min_instances: checked("min_instances", self.min_instances, MIN_INSTANCES, "")?,
            max_instances: checked("max_instances", self.max_instances, REPLICAS, "")?,
        })
    }
}

/// Update a deployment
///
/// A configuration is applied to the live function: the status is `updating` until it answers with it, then `active`. What
/// was live answers meanwhile. A name alone is changed at once.
#[utoipa::path(
    patch,
    path = "/api/v1/deployments/{deployment_id}",
    operation_id = "serving_deployment_update",
    tag = "Deployments",
    params(("deployment_id" = String, Path, description = "As it was deployed")),
    request_body = UpdateRequest,
    responses(
        (status = 200, description = "The deployment with the change", body = DeploymentView),
        (status = 400, description = "No version of it answers yet", body = Problem),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 404, description = "The user has no such deployment", body = Problem),
        (status = 422, description = "A field does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let asked: UpdateRequest = body::read(&request)?;
    let change = asked.configuration()?;
    if let Some(name) = &asked.name {
        name::check_model_name("name", name)?;
    }
    if asked.name.is_none() && change.is_empty() {
        let fields = "name, memory_mb, timeout_seconds, min_instances, max_instances";
        return Err(Error::bad_request(format!("There is nothing to change; send one of {fields}.")));
    }
    let mut deployment = deployment_id::of_path(platform, &request).await?;
    let store = platform.store()?;
    if !change.is_empty() {
        reconfigure(platform, &deployment, change).await?;
    }
    if let Some(name) = &asked.name {
        store.rename_deployment(&deployment.id, name).await?;
    }
    let id = deployment.id.clone();
    deployment = store.deployment(&id).await?.ok_or_else(|| Error::not_found("The deployment was deleted meanwhile."))?;
    // Shown as it will be; until then the status is `updating`.
    deployment.configuration = change.apply(deployment.configuration);
    response::ok(&DeploymentView::new(platform, &request.base_url, deployment))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{deploy, get_as, go_live, live, patch_as, register};

    #[tokio::test]
    async fn a_configuration_is_applied_by_a_job_that_builds_nothing() {
        let test = TestPlatform::start().await;
        let (token, other) = (register(&test, "johndoe").await, register(&test, "janedoe").await);
        let id = live(&test, &token).await;
        let path = format!("/api/v1/deployments/{id}");
        let document = json!({ "name": "new-name", "memory_mb": 2048, "timeout_seconds": 60, "min_instances": 1, "max_instances": 20 });
        assert_eq!(patch_as(&test, &path, &other, &document).await.0, 404);
        let (status, answer) = patch_as(&test, &path, &token, &document).await;
        assert_eq!((status, &answer["name"], &answer["status"]), (200, &json!("new-name"), &json!("updating")), "{answer}");
        let expected = json!({ "memory_mb": 2048, "timeout_seconds": 60, "min_instances": 1, "max_instances": 20 });
        assert_eq!(answer["configuration"], expected);
        let started = test.calls().pop().unwrap();
        assert!(started.body["input"].as_str().unwrap().contains("\"configure\":true"), "{started:?}");
        // A second change before the first is applied takes nothing of it back.
        assert_eq!(patch_as(&test, &path, &token, &json!({ "memory_mb": 3000 })).await.0, 200);
        go_live(&test, &id).await;
        let (_, view) = get_as(&test, &path, &token).await;
        assert_eq!((&view["status"], &view["configuration"]["memory_mb"]), (&json!("active"), &json!(3000)));
        let (_, versions) = get_as(&test, &format!("{path}/versions"), &token).await;
        assert_eq!(versions["versions"].as_array().unwrap().len(), 1, "the same model is no new version");
    }

    #[tokio::test]
    async fn a_name_changes_at_once_and_wrong_values_change_nothing() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        let id = deploy(&test, &token, &[]).await;
        let path = format!("/api/v1/deployments/{id}");
        let (status, answer) = patch_as(&test, &path, &token, &json!({ "name": "other" })).await;
        assert_eq!((status, &answer["name"], &answer["status"]), (200, &json!("other"), &json!("building")), "{answer}");
        let (status, answer) = patch_as(&test, &path, &token, &json!({ "memory_mb": 2048 })).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (400, Some("INVALID_INPUT")), "nothing is live yet: {answer}");
        go_live(&test, &id).await;
        for (asked, field) in [
            (json!({ "memory_mb": 127 }), "memory_mb"),
            (json!({ "memory_mb": 10241 }), "memory_mb"),
            (json!({ "memory_mb": "much" }), "memory_mb"),
            (json!({ "timeout_seconds": 0 }), "timeout_seconds"),
            (json!({ "timeout_seconds": 901 }), "timeout_seconds"),
            (json!({ "min_instances": -1 }), "min_instances"),
            (json!({ "min_instances": 5, "max_instances": 2 }), "min_instances"),
            (json!({ "max_instances": 0 }), "max_instances"),
            (json!({ "max_instances": 1001 }), "max_instances"),
            (json!({ "name": "" }), "name"),
            (json!({ "name": "a/b" }), "name"),
            (json!({ "memory": 1024 }), "memory"),
        ] {
            let (status, answer) = patch_as(&test, &path, &token, &asked).await;
            assert_eq!((status, answer["error"]["details"]["field"].as_str()), (422, Some(field)), "{asked}: {answer}");
        }
        assert_eq!(patch_as(&test, &path, &token, &json!({})).await.0, 400);
        let (_, view) = get_as(&test, &path, &token).await;
        assert_eq!((&view["name"], &view["status"]), (&json!("other"), &json!("active")));
    }
}
