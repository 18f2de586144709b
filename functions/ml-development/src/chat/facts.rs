//! What the built-in assistant answers from.

use std::collections::BTreeMap;

use assistant::{Details, Facts, Model, Question, Recipe, Run, Snapshot};
use futures::future::{try_join_all, try_join3};
use serde_json::Value;
use shared::domain::development::recipe::{self as ids, shown};
use shared::http::fields::{Choice as _, Window};
use shared::identity::Caller;
use shared::store::development_models::ModelFilter;
use shared::store::recipe_runs::RecipeRunFilter;
use shared::store::recipes::RecipeFilter;
use shared::{ErrorKind, Platform, Result};

use super::look_ups;
use crate::views::model::ModelView;
use crate::views::run::RunView;
use crate::{baselines, find};

/// How many of a kind are looked at, the newest.
pub const LOOKED_AT: usize = 200;
/// How many recipes' manifests are read for what they say of themselves.
const MOST_DESCRIBED: usize = 12;
/// How many lines of a run's log, and how long they may be.
const LOG_LINES: usize = 20;

/// The recipe's id as the API shows it.
pub fn recipe_id(recipe: &shared::domain::development::recipe::Recipe) -> String {
    shown(ids::RECIPE_PREFIX, &recipe.id)
}

/// The newest recipes, models and runs.
///
/// # Errors
/// `Internal` when DynamoDB or S3 does not answer.
pub async fn lists(platform: &Platform) -> Result<Facts> {
    baselines::ensure(platform).await?;
    let (store, window) = (platform.store()?, Window { limit: LOOKED_AT, offset: 0 });
    let (recipes, models, runs) = try_join3(
        store.recipes(RecipeFilter::default(), window),
        store.development_models(ModelFilter::default(), window),
        look_ups::runs(platform, RecipeRunFilter::default(), window),
    )
    .await?;
    let more = recipes.1 > LOOKED_AT as u64 || models.1 > LOOKED_AT as u64 || runs.1 > LOOKED_AT as u64;
    Ok(Facts {
        recipes: recipes.0.iter().map(recipe).collect(),
        models: models.0.into_iter().filter_map(look_ups::model_view).map(model).collect(),
        runs: runs.0.into_iter().map(run).collect(),
        snapshots: Vec::new(),
        more,
    })
}

/// Adds what a question names by id and what is too old for the lists.
///
/// # Errors
/// `Internal` when DynamoDB or S3 does not answer.
pub async fn add_named(platform: &Platform, caller: &Caller, question: &Question, facts: &mut Facts) -> Result<()> {
    let context = &question.context;
    let named = question.ids.iter().chain([&context.recipe_id, &context.model_id, &context.run_id].into_iter().flatten());
    for id in named.take(20) {
        if id.starts_with(ids::RECIPE_PREFIX) && facts.recipe(id).is_none() {
            facts.recipes.extend(present(find::recipe(platform, id).await)?.as_ref().map(recipe));
        } else if id.starts_with(ids::MODEL_PREFIX) && facts.model(id).is_none() {
            facts.models.extend(
                present(find::model(platform, id).await)?.map(|(registered, development)| model(ModelView::of(registered, development))),
            );
        } else if id.starts_with(ids::RUN_PREFIX)
            && facts.run(id).is_none()
            && let Some(found) = present(find::run(platform, id).await)?
        {
            facts.runs.push(run(RunView::of(platform, caller, found).await?));
        }
    }
    Ok(())
}

/// Adds the log of the run and the snapshots of the models that an answer needs, and what the recipes say of themselves.
///
/// # Errors
/// `Internal` when DynamoDB or S3 does not answer.
pub async fn add_details(platform: &Platform, caller: &Caller, question: &Question, details: &Details, facts: &mut Facts) -> Result<()> {
    if let Some(id) = &details.run
        && let Some(found) = present(find::run(platform, id).await)?
        && let Some(known) = facts.runs.iter_mut().find(|run| run.id == *id)
    {
        *known = run(RunView::of(platform, caller, found).await?);
    }
    for id in &details.models {
        facts.snapshots.extend(look_ups::snapshots(platform, id, 1).await?.iter().map(snapshot));
    }
    let wanted = |recipe: &&mut Recipe| question.ids.contains(&recipe.id) || question.families.contains(&recipe.model_family.as_str());
    let described = facts.recipes.iter_mut().filter(wanted).take(MOST_DESCRIBED).map(async |recipe| {
        let Some(found) = present(find::recipe(platform, &recipe.id).await)? else { return Ok(()) };
        recipe.description = look_ups::description(platform, &found).await?;
        Ok::<(), shared::Error>(())
    });
    try_join_all(described).await.map(drop)
}

/// What was looked for, or nothing where there is none.
fn present<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn recipe(recipe: &shared::domain::development::recipe::Recipe) -> Recipe {
    Recipe {
        id: recipe_id(recipe),
        name: recipe.name.clone(),
        model_family: recipe.model_family.name().to_owned(),
        level: recipe.level.name().to_owned(),
        status: recipe.status.name().to_owned(),
        tags: recipe.tags.clone(),
        description: String::new(),
        newest_version_id: Some(shown(ids::VERSION_PREFIX, &recipe.latest_version_id)),
        newest_version_number: Some(recipe.latest_version_number.clone()),
    }
}

fn model(view: ModelView) -> Model {
    Model {
        id: view.id,
        name: view.name,
        model_family: view.model_family.name().to_owned(),
        status: view.status.name().to_owned(),
        owner: view.owner.unwrap_or_default(),
        recipe_id: view.recipe_id,
        recipe_version_id: view.recipe_version_id,
    }
}

fn run(view: RunView) -> Run {
    let metrics = view.metrics_json.as_object().into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)));
    let log = view.logs_text.unwrap_or_default();
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let log_tail: Vec<String> =
        lines[lines.len().saturating_sub(LOG_LINES)..].iter().map(|line| line.chars().take(1000).collect()).collect();
    // What a script ends with stands in the last line of its traceback.
    let told = || log_tail.iter().rev().find(|line| line.contains("Error") || line.contains("Exception")).cloned();
    let error = view.error.or_else(|| if view.status.name() == "failed" { told() } else { None });
    Run {
        id: view.id,
        model_id: view.model_id,
        recipe_id: view.recipe_id,
        recipe_version_id: view.recipe_version_id,
        run_type: view.run_type.name().to_owned(),
        status: view.status.name().to_owned(),
        started_at: view.started_at.map(Into::into),
        finished_at: view.finished_at.map(Into::into),
        metrics: metrics.collect(),
        error,
        log_tail,
    }
}

fn snapshot(view: &crate::views::snapshot::SnapshotView) -> Snapshot {
    let entries = |value: &Value| {
        value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect::<BTreeMap<_, _>>()
    };
    Snapshot {
        id: view.id.clone(),
        model_id: view.model_id.clone(),
        captured_at: Some(view.captured_at.into()),
        performance: entries(&view.performance_metrics_json),
        drift: entries(&view.drift_metrics_json),
        freshness: entries(&view.data_freshness_json),
        alerts: entries(&view.alerts_json),
    }
}
