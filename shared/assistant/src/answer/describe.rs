//! What is known of one thing.

use super::{lists, metrics_in_words, monitoring, run_in_words, targets, with_run};
use crate::facts::{Facts, Model, Recipe, Run};
use crate::question::{Question, Subject};
use crate::reply::{Kind, Reply};

pub fn describe(question: &Question, facts: &Facts) -> Reply {
    let intent = "describe";
    let words = &question.words;
    let named_run = question.ids.iter().find_map(|id| facts.run(id));
    if let Some(run) = named_run {
        return of_run(Reply::new(intent, run_text(run, facts)), run, facts);
    }
    let wants_run = words.any(&["run", "training", "job", "backtest", "evaluation", "experiment"]);
    let (models, recipes) = (targets::models(question, facts), targets::recipes(question, facts));
    if wants_run {
        let latest = match targets::runs(question, facts).first() {
            Some(run) => Some(*run),
            None => {
                let runs = targets::runs_of(question, facts);
                // "Has it finished?" asks for no run of that status.
                let wanted = question.status.filter(|_| words.any(&["successful", "succeeded", "failed", "running", "queued"]));
                runs.iter().find(|run| wanted.is_none_or(|status| run.status == status)).or_else(|| runs.first()).copied()
            }
        };
        return match latest {
            Some(run) => of_run(Reply::new(intent, run_text(run, facts)), run, facts),
            None => Reply::new(intent, "There is no such run yet.").suggest("GET", "/runs", None, "list the runs"),
        };
    }
    if let Some(model) = models.first() {
        return of_model(model, facts);
    }
    if let Some(recipe) = recipes.first() {
        return of_recipe(recipe, facts);
    }
    if let Some(run) = targets::runs(question, facts).first() {
        return of_run(Reply::new(intent, run_text(run, facts)), run, facts);
    }
    let subject = if words.any(&["model", "models"]) { Subject::Models } else { Subject::Recipes };
    lists::list(question, facts, subject)
}

fn run_text(run: &Run, facts: &Facts) -> String {
    let mut text = format!("Run {} is {}.", run_in_words(run, facts), run.status);
    match (run.started_at, run.finished_at) {
        (Some(started), Some(finished)) => {
            let seconds = finished.duration_since(started).as_secs().max(0);
            text.push_str(&format!(" It began at {started} and took {seconds} s."));
        }
        (Some(started), None) => text.push_str(&format!(" It began at {started}.")),
        _ => {}
    }
    if !run.metrics.is_empty() {
        text.push_str(&format!("\nIts metrics: {}.", metrics_in_words(run)));
    }
    if let Some(error) = &run.error {
        text.push_str(&format!("\nIts error: {}", error.trim()));
    }
    text
}

fn of_run(reply: Reply, run: &Run, facts: &Facts) -> Reply {
    let name = facts.recipe(&run.recipe_id).map(|recipe| recipe.name.as_str());
    with_run(reply, run, facts).made_from(Kind::Recipe, &run.recipe_id, name).suggest(
        "GET",
        &format!("/runs/{}", run.id),
        None,
        "read the run with its log and artifacts",
    )
}

fn of_model(model: &Model, facts: &Facts) -> Reply {
    let owner = if model.owner.is_empty() { String::new() } else { format!(" and {} looks after it", model.owner) };
    let recipe = facts.recipe(&model.recipe_id);
    let made = recipe.map(|recipe| format!(" It is made from {}.", recipe.name)).unwrap_or_default();
    let mut text = format!("{} ({}) is a {} model in {}{owner}.{made}", model.name, model.id, model.model_family, model.status);
    let runs: Vec<&Run> = facts.runs.iter().filter(|run| run.model_id.as_deref() == Some(&model.id)).collect();
    let mut reply = Reply::new("describe", "").made_from(Kind::Model, &model.id, Some(&model.name));
    match runs.first() {
        Some(run) => {
            let metrics = if run.metrics.is_empty() { String::new() } else { format!(" with {}", metrics_in_words(run)) };
            text.push_str(&format!("\nIts newest run, {}, is {}{metrics}.", run.id, run.status));
            reply = reply.made_from(Kind::Run, &run.id, None);
        }
        None => text.push_str("\nIt has no runs yet."),
    }
    if let Some(snapshot) = facts.snapshots.iter().find(|snapshot| snapshot.model_id == model.id) {
        text.push_str(&format!("\n{}", monitoring::in_words(snapshot)));
        reply = reply.made_from(Kind::Snapshot, &snapshot.id, None);
    }
    if let Some(recipe) = recipe {
        reply = reply.made_from(Kind::Recipe, &recipe.id, Some(&recipe.name));
    }
    reply.reply = text;
    reply
        .suggest("GET", &format!("/models/{}", model.id), None, "read the model")
        .suggest("GET", &format!("/runs?model_id={}", model.id), None, "list its runs")
        .suggest("GET", &format!("/models/{}/monitoring", model.id), None, "list its snapshots")
}

fn of_recipe(recipe: &Recipe, facts: &Facts) -> Reply {
    let mut text = format!("{} ({}) is a {} {} recipe, {}.", recipe.name, recipe.id, recipe.level, recipe.model_family, recipe.status);
    if let (Some(number), Some(id)) = (&recipe.newest_version_number, &recipe.newest_version_id) {
        text.push_str(&format!(" Its newest version is {number} ({id})."));
    }
    if !recipe.description.is_empty() {
        text.push_str(&format!("\n{}", recipe.description.chars().take(600).collect::<String>()));
    }
    let models: Vec<&Model> = facts.models.iter().filter(|model| model.recipe_id == recipe.id).collect();
    if !models.is_empty() {
        let names: Vec<&str> = models.iter().take(5).map(|model| model.name.as_str()).collect();
        text.push_str(&format!("\nModels made from it: {}.", names.join(", ")));
    }
    Reply::new("describe", text)
        .made_from(Kind::Recipe, &recipe.id, Some(&recipe.name))
        .made_from_all(Kind::Model, models.iter().take(5).map(|model| (model.id.as_str(), Some(model.name.as_str()))))
        .suggest("GET", &format!("/recipes/{}/versions", recipe.id), None, "list its versions with their manifests")
        .suggest("GET", &format!("/runs?recipe_id={}", recipe.id), None, "list its runs")
}
