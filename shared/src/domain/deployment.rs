//! A deployment: a registered model served at a URL. It outlives the jobs that bring versions to it.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The right of one job to change a deployment's function, so that two deployments of a model do not mix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The job that holds it.
    pub job_id: String,
    /// When it lapses, in seconds since 1970, should the job never give it back.
    pub until: i64,
}

/// A deployment as the table holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its id, a UUIDv7.
    pub id: String,
    /// The registered model that it serves.
    pub model_name: String,
    /// The name of its function.
    pub function_name: String,
    /// Where it answers; no slash at the end. Absent until the first version is live.
    pub url: Option<String>,
    /// The model version that takes traffic.
    pub live_model_version: Option<u64>,
    /// The function version that takes traffic.
    pub live_function_version: Option<String>,
    /// The image that takes traffic, `<repository>@sha256:…`.
    pub live_image_uri: Option<String>,
    /// The job that made the live version live.
    pub live_job_id: Option<String>,
    /// The job that holds the right to change the function; absent when none does.
    pub lease_job_id: Option<String>,
    /// When the lease lapses, in seconds since 1970.
    pub lease_until: Option<i64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Deployment {
    /// A deployment of a model that has no version live yet. `function_prefix` is what the names of all deployed
    /// models' functions start with.
    pub fn new(model_name: &str, function_prefix: &str) -> Self {
        let now = Timestamp::now();
        let id = crate::id::new_id();
        Self {
            function_name: function_name(function_prefix, model_name, &id),
            id,
            model_name: model_name.to_owned(),
            url: None,
            live_model_version: None,
            live_function_version: None,
            live_image_uri: None,
            live_job_id: None,
            lease_job_id: None,
            lease_until: None,
            created_at: now,
            updated_at: now,
        }
    }
}

/// A function's name: readable by its model, unique by the deployment's id, within Lambda's 64 characters.
fn function_name(prefix: &str, model_name: &str, deployment_id: &str) -> String {
    let unique: String = deployment_id.chars().filter(char::is_ascii_hexdigit).collect();
    let unique = &unique[unique.len().saturating_sub(12)..];
    let room = 64usize.saturating_sub(prefix.len() + unique.len() + 1);
    let readable: String =
        model_name.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '-' }).take(room).collect();
    let readable = readable.trim_matches('-');
    if readable.is_empty() { format!("{prefix}{unique}") } else { format!("{prefix}{readable}-{unique}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_name_is_one_that_lambda_takes() {
        for model in ["churn_predictor", "Modèle / 1", "日本", &"x".repeat(256)] {
            let name = Deployment::new(model, "serveml-model-").function_name;
            assert!(name.len() <= 64 && name.starts_with("serveml-model-"), "{name}");
            assert!(name.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character)), "{name}");
        }
    }
}
