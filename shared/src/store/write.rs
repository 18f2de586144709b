//! Writes: one by one with a condition, several at once in a transaction, many in batches.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, PutRequest, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update as UpdateAction,
    WriteRequest,
};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys::{Index, Key};
use super::update::Update;
use super::{Item, Store, failed, from_item, to_item};
use crate::{Error, Result};

/// DynamoDB takes at most this many writes in one transaction.
pub const TRANSACTION_LIMIT: usize = 100;
const BATCH_LIMIT: usize = 25;
/// How many batches of one request are under way at once.
const CONCURRENT_BATCHES: usize = 8;
pub(crate) const ATTEMPTS: u32 = 8;

/// An item to be put.
#[derive(Debug, Clone)]
pub struct NewItem {
    item: Item,
    condition: Option<Condition>,
}

/// What must hold of the item that a new one replaces.
#[derive(Debug, Clone)]
enum Condition {
    /// There is none.
    Absent,
    /// There is none, or this attribute of it is less than the value.
    AbsentOrLess(&'static str, AttributeValue),
}

impl Condition {
    /// As DynamoDB takes it, with the values that it names.
    fn expression(self) -> (String, Option<Item>) {
        match self {
            Condition::Absent => ("attribute_not_exists(pk)".to_owned(), None),
            Condition::AbsentOrLess(attribute, bound) => {
                let expression = format!("attribute_not_exists(pk) OR {attribute} < :bound");
                (expression, Some(Item::from([(":bound".to_owned(), bound)])))
            }
        }
    }
}

impl NewItem {
    /// The value under the key, in place of what may be there.
    ///
    /// # Errors
    /// `Internal` when the value cannot be written as an item.
    pub fn new<T: Serialize>(key: &Key, value: &T) -> Result<Self> {
        let mut item = to_item(value)?;
        item.extend(key.attributes());
        Ok(Self { item, condition: None })
    }

    /// Listed in an index under that partition and sort key.
    pub fn listed(mut self, index: Index, partition: impl Into<String>, sort: impl Into<String>) -> Self {
        self.item.insert(index.partition_attribute().to_owned(), AttributeValue::S(partition.into()));
        self.item.insert(index.sort_attribute().to_owned(), AttributeValue::S(sort.into()));
        self
    }

    /// Removed by DynamoDB some time after `seconds` since 1970.
    pub fn expires_at(mut self, seconds: i64) -> Self {
        self.item.insert("expires_at".to_owned(), AttributeValue::N(seconds.to_string()));
        self
    }

    /// Only if there is no item under the key.
    pub fn if_absent(mut self) -> Self {
        self.condition = Some(Condition::Absent);
        self
    }

    /// Only if there is no item under the key, or one whose attribute, a text, comes before this one. The attribute's name
    /// must not be a reserved word of DynamoDB's.
    pub fn if_absent_or_less(mut self, attribute: &'static str, bound: &str) -> Self {
        self.condition = Some(Condition::AbsentOrLess(attribute, AttributeValue::S(bound.to_owned())));
        self
    }

    fn condition_expression(&self) -> (Option<String>, Option<Item>) {
        self.condition.clone().map(Condition::expression).map_or((None, None), |(expression, values)| (Some(expression), values))
    }
}

/// One write of a transaction.
#[derive(Debug, Clone)]
pub enum Write {
    /// Puts an item.
    Put(NewItem),
    /// Updates an item.
    Update(Update),
    /// Deletes an item.
    Delete(Key),
    /// Deletes an item if an attribute of it has that value. The attribute's name must not be a reserved word of DynamoDB's.
    DeleteWhere(Key, &'static str, AttributeValue),
}

impl Write {
    /// The partition of an item that is put.
    fn put_partition(&self) -> Option<&str> {
        match self {
            Write::Put(new) => new.item.get("pk")?.as_s().ok().map(String::as_str),
            _ => None,
        }
    }
}

/// What became of a write with conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T = ()> {
    /// It is done.
    Done(T),
    /// Conditions did not hold, so nothing was written; the positions of the writes whose conditions did not.
    Refused(Vec<usize>),
}

/// What became of an update with conditions, with the item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Updated<T> {
    /// It is done; the item as it is now.
    Done(T),
    /// Conditions did not hold; the item as it is, `None` where there is none.
    Refused(Option<T>),
}

impl<T> Outcome<T> {
    /// True when it is done.
    pub fn is_done(&self) -> bool {
        matches!(self, Outcome::Done(_))
    }
}

impl Store {
    /// Puts one item.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn put(&self, new: NewItem) -> Result<Outcome> {
        let (condition, values) = new.condition_expression();
        let request = self.client.put_item().table_name(&self.table).set_item(Some(new.item));
        let request = request.set_condition_expression(condition).set_expression_attribute_values(values);
        match request.send().await {
            Ok(_) => Ok(Outcome::Done(())),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(Outcome::Refused(vec![0])),
            Err(error) => Err(failed("putting an item")(error)),
        }
    }

    /// Updates one item and returns it as it is then.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer or the item is not of this type.
    pub async fn update<T: DeserializeOwned>(&self, update: Update) -> Result<Outcome<T>> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(update.key.attributes()))
            .update_expression(update.expression())
            .set_condition_expression(update.condition())
            .set_expression_attribute_names(Some(update.names).filter(|names| !names.is_empty()))
            .set_expression_attribute_values(Some(update.values).filter(|values| !values.is_empty()))
            .return_values(ReturnValue::AllNew);
        match request.send().await {
            Ok(output) => from_item(output.attributes.unwrap_or_default()).map(Outcome::Done),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(Outcome::Refused(vec![0])),
            Err(error) => Err(failed("updating an item")(error)),
        }
    }

    /// Updates one item and returns it as it is then; where the conditions do not hold, as it is without the update,
    /// if it is there at all.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer or the item is not of this type.
    pub async fn update_or_current<T: DeserializeOwned>(&self, update: Update) -> Result<Updated<T>> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(update.key.attributes()))
            .update_expression(update.expression())
            .set_condition_expression(update.condition())
            .set_expression_attribute_names(Some(update.names).filter(|names| !names.is_empty()))
            .set_expression_attribute_values(Some(update.values).filter(|values| !values.is_empty()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(output) => from_item(output.attributes.unwrap_or_default()).map(Updated::Done),
            Err(SdkError::ServiceError(error)) => match error.into_err() {
                UpdateItemError::ConditionalCheckFailedException(refused) => {
                    refused.item.filter(|item| !item.is_empty()).map(from_item).transpose().map(Updated::Refused)
                }
                other => Err(Error::internal("updating an item", other)),
            },
            Err(error) => Err(failed("updating an item")(error)),
        }
    }

    /// Deletes one item; there being none is no error.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn delete(&self, key: &Key) -> Result<()> {
        let request = self.client.delete_item().table_name(&self.table).set_key(Some(key.attributes()));
        request.send().await.map(drop).map_err(failed("deleting an item"))
    }

    /// Deletes an item if an attribute of it, a text, has that value; it having another one, or there being no item, is no
    /// error. The attribute's name must not be a reserved word of DynamoDB's.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn delete_where(&self, key: Key, attribute: &'static str, value: String) -> Result<()> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .condition_expression(format!("{attribute} = :value"))
            .expression_attribute_values(":value", AttributeValue::S(value));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(()),
            Err(error) => Err(failed("deleting an item")(error)),
        }
    }

    /// All of the writes or none. A clash with another transaction is tried again for a while.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer; `Unavailable` when other writers keep getting in between.
    pub async fn transact(&self, writes: Vec<Write>) -> Result<Outcome> {
        let partitions: Vec<String> = writes.iter().filter_map(Write::put_partition).map(str::to_owned).collect();
        let items = writes.into_iter().map(|write| self.transaction_item(write)).collect::<Result<Vec<_>>>()?;
        for attempt in 0..ATTEMPTS {
            match self.client.transact_write_items().set_transact_items(Some(items.clone())).send().await {
                Ok(_) => {
                    self.note_written(partitions.iter().map(String::as_str));
                    return Ok(Outcome::Done(()));
                }
                Err(error) => {
                    let Some(refused) = refused_conditions(&error) else {
                        return Err(failed("writing a transaction")(error));
                    };
                    if !refused.is_empty() {
                        return Ok(Outcome::Refused(refused));
                    }
                    back_off(attempt).await;
                }
            }
        }
        Err(Error::new(crate::ErrorKind::Unavailable, "Others are writing the same records at this moment; try again."))
    }

    fn transaction_item(&self, write: Write) -> Result<TransactWriteItem> {
        let item = TransactWriteItem::builder();
        let broken = |error| Error::internal("building a transaction", error);
        Ok(match write {
            Write::Put(new) => {
                let (condition, values) = new.condition_expression();
                let put = Put::builder().table_name(&self.table).set_item(Some(new.item));
                item.put(put.set_condition_expression(condition).set_expression_attribute_values(values).build().map_err(broken)?)
            }
            Write::Update(update) => item.update(
                UpdateAction::builder()
                    .table_name(&self.table)
                    .set_key(Some(update.key.attributes()))
                    .update_expression(update.expression())
                    .set_condition_expression(update.condition())
                    .set_expression_attribute_names(Some(update.names).filter(|names| !names.is_empty()))
                    .set_expression_attribute_values(Some(update.values).filter(|values| !values.is_empty()))
                    .build()
                    .map_err(broken)?,
            ),
            Write::DeleteWhere(key, attribute, value) => {
                let delete = Delete::builder().table_name(&self.table).set_key(Some(key.attributes()));
                let delete = delete.condition_expression(format!("{attribute} = :value")).expression_attribute_values(":value", value);
                item.delete(delete.build().map_err(broken)?)
            }
            Write::Delete(key) => {
                item.delete(Delete::builder().table_name(&self.table).set_key(Some(key.attributes())).build().map_err(broken)?)
            }
        }
        .build())
    }

    /// Puts many items without conditions, in as few calls as DynamoDB allows. Not a transaction: on an error some may
    /// be written, and writing them again does no harm.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer; `Unavailable` when it keeps leaving items over.
    pub async fn put_all(&self, items: Vec<NewItem>) -> Result<()> {
        // DynamoDB refuses a batch that has a key twice; of several items under one, the last counts.
        let mut by_key = BTreeMap::new();
        for new in items {
            by_key.insert(Key::of(&new.item)?, new);
        }
        let writes: Vec<WriteRequest> = by_key
            .into_values()
            .map(|new| {
                let put = PutRequest::builder().set_item(Some(new.item)).build();
                put.map(|put| WriteRequest::builder().put_request(put).build()).map_err(|error| Error::internal("building a batch", error))
            })
            .collect::<Result<_>>()?;
        let batches: Vec<Vec<WriteRequest>> = writes.chunks(BATCH_LIMIT).map(<[_]>::to_vec).collect();
        stream::iter(batches.into_iter().map(|batch| self.put_batch(batch))).buffer_unordered(CONCURRENT_BATCHES).try_collect().await
    }

    async fn put_batch(&self, mut batch: Vec<WriteRequest>) -> Result<()> {
        for attempt in 1..=ATTEMPTS {
            let output = self.client.batch_write_item().request_items(&self.table, batch).send().await;
            let left = output.map_err(failed("writing a batch"))?.unprocessed_items.unwrap_or_default();
            batch = left.into_values().flatten().collect();
            if batch.is_empty() {
                return Ok(());
            }
            back_off(attempt).await;
        }
        Err(Error::new(crate::ErrorKind::Unavailable, "The table takes no more writes at this moment; try again."))
    }
}

/// The positions of the writes whose conditions did not hold; empty when it only clashed with another transaction;
/// `None` for any other error.
fn refused_conditions<R>(error: &SdkError<TransactWriteItemsError, R>) -> Option<Vec<usize>> {
    let SdkError::ServiceError(error) = error else { return None };
    match error.err() {
        TransactWriteItemsError::TransactionCanceledException(canceled) => {
            let reasons = canceled.cancellation_reasons();
            let refused: Vec<_> = reasons
                .iter()
                .enumerate()
                .filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"))
                .map(|(at, _)| at)
                .collect();
            let clashed = reasons.iter().any(|reason| matches!(reason.code(), Some("TransactionConflict" | "ThrottlingError")));
            (!refused.is_empty() || clashed).then_some(refused)
        }
        TransactWriteItemsError::TransactionInProgressException(_) => Some(Vec::new()),
        other if other.code() == Some("TransactionConflictException") => Some(Vec::new()),
        _ => None,
    }
}

pub(crate) async fn back_off(attempt: u32) {
    let most = 10u64 << attempt.min(7);
    tokio::time::sleep(Duration::from_millis(rand::random_range(most / 2..=most))).await;
}
