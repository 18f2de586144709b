//! `POST /api/mlops/deployments/{deployment_id}/promote`: a deployment goes to production. Document: deployments-api, "Promote
//! Deployment".

use serde::Serialize;
use shared::domain::deployment::{Deployment, ServingStage};
use shared::domain::project::Project;
use shared::http::fields::{Choice, Fields};
use shared::http::response;
use shared::projects::routing;
use shared::{Error, Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::access;
use crate::views::problem::Problem;

const LONGEST_BODY: usize = 64 * 1024;

/// Where a deployment can be promoted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Production,
}

impl Choice for Target {
    const ALL: &'static [Self] = &[Target::Production];
    fn name(self) -> &'static str {
        "production"
    }
}

/// Where it is to go.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
pub struct PromoteRequest {
    /// `production`.
    #[schema(example = "production")]
    to_stage: String,
    /// How much of the production traffic it is to take, in percent. Where absent: what it was made with, and all of it for one that
    /// takes a part already.
    #[schema(minimum = 1, maximum = 100)]
    traffic_percent: Option<u8>,
}

/// It is in production.
#[derive(Debug, Serialize, ToSchema)]
pub struct Promoted {
    /// True.
    pub ok: bool,
    /// The deployment.
    #[schema(example = "d0e1f2a3-b4c5-6789-0123-def456789012")]
    pub deployment_id: String,
    /// `production`.
    #[schema(example = "production")]
    pub stage: &'static str,
}

/// How much of the traffic a deployment takes when it is promoted, in percent.
fn percent(asked: Option<i64>, deployment: &Deployment) -> u8 {
    let asked = asked.and_then(|percent| u8::try_from(percent).ok());
    asked.unwrap_or(if deployment.stage == ServingStage::Staging { deployment.traffic_percent.unwrap_or(100) } else { 100 })
}

/// Promote a deployment
///
/// The traffic moves at once, without losing a request, and what was in production is archived in the same transaction. With
/// less than 100 percent it is a canary, and what is in production keeps the rest until the canary is promoted or deactivated.
#[utoipa::path(
    post,
    path = "/api/mlops/deployments/{deployment_id}/promote",
    operation_id = "deployments_promote",
    tag = "Project deployments",
    params(("deployment_id" = String, Path, description = "The deployment")),
    request_body = PromoteRequest,
    responses(
        (status = 200, description = "It is in production", body = Promoted),
        (status = 400, description = "There is no such stage to promote to", body = Problem),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such deployment", body = Problem),
        (status = 409, description = "It does not answer yet, failed, or is archived", body = Problem),
        (status = 422, description = "A field does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let (project, deployment) = access::deployment(platform, &request).await?;
    let mut fields = Fields::of_body(&request, LONGEST_BODY)?;
    fields.require("to_stage");
    let _: Option<Target> = fields.choice("to_stage");
    let asked = fields.integer("traffic_percent", 1..=100);
    fields.finish()?;
    refuse_archived(&deployment)?;
    let deployment = crate::waiting::until_live(platform, deployment).await?;
    let percent = percent(asked, &deployment);
    let from = [ServingStage::Staging, ServingStage::Canary, ServingStage::Production];
    let project: Project = routing::promote(platform, &project.id, &deployment.id, percent, &from).await?;
    let is = |target: &shared::domain::project::Target| target.deployment_id == deployment.id;
    let in_traffic = project.production.as_ref().is_some_and(is) || project.canary.as_ref().is_some_and(|canary| is(&canary.target));
    if !in_traffic {
        return Err(archived());
    }
    response::ok(&Promoted { ok: true, deployment_id: deployment.id, stage: "production" })
}

fn archived() -> Error {
    Error::conflict(
        "The deployment is archived; bring it back with POST /api/mlops/deployments/{deployment_id}/rollback and to_deployment_id.",
    )
}

fn refuse_archived(deployment: &Deployment) -> Result<()> {
    if deployment.stage == ServingStage::Archived { Err(archived()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{deploy, get_as, go_live, live, model_in, post_as, project, stages, user};

    fn to_production() -> serde_json::Value {
        json!({ "to_stage": "production" })
    }

    #[tokio::test]
    async fn what_was_in_production_is_archived_and_rollback_brings_it_back() {
        let test = TestPlatform::start().await;
        let (owner, other) = (user(&test, "owner").await, user(&test, "other").await);
        let project_id = project(&test, &owner).await;
        let model_id = model_in(&test, &owner, &project_id, "fraud").await;
        let (one, two) = (live(&test, &owner, &project_id, &model_id).await, live(&test, &owner, &project_id, &model_id).await);
        let path = |id: &str, what: &str| format!("/api/mlops/deployments/{id}/{what}");
        for id in [&one, &one, &two] {
            let (status, answer) = post_as(&test, &path(id, "promote"), &owner, &to_production()).await;
            assert_eq!((status, answer), (200, json!({ "ok": true, "deployment_id": id, "stage": "production" })));
        }
        let now = stages(&test, &owner, &project_id).await;
        assert_eq!((now[&one].as_str(), now[&two].as_str()), ("archived", "production"));
        let (_, told) = get_as(&test, &format!("/api/mlops/deployments/{one}"), &owner).await;
        assert_eq!((told["deployment"]["status"].as_str(), told["deployment"]["is_active"].as_bool()), (Some("inactive"), Some(false)));
        assert_eq!(post_as(&test, &path(&one, "promote"), &owner, &to_production()).await.0, 409);
        let back = json!({ "to_deployment_id": one });
        assert_eq!(post_as(&test, &path(&two, "rollback"), &other, &back).await.0, 404);
        assert_eq!(post_as(&test, &path(&two, "rollback"), &owner, &back).await, (200, json!({ "ok": true, "deployment_id": one })));
        let now = stages(&test, &owner, &project_id).await;
        assert_eq!((now[&one].as_str(), now[&two].as_str()), ("production", "archived"));
        let aliases: Vec<_> = test.calls().into_iter().filter(|call| call.operation.contains("/aliases")).collect();
        assert!(aliases.len() >= 3, "the function's alias follows: {aliases:?}");
        assert_eq!(post_as(&test, &path(&one, "deactivate"), &other, &json!({})).await.0, 404);
        for _ in 0..2 {
            assert_eq!(post_as(&test, &path(&one, "deactivate"), &owner, &json!({})).await, (200, json!({ "ok": true })));
        }
        assert!(stages(&test, &owner, &project_id).await.values().all(|stage| stage == "archived"));
        let (status, answer) = post_as(&test, &path(&one, "predict"), &owner, &json!({ "inputs": { "a": 1 } })).await;
        assert_eq!(status, 409, "{answer}");
        assert_eq!(
            post_as(&test, &format!("/api/mlops/projects/{project_id}/predict"), &owner, &json!({ "inputs": { "a": 1 } })).await.0,
            409
        );
    }

    #[tokio::test]
    async fn a_canary_takes_a_part_until_it_is_promoted_or_deactivated() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let project_id = project(&test, &owner).await;
        let model_id = model_in(&test, &owner, &project_id, "fraud").await;
        let old = live(&test, &owner, &project_id, &model_id).await;
        let path = |id: &str, what: &str| format!("/api/mlops/deployments/{id}/{what}");
        assert_eq!(post_as(&test, &path(&old, "promote"), &owner, &to_production()).await.0, 200);
        let canary = deploy(&test, &owner, &project_id, &model_id, &json!({ "stage": "production", "traffic_percent": 20 })).await;
        go_live(&test, &canary).await;
        let (_, told) = get_as(&test, &format!("/api/mlops/projects/{project_id}"), &owner).await;
        assert_eq!(
            (told["production_deployment_id"].as_str(), told["canary_deployment_id"].as_str()),
            (Some(old.as_str()), Some(canary.as_str()))
        );
        let alias =
            test.calls().into_iter().rfind(|call| call.operation.contains("/aliases") && call.body["RoutingConfig"].is_object()).unwrap();
        assert_eq!(alias.body["RoutingConfig"]["AdditionalVersionWeights"].as_object().unwrap().values().next().unwrap(), 0.2, "{alias:?}");
        // What is in production cannot go while the canary needs it.
        assert_eq!(post_as(&test, &path(&old, "deactivate"), &owner, &json!({})).await.0, 409);
        assert_eq!(post_as(&test, &path(&canary, "deactivate"), &owner, &json!({})).await.0, 200);
        let now = stages(&test, &owner, &project_id).await;
        assert_eq!((now[&old].as_str(), now[&canary].as_str()), ("production", "archived"));
        let second = live(&test, &owner, &project_id, &model_id).await;
        let part = json!({ "to_stage": "production", "traffic_percent": 50 });
        assert_eq!(post_as(&test, &path(&second, "promote"), &owner, &part).await.0, 200);
        assert_eq!(stages(&test, &owner, &project_id).await[&old], "production");
        assert_eq!(post_as(&test, &path(&second, "promote"), &owner, &to_production()).await.0, 200);
        let now = stages(&test, &owner, &project_id).await;
        assert_eq!((now[&old].as_str(), now[&second].as_str()), ("archived", "production"));
    }

    #[tokio::test]
    async fn two_promotions_at_once_leave_one_in_production() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let project_id = project(&test, &owner).await;
        let model_id = model_in(&test, &owner, &project_id, "fraud").await;
        let mut ids = Vec::new();
        for _ in 0..4 {
            ids.push(live(&test, &owner, &project_id, &model_id).await);
        }
        for _ in 0..3 {
            let body = to_production();
            let paths: Vec<String> = ids.iter().map(|id| format!("/api/mlops/deployments/{id}/promote")).collect();
            let promotions = paths.iter().map(|path| post_as(&test, path, &owner, &body));
            let done = futures::future::join_all(promotions).await;
            assert!(done.iter().any(|(status, _)| *status == 200), "{done:?}");
            assert!(done.iter().all(|(status, _)| matches!(status, 200 | 409)), "{done:?}");
            let now = stages(&test, &owner, &project_id).await;
            assert_eq!(now.values().filter(|stage| *stage == "production").count(), 1, "{now:?}");
            for id in &ids {
                let back = json!({ "to_deployment_id": id });
                let (status, answer) = post_as(&test, &format!("/api/mlops/deployments/{id}/rollback"), &owner, &back).await;
                assert_eq!(status, 200, "{answer}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_wrong_is_told() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let project_id = project(&test, &owner).await;
        let model_id = model_in(&test, &owner, &project_id, "fraud").await;
        let id = live(&test, &owner, &project_id, &model_id).await;
        for (what, body, expected) in [
            ("promote", json!({}), 422),
            ("promote", json!({ "to_stage": "staging" }), 400),
            ("promote", json!({ "to_stage": 1 }), 422),
            ("promote", json!({ "to_stage": "production", "traffic_percent": 0 }), 422),
            ("promote", json!([]), 422),
            ("rollback", json!({}), 400),
            ("rollback", json!({ "to_deployment_id": "x", "to_model_id": "y" }), 400),
            ("rollback", json!({ "to_deployment_id": "x" }), 404),
            ("rollback", json!({ "to_model_id": "y" }), 404),
            ("rollback", json!({ "to_model_id": 5 }), 422),
            ("rollback", json!({ "to_deployment_id": id }), 409),
        ] {
            let (status, answer) = post_as(&test, &format!("/api/mlops/deployments/{id}/{what}"), &owner, &body).await;
            assert_eq!(status, expected, "{what} {body}: {answer}");
        }
        for what in ["promote", "rollback", "deactivate", "predict"] {
            assert_eq!(post_as(&test, &format!("/api/mlops/deployments/x/{what}"), &owner, &json!({})).await.0, 404, "{what}");
        }
    }
}
