//! `POST /api/mlops/deployments/{deployment_id}/rollback`: an earlier deployment or model goes to production. Document:
//! deployments-api, "Rollback Deployment".

use serde::Serialize;
use shared::domain::deployment::{Deployment, PrivacySettings, ServingStage};
use shared::domain::project::Project;
use shared::http::fields::Fields;
use shared::http::response;
use shared::projects::deploy::{NewDeployment, deploy};
use shared::projects::routing;
use shared::store::idempotency::Idempotency;
use shared::{Error, Platform, Request, Response, Result, projects};
use utoipa::ToSchema;

use crate::views::problem::Problem;
use crate::{access, model_get};

const LONGEST_BODY: usize = 64 * 1024;

/// What is to be in production: one of the two.
#[derive(Debug, ToSchema)]
#[schema(as = ProjectRollbackRequest)]
#[allow(dead_code)]
pub struct RollbackRequest {
    /// An archived deployment of the project's.
    to_deployment_id: Option<String>,
    /// A model of the project's, of which a new deployment is made.
    #[schema(example = "a7b8c9d0-e1f2-3456-7890-abcdef123456")]
    to_model_id: Option<String>,
}

/// It is done, or on its way.
#[derive(Debug, Serialize, ToSchema)]
pub struct RolledBack {
    /// True.
    pub ok: bool,
    /// The deployment that is in production, or will be as soon as it answers.
    pub deployment_id: String,
}

/// Roll back
///
/// An archived deployment takes the production traffic at once. For a model a deployment is made, and takes it as soon as it
/// answers. What was in production is archived then, and no request is lost.
#[utoipa::path(
    post,
    path = "/api/mlops/deployments/{deployment_id}/rollback",
    operation_id = "deployments_rollback",
    tag = "Project deployments",
    params(("deployment_id" = String, Path, description = "A deployment of the project, the one in production for example")),
    request_body = RollbackRequest,
    responses(
        (status = 200, description = "It is done, or on its way", body = RolledBack),
        (status = 400, description = "Neither or both of the fields", body = Problem),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such deployment, or the project has no such deployment or model", body = Problem),
        (status = 409, description = "That deployment is not archived, or never answered", body = Problem),
        (status = 422, description = "A field does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let (project, deployment) = access::deployment(platform, &request).await?;
    let mut fields = Fields::of_body(&request, LONGEST_BODY)?;
    let (to_deployment, to_model) = (fields.text("to_deployment_id", 1..=80), fields.text("to_model_id", 1..=80));
    fields.finish()?;
    let deployment_id = match (to_deployment, to_model) {
        (Some(id), None) => reactivate(platform, &request, &project, &id).await?,
        (None, Some(id)) => deploy_model(platform, &request, &project, &deployment, &id).await?,
        _ => return Err(Error::bad_request("Name either \"to_deployment_id\" or \"to_model_id\".")),
    };
    response::ok(&RolledBack { ok: true, deployment_id })
}

async fn reactivate(platform: &Platform, request: &Request, project: &Project, id: &str) -> Result<String> {
    let (of, target) = projects::deployment(platform, &request.caller, id).await?;
    if of.id != project.id {
        return Err(Error::not_found(format!("Deployment {} not found in project {}", target.id, project.id)));
    }
    if matches!(target.stage, ServingStage::Staging | ServingStage::Canary) {
        return Err(Error::conflict(
            "That deployment is not archived; promote it with POST /api/mlops/deployments/{deployment_id}/promote.",
        ));
    }
    let from = [ServingStage::Archived, ServingStage::Production];
    routing::promote(platform, &project.id, &target.id, 100, &from).await?;
    Ok(target.id)
}

async fn deploy_model(platform: &Platform, request: &Request, project: &Project, deployment: &Deployment, id: &str) -> Result<String> {
    let model = model_get::find(platform, project, id).await?;
    let name = format!("{}-v{}", model.model_name, model.version);
    // What protects people stays as it is in production.
    let store = platform.store()?;
    let in_production = match &project.production {
        Some(target) => store.deployment(&target.deployment_id).await?,
        None => None,
    };
    let privacy: PrivacySettings = in_production.map_or_else(|| deployment.privacy.clone(), |deployment| deployment.privacy);
    let asked = NewDeployment {
        model,
        name: name.chars().take(shared::domain::name::LONGEST_NAME).collect(),
        goes_to_production: true,
        traffic_percent: 100,
        privacy,
    };
    let idempotency = Idempotency::of(request, "project_rollback")?;
    let submitted = deploy(platform, &request.caller, project, asked, idempotency.as_ref()).await?;
    submitted.job.deployment_id.ok_or_else(|| Error::broken("a deployment's job names it"))
}
