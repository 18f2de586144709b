//! `POST /api/mlops/deployments/{deployment_id}/predict`: predictions of a deployment. Document: deployments-api, "Predict via
//! Deployment".

use std::time::Instant;

use shared::domain::project::Target;
use shared::{Error, Platform, Request, Response, Result};

use crate::prediction::{self, Addressee, Asked, PredictRequest, Predictions};
use crate::views::problem::Problem;
use crate::{access, waiting};

/// Make predictions
///
/// One record, or a list of them. Each prediction is recorded. A deployment that is being made is waited for.
#[utoipa::path(
    post,
    path = "/api/mlops/deployments/{deployment_id}/predict",
    operation_id = "deployments_predict",
    tag = "Project predictions",
    params(("deployment_id" = String, Path, description = "The deployment")),
    request_body = PredictRequest,
    responses(
        (status = 200, description = "The predictions", body = Predictions),
        (status = 400, description = "The model cannot do what the options ask for", body = Problem),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such deployment", body = Problem),
        (status = 409, description = "The deployment is inactive or failed", body = Problem),
        (status = 413, description = "There is more than can be predicted at once", body = Problem),
        (status = 422, description = "A field does not hold what it must, or the model cannot take these inputs", body = Problem),
        (status = 503, description = "The deployment is still being made; `Retry-After` says when to try again", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let began = Instant::now();
    let (project, deployment) = access::deployment(platform, &request).await?;
    let asked = Asked::of(platform, &request, &project).await?;
    let deployment = waiting::until_live(platform, deployment).await?;
    let target = Target::of(&deployment).ok_or_else(|| Error::broken("a deployment that answers has a version"))?;
    let to = Addressee { function_name: &target.function_name, qualifier: &target.qualifier, versions: None };
    let answer = prediction::ask(platform, &request, &asked, to, &deployment, began).await?;
    let answer = answer.ok_or_else(|| Error::broken("a version that was asked by its number is another one"))?;
    prediction::respond(answer, &asked, deployment.id, began)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use testing::TestPlatform;

    use crate::fixtures::{deploy, live, model_in, post_as, project, user};

    fn answer(status: u16, body: &Value) -> Value {
        json!({ "statusCode": status, "headers": { "x-prediction-id": "019a0000-0000-7000-8000-000000000001" }, "body": body.to_string() })
    }

    #[tokio::test]
    async fn labels_are_texts_and_numbers_stay_numbers() {
        for (model, expected, probabilities) in [
            (json!({ "predictions": [0], "probabilities": [[0.9, 0.1]] }), json!("0"), json!([0.9, 0.1])),
            (json!({ "predictions": [true] }), json!("true"), Value::Null),
            (json!({ "predictions": ["fraud"] }), json!("fraud"), Value::Null),
            (json!({ "predictions": [29.99] }), json!(29.99), Value::Null),
            (json!({ "predictions": [[1.5, 2.5]] }), json!([1.5, 2.5]), Value::Null),
        ] {
            let test = TestPlatform::start().await;
            let owner = user(&test, "owner").await;
            let project_id = project(&test, &owner).await;
            let model_id = model_in(&test, &owner, &project_id, "fraud").await;
            let id = live(&test, &owner, &project_id, &model_id).await;
            test.answer_with("invocations", answer(200, &model));
            let path = format!("/api/mlops/deployments/{id}/predict");
            let (status, told) = post_as(&test, &path, &owner, &json!({ "inputs": { "amount": 29.99 } })).await;
            assert_eq!(status, 200, "{told}");
            assert_eq!(told["predictions"][0]["prediction"], expected);
            assert_eq!(told["predictions"][0]["probabilities"], probabilities);
            assert_eq!(
                (told["prediction_id"].as_str(), told["deployment_id"].as_str()),
                (Some("019a0000-0000-7000-8000-000000000001"), Some(id.as_str()))
            );
            assert!(told["latency_ms"].is_u64() && told.get("contributions").is_none(), "{told}");
        }
    }

    #[tokio::test]
    async fn options_reach_the_model_and_its_refusals_the_caller() {
        let test = TestPlatform::start().await;
        let (owner, other) = (user(&test, "owner").await, user(&test, "other").await);
        let project_id = project(&test, &owner).await;
        let model_id = model_in(&test, &owner, &project_id, "fraud").await;
        let id = live(&test, &owner, &project_id, &model_id).await;
        let path = format!("/api/mlops/deployments/{id}/predict");
        let contributions = json!([[{ "feature": "amount", "value": -0.32 }, { "feature": "BiasTerm", "value": -1.2 }]]);
        test.answer_with("invocations", answer(200, &json!({ "predictions": [1], "contributions": contributions })));
        let body =
            json!({ "inputs": [{ "amount": 1 }, { "amount": 2 }], "options": { "include_contributions": true, "store_payload": false } });
        let (status, told) = post_as(&test, &path, &owner, &body).await;
        assert_eq!((status, &told["contributions"]), (200, &contributions), "{told}");
        assert_eq!(told["predictions"][0]["prediction_id"], "019a0000-0000-7000-8000-000000000001.0");
        let event = test.calls().into_iter().rfind(|call| call.operation.contains("invocations")).unwrap().body;
        let options: Value = serde_json::from_str(event["headers"]["x-serveml-options"].as_str().unwrap()).unwrap();
        assert_eq!((options["include_contributions"].as_bool(), options["store_payload"].as_bool()), (Some(true), Some(false)));
        let sent: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
        assert_eq!(sent["inputs"], json!([{ "amount": 1 }, { "amount": 2 }]));
        assert_eq!(post_as(&test, &path, &other, &body).await.0, 404);
    }

    #[tokio::test]
    async fn what_is_wrong_is_told() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let project_id = project(&test, &owner).await;
        let model_id = model_in(&test, &owner, &project_id, "fraud").await;
        let id = live(&test, &owner, &project_id, &model_id).await;
        let path = format!("/api/mlops/deployments/{id}/predict");
        for (body, expected) in [
            (json!({}), 422),
            (json!({ "inputs": null }), 422),
            (json!({ "inputs": {} }), 422),
            (json!({ "inputs": [] }), 422),
            (json!({ "inputs": [{}] }), 422),
            (json!({ "inputs": 5 }), 422),
            (json!({ "inputs": "x" }), 422),
            (json!({ "inputs": [{ "a": 1 }, 5] }), 422),
            (json!({ "inputs": { "a": 1 }, "options": [] }), 422),
            (json!({ "inputs": { "a": 1 }, "options": { "include_contributions": "yes" } }), 422),
            (json!({ "inputs": { "a": 1 }, "options": { "unknown": true } }), 422),
            (json!({ "inputs": { "a": 1 }, "options": { "privacy_policy_id": "x" } }), 404),
            (json!({ "inputs": { "a": "x".repeat(5_000_000) } }), 413),
        ] {
            let (status, answer) = post_as(&test, &path, &owner, &body).await;
            assert_eq!(status, expected, "{}: {answer}", body.to_string().chars().take(80).collect::<String>());
        }
        for (said, expected) in [(400, 400), (422, 422), (429, 429), (500, 500), (503, 503)] {
            let test = TestPlatform::start().await;
            let owner = user(&test, "owner").await;
            let project_id = project(&test, &owner).await;
            let model_id = model_in(&test, &owner, &project_id, "fraud").await;
            let id = live(&test, &owner, &project_id, &model_id).await;
            test.answer_with("invocations", answer(said, &json!({ "detail": "not available for StackedEnsemble models" })));
            let path = format!("/api/mlops/deployments/{id}/predict");
            let (status, told) = post_as(&test, &path, &owner, &json!({ "inputs": { "a": 1 } })).await;
            assert_eq!(status, expected, "{told}");
            assert!(told.to_string().contains("StackedEnsemble"), "{told}");
        }
    }

    #[tokio::test]
    async fn a_deployment_that_failed_says_so() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let project_id = project(&test, &owner).await;
        let model_id = model_in(&test, &owner, &project_id, "fraud").await;
        let id = deploy(&test, &owner, &project_id, &model_id, &json!({})).await;
        let store = test.platform.store().unwrap();
        let job = store.deployment(&id).await.unwrap().unwrap().job_id.unwrap();
        store.fail_deployment(&id, &job, "no module named x").await.unwrap();
        let (status, told) =
            post_as(&test, &format!("/api/mlops/deployments/{id}/predict"), &owner, &json!({ "inputs": { "a": 1 } })).await;
        assert!(status == 409 && told["detail"].as_str().unwrap().contains("no module named x"), "{told}");
        let (_, told) = crate::fixtures::get_as(&test, &format!("/api/mlops/deployments/{id}"), &owner).await;
        assert_eq!((told["deployment"]["status"].as_str(), told["deployment"]["is_active"].as_bool()), (Some("failed"), Some(false)));
    }
}
