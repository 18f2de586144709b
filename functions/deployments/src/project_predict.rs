//! `POST /api/mlops/projects/{project_id}/predict`: predictions of what is in production in a project, whichever deployment
//! that is.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use shared::domain::deployment::Deployment;
use shared::domain::project::{PRODUCTION_ALIAS, Project, Target};
use shared::{Error, Platform, Request, Response, Result};

use crate::access;
use crate::prediction::{self, Addressee, Asked, PredictRequest, Predictions};
use crate::views::problem::Problem;

/// Make predictions in production
///
/// This address stays the same, whatever is promoted, rolled back or tried as a canary behind it.
#[utoipa::path(
    post,
    path = "/api/mlops/projects/{project_id}/predict",
    operation_id = "deployments_project_predict",
    tag = "Project predictions",
    params(("project_id" = String, Path, description = "The project")),
    request_body = PredictRequest,
    responses(
        (status = 200, description = "The predictions", body = Predictions),
        (status = 400, description = "The model cannot do what the options ask for", body = Problem),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller is in no such project", body = Problem),
        (status = 409, description = "Nothing is in production", body = Problem),
        (status = 413, description = "There is more than can be predicted at once", body = Problem),
        (status = 422, description = "A field does not hold what it must, or the model cannot take these inputs", body = Problem),
        (status = 503, description = "The model does not answer at this moment; `Retry-After` says when to try again", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let began = Instant::now();
    let project = access::project(platform, &request).await?;
    let asked = Asked::of(platform, &request, &project).await?;
    if let Some(answered) = ask(platform, &request, &asked, &project, true, began).await? {
        return Ok(answered);
    }
    // What is in production changed on the way to the alias: what it is now is asked by its number.
    let project = access::project(platform, &request).await?;
    let answered = ask(platform, &request, &asked, &project, false, began).await?;
    answered.ok_or_else(|| Error::broken("a version that was asked by its number is another one"))
}

/// Asks what is in production in a project, by the alias of its function where that may be; `None` where the alias led elsewhere.
async fn ask(
    platform: &Platform,
    request: &Request,
    asked: &Asked,
    project: &Project,
    by_alias: bool,
    began: Instant,
) -> Result<Option<Response>> {
    let targets: Vec<&Target> = project.production.iter().chain(project.canary.as_ref().map(|canary| &canary.target)).collect();
    let ids: BTreeSet<String> = targets.iter().map(|target| target.deployment_id.clone()).collect();
    let deployments = platform.store()?.deployments_by_id(ids).await?;
    let target = project.target_of(rand::random_range(0..100)).filter(|target| deployments.contains_key(&target.deployment_id));
    let chosen = target.or(project.production.as_ref()).and_then(|target| Some((target, deployments.get(&target.deployment_id)?)));
    let (target, deployment) = chosen.ok_or_else(|| {
        Error::conflict(
            "The project has no deployment in production; promote one with POST /api/mlops/deployments/{deployment_id}/promote.",
        )
    })?;
    let by_alias = by_alias && is_split_by_alias(project, &deployments);
    let versions: Vec<&str> = targets.iter().map(|target| target.qualifier.as_str()).collect();
    let to = match by_alias {
        true => Addressee { function_name: &project.function_name, qualifier: PRODUCTION_ALIAS, versions: Some(&versions) },
        false => Addressee { function_name: &target.function_name, qualifier: &target.qualifier, versions: None },
    };
    let Some(answer) = prediction::ask(platform, request, asked, to, deployment, began).await? else { return Ok(None) };
    let answered = answer.executed_version.as_ref().filter(|_| by_alias);
    let answered = answered.and_then(|version| targets.iter().find(|target| target.qualifier == *version));
    let deployment_id = answered.map_or_else(|| deployment.id.clone(), |target| target.deployment_id.clone());
    prediction::respond(answer, asked, deployment_id, began).map(Some)
}

/// Whether the alias of the project's function sends requests where they belong. Not while it does not follow yet, nor to
/// another function, nor where it matters before a request is sent which of two deployments answers it.
fn is_split_by_alias(project: &Project, deployments: &HashMap<String, Deployment>) -> bool {
    let privacy = |target: &Target| deployments.get(&target.deployment_id).map(|deployment| &deployment.privacy);
    let alike = match (&project.production, &project.canary) {
        (Some(production), Some(canary)) => privacy(production).is_some() && privacy(production) == privacy(&canary.target),
        _ => true,
    };
    alike && project.is_routed() && project.alias_plan().is_some()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use shared::domain::project::DEFAULT_PROJECT_ID;
    use testing::TestPlatform;

    use crate::fixtures::{get_as, live, model_in, post_as, project, user};

    #[tokio::test]
    async fn it_follows_production() {
        let test = TestPlatform::start().await;
        let (owner, other) = (user(&test, "owner").await, user(&test, "other").await);
        let project_id = project(&test, &owner).await;
        let path = format!("/api/mlops/projects/{project_id}/predict");
        let inputs = json!({ "inputs": { "a": 1 } });
        assert_eq!(post_as(&test, &path, &owner, &inputs).await.0, 409);
        assert_eq!(post_as(&test, &path, &other, &inputs).await.0, 404);
        let model_id = model_in(&test, &owner, &project_id, "fraud").await;
        let id = live(&test, &owner, &project_id, &model_id).await;
        assert_eq!(
            post_as(&test, &format!("/api/mlops/deployments/{id}/promote"), &owner, &json!({ "to_stage": "production" })).await.0,
            200
        );
        test.answer_with("invocations", json!({ "statusCode": 200, "body": "{\"predictions\": [1]}" }));
        let (status, told) = post_as(&test, &path, &owner, &inputs).await;
        assert_eq!((status, told["deployment_id"].as_str()), (200, Some(id.as_str())), "{told}");
        let asked = test.calls().into_iter().rfind(|call| call.operation.contains("invocations")).unwrap();
        let meant = |call: &testing::Call| call.body["headers"]["x-serveml-options"].to_string().contains("versions");
        assert!(asked.operation.contains("-project-") && meant(&asked), "{asked:?}");
        // The alias led to another version than those for which the request was meant: it is asked again, by its number.
        test.answer_with("invocations", json!({ "statusCode": 421, "body": "{\"detail\": \"another version\"}" }));
        let (status, _) = post_as(&test, &path, &owner, &inputs).await;
        let asked: Vec<_> = test.calls().into_iter().filter(|call| call.operation.contains("invocations")).collect();
        assert!(status >= 500 && asked.len() == 3 && meant(&asked[1]) && !meant(&asked[2]), "{asked:?}");
    }

    #[tokio::test]
    async fn what_the_other_apis_made_is_listed_predicted_and_promoted_in_the_project_of_everybody() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let store = test.platform.store().unwrap();
        crate::fixtures::model(&test, "churn").await;
        let deployment = store.ensure_deployment("churn", "serveml-model-").await.unwrap();
        assert!(store.lease_deployment(&deployment.id, "job").await.unwrap());
        let live = shared::store::deployments::Live::new(Some("http://x".to_owned()), 1, "1".to_owned(), "r@sha256:1".to_owned());
        store.set_live(&deployment.id, "job", &live).await.unwrap();
        let (_, list) = get_as(&test, &format!("/api/mlops/projects/{DEFAULT_PROJECT_ID}/deployments"), &owner).await;
        assert_eq!((list["total"].as_u64(), list["items"][0]["id"].as_str()), (Some(1), Some(deployment.id.as_str())), "{list}");
        assert!(list["items"][0]["model_id"].is_string(), "{list}");
        test.answer_with("invocations", json!({ "statusCode": 200, "body": "{\"predictions\": [1]}" }));
        let inputs = json!({ "inputs": { "a": 1 } });
        let path = format!("/api/mlops/deployments/{}", deployment.id);
        assert_eq!(post_as(&test, &format!("{path}/predict"), &owner, &inputs).await.0, 200);
        assert_eq!(post_as(&test, &format!("{path}/promote"), &owner, &json!({ "to_stage": "production" })).await.0, 200);
        let (status, told) = post_as(&test, &format!("/api/mlops/projects/{DEFAULT_PROJECT_ID}/predict"), &owner, &inputs).await;
        assert_eq!((status, told["deployment_id"].as_str()), (200, Some(deployment.id.as_str())), "{told}");
        let asked = test.calls().into_iter().rfind(|call| call.operation.contains("invocations")).unwrap();
        assert!(asked.operation.contains(&deployment.function_name), "{asked:?}");
    }
}
