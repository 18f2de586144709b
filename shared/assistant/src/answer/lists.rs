//! Which there are, and how many.

use super::{MOST_NAMED, counted, metrics_in_words, run_in_words, targets};
use crate::facts::Facts;
use crate::question::{Question, Subject};
use crate::reply::{Kind, Reply};

/// One of a list: its id, its name, and how it is told of.
struct Entry<'a> {
    id: &'a str,
    name: Option<&'a str>,
    text: String,
}

fn entries<'a>(question: &Question, facts: &'a Facts, subject: Subject) -> Vec<Entry<'a>> {
    let of_family = |family: &str| question.families.is_empty() || question.families.contains(&family);
    let level = ["baseline", "industry", "client"].into_iter().find(|level| question.words.any(&[level]));
    let status = question.status.filter(|status| *status != "baseline");
    match subject {
        Subject::Recipes => {
            let chosen = facts.recipes.iter().filter(|recipe| {
                of_family(&recipe.model_family)
                    && level.is_none_or(|level| recipe.level == level)
                    && status.is_none_or(|status| recipe.status == status)
            });
            let entry = |recipe: &'a crate::Recipe| Entry {
                id: &recipe.id,
                name: Some(&recipe.name),
                text: format!("{} ({}, {}, {}, {})", recipe.name, recipe.id, recipe.model_family, recipe.level, recipe.status),
            };
            chosen.map(entry).collect()
        }
        Subject::Models => {
            let recipes = targets::recipes(question, facts);
            let chosen = facts.models.iter().filter(|model| {
                of_family(&model.model_family)
                    && status.is_none_or(|status| model.status == status)
                    && (recipes.is_empty() || recipes.iter().any(|recipe| recipe.id == model.recipe_id))
            });
            let entry = |model: &'a crate::Model| Entry {
                id: &model.id,
                name: Some(&model.name),
                text: format!("{} ({}, {}, {})", model.name, model.id, model.model_family, model.status),
            };
            chosen.map(entry).collect()
        }
        Subject::Runs => {
            let kind = [("eval", &["eval", "evaluation"][..]), ("backtest", &["backtest"]), ("train", &["training"])]
                .into_iter()
                .find(|(_, spoken)| question.words.any(spoken))
                .map(|(kind, _)| kind);
            let chosen = targets::runs_of(question, facts)
                .into_iter()
                .filter(|run| status.is_none_or(|status| run.status == status) && kind.is_none_or(|kind| run.run_type == kind));
            let entry = |run: &'a crate::Run| {
                let metrics = if run.metrics.is_empty() { String::new() } else { format!(", {}", metrics_in_words(run)) };
                Entry { id: &run.id, name: None, text: format!("{}: {}{metrics}", run_in_words(run, facts), run.status) }
            };
            chosen.map(entry).collect()
        }
    }
}

fn noun(subject: Subject) -> (&'static str, Kind, &'static str) {
    match subject {
        Subject::Recipes => ("recipe", Kind::Recipe, "/recipes"),
        Subject::Models => ("model", Kind::Model, "/models"),
        Subject::Runs => ("run", Kind::Run, "/runs"),
    }
}

fn described(question: &Question, count: usize, thing: &str) -> String {
    let mut adjectives: Vec<&str> = Vec::new();
    adjectives.extend(question.status);
    adjectives.extend(question.families.iter());
    let thing = if adjectives.is_empty() { thing.to_owned() } else { format!("{} {thing}", adjectives.join(" ")) };
    if count == 0 { format!("no {thing}") } else { counted(count, &thing) }
}

fn path(question: &Question, path: &str, subject: Subject) -> String {
    let mut query: Vec<String> = Vec::new();
    if subject != Subject::Runs {
        query.extend(question.families.first().map(|family| format!("model_family={family}")));
    }
    match question.status {
        Some("baseline") => query.push("level=baseline".to_owned()),
        Some(status) => query.push(format!("status={status}")),
        None => {}
    }
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

pub fn list(question: &Question, facts: &Facts, subject: Subject) -> Reply {
    let (thing, kind, list) = noun(subject);
    let found = entries(question, facts, subject);
    let count = described(question, found.len(), thing);
    let mut text = if found.is_empty() { format!("There is {count}.") } else { format!("{count}, newest first:") };
    for entry in found.iter().take(MOST_NAMED) {
        text.push_str(&format!("\n  {}", entry.text));
    }
    if found.len() > MOST_NAMED {
        text.push_str(&format!("\n  and {} more", found.len() - MOST_NAMED));
    }
    if facts.more {
        text.push_str("\nI looked at the newest only; the list has them all.");
    }
    Reply::new(&format!("list_{thing}s"), text)
        .made_from_all(kind, found.iter().take(MOST_NAMED).map(|entry| (entry.id, entry.name)))
        .suggest("GET", &path(question, list, subject), None, &format!("list these {thing}s"))
}

pub fn count(question: &Question, facts: &Facts, subject: Subject) -> Reply {
    let (thing, kind, list) = noun(subject);
    let found = entries(question, facts, subject);
    let count = described(question, found.len(), thing);
    let verb = if found.len() > 1 { "are" } else { "is" };
    let least = if facts.more && !found.is_empty() { " at least" } else { "" };
    let text = format!("There {verb}{least} {count}.");
    Reply::new(&format!("count_{thing}s"), text)
        .made_from_all(kind, found.iter().take(MOST_NAMED).map(|entry| (entry.id, entry.name)))
        .suggest("GET", &path(question, list, subject), None, &format!("list these {thing}s; total counts them all"))
}

/// How many there are of everything, in which state, and what is most pressing.
pub fn overview(facts: &Facts) -> Reply {
    let by_status = |statuses: Vec<&str>| {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for status in statuses {
            match counts.iter_mut().find(|(known, _)| *known == status) {
                Some((_, count)) => *count += 1,
                None => counts.push((status, 1)),
            }
        }
        counts.iter().map(|(status, count)| format!("{count} {status}")).collect::<Vec<_>>().join(", ")
    };
    let line = |count: usize, thing: &str, statuses: Vec<&str>| match count {
        0 => format!("no {thing}s"),
        _ => format!("{} ({})", counted(count, thing), by_status(statuses)),
    };
    let mut text = format!(
        "There are {}, {} and {}.",
        line(facts.recipes.len(), "recipe", facts.recipes.iter().map(|recipe| recipe.status.as_str()).collect()),
        line(facts.models.len(), "model", facts.models.iter().map(|model| model.status.as_str()).collect()),
        line(facts.runs.len(), "run", facts.runs.iter().map(|run| run.status.as_str()).collect()),
    );
    let mut reply = Reply::new("overview", "");
    if let Some(run) = facts.runs.first() {
        text.push_str(&format!("\nThe newest run, {}, is {}.", run_in_words(run, facts), run.status));
        reply = reply.made_from(Kind::Run, &run.id, None);
    }
    if facts.more {
        text.push_str("\nI looked at the newest only; the lists have them all.");
    }
    reply.reply = text;
    reply.suggest("GET", "/models", None, "list the models").suggest("GET", "/runs", None, "list the runs")
}
