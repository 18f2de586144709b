//! The records of predictions, kept for a time.

use super::Store;
use super::keys::Key;
use super::query::Query;
use super::write::NewItem;
use crate::domain::inference_log::InferenceLog;
use crate::paging::{Page, PageRequest};
use crate::{Result, Timestamp};

impl Store {
    /// Keeps records of predictions for `days` days. Keeping one twice does no harm.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn keep_inference_logs(&self, logs: &[InferenceLog], days: i64) -> Result<()> {
        let expires = Timestamp::now().plus_seconds(days.saturating_mul(86_400)).seconds();
        let items = logs.iter().map(|log| {
            let key = Key::new(format!("DEPLOYMENT#{}", log.deployment_id), format!("PREDICTION#{}", log.prediction_id));
            Ok(NewItem::new(&key, log)?.expires_at(expires))
        });
        self.put_all(items.collect::<Result<_>>()?).await
    }

    /// The records of a deployment's predictions, newest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn inference_logs(&self, deployment_id: &str, page: &PageRequest) -> Result<Page<InferenceLog>> {
        self.page(&Query::table(format!("DEPLOYMENT#{deployment_id}")).prefix("PREDICTION#").newest_first(), page).await
    }
}
