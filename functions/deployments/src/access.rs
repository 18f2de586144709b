//! What a route's path names, if the caller may use it.

use shared::domain::alert::Alert;
use shared::domain::alert_rule::AlertRule;
use shared::domain::deployment::Deployment;
use shared::domain::project::Project;
use shared::{Error, ErrorKind, Platform, Request, Result, projects};

/// The project that the path names.
///
/// # Errors
/// `NotFound` when it is not there for this caller; `Internal` when DynamoDB does not answer.
pub async fn project(platform: &Platform, request: &Request) -> Result<Project> {
    projects::find(platform, &request.caller, request.path_parameter("project_id")?).await
}

/// The deployment that the path names, with its project.
///
/// # Errors
/// `NotFound` when it is not there for this caller; `Internal` when DynamoDB does not answer.
pub async fn deployment(platform: &Platform, request: &Request) -> Result<(Project, Deployment)> {
    projects::deployment(platform, &request.caller, request.path_parameter("deployment_id")?).await
}

/// The alert rule that the path names.
///
/// # Errors
/// `NotFound` when it is not there for this caller; `Internal` when DynamoDB does not answer.
pub async fn alert_rule(platform: &Platform, request: &Request) -> Result<AlertRule> {
    let id = request.path_parameter("rule_id")?;
    let missing = || Error::not_found(format!("Alert rule {} not found", id.chars().take(80).collect::<String>()));
    let rule = platform.store()?.alert_rule(id).await?.ok_or_else(missing)?;
    match may_see(platform, request, &rule.project_id, rule.owner.as_deref()).await? {
        true => Ok(rule),
        false => Err(missing()),
    }
}

/// The alert that the path names.
///
/// # Errors
/// `NotFound` when it is not there for this caller; `Internal` when DynamoDB does not answer.
pub async fn alert(platform: &Platform, request: &Request) -> Result<Alert> {
    let id = request.path_parameter("alert_id")?;
    let missing = || Error::not_found(format!("Alert {} not found", id.chars().take(80).collect::<String>()));
    let alert = platform.store()?.alert(id).await?.ok_or_else(missing)?;
    match may_see(platform, request, &alert.project_id, alert.owner.as_deref()).await? {
        true => Ok(alert),
        false => Err(missing()),
    }
}

/// Whether a caller may see what somebody made in a project, such as a rule: its members may; in the project that is everybody's, who
/// made it.
///
/// # Errors
/// `Internal` when DynamoDB does not answer.
pub async fn may_see(platform: &Platform, request: &Request, project_id: &str, owner: Option<&str>) -> Result<bool> {
    match projects::find(platform, &request.caller, project_id).await {
        Ok(project) => Ok(!project.is_default() || request.caller.may_use(owner)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use http::Method;
    use serde_json::{Value, json};
    use shared::Route;
    use testing::{TestPlatform, request, with_header, with_json};

    use crate::fixtures::{delete_as, get_as, live, model, model_in, post_as, project, user};

    /// What the paths of a project's own name.
    type Ids = BTreeMap<&'static str, String>;

    async fn user_id(test: &TestPlatform, name: &str) -> String {
        test.platform.store().unwrap().user_of_email(&format!("{name}@example.com")).await.unwrap().unwrap().id
    }

    /// A project with something of everything, of which `member` is a member.
    async fn furnished(test: &TestPlatform, owner: &str, member: &str) -> Ids {
        let project_id = project(test, owner).await;
        let of_project = format!("/api/mlops/projects/{project_id}");
        let member_id = user_id(test, member).await;
        let (status, added) = post_as(test, &format!("{of_project}/members"), owner, &json!({ "user_id": member_id })).await;
        assert_eq!(status, 200, "{added}");
        let model_id = model_in(test, owner, &project_id, &format!("model of {project_id}")).await;
        let deployment_id = live(test, owner, &project_id, &model_id).await;
        let policy = json!({ "name": "p", "actions": { "email": "mask" } });
        let (status, policy) = post_as(test, &format!("{of_project}/privacy-policies"), owner, &policy).await;
        assert!(status == 201 || status == 200, "{policy}");
        let rule = json!({ "name": "r", "metric": "model_staleness", "operator": "gte", "threshold": 0, "deployment_id": deployment_id,
            "channels": [{ "type": "webhook", "url": "http://localhost:1/" }] });
        let (_, rule) = post_as(test, &format!("{of_project}/alert-rules"), owner, &rule).await;
        let rule_id = rule["id"].as_str().unwrap().to_owned();
        shared::alerts::evaluate::all(&test.platform, shared::Timestamp::now()).await.unwrap();
        let (_, alerts) = get_as(test, &format!("{of_project}/alerts"), owner).await;
        let alert_id = alerts["items"][0]["id"].as_str().unwrap().to_owned();
        let export = format!("/api/mlops/deployments/{deployment_id}/inference-logs/export");
        let job_id = post_as(test, &export, owner, &json!({})).await.1["job_id"].as_str().unwrap().to_owned();
        let policy_id = policy["id"].as_str().unwrap().to_owned();
        Ids::from([
            ("{project_id}", project_id),
            ("{user_id}", member_id),
            ("{model_id}", model_id),
            ("{deployment_id}", deployment_id),
            ("{policy_id}", policy_id),
            ("{job_id}", job_id),
            ("{rule_id}", rule_id),
            ("{alert_id}", alert_id),
        ])
    }

    /// The path of a route with ids in it; `None` for one that names nothing of a project's.
    fn path_of(route: &Route, ids: &Ids) -> Option<String> {
        let path = ids.iter().fold(route.path.to_owned(), |path, (parameter, id)| path.replace(parameter, id));
        assert!(!path.contains('{'), "the test does not know what {path} names");
        (path != route.path).then_some(path)
    }

    async fn ask(test: &TestPlatform, method: &Method, path: &str, token: &str) -> (u16, Value) {
        let request = request(method.clone(), path);
        let request = if matches!(*method, Method::GET | Method::DELETE) { request } else { with_json(request, &json!({})) };
        let response = test.send(crate::FUNCTIONS, with_header(request, "authorization", &format!("Bearer {token}"))).await;
        (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or(Value::Null))
    }

    #[tokio::test]
    async fn what_is_of_a_project_is_there_for_its_members_alone_on_every_route() {
        let test = TestPlatform::start().await;
        let (owner, member, other) = (user(&test, "owner").await, user(&test, "member").await, user(&test, "other").await);
        let ids = furnished(&test, &owner, "member").await;
        let refused = async |token: &str| {
            for route in crate::FUNCTIONS.routes {
                let Some(path) = path_of(route, &ids) else { continue };
                let (status, answer) = ask(&test, route.method, &path, token).await;
                assert_eq!(status, 404, "{} {path}: {answer}", route.method);
                assert!(answer["detail"].is_string(), "{} {path}: {answer}", route.method);
            }
            let (_, list) = get_as(&test, "/api/mlops/projects", token).await;
            assert!(!list.to_string().contains(&ids["{project_id}"]), "{list}");
        };
        refused(&other).await;
        for route in crate::FUNCTIONS.routes.iter().filter(|route| *route.method == Method::GET) {
            let Some(path) = path_of(route, &ids) else { continue };
            let (status, answer) = ask(&test, route.method, &path, &member).await;
            // There is no drift report yet, and the answer says so.
            let expected = if path.ends_with("/drift") { 404 } else { 200 };
            assert_eq!(status, expected, "{path}: {answer}");
        }
        let removed = format!("/api/mlops/projects/{}/members/{}", ids["{project_id}"], ids["{user_id}"]);
        assert_eq!(delete_as(&test, &removed, &owner).await.0, 200);
        refused(&member).await;
        // All that was refused is there.
        for route in crate::FUNCTIONS.routes {
            let Some(path) = path_of(route, &ids) else { continue };
            let (status, answer) = ask(&test, route.method, &path, &owner).await;
            assert!(!matches!(status, 401 | 403 | 404) || path.ends_with("/drift"), "{} {path}: {status} {answer}", route.method);
        }
    }

    #[tokio::test]
    async fn ids_of_one_project_lead_nowhere_in_another() {
        let test = TestPlatform::start().await;
        let (owner, _member) = (user(&test, "owner").await, user(&test, "member").await);
        let (one, other) = (furnished(&test, &owner, "member").await, furnished(&test, &owner, "member").await);
        let of = |ids: &Ids, rest: &str| format!("/api/mlops/projects/{}/{rest}", ids["{project_id}"]);
        assert_eq!(get_as(&test, &of(&one, &format!("models/{}", one["{model_id}"])), &owner).await.0, 200);
        assert_eq!(get_as(&test, &of(&one, &format!("models/{}", other["{model_id}"])), &owner).await.0, 404);
        let everybodys = model(&test, "everybodys").await.id();
        assert_eq!(get_as(&test, &of(&one, &format!("models/{everybodys}")), &owner).await.0, 404);
        let deploy = |model_id: &str| json!({ "model_id": model_id, "name": "n", "stage": "staging" });
        assert_eq!(post_as(&test, &of(&one, "deployments"), &owner, &deploy(&other["{model_id}"])).await.0, 404);
        let mut with_policy = deploy(&one["{model_id}"]);
        with_policy["privacy_policy_id"] = json!(other["{policy_id}"]);
        let (status, answer) = post_as(&test, &of(&one, "deployments"), &owner, &with_policy).await;
        assert!(matches!(status, 404 | 422), "{status} {answer}");
        let back = format!("/api/mlops/deployments/{}/rollback", one["{deployment_id}"]);
        for body in [json!({ "to_deployment_id": other["{deployment_id}"] }), json!({ "to_model_id": other["{model_id}"] })] {
            let (status, answer) = post_as(&test, &back, &owner, &body).await;
            assert!(matches!(status, 400 | 404), "{status} {answer}");
        }
    }
}
