//! What every handler is given: the configuration and the AWS clients, each made when it is first needed.

use std::sync::OnceLock;

use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_smithy_http_client::tls;

use crate::Result;
use crate::config::{self, Config};
use crate::identity::caller::SigningKeyCell;
use crate::model_functions::ModelFunctions;
use crate::objects::Objects;
use crate::state_machines::StateMachines;
use crate::store::Store;

/// The platform as a function sees it. Cheap to make; a function pays only for the clients that it uses.
#[derive(Debug)]
pub struct Platform {
    /// The environment variables that `template.yaml` sets.
    pub config: Config,
    sdk: SdkConfig,
    store: OnceLock<Store>,
    objects: OnceLock<Objects>,
    state_machines: OnceLock<StateMachines>,
    model_functions: OnceLock<ModelFunctions>,
    image_registry: OnceLock<aws_sdk_ecr::Client>,
    signing_key: SigningKeyCell,
}

impl Platform {
    /// The platform that the process's environment describes.
    pub async fn from_environment() -> Self {
        Self::load(Config::default(), aws_config::defaults(BehaviorVersion::v2026_01_12())).await
    }

    /// The platform of that configuration, its AWS clients configured as given.
    pub async fn load(config: Config, sdk: ConfigLoader) -> Self {
        let http_client = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        let sdk = sdk.http_client(http_client).load().await;
        Self {
            config,
            sdk,
            store: OnceLock::new(),
            objects: OnceLock::new(),
            state_machines: OnceLock::new(),
            model_functions: OnceLock::new(),
            image_registry: OnceLock::new(),
            signing_key: SigningKeyCell::new(),
        }
    }

    /// The registry and the jobs.
    ///
    /// # Errors
    /// `Internal` when `TABLE_NAME` is not set.
    pub fn store(&self) -> Result<&Store> {
        get_or_try_init(&self.store, || Ok(Store::new(aws_sdk_dynamodb::Client::new(&self.sdk), self.config.get(config::TABLE_NAME)?)))
    }

    /// The objects in the bucket.
    ///
    /// # Errors
    /// `Internal` when `BUCKET_NAME` is not set.
    pub fn objects(&self) -> Result<&Objects> {
        get_or_try_init(&self.objects, || Ok(Objects::new(aws_sdk_s3::Client::new(&self.sdk), self.config.get(config::BUCKET_NAME)?)))
    }

    /// The objects in another bucket, which the user named to the platform.
    pub fn objects_of(&self, bucket: String) -> Objects {
        Objects::new(aws_sdk_s3::Client::new(&self.sdk), bucket)
    }

    /// What the AWS clients are made from, for a crate that talks to a service which few functions need.
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The state machines.
    pub fn state_machines(&self) -> &StateMachines {
        self.state_machines.get_or_init(|| StateMachines::new(aws_sdk_sfn::Client::new(&self.sdk), self.config))
    }

    /// The deployed models' functions.
    pub fn model_functions(&self) -> &ModelFunctions {
        self.model_functions.get_or_init(|| ModelFunctions::new(aws_sdk_lambda::Client::new(&self.sdk)))
    }

    /// Has webhooks told of the events that were written since the last call. One that cannot be told of now is told of by
    /// `reconcile_events` later, so this fails nothing; a function that has no such right leaves it to that.
    pub async fn announce_events(&self) {
        let written = self.store.get().map(Store::take_written_events).unwrap_or_default();
        if written.is_empty() || self.config.optional(config::WEBHOOK_STATE_MACHINE_ARN).is_none() {
            return;
        }
        for event_id in written {
            if let Err(error) = self.state_machines().deliver_new(&event_id).await {
                tracing::warn!(%error, event_id, "an event is not told of yet");
            }
        }
    }

    /// The key that signs session tokens, once it was read.
    pub(crate) fn signing_key(&self) -> &SigningKeyCell {
        &self.signing_key
    }

    /// The client of the container image registry.
    pub fn image_registry(&self) -> &aws_sdk_ecr::Client {
        self.image_registry.get_or_init(|| aws_sdk_ecr::Client::new(&self.sdk))
    }
}

fn get_or_try_init<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}
