//! The records of predictions, kept for a time, and listed by the time at which they were made.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json_text;
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

/// A record as the table holds it: inputs and predictions as text, so that they come back as they were.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    log: InferenceLog,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inputs_text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    predictions_text: Option<String>,
}

impl Kept {
    fn new(log: &InferenceLog) -> Self {
        Self {
            inputs_text: json_text::written(log.inputs.as_ref()),
            predictions_text: json_text::written(log.predictions.as_ref()),
            log: InferenceLog { inputs: None, predictions: None, ..log.clone() },
        }
    }

    fn log(self) -> Result<InferenceLog> {
        let inputs = json_text::read(self.inputs_text, self.log.inputs)?;
        let predictions = json_text::read(self.predictions_text, self.log.predictions)?;
        Ok(InferenceLog { inputs, predictions, ..self.log })
    }
}

/// What was predicted, of a record.
#[derive(Debug, Deserialize)]
struct Predicted {
    status: u16,
    predictions: Option<Value>,
    predictions_text: Option<String>,
}

/// Which part of records is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    Keys,
    Predictions,
}

impl Part {
    fn attributes(self) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::Keys => Some("pk, sk"),
            Self::Predictions => Some("#status, predictions, predictions_text"),
        }
    }

    /// What an expression cannot name as it is: `status` is a word of DynamoDB's.
    fn names(self) -> Option<HashMap<String, String>> {
        (self == Self::Predictions).then(|| HashMap::from([("#status".to_owned(), "status".to_owned())]))
    }
}

fn read(item: Item) -> Result<InferenceLog> {
    from_item::<Kept>(item)?.log()
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
        let items =
            logs.iter().map(|log| Ok(NewItem::new(&key(&log.deployment_id, &log.prediction_id), &Kept::new(log))?.expires_at(expires)));
        self.put_all(items.collect::<Result<_>>()?).await
    }

    /// The records of a deployment's predictions, newest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn inference_logs(&self, deployment_id: &str, page: &PageRequest) -> Result<Page<InferenceLog>> {
        let query = Query::table(format!("DEPLOYMENT#{deployment_id}")).prefix("PREDICTION#").newest_first();
        let page = self.page::<Kept>(&query, page).await?;
        let items = page.items.into_iter().map(Kept::log).collect::<Result<_>>()?;
        Ok(Page { items, next_page_token: page.next_page_token })
    }

    /// The record of a prediction.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn inference_log(&self, deployment_id: &str, prediction_id: &str) -> Result<Option<InferenceLog>> {
        self.get::<Kept>(&key(deployment_id, prediction_id)).await?.map(Kept::log).transpose()
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
        let found = self.get_all::<Kept>(keys).await?;
        found.into_values().map(|kept| kept.log().map(|log| (log.prediction_id.clone(), log))).collect()
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
            let (keys, next) = self.records_page(deployment_id, span, start, left, Part::Keys).await?;
            left -= keys.len().min(left);
            if next.is_none() {
                return Ok(Vec::new());
            }
            start = next;
        }
        let mut found = Vec::new();
        loop {
            let (items, next) = self.records_page(deployment_id, span, start, limit as usize - found.len(), Part::All).await?;
            for item in items {
                found.push(read(item)?);
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
        let (items, next) = self.records_page(deployment_id, span, start, limit as usize, Part::All).await?;
        Ok((items.into_iter().map(read).collect::<Result<_>>()?, next))
    }

    /// What was predicted in a span, the newest first, page by page, and nothing else of the records; nothing of one that failed,
    /// or whose predictions were not kept.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn predictions_page(
        &self,
        deployment_id: &str,
        span: Between,
        start: Option<Item>,
        limit: u32,
    ) -> Result<(Vec<Option<Value>>, Option<Item>)> {
        let (items, next) = self.records_page(deployment_id, span, start, limit as usize, Part::Predictions).await?;
        let of = |item| {
            let Predicted { status, predictions, predictions_text } = from_item(item)?;
            Ok(json_text::read(predictions_text, predictions)?.filter(|_| status < 400))
        };
        Ok((items.into_iter().map(of).collect::<Result<_>>()?, next))
    }

    async fn records_page(
        &self,
        deployment_id: &str,
        span: Between,
        start: Option<Item>,
        limit: usize,
        part: Part,
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
            .set_projection_expression(part.attributes().map(str::to_owned))
            .set_expression_attribute_names(part.names())
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::store::to_item;

    #[test]
    fn records_from_before_values_were_texts_are_read_too() {
        let log = InferenceLog { inputs: Some(json!({ "a": [1, 2.5] })), predictions: Some(json!(["x"])), ..InferenceLog::default() };
        assert_eq!(read(to_item(&log).unwrap()).unwrap(), log);
        let kept = to_item(&Kept::new(&log)).unwrap();
        assert!(kept.contains_key("inputs_text") && !kept.contains_key("inputs"), "{kept:?}");
        assert_eq!(read(kept).unwrap(), log);
    }
}
