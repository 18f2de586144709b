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
