//! CodeBuild: an operation's own action on the project.

use serde::Deserialize;

use crate::account::arn;
use crate::rights::Needed;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    project_name: Option<String>,
    id: Option<String>,
    ids: Vec<String>,
}

/// What an operation needs.
pub fn of(region: &str, operation: &str, body: &[u8]) -> Vec<Needed> {
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    // A build's id begins with its project's name.
    let of_build = |id: &String| id.split(':').next().unwrap_or_default().to_owned();
    let projects: Vec<String> = body.project_name.into_iter().chain(body.id.iter().chain(&body.ids).map(of_build)).collect();
    let action = format!("codebuild:{operation}");
    if projects.is_empty() {
        return vec![Needed::new(action, "*")];
    }
    projects.iter().map(|name| Needed::new(action.clone(), project_arn(region, name))).collect()
}

/// What a state machine needs to start a build of a project and wait for its end.
pub fn waited_for(region: &str, project: &str) -> Vec<Needed> {
    ["StartBuild", "BatchGetBuilds", "StopBuild"]
        .map(|action| Needed::new(format!("codebuild:{action}"), project_arn(region, project)))
        .to_vec()
}

fn project_arn(region: &str, name: &str) -> String {
    if name.starts_with("arn:") { name.to_owned() } else { arn("codebuild", region, &format!("project/{name}")) }
}
