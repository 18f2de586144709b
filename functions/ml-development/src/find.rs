//! What paths and bodies name by id: with or without the document's prefixes.

use shared::domain::development::recipe::{MODEL_PREFIX, RECIPE_PREFIX, RUN_PREFIX, Recipe, RecipeVersion, VERSION_PREFIX, read};
use shared::domain::development::recipe_run::RecipeRun;
use shared::domain::registered_model::{Development, RegisteredModel};
use shared::http::fields::Fields;
use shared::{Error, ErrorKind, Platform, Request, Result};

use crate::baselines;

/// The longest id, in characters.
pub const LONGEST_ID: usize = 100;

/// The recipe of an id.
///
/// # Errors
/// `NotFound` when there is none; `Internal` when DynamoDB does not answer.
pub async fn recipe(platform: &Platform, id: &str) -> Result<Recipe> {
    let store = platform.store()?;
    let id = read(RECIPE_PREFIX, id);
    let mut found = store.recipe(id).await?;
    if found.is_none() && baselines::is_one(id) {
        baselines::ensure(platform).await?;
        found = store.recipe(id).await?;
    }
    found.ok_or_else(|| Error::not_found("Recipe not found"))
}

/// The recipe of the path.
///
/// # Errors
/// As [`recipe`].
pub async fn recipe_of_path(platform: &Platform, request: &Request) -> Result<Recipe> {
    recipe(platform, request.path_parameter("recipe_id")?).await
}

/// The recipe of the path, which the caller may change.
///
/// # Errors
/// As [`recipe`]; `Forbidden` when another user made it.
pub async fn own_recipe_of_path(platform: &Platform, request: &Request) -> Result<Recipe> {
    let recipe = recipe_of_path(platform, request).await?;
    if request.caller.may_use(recipe.made_by.as_deref()) {
        return Ok(recipe);
    }
    Err(Error::new(ErrorKind::Forbidden, "This recipe was made by another user; clone it"))
}

/// A recipe's version of an id.
///
/// # Errors
/// `NotFound` when the recipe has none of that id; `Internal` when DynamoDB does not answer.
pub async fn version(platform: &Platform, recipe: &Recipe, id: &str) -> Result<RecipeVersion> {
    let found = platform.store()?.recipe_version(&recipe.id, read(VERSION_PREFIX, id)).await?;
    found.ok_or_else(|| Error::not_found("Recipe version not found"))
}

/// The model of an id.
///
/// # Errors
/// `NotFound` when there is none; `Internal` when DynamoDB does not answer.
pub async fn model(platform: &Platform, id: &str) -> Result<(RegisteredModel, Development)> {
    let found = platform.store()?.development_model(read(MODEL_PREFIX, id)).await?;
    found.ok_or_else(|| Error::not_found("Model not found"))
}

/// The run of an id, as its job is by now.
///
/// # Errors
/// `NotFound` when there is none; `Internal` when DynamoDB does not answer.
pub async fn run(platform: &Platform, id: &str) -> Result<RecipeRun> {
    let store = platform.store()?;
    let not_found = || Error::not_found("Run not found");
    // MLflow writes the same id without hyphens.
    let id = read(RUN_PREFIX, id).replace('-', "");
    let run = store.recipe_run(&id).await?.ok_or_else(not_found)?;
    if run.status.is_final() {
        return Ok(run);
    }
    // The task that moved the job may have been lost before it told the run.
    let Some(job) = (match &run.job_id {
        Some(job_id) => store.job(job_id).await?,
        None => None,
    }) else {
        return Ok(run);
    };
    store.follow_job(&job).await?;
    store.recipe_run(&id).await?.ok_or_else(not_found)
}

/// That the id in a body, if there is one, is the path's.
pub fn same_as_path(fields: &mut Fields, field: &str, prefix: &str, of_path: &str) -> Result<()> {
    match fields.text(field, 0..=LONGEST_ID) {
        Some(id) if read(prefix, &id) != read(prefix, of_path) => {
            Err(Error::bad_request(format!("{field} in the body differs from the one in the path")))
        }
        _ => Ok(()),
    }
}
