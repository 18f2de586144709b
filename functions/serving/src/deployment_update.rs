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
