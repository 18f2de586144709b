//! The registry and the jobs, in one DynamoDB table. [`keys`] lists every access pattern: who asks, and which key or
//! index answers. Nothing here scans.

pub mod alert_rules;
pub mod alerts;
pub mod api_keys;
pub mod counters;
pub mod datasets;
pub mod deployments;
pub mod development_models;
pub mod drift;
pub mod experiments;
pub(crate) mod facets;
pub mod ground_truths;
pub(crate) mod history;
pub mod idempotency;
pub mod inference_logs;
pub mod job_output;
pub mod jobs;
mod json_text;
pub mod keys;
pub mod layers;
pub mod logged_models;
pub mod metrics;
pub mod model_versions;
pub mod monitoring;
pub mod outbox;
pub mod privacy_policies;
pub mod project_models;
pub mod projects;
pub mod query;
pub mod rate_limits;
pub mod recipe_runs;
pub mod recipes;
mod record_counts;
pub mod registered_models;
pub(crate) mod run_metrics;
pub mod runs;
pub mod search;
pub mod update;
pub mod uploads;
pub mod users;
pub(crate) mod values;
pub mod viewer;
pub mod webhooks;
pub mod write;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata as _, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result};
use keys::Key;

/// An item as DynamoDB holds it.
pub type Item = HashMap<String, AttributeValue>;

/// The table.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
    /// With whose eyes the registry is seen.
    viewer: viewer::Viewer,
    /// Events that were written and not told of yet.
    written_events: Arc<Mutex<Vec<String>>>,
}

impl Store {
    /// The table of that name.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, viewer: viewer::Viewer::default(), written_events: Arc::default() }
    }

    /// The item under a key, read consistently; `None` where there is none.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer or the item is not of this type.
    pub async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key.attributes())).consistent_read(true);
        let output = request.send().await.map_err(failed("reading an item"))?;
        output.item.map(from_item).transpose()
    }

    /// That the table answers at all, for health checks.
    ///
    /// # Errors
    /// `Internal` when it does not.
    pub async fn check(&self) -> Result<()> {
        self.get::<serde::de::IgnoredAny>(&Key::new("HEALTH", "HEALTH")).await.map(drop)
    }
}

/// An item read into a type.
pub(crate) fn from_item<T: DeserializeOwned>(item: Item) -> Result<T> {
    serde_dynamo::from_item(item).map_err(|error| Error::internal("reading an item of the table", error))
}

/// A value written as an item's attributes. What is `None` is left out: conditions ask whether an attribute is there, and
/// one that holds DynamoDB's NULL is.
pub(crate) fn to_item<T: Serialize>(value: &T) -> Result<Item> {
    let mut item: Item = serde_dynamo::to_item(value).map_err(|error| Error::internal("writing an item of the table", error))?;
    item.retain(|_, value| !value.is_null());
    Ok(item)
}

/// A value written as one attribute.
pub(crate) fn to_attribute<T: Serialize>(value: &T) -> Result<AttributeValue> {
    serde_dynamo::to_attribute_value(value).map_err(|error| Error::internal("writing an attribute", error))
}

/// Turns an SDK error into a fault of ours that says what was being done.
pub(crate) fn failed<E, R>(doing: &'static str) -> impl FnOnce(SdkError<E, R>) -> Error
where
    E: std::error::Error + aws_sdk_dynamodb::error::ProvideErrorMetadata + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    move |error| {
        if error.message().is_some_and(|message| message.contains("size has exceeded")) {
            let message = "This would make the record larger than the 400 KB that one can have; write less, or fewer entries.";
            return Error::new(crate::ErrorKind::PayloadTooLarge, message);
        }
        Error::internal(doing, DisplayErrorContext(error).to_string())
    }
}
