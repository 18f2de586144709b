//! Every environment variable that a function of the platform reads, in one place. `template.yaml` sets them; the
//! SDK's own (`AWS_REGION`, `AWS_ENDPOINT_URL`, …) and Lambda's are read by their libraries.

use crate::{Error, Result};

/// The environment of a function. A variable that a function's work needs and that is missing is an error that names
/// it, when it is needed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Config {
    given: Option<&'static [(Variable, &'static str)]>,
}

/// The name of an environment variable and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name in the environment.
    pub name: &'static str,
    /// What it holds.
    pub meaning: &'static str,
}

macro_rules! variables {
    ($($(#[doc = $meaning:literal])+ $constant:ident = $name:literal;)+) => {
        $($(#[doc = $meaning])+ pub const $constant: Variable = Variable { name: $name, meaning: concat!($($meaning),+) };)+
        /// All of them, for the documents and for the test that holds them against `template.yaml`.
        pub const VARIABLES: &[Variable] = &[$($constant),+];
    };
}

variables! {
    /// The DynamoDB table that holds the registry and the jobs.
    TABLE_NAME = "TABLE_NAME";
    /// The S3 bucket that holds artifacts, scripts and image layers.
    BUCKET_NAME = "BUCKET_NAME";
    /// The ECR repository of the deployed models' images.
    REPOSITORY_NAME = "REPOSITORY_NAME";
    /// Which build of PyTorch's packages is installed: one of PyTorch's own indexes by its name for uv (`cpu`), or `none` for
    /// what the package index has.
    TORCH_BACKEND = "TORCH_BACKEND";
    /// The public image over which models' images are built when the repository has no base yet.
    BASE_IMAGE = "BASE_IMAGE";
    /// The state machine that trains.
    TRAIN_STATE_MACHINE_ARN = "TRAIN_STATE_MACHINE_ARN";
    /// The state machine that deploys.
    DEPLOY_STATE_MACHINE_ARN = "DEPLOY_STATE_MACHINE_ARN";
    /// The state machine that tells webhooks.
    WEBHOOK_STATE_MACHINE_ARN = "WEBHOOK_STATE_MACHINE_ARN";
    /// Where webhooks may be sent: `public` (public addresses, by HTTPS) or `any` (private and loopback addresses too).
    WEBHOOK_NETWORKS = "WEBHOOK_NETWORKS";
    /// The first pause between two attempts to send a webhook, in seconds; each is four times as long as the one before.
    WEBHOOK_RETRY_SECONDS = "WEBHOOK_RETRY_SECONDS";
    /// The mail server that takes the e-mails of alerts; empty where alerts send none.
    SMTP_HOST = "SMTP_HOST";
    /// Its port.
    SMTP_PORT = "SMTP_PORT";
    /// How the connection to it is encrypted: `starttls`, `tls` (from its first byte on) or `none`.
    SMTP_SECURITY = "SMTP_SECURITY";
    /// The user name at it; empty where it asks for none.
    SMTP_USERNAME = "SMTP_USERNAME";
    /// The password at it.
    SMTP_PASSWORD = "SMTP_PASSWORD";
    /// The address that alerts come from.
    SMTP_FROM = "SMTP_FROM";
    /// The domains to which alerts may be sent by e-mail, separated by commas; empty for any.
    ALERT_EMAIL_DOMAINS = "ALERT_EMAIL_DOMAINS";
    /// The base URL of the platform's own HTTP API.
    API_URL = "API_URL";
    /// What the names of the deployed models' functions start with.
    MODEL_FUNCTION_PREFIX = "MODEL_FUNCTION_PREFIX";
    /// The role of the deployed models' functions.
    MODEL_ROLE_ARN = "MODEL_ROLE_ARN";
    /// The log group to which every deployed model writes.
    MODEL_LOG_GROUP = "MODEL_LOG_GROUP";
    /// The memory of a deployed model's function in megabytes.
    MODEL_MEMORY_MB = "MODEL_MEMORY_MB";
    /// The longest time that a deployed model's function may take for one request, in seconds.
    MODEL_TIMEOUT_SECONDS = "MODEL_TIMEOUT_SECONDS";
    /// For how many days the record of a prediction is kept.
    INFERENCE_LOG_DAYS = "INFERENCE_LOG_DAYS";
    /// Who may use routes whose documents show no authentication: `required` (users only) or `documented` (everybody).
    AUTHENTICATION = "AUTHENTICATION";
    /// Whether new users may register: `open` or `closed`.
    REGISTRATION = "REGISTRATION";
    /// The object of a Feast registry, `s3://bucket/key`; empty when there is none.
    FEAST_REGISTRY = "FEAST_REGISTRY";
    /// The language model of Amazon Bedrock, or its inference profile, that answers in the chat; empty where the built-in
    /// assistant does.
    CHAT_MODEL = "CHAT_MODEL";
}

impl Config {
    /// Values that stand in place of the environment, which is then not read at all.
    pub const fn of(values: &'static [(Variable, &'static str)]) -> Self {
        Self { given: Some(values) }
    }

    /// The value of a variable.
    ///
    /// # Errors
    /// `Internal`, naming the variable, when it is not set or empty.
    pub fn get(self, variable: Variable) -> Result<String> {
        self.optional(variable)
            .ok_or_else(|| Error::broken(format!("the environment variable {} is not set ({})", variable.name, variable.meaning.trim())))
    }

    /// The value of a variable that may be absent; an empty one counts as absent.
    pub fn optional(self, variable: Variable) -> Option<String> {
        let value = match self.given {
            Some(given) => given.iter().find(|(name, _)| *name == variable).map(|(_, value)| (*value).to_owned()),
            None => std::env::var(variable.name).ok(),
        };
        value.filter(|value| !value.is_empty())
    }

    /// The value of a variable that holds a whole number.
    ///
    /// # Errors
    /// `Internal`, naming the variable, when it is missing or holds something else.
    pub fn number(self, variable: Variable) -> Result<i64> {
        let text = self.get(variable)?;
        text.parse().map_err(|error| Error::internal(format!("{} must be a whole number, not {text:?}", variable.name), error))
    }
}
