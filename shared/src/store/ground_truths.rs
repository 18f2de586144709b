//! What turned out to be true of predictions, listed by the time of the prediction.

use super::Store;
use super::keys::Key;
use super::query::Query;
use super::write::NewItem;
use crate::domain::ground_truth::GroundTruth;
use crate::paging::{Page, PageRequest};
use crate::{Result, Timestamp};

impl Store {
    /// Keeps what turned out to be true, for `days` days, in place of what was said before.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn keep_ground_truths(&self, deployment_id: &str, truths: &[GroundTruth], days: i64) -> Result<()> {
        let expires = Timestamp::now().plus_seconds(days.saturating_mul(86_400)).seconds();
        let items = truths.iter().map(|truth| {
            let key = Key::new(format!("DEPLOYMENT#{deployment_id}"), format!("GROUND_TRUTH#{}#{:06}", truth.prediction_id, truth.record));
            Ok(NewItem::new(&key, truth)?.expires_at(expires))
        });
        self.put_all(items.collect::<Result<_>>()?).await
    }

    /// What turned out to be true of a deployment's predictions, those of the newest predictions first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn ground_truths(&self, deployment_id: &str, page: &PageRequest) -> Result<Page<GroundTruth>> {
        self.page(&Query::table(format!("DEPLOYMENT#{deployment_id}")).prefix("GROUND_TRUTH#").newest_first(), page).await
    }

    /// What turned out to be true of the newest predictions, those of the newest first, `most` at the most; of those that were
    /// made before a moment, in milliseconds since 1970, where one is given.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn newest_ground_truths(&self, deployment_id: &str, before: Option<i64>, most: usize) -> Result<Vec<GroundTruth>> {
        let query = Query::table(format!("DEPLOYMENT#{deployment_id}")).prefix("GROUND_TRUTH#").newest_first();
        let bound = before.map(|before| format!("GROUND_TRUTH#{}", crate::id::beginning(before)));
        let found = self.keyed(&query, bound.as_deref(), most).await?;
        Ok(found.into_iter().map(|(_, truth)| truth).collect())
    }
}
