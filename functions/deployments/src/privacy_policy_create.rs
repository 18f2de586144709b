//! `POST /api/mlops/projects/{project_id}/privacy-policies`: a privacy policy is made.

use http::StatusCode;
use privacy::Policy;
use shared::domain::privacy_policy::PrivacyPolicy;
use shared::http::fields::Fields;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access;
use crate::privacy_policy_fields::{Given, LONGEST_BODY, PrivacyPolicyRequest, PrivacyPolicyView};
use crate::views::problem::Problem;

/// Create a privacy policy
///
/// Deployments of the project, and single predictions, name it as `privacy_policy_id`. It comes with a key of its own for hashes,
/// which is never shown: the same value has the same hash under one policy and another under the next.
#[utoipa::path(
    post,
    path = "/api/mlops/projects/{project_id}/privacy-policies",
    operation_id = "deployments_privacy_policy_create",
    tag = "Privacy",
    params(("project_id" = String, Path, description = "The project")),
    request_body = PrivacyPolicyRequest,
    responses(
        (status = 201, description = "The policy", body = PrivacyPolicyView),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller is in no such project", body = Problem),
        (status = 409, description = "The project has as many as it may", body = Problem),
        (status = 422, description = "A field does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let project = access::project(platform, &request).await?;
    let mut fields = Fields::of_body(&request, LONGEST_BODY)?;
    fields.require("name");
    fields.require("actions");
    let given = Given::take(&mut fields);
    fields.finish()?;
    let mut policy = PrivacyPolicy::new(project.id, request.caller.user_id().map(str::to_owned), String::new(), None, Policy::default());
    given.change(&mut policy);
    platform.store()?.create_privacy_policy(&policy).await?;
    response::json(StatusCode::CREATED, &PrivacyPolicyView::from(policy))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use testing::TestPlatform;

    use crate::fixtures::{delete_as, get_as, patch_as, post_as, project, user};

    #[tokio::test]
    async fn a_policy_is_made_listed_changed_and_deleted() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let project_id = project(&test, &owner).await;
        let path = format!("/api/mlops/projects/{project_id}/privacy-policies");
        let body =
            json!({ "name": "Customers", "actions": { "email": "hash", "person_name": "mask" }, "column_map": { "größe": "email" } });
        let (status, made) = post_as(&test, &path, &owner, &body).await;
        assert_eq!((status, &made["actions"], &made["threshold"]), (201, &body["actions"], &json!(0.5)), "{made}");
        assert!(made.get("key").is_none() && made.get("policy").is_none());
        let id = made["id"].as_str().unwrap();
        let store = test.platform.store().unwrap();
        let kept = store.privacy_policy_of_project(&project_id, id).await.unwrap().unwrap();
        assert_eq!(kept["key"].as_str().unwrap().len(), 64);
        assert_eq!(store.privacy_policy_of_project("00000000-0000-7000-8000-000000000001", id).await.unwrap(), None);

        let (_, list) = get_as(&test, &path, &owner).await;
        assert_eq!((list["total"].as_u64(), &list["items"][0]), (Some(1), &made));
        let one = format!("/api/mlops/privacy-policies/{id}");
        assert_eq!(get_as(&test, &one, &owner).await, (200, made.clone()));
        let (status, changed) = patch_as(&test, &one, &owner, &json!({ "threshold": 0.8, "actions": { "iban": "remove" } })).await;
        assert_eq!((status, &changed["name"], &changed["threshold"]), (200, &made["name"], &json!(0.8)), "{changed}");
        assert_eq!((&changed["actions"], &changed["column_map"]), (&json!({ "iban": "remove" }), &made["column_map"]));
        let again = store.privacy_policy_of_project(&project_id, id).await.unwrap().unwrap();
        assert_eq!(again["key"], kept["key"], "hashes stay comparable");
        assert_eq!(delete_as(&test, &one, &owner).await, (204, Value::Null));
        assert_eq!(get_as(&test, &one, &owner).await.0, 404);
        assert_eq!(get_as(&test, &path, &owner).await.1["total"], 0);
    }

    #[tokio::test]
    async fn another_projects_policy_is_not_there() {
        let test = TestPlatform::start().await;
        let (owner, other) = (user(&test, "owner").await, user(&test, "other").await);
        let project_id = project(&test, &owner).await;
        let path = format!("/api/mlops/projects/{project_id}/privacy-policies");
        let body = json!({ "name": "Customers", "actions": {} });
        let (_, made) = post_as(&test, &path, &owner, &body).await;
        let one = format!("/api/mlops/privacy-policies/{}", made["id"].as_str().unwrap());
        for (status, answer) in [
            post_as(&test, &path, &other, &body).await,
            get_as(&test, &path, &other).await,
            get_as(&test, &one, &other).await,
            patch_as(&test, &one, &other, &json!({ "name": "mine" })).await,
            delete_as(&test, &one, &other).await,
            get_as(&test, "/api/mlops/privacy-policies/x", &owner).await,
        ] {
            assert_eq!(status, 404, "{answer}");
        }
        assert_eq!(get_as(&test, &one, &owner).await, (200, made));
    }

    #[tokio::test]
    async fn in_everybodys_project_a_policy_is_its_makers() {
        let test = TestPlatform::start().await;
        let (owner, other) = (user(&test, "owner").await, user(&test, "other").await);
        let project = format!("/api/mlops/projects/{}", shared::domain::project::DEFAULT_PROJECT_ID);
        let path = format!("{project}/privacy-policies");
        let (status, made) = post_as(&test, &path, &owner, &json!({ "name": "n", "actions": {}, "threshold": 1e-200 })).await;
        assert_eq!(status, 201, "{made}");
        let id = made["id"].as_str().unwrap();
        let one = format!("/api/mlops/privacy-policies/{id}");
        for (status, answer) in [
            get_as(&test, &one, &other).await,
            patch_as(&test, &one, &other, &json!({ "name": "mine" })).await,
            delete_as(&test, &one, &other).await,
            post_as(&test, &format!("{project}/predict"), &other, &json!({ "inputs": { "a": 1 }, "options": { "privacy_policy_id": id } }))
                .await,
        ] {
            assert_eq!(status, 404, "{answer}");
        }
        assert_eq!(
            (get_as(&test, &path, &other).await.1["total"].as_u64(), get_as(&test, &path, &owner).await.1["total"].as_u64()),
            (Some(0), Some(1))
        );
    }

    #[tokio::test]
    async fn of_two_changes_at_once_none_is_lost() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let project_id = project(&test, &owner).await;
        let path = format!("/api/mlops/projects/{project_id}/privacy-policies");
        let (_, made) = post_as(&test, &path, &owner, &json!({ "name": "n", "actions": {} })).await;
        let one = format!("/api/mlops/privacy-policies/{}", made["id"].as_str().unwrap());
        let changes = [json!({ "column_map": { "customer": "email" } }), json!({ "threshold": 0.9 })];
        let answers = futures::future::join_all(changes.iter().map(|change| patch_as(&test, &one, &owner, change))).await;
        let (_, kept) = get_as(&test, &one, &owner).await;
        for ((status, answer), (field, change)) in answers.iter().zip([("column_map", &changes[0]), ("threshold", &changes[1])]) {
            assert!(*status == 409 || (*status == 200 && kept[field] == change[field]), "{status} {answer}: {kept}");
        }
    }

    #[tokio::test]
    async fn what_is_wrong_is_told() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let project_id = project(&test, &owner).await;
        let path = format!("/api/mlops/projects/{project_id}/privacy-policies");
        let (_, made) = post_as(&test, &path, &owner, &json!({ "name": "n", "actions": {} })).await;
        let one = format!("/api/mlops/privacy-policies/{}", made["id"].as_str().unwrap());
        for (field, value) in [
            ("name", json!("")),
            ("name", json!(5)),
            ("actions", json!([])),
            ("actions", json!({ "shoe_size": "mask" })),
            ("actions", json!({ "email": "eat" })),
            ("actions", json!({ "email": null })),
            ("column_map", json!({ "": "email" })),
            ("column_map", json!({ "a": "shoe_size" })),
            ("column_map", json!((0..501).map(|at| (at.to_string(), "email")).collect::<std::collections::BTreeMap<_, _>>())),
            ("threshold", json!(1.1)),
            ("threshold", json!("high")),
            ("description", json!("x".repeat(2001))),
        ] {
            let mut body = json!({ "name": "n", "actions": {} });
            body[field] = value.clone();
            let (status, answer) = post_as(&test, &path, &owner, &body).await;
            assert!(status == 422 && answer["detail"][0]["loc"][1] == field, "{field}: {status} {answer}");
            let (status, answer) = patch_as(&test, &one, &owner, &json!({ field: value })).await;
            assert_eq!(status, 422, "{field}: {answer}");
        }
        assert_eq!(post_as(&test, &path, &owner, &json!({})).await.0, 422);
    }
}
