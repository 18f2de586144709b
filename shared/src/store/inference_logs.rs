//! The records of predictions, kept for a time, and listed by the time at which they were made.

use aws_sdk_dynamodb::types::AttributeValue;

use super::keys::Key;
use super::query::Query;
use super::write::NewItem;
use super::{Item, Store, failed, from_item};
use crate::domain::inference_log::InferenceLog;
use crate::paging::{Page, PageRequest};
use crate::{Result, Timestamp};

/// A span of time, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between {
    /// Its first millisecond.
    pub low: i64,
    /// The first millisecond behind it.
    pub high: i64,
}

/// The sort key before which the records lie that were made before a moment.
pub(super) fn bound(milliseconds: i64) -> String {
    format!("PREDICTION#{}", crate::id::beginning(milliseconds))
}

fn key(deployment_id: &str, prediction_id: &str) -> Key {
    Key::new(format!("DEPLOYMENT#{deployment_id}"), format!("PREDICTION#{prediction_id}"))
}

impl Store {
    /// Keeps records of predictions for `days` days. Keeping one twice does no harm.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn keep_inference_logs(&self, logs: &[InferenceLog], days: i64) -> Result<()> {
        let expires = Timestamp::now().plus_seconds(days.saturating_mul(86_400)).seconds();
        let items = logs.iter().map(|log| Ok(NewItem::new(&key(&log.deployment_id, &log.prediction_id), log)?.expires_at(expires)));
        self.put_all(items.collect::<Result<_>>()?).await
    }

    /// The records of a deployment's predictions, newest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn inference_logs(&self, deployment_id: &str, page: &PageRequest) -> Result<Page<InferenceLog>> {
        self.page(&Query::table(format!("DEPLOYMENT#{deployment_id}")).prefix("PREDICTION#").newest_first(), page).await
    }

    /// The record of a prediction.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn inference_log(&self, deployment_id: &str, prediction_id: &str) -> Result<Option<InferenceLog>> {
        self.get(&key(deployment_id, prediction_id)).await
    }

    /// Records of many predictions of a deployment, by the prediction's id.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn inference_logs_by_id(
        &self,
        deployment_id: &str,
        prediction_ids: &std::collections::BTreeSet<String>,
    ) -> Result<std::collections::HashMap<String, InferenceLog>> {
        let keys = prediction_ids.iter().map(|id| key(deployment_id, id)).collect();
        let found = self.get_all::<InferenceLog>(keys).await?;
        Ok(found.into_values().map(|log| (log.prediction_id.clone(), log)).collect())
    }

    /// Records of a span, the newest first, `limit` of them behind `offset`. Of those that are passed over nothing but the key
    /// is fetched.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn inference_logs_between(&self, deployment_id: &str, span: Between, offset: u32, limit: u32) -> Result<Vec<InferenceLog>> {
        let mut start = None;
        let mut left = offset as usize;
        while left > 0 {
            let (keys, next) = self.records_page(deployment_id, span, start, left, true).await?;
            left -= keys.len().min(left);
            if next.is_none() {
                return Ok(Vec::new());
            }
            start = next;
        }
        let mut found = Vec::new();
        loop {
            let (items, next) = self.records_page(deployment_id, span, start, limit as usize - found.len(), false).await?;
            for item in items {
                found.push(from_item(item)?);
            }
            if next.is_none() || found.len() >= limit as usize {
                return Ok(found);
            }
            start = next;
        }
    }

    /// Records of a span, the newest first, page by page: what one call of DynamoDB gives, and where the next begins.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn inference_logs_page(
        &self,
        deployment_id: &str,
        span: Between,
        start: Option<Item>,
        limit: u32,
    ) -> Result<(Vec<InferenceLog>, Option<Item>)> {
        let (items, next) = self.records_page(deployment_id, span, start, limit as usize, false).await?;
        Ok((items.into_iter().map(from_item).collect::<Result<_>>()?, next))
    }

    async fn records_page(
        &self,
        deployment_id: &str,
        span: Between,
        start: Option<Item>,
        limit: usize,
        keys_only: bool,
    ) -> Result<(Vec<Item>, Option<Item>)> {
        if span.low >= span.high {
            return Ok((Vec::new(), None));
        }
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .scan_index_forward(false)
            .set_projection_expression(keys_only.then(|| "pk, sk".to_owned()))
            .key_condition_expression("pk = :partition AND sk BETWEEN :low AND :high")
            .expression_attribute_values(":partition", AttributeValue::S(format!("DEPLOYMENT#{deployment_id}")))
            .expression_attribute_values(":low", AttributeValue::S(bound(span.low)))
            .expression_attribute_values(":high", AttributeValue::S(bound(span.high)))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).max(1))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(failed("reading records of predictions"))?;
        Ok((output.items.unwrap_or_default(), output.last_evaluated_key))
    }
}
