//! Reads of one partition, in order, page by page.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use serde::de::DeserializeOwned;

use super::keys::{Index, Key};
use super::write::{ATTEMPTS, back_off};
use super::{Item, Store, failed, from_item};
use crate::{Error, ErrorKind, Result};

/// DynamoDB takes at most this many keys in one batch.
const BATCH_GET_LIMIT: usize = 100;
use crate::paging::{self, Page, PageRequest};

/// One partition of the table or of an index, read in order.
#[derive(Debug, Clone)]
pub struct Query {
    index: Option<Index>,
    partition: String,
    prefix: Option<String>,
    newest_first: bool,
}

impl Query {
    /// A partition of the table itself.
    pub fn table(partition: impl Into<String>) -> Self {
        Self { index: None, partition: partition.into(), prefix: None, newest_first: false }
    }

    /// A partition of an index.
    pub fn index(index: Index, partition: impl Into<String>) -> Self {
        Self { index: Some(index), partition: partition.into(), prefix: None, newest_first: false }
    }

    /// Only what has a sort key that begins so.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// From the last sort key to the first.
    pub fn newest_first(mut self) -> Self {
        self.newest_first = true;
        self
    }

    fn attributes(&self) -> (&'static str, &'static str) {
        self.index.map_or(("pk", "sk"), |index| (index.partition_attribute(), index.sort_attribute()))
    }
}

impl Store {
    /// One page of a partition.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer or an item is not of this type.
    pub async fn page<T: DeserializeOwned>(&self, query: &Query, page: &PageRequest) -> Result<Page<T>> {
        let (_, sort_attribute) = query.attributes();
        // One more than asked tells whether there is a next page.
        let mut items = self.query_items(query, page.after.as_deref(), Some(page.limit as usize + 1)).await?;
        let more = items.len() > page.limit as usize;
        items.truncate(page.limit as usize);
        let last = items.last().filter(|_| more).and_then(|item| item.get(sort_attribute)).and_then(|value| value.as_s().ok());
        let next_page_token = last.map(|sort| paging::encode(sort));
        let items = items.into_iter().map(from_item).collect::<Result<_>>()?;
        Ok(Page { items, next_page_token })
    }

    /// Items of a partition behind a sort key, at most `limit` of them, each with its own sort key.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer or an item is not of this type.
    pub(crate) async fn keyed<T: DeserializeOwned>(&self, query: &Query, after: Option<&str>, limit: usize) -> Result<Vec<(String, T)>> {
        let (_, sort_attribute) = query.attributes();
        let mut items = self.query_items(query, after, Some(limit)).await?;
        items.truncate(limit);
        let key_of = |item: &Item| item.get(sort_attribute).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
        items.into_iter().map(|item| Ok((key_of(&item), from_item(item)?))).collect()
    }

    /// Everything in a partition. For partitions with a bound of their own.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer or an item is not of this type.
    pub async fn all<T: DeserializeOwned>(&self, query: &Query) -> Result<Vec<T>> {
        self.query_items(query, None, None).await?.into_iter().map(from_item).collect()
    }

    /// The items under many keys, read consistently, by key; those that are not there are left out.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer or an item is not of this type; `Unavailable` when it keeps leaving
    /// items over.
    pub async fn get_all<T: DeserializeOwned>(&self, keys: Vec<Key>) -> Result<HashMap<Key, T>> {
        let mut found = HashMap::with_capacity(keys.len());
        let mut rest: Vec<Item> = keys.iter().map(Key::attributes).collect();
        let mut attempt = 0;
        while !rest.is_empty() {
            let before = found.len();
            let batch = rest.drain(..rest.len().min(BATCH_GET_LIMIT)).collect();
            let wanted = KeysAndAttributes::builder().set_keys(Some(batch)).consistent_read(true).build();
            let wanted = wanted.map_err(|error| Error::internal("building a batch", error))?;
            let output = self.client.batch_get_item().request_items(&self.table, wanted).send().await;
            let output = output.map_err(failed("reading a batch"))?;
            for item in output.responses.into_iter().flat_map(HashMap::into_values).flatten() {
                let key = Key::of(&item)?;
                found.insert(key, from_item(item)?);
            }
            let left: Vec<Item> = output.unprocessed_keys.into_iter().flat_map(HashMap::into_values).flat_map(|left| left.keys).collect();
            if !left.is_empty() {
                // A batch of large items comes in parts: only one that brings nothing is a reason to give up some time.
                attempt = if found.len() > before { 0 } else { attempt + 1 };
                if attempt > ATTEMPTS {
                    return Err(Error::new(ErrorKind::Unavailable, "The table is busy at this moment; try again."));
                }
                rest.extend(left);
                back_off(attempt).await;
            }
        }
        Ok(found)
    }

    /// Everything in a partition behind a sort key. For spans with a bound of their own.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer or an item is not of this type.
    pub(crate) async fn all_after<T: DeserializeOwned>(&self, query: &Query, after: &str) -> Result<Vec<T>> {
        self.query_items(query, Some(after), None).await?.into_iter().map(from_item).collect()
    }

    async fn query_items(&self, query: &Query, after: Option<&str>, limit: Option<usize>) -> Result<Vec<Item>> {
        let (partition_attribute, sort_attribute) = query.attributes();
        let mut condition = "#partition = :partition".to_owned();
        let mut request = self
            .client
            .query()
            .table_name(&self.table)
            .set_index_name(query.index.map(|index| index.name().to_owned()))
            .scan_index_forward(!query.newest_first)
            .consistent_read(query.index.is_none())
            .expression_attribute_names("#partition", partition_attribute)
            .expression_attribute_values(":partition", AttributeValue::S(query.partition.clone()));
        // The bound after which the page starts is a condition on the sort key rather than DynamoDB's start key, which
        // for an index would have to hold the table's key too. A key condition takes one comparison, so a prefix
        // together with it becomes a range.
        let prefix = query.prefix.clone().unwrap_or_default();
        match after {
            None if prefix.is_empty() => {}
            None => {
                condition.push_str(" AND begins_with(#sort, :prefix)");
                request = request
                    .expression_attribute_names("#sort", sort_attribute)
                    .expression_attribute_values(":prefix", AttributeValue::S(prefix));
            }
            Some(after) => {
                // Text that no sort key is, between `after` and the next one.
                let end = format!("{prefix}\u{10FFFF}");
                let (low, high) = if query.newest_first {
                    (prefix.clone(), end.min(after.to_owned()))
                } else {
                    (prefix.clone().max(format!("{after}\u{1}")), end)
                };
                // A token that was tampered with can point behind the end.
                if low > high {
                    return Ok(Vec::new());
                }
                condition.push_str(" AND #sort BETWEEN :low AND :high");
                request = request
                    .expression_attribute_names("#sort", sort_attribute)
                    .expression_attribute_values(":low", AttributeValue::S(if low.is_empty() { "\u{1}".into() } else { low }))
                    .expression_attribute_values(":high", AttributeValue::S(high));
            }
        }
        let mut items: Vec<Item> = Vec::new();
        let mut start_key = None;
        loop {
            let wanted = limit.map(|limit| limit.saturating_sub(items.len()));
            // The descending range includes the bound itself; it is dropped below, so ask for one more.
            let ask = wanted.map(|wanted| i32::try_from(wanted + usize::from(after.is_some())).unwrap_or(i32::MAX));
            let output = request
                .clone()
                .key_condition_expression(&condition)
                .set_limit(ask)
                .set_exclusive_start_key(start_key)
                .send()
                .await
                .map_err(failed("querying the table"))?;
            items.extend(output.items.unwrap_or_default().into_iter().filter(|item| {
                after.is_none_or(|after| item.get(sort_attribute).and_then(|value| value.as_s().ok()).is_none_or(|sort| sort != after))
            }));
            start_key = output.last_evaluated_key;
            if start_key.is_none() || limit.is_some_and(|limit| items.len() >= limit) {
                return Ok(items);
            }
        }
    }
}
