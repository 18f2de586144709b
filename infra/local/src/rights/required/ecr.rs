//! ECR: an operation's own action on the repository.

use serde::Deserialize;

use crate::account::arn;
use crate::rights::Needed;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Body {
    repository_name: Option<String>,
    repository_names: Option<Vec<String>>,
}

/// What an operation needs.
pub fn of(region: &str, operation: &str, body: &[u8]) -> Vec<Needed> {
    let action = format!("ecr:{operation}");
    if operation == "GetAuthorizationToken" {
        return vec![Needed::new(action, "*")];
    }
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    let names: Vec<String> = body.repository_name.into_iter().chain(body.repository_names.into_iter().flatten()).collect();
    if names.is_empty() {
        return vec![Needed::new(action, repository_arn(region, "*"))];
    }
    names.iter().map(|name| Needed::new(action.clone(), repository_arn(region, name))).collect()
}

/// What Lambda asks of those who give a function an image.
pub fn image(region: &str, uri: &str) -> Vec<Needed> {
    // 000000000000.dkr.ecr.us-east-1.amazonaws.com/name:tag, or /name@sha256:…
    let name = uri.split_once('/').map_or(uri, |(_, name)| name);
    let name = name.split(['@', ':']).next().unwrap_or_default();
    ["BatchGetImage", "GetDownloadUrlForLayer"].map(|action| Needed::new(format!("ecr:{action}"), repository_arn(region, name))).to_vec()
}

fn repository_arn(region: &str, name: &str) -> String {
    arn("ecr", region, &format!("repository/{name}"))
}
