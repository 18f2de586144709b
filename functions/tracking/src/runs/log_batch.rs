//! `POST runs/log-batch`: logs metrics, params and tags at once.

use std::collections::BTreeMap;

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::store::runs::Batch;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::runs::model_metrics;

/// Takes `run_id`, `metrics` (at most 1000), `params` and `tags` (at most 100 each, 1000 of all three); gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    if request.body.len() > rules::LARGEST_BATCH {
        return Err(Error::bad_request(format!(
            "Batched logging API requests must be at most {} bytes, got a request of size {}.",
            rules::LARGEST_BATCH,
            request.body.len()
        )));
    }
    let message = Message::of(&request)?;
    let run_id = message.run_id()?;
    let (metrics, params, tags) = (message.messages("metrics")?, message.pairs("params")?, message.pairs("tags")?);
    rules::check_run_id(&run_id)?;
    let batch = Batch {
        metrics: metrics.iter().map(|(path, metric)| metric.metric(path)).collect::<Result<_>>()?,
        params: unique_params(&params)?,
        tags: tags
            .iter()
            .enumerate()
            .map(|(index, (key, value))| Ok((key.clone(), rules::check_tag(key, value, &format!("tags[{index}]"))?)))
            .collect::<Result<_>>()?,
    };
    rules::check_batch(metrics.len(), params.len(), tags.len())?;
    caller.may_write_run(platform, &run_id).await?;
    let store = platform.store()?;
    store.log_batch(&run_id, batch).await?;
    let metrics: Vec<Message> = metrics.into_iter().map(|(_, metric)| metric).collect();
    store.log_model_metrics(&model_metrics::of(&run_id, &metrics)?).await?;
    response::ok(&json!({}))
}

fn unique_params(params: &[(String, String)]) -> Result<BTreeMap<String, String>> {
    let mut unique = BTreeMap::new();
    let mut duplicates = Vec::new();
    for (index, (key, value)) in params.iter().enumerate() {
        if unique.insert(key.clone(), rules::check_param(key, value, &format!("params[{index}]"))?).is_some() {
            duplicates.push(format!("'{key}'"));
        }
    }
    if duplicates.is_empty() {
        return Ok(unique);
    }
    Err(Error::bad_request(format!(
        "Duplicate parameter keys have been submitted: [{}]. Please ensure the request contains only one param value per param \
         key.",
        duplicates.join(", ")
    )))
}
