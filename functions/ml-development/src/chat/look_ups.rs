//! The look-ups of the platform that answers are made from: the built-in assistant's and the language model's.

use futures::future::try_join_all;
use shared::domain::development::recipe::{MODEL_PREFIX, Recipe, read};
use shared::domain::registered_model::RegisteredModel;
use shared::http::fields::Window;
use shared::store::recipe_runs::RecipeRunFilter;
use shared::{Platform, Result, documents};

use crate::views::model::ModelView;
use crate::views::run::RunView;
use crate::views::snapshot::SnapshotView;

/// A registered model that was made by this API.
pub fn model_view(mut model: RegisteredModel) -> Option<ModelView> {
    let development = model.development.take()?;
    Some(ModelView::of(model, development))
}

/// Runs without their logs, the newest first, and how many there are.
///
/// # Errors
/// `Internal` when DynamoDB or S3 does not answer.
pub async fn runs(platform: &Platform, filter: RecipeRunFilter<'_>, window: Window) -> Result<(Vec<RunView>, u64)> {
    let (runs, total) = platform.store()?.recipe_runs(filter, window).await?;
    Ok((RunView::all(platform, runs).await?, total))
}

/// The newest snapshots of a model.
///
/// # Errors
/// `Internal` when DynamoDB or S3 does not answer.
pub async fn snapshots(platform: &Platform, model_id: &str, limit: usize) -> Result<Vec<SnapshotView>> {
    let (found, _) = platform.store()?.snapshots(read(MODEL_PREFIX, model_id), Window { limit, offset: 0 }).await?;
    try_join_all(found.into_iter().map(|snapshot| SnapshotView::of(platform, snapshot))).await
}

/// What a recipe's newest manifest says that it is for.
///
/// # Errors
/// `Internal` when DynamoDB or S3 does not answer.
pub async fn description(platform: &Platform, recipe: &Recipe) -> Result<String> {
    let Some(version) = platform.store()?.recipe_version(&recipe.id, &recipe.latest_version_id).await? else { return Ok(String::new()) };
    let manifest = documents::read(platform, &version.manifest).await?;
    Ok(manifest.get("description").and_then(serde_json::Value::as_str).unwrap_or_default().chars().take(1000).collect())
}
