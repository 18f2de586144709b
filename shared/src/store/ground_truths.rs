//! What turned out to be true of predictions, listed by the time of the prediction.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Store;
use super::json_text;
use super::keys::Key;
use super::query::Query;
use super::write::NewItem;
use crate::domain::ground_truth::GroundTruth;
use crate::paging::{Page, PageRequest};
use crate::{Result, Timestamp};

/// What turned out to be true, as the table holds it: values as text, so that they come back as they were.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    truth: GroundTruth,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value_text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    predicted_text: Option<String>,
}

impl Kept {
    fn new(truth: &GroundTruth) -> Self {
        Self {
            value_text: json_text::written(Some(&truth.value)),
            predicted_text: json_text::written(truth.predicted.as_ref()),
            truth: GroundTruth { value: Value::Null, predicted: None, ..truth.clone() },
        }
    }

    fn truth(self) -> Result<GroundTruth> {
        let value = json_text::read(self.value_text, Some(self.truth.value))?.unwrap_or_default();
        let predicted = json_text::read(self.predicted_text, self.truth.predicted)?;
        Ok(GroundTruth { value, predicted, ..self.truth })
    }
}

impl Store {
    /// Keeps what turned out to be true, for `days` days, in place of what was said before.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn keep_ground_truths(&self, deployment_id: &str, truths: &[GroundTruth], days: i64) -> Result<()> {
        let expires = Timestamp::now().plus_seconds(days.saturating_mul(86_400)).seconds();
        let items = truths.iter().map(|truth| {
            let key = Key::new(format!("DEPLOYMENT#{deployment_id}"), format!("GROUND_TRUTH#{}#{:06}", truth.prediction_id, truth.record));
            Ok(NewItem::new(&key, &Kept::new(truth))?.expires_at(expires))
        });
        self.put_all(items.collect::<Result<_>>()?).await
    }

    /// What turned out to be true of a deployment's predictions, those of the newest predictions first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn ground_truths(&self, deployment_id: &str, page: &PageRequest) -> Result<Page<GroundTruth>> {
        let query = Query::table(format!("DEPLOYMENT#{deployment_id}")).prefix("GROUND_TRUTH#").newest_first();
        let page = self.page::<Kept>(&query, page).await?;
        let items = page.items.into_iter().map(Kept::truth).collect::<Result<_>>()?;
        Ok(Page { items, next_page_token: page.next_page_token })
    }

    /// What turned out to be true of the newest predictions, those of the newest first, `most` at the most; of those that were
    /// made before a moment, in milliseconds since 1970, where one is given.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn newest_ground_truths(&self, deployment_id: &str, before: Option<i64>, most: usize) -> Result<Vec<GroundTruth>> {
        let query = Query::table(format!("DEPLOYMENT#{deployment_id}")).prefix("GROUND_TRUTH#").newest_first();
        let bound = before.map(|before| format!("GROUND_TRUTH#{}", crate::id::beginning(before)));
        let found = self.keyed::<Kept>(&query, bound.as_deref(), most).await?;
        found.into_iter().map(|(_, kept)| kept.truth()).collect()
    }
}
