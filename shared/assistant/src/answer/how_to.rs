//! How something is done: the calls, with what is known filled in.

use serde_json::{Value, json};

use super::targets;
use crate::facts::Facts;
use crate::question::{Action, Question};
use crate::reply::{Kind, Reply};

pub fn how_to(question: &Question, facts: &Facts, action: Action) -> Reply {
    let reply = Reply::new("how_to", text(action));
    with_calls(reply, question, facts, action)
}

/// What doing it takes, in a sentence or two.
fn text(action: Action) -> &'static str {
    match action {
        Action::Train => {
            "A run of type train does it: POST /runs with a recipe and one of its versions. Where the version's manifest has a script, the run trains it and goes from \
             queued to running to succeeded or failed by itself."
        }
        Action::Evaluate => {
            "A run of type eval or backtest does it: POST /runs with the model. It runs the evaluation of the recipe's manifest."
        }
        Action::Clone => {
            "POST /recipes/{recipe_id}/clone?name=… copies the newest version of a recipe into a recipe of your own, a draft that you can change."
        }
        Action::NewVersion => {
            "Versions are never changed: POST /recipes/{recipe_id}/versions adds one with your manifest and a change note. An approved recipe takes none; clone it, or set it back \
             to draft."
        }
        Action::Approve => "PUT /recipes/{recipe_id} with the status approved. From then on it cannot be changed in place.",
        Action::Archive => "PUT /recipes/{recipe_id} with the status archived. It stays readable.",
        Action::Register => "POST /models with a name, the recipe and the version that it is made from. A new model is a draft.",
        Action::Promote => {
            "PUT /models/{model_id} with the status staging, then production. A model goes from draft to staging to production; production deploys its newest successful run."
        }
        Action::Retire => "PUT /models/{model_id} with the status retired.",
        Action::Monitor => {
            "Models in production are watched by themselves; GET /models/{model_id}/monitoring lists the snapshots. POST to it adds one of your own."
        }
        Action::Delete => {
            "DELETE /recipes/{recipe_id} removes a recipe that nothing points at. Models are retired, not deleted, and runs stay as a record."
        }
        Action::Synthesize => {
            "POST /recipes/{recipe_id}/synthetic-example with a dataset schema; where you leave sample_rows_json out, rows are made up from the schema."
        }
        Action::CreateRecipe => {
            "POST /recipes with a name, a family, a level and a manifest makes one from nothing; cloning a baseline is quicker."
        }
        Action::Record => "PUT /runs/{run_id} with the status and metrics_json records the results of a run that has no script.",
    }
}

/// The calls that do it, with the ids that the question means.
pub fn with_calls(reply: Reply, question: &Question, facts: &Facts, action: Action) -> Reply {
    let recipe = targets::recipes(question, facts).first().copied().or_else(|| {
        let of_family = |recipe: &&crate::Recipe| question.families.contains(&recipe.model_family.as_str()) && recipe.status == "approved";
        facts.recipes.iter().find(of_family)
    });
    let model = targets::models(question, facts).first().copied();
    let run = targets::runs(question, facts).first().copied();
    let recipe = recipe.or_else(|| model.and_then(|model| facts.recipe(&model.recipe_id)));
    let recipe_id = recipe.map_or("{recipe_id}", |recipe| recipe.id.as_str());
    let version_id = model
        .map(|model| model.recipe_version_id.as_str())
        .or_else(|| recipe.and_then(|recipe| recipe.newest_version_id.as_deref()))
        .unwrap_or("{version_id}");
    let model_id = model.map_or("{model_id}", |model| model.id.as_str());
    let run_id = run.map_or("{run_id}", |run| run.id.as_str());
    let status = |status: &str| Some(json!({ "status": status }));
    let run_of = |kind: &str, model: Value| {
        Some(json!({ "recipe_id": recipe_id, "recipe_version_id": version_id, "run_type": kind, "model_id": model }))
    };
    let mut reply = reply;
    if let Some(recipe) = recipe {
        reply = reply.made_from(Kind::Recipe, &recipe.id, Some(&recipe.name));
    }
    if let Some(model) = model {
        reply = reply.made_from(Kind::Model, &model.id, Some(&model.name));
    }
    match action {
        Action::Train => reply.suggest("POST", "/runs", run_of("train", model.map_or(Value::Null, |model| json!(model.id))), "train").suggest("GET", &format!("/runs/{run_id}"), None, "follow it"),
        Action::Evaluate => {
            let kind = if question.words.any(&["backtest"]) { "backtest" } else { "eval" };
            reply.suggest("POST", "/runs", run_of(kind, json!(model_id)), "evaluate the model")
        }
        Action::Clone => {
            let name = recipe.map_or_else(|| "My%20Recipe".to_owned(), |recipe| format!("My%20{}", super::recipes::encoded(&recipe.name)));
            reply.suggest("POST", &format!("/recipes/{recipe_id}/clone?name={name}"), None, "clone it")
        }
        Action::NewVersion => reply.suggest(
            "POST",
            &format!("/recipes/{recipe_id}/versions"),
            Some(json!({ "recipe_id": recipe_id, "manifest_json": {}, "change_note": "what changed" })),
            "add a version; put the whole manifest in manifest_json",
        ),
        Action::Approve => reply.suggest("PUT", &format!("/recipes/{recipe_id}"), status("approved"), "approve it"),
        Action::Archive => reply.suggest("PUT", &format!("/recipes/{recipe_id}"), status("archived"), "archive it"),
        Action::Register => reply.suggest(
            "POST",
            "/models",
            Some(json!({ "name": "My Model", "recipe_id": recipe_id, "recipe_version_id": version_id, "owner": "my-team" })),
            "register a model",
        ),
        Action::Promote => {
            let reply = if model.is_none_or(|model| model.status == "draft") {
                reply.suggest("PUT", &format!("/models/{model_id}"), status("staging"), "to staging")
            } else {
                reply
            };
            reply.suggest("PUT", &format!("/models/{model_id}"), status("production"), "to production")
        }
        Action::Retire => reply.suggest("PUT", &format!("/models/{model_id}"), status("retired"), "retire it"),
        Action::Monitor => reply
            .suggest("GET", &format!("/models/{model_id}/monitoring"), None, "list its snapshots")
            .suggest("POST", &format!("/models/{model_id}/monitoring"), Some(json!({ "model_id": model_id, "performance_metrics_json": {} })), "add one"),
        Action::Delete if question.words.any(&["model", "models"]) => reply.suggest("PUT", &format!("/models/{model_id}"), status("retired"), "retire the model"),
        Action::Delete if question.words.any(&["run", "runs"]) => reply.suggest("GET", "/runs", None, "list the runs; they stay as a record"),
        Action::Delete => reply.suggest("DELETE", &format!("/recipes/{recipe_id}"), None, "delete the recipe"),
        Action::Synthesize => reply
            .suggest("POST", &format!("/recipes/{recipe_id}/synthetic-example"), Some(json!({ "recipe_id": recipe_id, "dataset_schema_json": {} })), "make an example from a schema")
            .suggest("GET", &format!("/recipes/{recipe_id}/synthetic-example"), None, "read the one that is there"),
        Action::CreateRecipe => reply.suggest(
            "POST",
            "/recipes",
            Some(json!({ "name": "My Recipe", "model_family": question.families.first().unwrap_or(&"pricing"), "level": "client", "parent_id": null, "tags": [], "manifest": {} })),
            "make a recipe",
        ),
        Action::Record => reply.suggest("PUT", &format!("/runs/{run_id}"), Some(json!({ "status": "succeeded", "metrics_json": {} })), "record its results"),
    }
}
