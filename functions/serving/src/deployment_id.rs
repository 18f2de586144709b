//! Deployments' ids as this API writes them: `dep-` and a UUID, taken with and without the beginning.

use shared::domain::deployment::Deployment;
use shared::{Error, Platform, Request, Result, jobs, projects};

const PREFIX: &str = "dep-";

/// An id as it is shown.
pub fn shown(id: &str) -> String {
    format!("{PREFIX}{id}")
}

/// An id as it was sent, without its beginning.
pub fn read(sent: &str) -> &str {
    sent.strip_prefix(PREFIX).unwrap_or(sent)
}

/// The deployment that the path names, to look at it or to ask it: the caller's, nobody's in particular, or of a project of the
/// caller's.
///
/// # Errors
/// `NotFound` when it is not there for this caller; `Internal` when DynamoDB does not answer.
pub async fn seen(platform: &Platform, request: &Request) -> Result<Deployment> {
    find(platform, request, read(request.path_parameter("deployment_id")?)).await
}

/// As [`seen`], by an id as it was sent, without its beginning.
///
/// # Errors
/// As there.
pub async fn find(platform: &Platform, request: &Request, id: &str) -> Result<Deployment> {
    let deployment = platform.store()?.deployment(id).await?;
    let deployment = projects::if_seen(platform, &request.caller, deployment).await?;
    deployment.ok_or_else(|| Error::not_found(format!("Deployment {} not found", id.chars().take(80).collect::<String>())))
}

/// The deployment that the path names, to change it, if it is the caller's or nobody's in particular. What is of a project is
/// changed by the Deployments API alone.
///
/// # Errors
/// `NotFound` when it is not there for this caller; `Internal` when DynamoDB does not answer.
pub async fn of_path(platform: &Platform, request: &Request) -> Result<Deployment> {
    jobs::own_deployment(platform, &request.caller, read(request.path_parameter("deployment_id")?)).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Method;
    use serde_json::json;
    use shared::domain::deployment::Deployment;
    use shared::domain::job::{Job, JobKind};
    use shared::domain::project::Project;
    use shared::store::deployments::Live;
    use testing::{TestPlatform, request, with_header, with_json};

    use crate::fixtures::{get_as, post_as, register, user_id};

    /// A deployment of a project of the owner's that answers, with its project.
    async fn of_project(test: &TestPlatform, owner: &str, member: &str) -> (Project, Deployment) {
        let store = test.platform.store().unwrap();
        let project = Project::new("Fraud", None, &user_id(test, owner).await, "serveml-model-");
        store.create_project(&project).await.unwrap();
        store.add_member(&project.id, &user_id(test, member).await).await.unwrap();
        let deployment = Deployment {
            owner: project.owner.clone(),
            name: "fraud".to_owned(),
            ..Deployment::of_project(&project.id, &project.function_name, "fraud")
        };
        let job = Job { owner: project.owner.clone(), model_version: Some(1), ..Job::new(JobKind::StagedDeployment, "fraud".to_owned()) };
        let job = Job { deployment_id: Some(deployment.id.clone()), ..job };
        store.create_project_deployment(&job, &deployment, None).await.unwrap();
        assert!(store.lease_deployment(&deployment.id, &job.id).await.unwrap());
        let live = Live::new(None, 1, "7".to_owned(), "repository@sha256:7".to_owned());
        let deployment = store.set_live(&deployment.id, &job.id, &live).await.unwrap();
        store.release_deployment(&deployment.id, &job.id).await.unwrap();
        (project, deployment)
    }

    #[tokio::test]
    async fn members_look_at_and_ask_a_projects_deployment_and_change_it_elsewhere() {
        let test = TestPlatform::start().await;
        let [owner, member, other] = ["owner", "member", "other"];
        let (owner, member) = (register(&test, owner).await, register(&test, member).await);
        let other = register(&test, other).await;
        let (project, deployment) = of_project(&test, &owner, &member).await;
        let body = json!({ "model_version": "1", "predictions": [1] });
        test.answer_with("/invocations", json!({ "statusCode": 200, "body": body.to_string(), "headers": {} }));
        let ask = async |token: &str, method: &Method, path: &str| {
            let request = request(method.clone(), &path.replace("{deployment_id}", &super::shown(&deployment.id)));
            let request = match path {
                "/api/v1/predict/{deployment_id}" => with_json(request, &json!({ "data": [1, 2] })),
                _ if method == Method::GET => request,
                _ if method == Method::PATCH => with_json(request, &json!({ "name": "another" })),
                _ => with_json(request, &json!({ "version": "v1" })),
            };
            let request = with_header(request, "authorization", &format!("Bearer {token}"));
            test.send(crate::FUNCTIONS, request).await.status().as_u16()
        };
        let routes = || crate::FUNCTIONS.routes.iter().filter(|route| route.path.contains("{deployment_id}"));
        assert!(routes().count() >= 8);
        for route in routes() {
            let reads = *route.method == Method::GET || route.path.starts_with("/api/v1/predict/");
            for token in [&owner, &member] {
                let expected = if reads { 200 } else { 404 };
                assert_eq!(ask(token, route.method, route.path).await, expected, "{} {}", route.method, route.path);
            }
            assert_eq!(ask(&other, route.method, route.path).await, 404, "{} {}", route.method, route.path);
        }
        // The version of the project's function that is this deployment answers.
        let asked = test.calls().into_iter().find(|call| call.operation.ends_with("/invocations")).unwrap();
        assert!(asked.operation.contains(&project.function_name), "{asked:?}");
        let tried = json!({ "deployment_id": deployment.id, "data": { "a": 1 } });
        assert_eq!(post_as(&test, "/api/v1/test-model", &member, &tried).await.0, 200);
        assert_eq!(post_as(&test, "/api/v1/test-model", &other, &tried).await.0, 404);
        assert_eq!(get_as(&test, "/api/v1/deployments", &owner).await.1["total"], 0);
        // Who is no member any more sees nothing of it from then on.
        test.platform.store().unwrap().remove_member(&project.id, &user_id(&test, &member).await).await.unwrap();
        for route in routes() {
            assert_eq!(ask(&member, route.method, route.path).await, 404, "{} {}", route.method, route.path);
        }
    }
}
