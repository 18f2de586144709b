//! `GET /mlops/deployments/{job_id}`: where a deployment is, and its URL. Document: mlops-quick-reference.

use shared::domain::job::JobKind;
use shared::http::response;
use shared::{Platform, Request, Response, Result, jobs};

use crate::views::deployment::DeploymentView;
use crate::views::problem::Problem;

/// Check a deployment's status
///
/// With its URL once it is `deployed`, the output so far in `logs`, and the cause in `error` where it failed.
#[utoipa::path(
    get,
    path = "/mlops/deployments/{job_id}",
    operation_id = "deployment_get",
    tag = "Deployment",
    params(("job_id" = String, Path, description = "As the deploy request answered it")),
    responses(
        (status = 200, description = "The deployment", body = DeploymentView),
        (status = 404, description = "There is no such deployment", body = Problem),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let job = jobs::find(platform, &request.caller, JobKind::Deployment, request.path_parameter("job_id")?).await?;
    response::ok(&DeploymentView::with_logs(platform, job).await?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Method;
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{api_key, deployed, get, send_as, version};

    #[tokio::test]
    async fn a_deployment_shows_its_url_and_whether_it_is_live() {
        let test = TestPlatform::start().await;
        let (first, _) = deployed(&test, &version(&test, "my_model").await).await;
        let (status, view) = get(&test, &format!("/mlops/deployments/{}", first.id)).await;
        assert_eq!((status, &view["status"], &view["deployment_url"]), (200, &json!("deployed"), &json!("http://localhost:21000")));
        assert_eq!((&view["live"], &view["model_version"]), (&json!(true), &json!("1")));
        assert_eq!(view["stages"].as_array().unwrap().len(), 5, "{view}");

        let (second, _) = deployed(&test, &version(&test, "my_model").await).await;
        let (_, list) = get(&test, "/mlops/deployments").await;
        let seen: Vec<_> = list["deployments"].as_array().unwrap().iter().map(|view| (&view["job_id"], &view["live"])).collect();
        assert_eq!(seen, [(&json!(second.id), &json!(true)), (&json!(first.id), &json!(false))]);
    }

    #[tokio::test]
    async fn a_users_jobs_are_nobody_elses() {
        let test = TestPlatform::start().await;
        version(&test, "my_model").await;
        let (johns, janes) = (api_key(&test, "john").await, api_key(&test, "jane").await);
        let body = json!({ "model_name": "my_model", "model_version": "1" });
        let (status, job) = send_as(&test, &johns, Method::POST, "/mlops/deploy", Some(body.clone())).await;
        assert_eq!(status, 202, "{job}");
        let path = format!("/mlops/deployments/{}", job["job_id"].as_str().unwrap());
        assert_eq!(send_as(&test, &janes, Method::GET, &path, None).await.0, 404);
        assert_eq!(send_as(&test, &janes, Method::POST, &format!("{path}/cancel"), None).await.0, 404);
        assert_eq!(send_as(&test, &janes, Method::DELETE, &path, None).await.0, 404);
        assert_eq!(get(&test, &path).await.0, 404, "nor of who does not say who they are");
        let total = async |key: &str| send_as(&test, key, Method::GET, "/mlops/deployments", None).await.1["total"].clone();
        assert_eq!((total(&johns).await, total(&janes).await), (json!(1), json!(0)));
        let (status, refused) = send_as(&test, &janes, Method::POST, "/mlops/deploy", Some(body)).await;
        assert!(status == 403 && refused["detail"].as_str().unwrap().contains("another user"), "{refused}");
        assert_eq!(send_as(&test, &johns, Method::GET, &path, None).await.0, 200);
        assert_eq!(send_as(&test, &johns, Method::POST, &format!("{path}/cancel"), None).await.0, 200);
    }

    #[tokio::test]
    async fn a_user_pages_through_their_own_and_anyones() {
        let test = TestPlatform::start().await;
        let key = api_key(&test, "john").await;
        let mut asked = Vec::new();
        for number in 0..6 {
            let model = format!("m{number}");
            version(&test, &model).await;
            let body = json!({ "model_name": model, "model_version": "1" });
            let answer = match number % 2 {
                0 => send_as(&test, &key, Method::POST, "/mlops/deploy", Some(body)).await.1,
                _ => crate::fixtures::post(&test, "/mlops/deploy", body).await.1,
            };
            asked.insert(0, answer["job_id"].clone());
        }
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let path = format!("/mlops/deployments?limit=4&page_token={token}");
            let (_, page) = send_as(&test, &key, Method::GET, &path, None).await;
            assert_eq!(page["total"], 6);
            seen.extend(page["deployments"].as_array().unwrap().iter().map(|job| job["job_id"].clone()));
            let Some(next) = page["next_page_token"].as_str() else { break };
            token = next.to_owned();
        }
        assert_eq!(seen, asked);
        let (_, page) = get(&test, "/mlops/deployments").await;
        assert_eq!((page["total"].clone(), page["deployments"].as_array().unwrap().len()), (json!(3), 3));
    }
}
