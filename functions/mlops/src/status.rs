//! `GET /mlops/status`: the platform's state. Document: mlops-api-v5 7.

use serde::Serialize;
use shared::http::response;
use shared::store::counters::Counter;
use shared::{Platform, Request, Response, Result, Timestamp, config, feature_store};
use utoipa::ToSchema;

use crate::tracking_api;
use crate::views::problem::Problem;

/// The platform's state.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlatformStatus {
    /// Where MLflow clients find the tracking API: the platform itself.
    #[schema(example = "http://localhost:8000")]
    pub mlflow_tracking_uri: String,
    /// True when the tracking API answered.
    pub mlflow_available: bool,
    /// True when a Feast registry is configured and could be read.
    pub feast_store_available: bool,
    /// How many models are registered.
    #[schema(example = 15)]
    pub registered_models: u64,
    /// How many experiments there are that are not deleted.
    #[schema(example = 8)]
    pub active_experiments: u64,
    /// How many feature views the Feast registry has.
    #[schema(example = 12)]
    pub feature_views: u64,
    /// When this was so.
    pub timestamp: Timestamp,
}

/// Platform status
///
/// What is really there: MLflow is available when the tracking API answered just now.
#[utoipa::path(
    get,
    path = "/mlops/status",
    operation_id = "status",
    tag = "System",
    responses(
        (status = 200, description = "The platform's state", body = PlatformStatus),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let store = platform.store()?;
    let tracking_uri = platform.config.optional(config::API_URL).unwrap_or_else(|| request.base_url.clone());
    let (mlflow_available, features, counts) = tokio::join!(tracking_api::answers(&tracking_uri), feature_store::read(platform), async {
        tokio::try_join!(store.count(Counter::RegisteredModels), store.count(Counter::ActiveExperiments))
    });
    let (registered_models, active_experiments) = counts?;
    response::ok(&PlatformStatus {
        mlflow_tracking_uri: request.base_url,
        mlflow_available,
        feast_store_available: features.available,
        registered_models,
        active_experiments,
        feature_views: features.feature_views,
        timestamp: Timestamp::now(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use shared::config::{self, Config};
    use testing::{TestPlatform, request};

    use crate::fixtures::{get, version};

    #[tokio::test]
    async fn counts_are_counted_and_what_does_not_answer_is_not_available() {
        let test = TestPlatform::start().await;
        version(&test, "a").await;
        version(&test, "a").await;
        version(&test, "b").await;
        let (status, view) = get(&test, "/mlops/status").await;
        assert_eq!((status, view["registered_models"].as_u64(), view["active_experiments"].as_u64()), (200, Some(2), Some(0)), "{view}");
        assert_eq!((view["mlflow_available"].as_bool(), view["feast_store_available"].as_bool()), (Some(false), Some(false)));
        assert_eq!((view["mlflow_tracking_uri"].as_str(), view["feature_views"].as_u64()), (Some("http://127.0.0.1:1"), Some(0)));
        assert!(view["timestamp"].is_string());
        assert_eq!(request(http::Method::GET, "/").base_url, "http://127.0.0.1:1");
    }

    const FEATURES: Config =
        Config::of(&[(config::TABLE_NAME, "table"), (config::BUCKET_NAME, "bucket"), (config::FEAST_REGISTRY, "s3://bucket/registry.db")]);

    #[tokio::test]
    async fn plain_and_on_demand_feature_views_are_counted_and_an_unreadable_registry_is_not_available() {
        let mut test = TestPlatform::start().await;
        test.platform.config = FEATURES;
        // Field 3 is the schema's version, 6 the feature views, 8 the on-demand ones, 14 the stream ones, which Feast lists apart.
        let view = b"\x32\x04\x0a\x02\x0a\x00".as_slice();
        let registry = [b"\x1a\x011".as_slice(), view, view, b"\x42\x00", b"\x72\x00"].concat();
        let cases = [
            (None, (false, 0)),
            (Some(registry.as_slice()), (true, 3)),
            (Some(b"\x1a\x011".as_slice()), (true, 0)),
            (Some(view), (false, 0)),
            (Some(b"".as_slice()), (false, 0)),
            (Some(&registry[..registry.len() - 1]), (false, 0)),
            (Some(b"{}".as_slice()), (false, 0)),
        ];
        for (bytes, expected) in cases {
            if let Some(bytes) = bytes {
                test.platform.objects().unwrap().put("registry.db", bytes.to_vec()).await.unwrap();
            }
            let (status, view) = get(&test, "/mlops/status").await;
            let found = (view["feast_store_available"].as_bool().unwrap(), view["feature_views"].as_u64().unwrap());
            assert_eq!((status, found), (200, expected), "{bytes:?}");
        }
    }
}
