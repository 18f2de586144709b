//! `POST /api/mlops/projects`: a project of the caller's.

use http::StatusCode;
use shared::domain::project::Project;
use shared::http::fields::Fields;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result, config};
use utoipa::ToSchema;

use crate::views::problem::Problem;
use crate::views::project::ProjectView;

const LONGEST_BODY: usize = 64 * 1024;
const LONGEST_NAME: usize = 256;
/// The most projects of a user: what looks at all projects has a bound of its own.
const MOST_PROJECTS: u64 = 1000;
const LONGEST_DESCRIPTION: usize = 2000;

/// The project to make.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
pub struct ProjectRequest {
    /// Its name.
    #[schema(example = "Fraud")]
    name: String,
    /// What it is for.
    description: Option<String>,
}

/// Create a project
///
/// Its members own models and deployments together. Whoever makes it is its owner.
#[utoipa::path(
    post,
    path = "/api/mlops/projects",
    operation_id = "deployments_project_create",
    tag = "Projects",
    request_body = ProjectRequest,
    responses(
        (status = 201, description = "The project", body = ProjectView),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 409, description = "The caller is in as many projects as may be", body = Problem),
        (status = 422, description = "A field does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let user = request.caller.user()?.to_owned();
    let mut fields = Fields::of_body(&request, LONGEST_BODY)?;
    let name = fields.required_text("name", 1..=LONGEST_NAME);
    let description = fields.text("description", 0..=LONGEST_DESCRIPTION);
    if !name.is_empty() && name.trim().is_empty() {
        fields.fault(&["name"], "must not be blank", "value_error");
    }
    fields.finish()?;
    let prefix = platform.config.get(config::MODEL_FUNCTION_PREFIX)?;
    let project = Project::new(name.trim(), description, &user, &prefix);
    let store = platform.store()?;
    if store.count_projects_of(&user).await? >= MOST_PROJECTS {
        return Err(Error::conflict(format!("A user may be in at most {MOST_PROJECTS} projects; leave one first.")));
    }
    store.create_project(&project).await?;
    response::json(StatusCode::CREATED, &ProjectView::new(project, &request.base_url))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use shared::domain::project::DEFAULT_PROJECT_ID;
    use testing::TestPlatform;

    use crate::fixtures::{delete_as, get_as, post_as, user};

    #[tokio::test]
    async fn a_project_is_made_listed_and_seen_by_its_members_alone() {
        let test = TestPlatform::start().await;
        let (owner, other) = (user(&test, "owner").await, user(&test, "other").await);
        let (status, made) = post_as(&test, "/api/mlops/projects", &owner, &json!({ "name": "Fraud", "description": "cards" })).await;
        assert_eq!((status, made["name"].as_str(), made["is_default"].as_bool()), (201, Some("Fraud"), Some(false)), "{made}");
        let path = format!("/api/mlops/projects/{}", made["id"].as_str().unwrap());
        assert_eq!(get_as(&test, &path, &owner).await, (200, made.clone()));
        assert_eq!(get_as(&test, &path, &other).await.0, 404);
        let (_, list) = get_as(&test, "/api/mlops/projects", &owner).await;
        assert_eq!(list["total"], 2);
        assert_eq!(list["items"][0], made);
        assert_eq!(list["items"][1]["id"], DEFAULT_PROJECT_ID);
        let (_, list) = get_as(&test, "/api/mlops/projects?limit=1&offset=1", &owner).await;
        assert_eq!((list["items"].as_array().unwrap().len(), list["items"][0]["id"].as_str()), (1, Some(DEFAULT_PROJECT_ID)));
        let (_, list) = get_as(&test, "/api/mlops/projects", &other).await;
        assert_eq!((list["total"].as_u64(), list["items"].as_array().unwrap().len()), (Some(1), 1));
        let (_, everybodys) = get_as(&test, &format!("/api/mlops/projects/{DEFAULT_PROJECT_ID}"), &other).await;
        assert_eq!(everybodys["is_default"], true);

        let (status, joined) = post_as(&test, &format!("{path}/members"), &owner, &json!({ "email": "OTHER@example.com" })).await;
        assert_eq!((status, joined["members"].as_array().unwrap().len()), (200, 1), "{joined}");
        assert_eq!(get_as(&test, &path, &other).await.0, 200);
        assert_eq!(get_as(&test, "/api/mlops/projects", &other).await.1["total"], 2);
        let member = joined["members"][0].as_str().unwrap();
        assert_eq!(post_as(&test, &format!("{path}/members"), &other, &json!({ "email": "owner@example.com" })).await.0, 403);
        assert_eq!(delete_as(&test, &format!("{path}/members/{member}"), &owner).await.0, 200);
        assert_eq!(get_as(&test, &path, &other).await.0, 404);
        assert_eq!(get_as(&test, "/api/mlops/projects", &other).await.1["total"], 1);
    }

    #[tokio::test]
    async fn what_is_wrong_is_told() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        for body in
            [json!({}), json!({ "name": "" }), json!({ "name": "  " }), json!({ "name": 1 }), json!({ "name": "x".repeat(257) }), json!([])]
        {
            let (status, answer) = post_as(&test, "/api/mlops/projects", &owner, &body).await;
            assert_eq!(status, 422, "{body}: {answer}");
            assert_eq!(answer["detail"][0]["loc"][0], "body", "{answer}");
        }
        for query in ["limit=0", "limit=201", "limit=x", "offset=-1", "offset=10001"] {
            assert_eq!(get_as(&test, &format!("/api/mlops/projects?{query}"), &owner).await.0, 422, "{query}");
        }
        for id in ["x", "00000000-0000-7000-8000-000000000009", "%2e%2e"] {
            assert_eq!(get_as(&test, &format!("/api/mlops/projects/{id}"), &owner).await.0, 404, "{id}");
        }
        let path = format!("/api/mlops/projects/{DEFAULT_PROJECT_ID}/members");
        assert_eq!(post_as(&test, &path, &owner, &json!({ "email": "owner@example.com" })).await.0, 403);
    }
}
