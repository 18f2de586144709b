//! What to do next, from the state that things are in.

use serde_json::json;

use super::{metrics_in_words, monitoring, run_in_words, targets, with_run};
use crate::facts::{Facts, Model, Recipe, Run};
use crate::hints::hint;
use crate::question::Question;
use crate::reply::{Kind, Reply};

const INTENT: &str = "next_step";

pub fn next(question: &Question, facts: &Facts) -> Reply {
    let named_run = targets::runs(question, facts).first().copied();
    let named_model = targets::models(question, facts).first().copied();
    let named_recipe = targets::recipes(question, facts).first().copied();
    if let (Some(run), true) = (named_run, named_model.is_none() || !question.ids.is_empty()) {
        return after_run(run, facts);
    }
    if let Some(model) = named_model {
        return for_model(model, facts);
    }
    if let Some(recipe) = named_recipe {
        return for_recipe(recipe, facts);
    }
    // Nothing is named: what is most pressing.
    let newest = facts.runs.first();
    if let Some(run) = newest.filter(|run| run.status == "failed") {
        return after_run(run, facts);
    }
    let drifting = facts.models.iter().find(|model| {
        let snapshot = facts.snapshots.iter().find(|snapshot| snapshot.model_id == model.id);
        model.status == "production" && snapshot.and_then(monitoring::drift).is_some_and(|(_, value)| value > 0.25)
    });
    if let Some(model) = drifting {
        return for_model(model, facts);
    }
    if let Some(run) = newest {
        return after_run(run, facts);
    }
    if let Some(model) = facts.models.first() {
        return for_model(model, facts);
    }
    let own = facts.recipes.iter().find(|recipe| recipe.level != "baseline");
    match (own, facts.recipes.iter().find(|recipe| recipe.status == "approved")) {
        (Some(recipe), _) => for_recipe(recipe, facts),
        (None, Some(baseline)) => {
            let text = format!("Nothing is trained yet. Choose a recipe and clone it, for example {} ({}).", baseline.name, baseline.id);
            let reply = Reply::new(INTENT, text)
                .made_from_all(Kind::Recipe, facts.recipes.iter().take(4).map(|recipe| (recipe.id.as_str(), Some(recipe.name.as_str()))));
            reply.suggest("GET", "/recipes?status=approved", None, "list the recipes that are ready").suggest(
                "POST",
                &format!("/recipes/{}/clone?name=My%20{}", baseline.id, super::recipes::encoded(&baseline.name)),
                None,
                "clone one",
            )
        }
        (None, None) => Reply::new(INTENT, "There is no recipe yet: make one.").suggest(
            "POST",
            "/recipes",
            Some(json!({ "name": "My Recipe", "model_family": "pricing", "level": "client", "manifest": {} })),
            "make a recipe",
        ),
    }
}

fn after_run(run: &Run, facts: &Facts) -> Reply {
    let name = facts.recipe(&run.recipe_id).map(|recipe| recipe.name.as_str());
    let reply = |text: String| with_run(Reply::new(INTENT, text), run, facts).made_from(Kind::Recipe, &run.recipe_id, name);
    let model = run.model_id.as_deref().and_then(|id| facts.model(id));
    match run.status.as_str() {
        "failed" => {
            let error = run.error.as_deref().unwrap_or("no error was recorded").trim();
            let help = hint(&format!("{error}\n{}", run.log_tail.join("\n"))).map(|hint| format!(" {hint}")).unwrap_or_default();
            reply(format!("Run {} failed: {error}.{help} Then run it again.", run_in_words(run, facts)))
                .suggest("GET", &format!("/runs/{}", run.id), None, "read its log")
                .suggest(
                    "POST",
                    &format!("/recipes/{}/versions", run.recipe_id),
                    Some(json!({ "recipe_id": run.recipe_id, "manifest_json": {}, "change_note": "what was mended" })),
                    "make a version that mends it",
                )
        }
        "succeeded" => match model {
            Some(model) => {
                let metrics = if run.metrics.is_empty() { String::new() } else { format!(" with {}", metrics_in_words(run)) };
                let mut next = for_model(model, facts);
                next.reply = format!("Run {} succeeded{metrics}. {}", run_in_words(run, facts), next.reply);
                next.made_from(Kind::Run, &run.id, None)
            }
            None => reply(format!("Run {} succeeded. It belongs to no model: register one and make its runs for it.", run_in_words(run, facts))).suggest(
                "POST",
                "/models",
                Some(json!({ "name": "My Model", "recipe_id": run.recipe_id, "recipe_version_id": run.recipe_version_id, "owner": "my-team" })),
                "register a model",
            ),
        },
        status => reply(format!("Run {} is {status}: wait for it to end.", run_in_words(run, facts))).suggest("GET", &format!("/runs/{}", run.id), None, "see how far it is"),
    }
}

fn for_model(model: &Model, facts: &Facts) -> Reply {
    let run = facts.runs.iter().find(|run| run.model_id.as_deref() == Some(&model.id));
    let reply = |text: String| Reply::new(INTENT, text).made_from(Kind::Model, &model.id, Some(&model.name));
    let put = |status: &str| Some(json!({ "status": status }));
    let path = format!("/models/{}", model.id);
    let train =
        json!({ "recipe_id": model.recipe_id, "recipe_version_id": model.recipe_version_id, "run_type": "train", "model_id": model.id });
    match (model.status.as_str(), run.map(|run| run.status.as_str())) {
        (_, Some("failed" | "running" | "queued")) if model.status != "production" => match run {
            Some(run) => after_run(run, facts),
            None => reply(String::new()),
        },
        ("draft" | "staging", None) => reply(format!("{} has no runs: train it.", model.name)).suggest("POST", "/runs", Some(train), "train it"),
        ("draft", _) => reply(format!("{} is a draft: put it into staging, and test it there.", model.name)).suggest("PUT", &path, put("staging"), "to staging"),
        ("staging", _) => reply(format!("{} is in staging: when it does well there, put it into production. That deploys its newest successful run.", model.name))
            .suggest("POST", "/runs", Some(json!({ "recipe_id": model.recipe_id, "recipe_version_id": model.recipe_version_id, "run_type": "eval", "model_id": model.id })), "evaluate it once more")
            .suggest("PUT", &path, put("production"), "to production"),
        ("production", _) => match facts.snapshots.iter().find(|snapshot| snapshot.model_id == model.id) {
            Some(snapshot) => {
                let high = monitoring::drift(snapshot).is_some_and(|(_, value)| value > 0.25);
                let told = monitoring::in_words(snapshot);
                let advice = if high { "Its data has moved far: train it again on newer data." } else { "Nothing is urgent: go on watching it." };
                let reply = reply(format!("{} is in production. {told} {advice}", model.name)).made_from(Kind::Snapshot, &snapshot.id, None);
                let reply = if high { reply.suggest("POST", "/runs", Some(train), "train it again") } else { reply };
                reply.suggest("GET", &format!("{path}/monitoring"), None, "list its snapshots")
            }
            None => reply(format!("{} is in production and nothing is known of how it does: record a monitoring snapshot.", model.name)).suggest(
                "POST",
                &format!("{path}/monitoring"),
                Some(json!({ "model_id": model.id, "performance_metrics_json": {} })),
                "record a snapshot",
            ),
        },
        _ => reply(format!("{} is retired: nothing is left to do for it.", model.name)).suggest("GET", "/models?status=production", None, "list the models in production"),
    }
}

fn for_recipe(recipe: &Recipe, facts: &Facts) -> Reply {
    let version = recipe.newest_version_id.clone().unwrap_or_else(|| "{version_id}".to_owned());
    let reply = |text: String| Reply::new(INTENT, text).made_from(Kind::Recipe, &recipe.id, Some(&recipe.name));
    let path = format!("/recipes/{}", recipe.id);
    match recipe.status.as_str() {
        "draft" => reply(format!("{} is a draft: put your manifest into a new version, and approve it when it is ready.", recipe.name))
            .suggest(
                "POST",
                &format!("{path}/versions"),
                Some(json!({ "recipe_id": recipe.id, "manifest_json": {}, "change_note": "what changed" })),
                "add a version",
            )
            .suggest("PUT", &path, Some(json!({ "status": "approved" })), "approve it"),
        "archived" => reply(format!("{} is archived: nothing is to be done with it.", recipe.name)).suggest(
            "GET",
            "/recipes?status=approved",
            None,
            "list the recipes that are ready",
        ),
        _ => match facts.models.iter().find(|model| model.recipe_id == recipe.id) {
            Some(model) => {
                let mut next = for_model(model, facts);
                next.reply = format!("{} is approved, and {} is made from it. {}", recipe.name, model.name, next.reply);
                next.made_from(Kind::Recipe, &recipe.id, Some(&recipe.name))
            }
            None => reply(format!("{} is approved: register a model from it, then train it.", recipe.name))
                .suggest(
                    "POST",
                    "/models",
                    Some(json!({ "name": "My Model", "recipe_id": recipe.id, "recipe_version_id": version, "owner": "my-team" })),
                    "register a model",
                )
                .suggest(
                    "POST",
                    "/runs",
                    Some(json!({ "recipe_id": recipe.id, "recipe_version_id": version, "run_type": "train", "model_id": "{model_id}" })),
                    "train it; with the model's id",
                ),
        },
    }
}
