//! `GET /api/v1/status`: how the platform's parts do. Document: serveml-api, "API Status".

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::Serialize;
use shared::http::response;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

/// How long a part may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// A part that took longer than this is degraded.
const SLOW: Duration = Duration::from_secs(1);
/// For how long what was found out is told again: however many ask, the parts are asked once in that time by each process.
const FRESH: Duration = Duration::from_secs(5);

/// How a part does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// It answers.
    Operational,
    /// It answers slowly, or what it can do without does not answer.
    Degraded,
    /// It does not answer.
    Outage,
}

/// How the platform's parts do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StatusResponse {
    /// This API.
    #[schema(example = "operational")]
    pub api: Condition,
    /// Deploying: the state machine, the table, the bucket.
    #[schema(example = "operational")]
    pub deployments: Condition,
    /// Predictions: the service that runs the deployed models.
    #[schema(example = "operational")]
    pub predictions: Condition,
    /// The table.
    #[schema(example = "operational")]
    pub database: Condition,
    /// The bucket.
    #[schema(example = "operational")]
    pub storage: Condition,
    /// What is not as it should be, for a person.
    pub issues: Vec<String>,
}

/// API status
///
/// Each part is asked, not assumed: the table and the bucket are read, the state machine is described, the functions are
/// listed. What was found out is told again for five seconds.
#[utoipa::path(
    get,
    path = "/api/v1/status",
    operation_id = "api_status",
    tag = "System",
    responses((status = 200, description = "How the parts do", body = StatusResponse))
)]
pub async fn handle(platform: &Platform, _request: Request) -> Result<Response> {
    static KNOWN: Mutex<Option<(Instant, StatusResponse)>> = Mutex::new(None);
    let known = KNOWN.lock().ok().and_then(|known| known.clone());
    if let Some((_, status)) = known.filter(|(asked, _)| asked.elapsed() < FRESH) {
        return response::ok(&status);
    }
    let status = ask(platform).await;
    if let Ok(mut known) = KNOWN.lock() {
        *known = Some((Instant::now(), status.clone()));
    }
    response::ok(&status)
}

async fn ask(platform: &Platform) -> StatusResponse {
    let (database, storage, machine, functions) = tokio::join!(
        check("database", async { platform.store()?.check().await }),
        check("storage", async { platform.objects()?.check().await }),
        check("deployments", platform.state_machines().check()),
        check("predictions", platform.model_functions().check()),
    );
    let worst = database.condition.max(storage.condition).max(machine.condition);
    let issues: Vec<String> = [&database, &storage, &machine, &functions].into_iter().filter_map(|part| part.issue.clone()).collect();
    StatusResponse {
        // This route answers; most others need the table.
        api: database.condition.min(Condition::Degraded),
        deployments: worst,
        predictions: functions.condition,
        database: database.condition,
        storage: storage.condition,
        issues,
    }
}

struct Part {
    condition: Condition,
    issue: Option<String>,
}

async fn check(name: &str, asked: impl Future<Output = Result<()>>) -> Part {
    check_within(PATIENCE, name, asked).await
}

async fn check_within(patience: Duration, name: &str, asked: impl Future<Output = Result<()>>) -> Part {
    let began = Instant::now();
    let part = |condition, issue: String| Part { condition, issue: Some(format!("{name}: {issue}")) };
    match tokio::time::timeout(patience, asked).await {
        Ok(Ok(())) if began.elapsed() <= SLOW => Part { condition: Condition::Operational, issue: None },
        Ok(Ok(())) => part(Condition::Degraded, format!("answered after {} ms", began.elapsed().as_millis())),
        Ok(Err(error)) => {
            tracing::error!(%error, part = name, "a part of the platform does not answer");
            part(Condition::Outage, "answers with an error".to_owned())
        }
        Err(_) => part(Condition::Outage, format!("did not answer within {patience:?}")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use shared::Error;
    use shared::config::{self, Config};
    use testing::TestPlatform;

    use super::*;

    const ELSEWHERE: Config = Config::of(&[
        (config::TABLE_NAME, "another-table"),
        (config::BUCKET_NAME, "another-bucket"),
        (config::DEPLOY_STATE_MACHINE_ARN, "arn:aws:states:us-east-1:000000000000:stateMachine:deploy"),
    ]);

    #[tokio::test]
    async fn everybody_is_told_how_the_parts_do() {
        let test = TestPlatform::start().await;
        let (status, answer) = crate::fixtures::get(&test, "/api/v1/status").await;
        assert_eq!(status, 200);
        for part in ["api", "deployments", "predictions", "database", "storage"] {
            assert_eq!(answer[part], "operational", "{answer}");
        }
        assert_eq!(answer["issues"], serde_json::json!([]));
        let asked = test.calls().len();
        crate::fixtures::get(&test, "/api/v1/status").await;
        assert_eq!(test.calls().len(), asked, "what is known is not asked again at once");
    }

    #[tokio::test]
    async fn a_part_that_does_not_answer_is_named_and_takes_with_it_what_needs_it() {
        let mut test = TestPlatform::start().await;
        test.platform.config = ELSEWHERE;
        let status = ask(&test.platform).await;
        assert_eq!((status.database, status.storage, status.api), (Condition::Outage, Condition::Outage, Condition::Degraded));
        assert_eq!((status.deployments, status.predictions), (Condition::Outage, Condition::Operational));
        assert_eq!(status.issues, ["database: answers with an error", "storage: answers with an error"]);
    }

    #[tokio::test]
    async fn nothing_is_waited_for_without_end() {
        let hanging = check_within(Duration::from_millis(5), "database", std::future::pending()).await;
        assert_eq!((hanging.condition, hanging.issue.as_deref()), (Condition::Outage, Some("database: did not answer within 5ms")));
        let failing = check("database", async { Err(Error::broken("secret host name")) }).await;
        assert_eq!(failing.issue.as_deref(), Some("database: answers with an error"));
    }
}
