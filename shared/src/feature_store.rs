//! The feature store: what a Feast registry says about itself, where one is configured.
//!
//! `feast apply` keeps a project's definitions in one object, a protobuf message `feast.core.Registry`. The platform reads
//! it and never writes it. Of its messages only what is counted is declared here; the rest is skipped while decoding.

use std::time::Duration;

use bytes::BytesMut;
use prost::Message;

use crate::config;
use crate::{Error, Platform, Result};

/// The largest registry that is read. It is in memory once; feature repositories with thousands of views stay far below.
const LARGEST_REGISTRY: usize = 48 * 1024 * 1024;

/// How long reading may take: the platform's state is told without the feature store rather than late.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known of the feature store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeatureStore {
    /// True when a registry is configured and could be read.
    pub available: bool,
    /// How many feature views it holds, of all its projects, as `feast feature-views list` counts them: the plain and the
    /// on-demand ones. 0 when it is not available.
    pub feature_views: u64,
}

/// `feast.core.Registry`, as far as it is read.
#[derive(Clone, PartialEq, Message)]
struct Registry {
    /// Every registry that Feast wrote has one.
    #[prost(string, tag = "3")]
    registry_schema_version: String,
    #[prost(message, repeated, tag = "6")]
    feature_views: Vec<View>,
    #[prost(message, repeated, tag = "8")]
    on_demand_feature_views: Vec<View>,
}

/// A feature view; it is only counted.
#[derive(Clone, PartialEq, Message)]
struct View {}

/// Reads the Feast registry that `FEAST_REGISTRY` names. One that is absent or cannot be read counts as not available, and
/// the log says why.
pub async fn read(platform: &Platform) -> FeatureStore {
    let Some(registry) = platform.config.optional(config::FEAST_REGISTRY) else { return FeatureStore::default() };
    let count = tokio::time::timeout(PATIENCE, count(platform, &registry)).await;
    match count.unwrap_or_else(|_| Err(Error::broken(format!("it did not arrive within {} seconds", PATIENCE.as_secs())))) {
        Ok(feature_views) => FeatureStore { available: true, feature_views },
        Err(error) => {
            tracing::warn!(registry, %error, "the Feast registry cannot be read; the feature store counts as not available");
            FeatureStore::default()
        }
    }
}

async fn count(platform: &Platform, registry: &str) -> Result<u64> {
    let (bucket, key) = parse(registry)?;
    let objects = platform.objects_of(bucket.to_owned());
    let mut body = objects.stream(key).await?.ok_or_else(|| Error::not_found("there is no such object; `feast apply` writes it"))?;
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.try_next().await.map_err(|error| Error::internal("reading it", error))? {
        if bytes.len() + chunk.len() > LARGEST_REGISTRY {
            return Err(Error::broken(format!("it is larger than {} MB", LARGEST_REGISTRY / 1024 / 1024)));
        }
        bytes.extend_from_slice(&chunk);
    }
    let registry = Registry::decode(bytes).map_err(|error| Error::internal("it is no Feast registry", error))?;
    if registry.registry_schema_version.is_empty() {
        return Err(Error::broken("it is no Feast registry: it names no schema version"));
    }
    Ok((registry.feature_views.len() + registry.on_demand_feature_views.len()) as u64)
}

/// Bucket and key of `s3://bucket/key`.
fn parse(registry: &str) -> Result<(&str, &str)> {
    let parts = registry.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    parts
        .filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
        .ok_or_else(|| Error::bad_request(format!("{} must be s3://bucket/key", config::FEAST_REGISTRY.name)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_has_a_bucket_and_a_key() {
        assert_eq!(parse("s3://features/prod/registry.db").unwrap(), ("features", "prod/registry.db"));
        for wrong in ["features/registry.db", "s3://features", "s3://features/", "s3:///registry.db", "gs://a/b"] {
            assert!(parse(wrong).unwrap_err().to_string().contains("s3://bucket/key"), "{wrong}");
        }
    }
}
