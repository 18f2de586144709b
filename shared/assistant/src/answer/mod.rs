//! Answers, made from what was looked up. One file for each thing that is asked.

mod compare;
mod decline;
mod describe;
mod failure;
mod how_to;
mod lists;
mod monitoring;
mod next;
mod recipes;
mod targets;

use serde_json::Value;

use crate::facts::{Facts, Run};
use crate::question::{Ask, Question};
use crate::reply::{Kind, Reply};

pub use targets::{Details, details};

/// The most things of a kind that an answer names.
const MOST_NAMED: usize = 10;

/// Answers a question from the facts that were looked up for it.
pub fn answer(question: &Question, facts: &Facts) -> Reply {
    if let Some(reply) = targets::unknown(question, facts) {
        return reply.with_context();
    }
    let reply = match question.ask {
        Ask::FindRecipes => recipes::find(question, facts),
        Ask::ExplainFailure => failure::explain(question, facts),
        Ask::Compare(subject) => compare::compare(question, facts, subject),
        Ask::Best { subject, worst } => compare::best(question, facts, subject, worst),
        Ask::NextStep => next::next(question, facts),
        Ask::List(subject) => lists::list(question, facts, subject),
        Ask::Count(subject) => lists::count(question, facts, subject),
        Ask::Describe => describe::describe(question, facts),
        Ask::Monitoring => monitoring::monitoring(question, facts),
        Ask::HowTo(action) => how_to::how_to(question, facts, action),
        Ask::Overview => lists::overview(facts),
        Ask::Define => decline::define(),
        Ask::Help => decline::help(),
        Ask::Decline(refusal) => decline::decline(question, facts, refusal),
    };
    reply.with_context()
}

/// A run in a few words.
fn run_in_words(run: &Run, facts: &Facts) -> String {
    let of = run
        .model_id
        .as_deref()
        .and_then(|id| facts.model(id))
        .map(|model| format!(" of {}", model.name))
        .or_else(|| facts.recipe(&run.recipe_id).map(|recipe| format!(" of {}", recipe.name)))
        .unwrap_or_default();
    format!("{} ({}{of})", run.id, run.run_type)
}

/// A number of things, and what they are.
fn counted(count: usize, thing: &str) -> String {
    let plural = match thing.strip_suffix('y') {
        Some(rest) => format!("{rest}ies"),
        None => format!("{thing}s"),
    };
    if count == 1 { format!("1 {thing}") } else { format!("{count} {plural}") }
}

/// Metrics in words, the first few.
fn metrics_in_words(run: &Run) -> String {
    let mut names: Vec<String> =
        run.metrics.iter().take(8).map(|(name, value)| format!("{name} {}", crate::measure::number(*value))).collect();
    if run.metrics.len() > 8 {
        names.push(format!("and {} more", run.metrics.len() - 8));
    }
    names.join(", ")
}

/// A JSON value in words.
fn value_in_words(value: &Value) -> String {
    match value {
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), crate::measure::number),
        Value::String(text) => text.chars().take(200).collect(),
        other => other.to_string().chars().take(200).collect(),
    }
}

/// Adds a run to what an answer was made from, with its model.
fn with_run(reply: Reply, run: &Run, facts: &Facts) -> Reply {
    let reply = reply.made_from(Kind::Run, &run.id, None);
    match run.model_id.as_deref().and_then(|id| facts.model(id)) {
        Some(model) => reply.made_from(Kind::Model, &model.id, Some(&model.name)),
        None => reply,
    }
}
