//! Drift reports in the table: the newest of each deployment, and those before it.

use serde::{Deserialize, Serialize};

use super::Store;
use super::keys::Key;
use super::query::Query;
use super::write::{NewItem, Write};
use crate::domain::drift_report::DriftReport;
use crate::paging::{Page, PageRequest};
use crate::{Result, Timestamp};

/// For how long reports are kept, in seconds; the newest one is kept for good.
const KEPT_SECONDS: i64 = 400 * 86_400;

const PROBLEM: &str = "DRIFT_PROBLEM";

/// Why there is no report.
#[derive(Debug, Serialize, Deserialize)]
struct Problem {
    reason: String,
}

fn partition(deployment_id: &str) -> String {
    format!("DEPLOYMENT#{deployment_id}")
}

impl Store {
    /// Keeps a drift report as the deployment's newest.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn keep_drift_report(&self, report: &DriftReport) -> Result<()> {
        let partition = partition(&report.deployment_id);
        let expires = Timestamp::now().plus_seconds(KEPT_SECONDS).seconds();
        let history = Key::new(partition.as_str(), format!("DRIFT#{}", report.job_id));
        let writes = vec![
            Write::Put(NewItem::new(&Key::new(partition.as_str(), "DRIFT"), report)?),
            Write::Put(NewItem::new(&history, report)?.expires_at(expires)),
            Write::Delete(Key::new(partition.as_str(), PROBLEM)),
        ];
        self.transact(writes).await.map(drop)
    }

    /// Keeps why a deployment's drift could not be computed.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn keep_drift_problem(&self, deployment_id: &str, reason: &str) -> Result<()> {
        let problem = Problem { reason: reason.to_owned() };
        self.put(NewItem::new(&Key::new(partition(deployment_id), PROBLEM), &problem)?).await.map(drop)
    }

    /// Why a deployment's drift could not be computed when that was tried last, if it could not.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn drift_problem(&self, deployment_id: &str) -> Result<Option<String>> {
        Ok(self.get::<Problem>(&Key::new(partition(deployment_id), PROBLEM)).await?.map(|problem| problem.reason))
    }

    /// A deployment's newest drift report.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn drift_report(&self, deployment_id: &str) -> Result<Option<DriftReport>> {
        self.get(&Key::new(partition(deployment_id), "DRIFT")).await
    }

    /// A deployment's drift reports, newest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn drift_reports(&self, deployment_id: &str, page: &PageRequest) -> Result<Page<DriftReport>> {
        self.page(&Query::table(partition(deployment_id)).prefix("DRIFT#").newest_first(), page).await
    }
}
