//! The feature store: what a Feast registry says about itself, where one is configured.

use crate::config::{self, Config};

/// What is known of the feature store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeatureStore {
    /// True when a registry is configured and could be read.
    pub available: bool,
    /// How many feature views it holds; 0 when it is not available.
    pub feature_views: u64,
}

/// Reads the Feast registry that `FEAST_REGISTRY` names. Registries are not read yet: a configured one counts as not
/// available, and the log says why.
pub async fn read(config: Config) -> FeatureStore {
    if let Some(registry) = config.optional(config::FEAST_REGISTRY) {
        tracing::warn!(registry, "a Feast registry is configured, but this version does not read Feast registries");
    }
    FeatureStore::default()
}
