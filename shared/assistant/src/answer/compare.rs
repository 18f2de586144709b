//! Runs and models beside each other, by their metrics.

use std::collections::BTreeSet;

use super::{MOST_NAMED, run_in_words, targets, with_run};
use crate::facts::{Facts, Model, Run};
use crate::measure::{absent, less_is_better, named, number, usual};
use crate::question::{Question, Subject};
use crate::reply::{Kind, Reply};

/// What is compared: a run by itself, or a model by its newest run that succeeded.
struct Contender<'a> {
    run: &'a Run,
    model: Option<&'a Model>,
}

impl Contender<'_> {
    fn name(&self, facts: &Facts) -> String {
        match self.model {
            Some(model) => format!("{} ({})", model.name, model.id),
            None => run_in_words(self.run, facts),
        }
    }

    fn add_to(&self, reply: Reply, facts: &Facts) -> Reply {
        match self.model {
            Some(model) => reply.made_from(Kind::Model, &model.id, Some(&model.name)).made_from(Kind::Run, &self.run.id, None),
            None => with_run(reply, self.run, facts),
        }
    }
}

fn newest_success<'a>(model: &Model, facts: &'a Facts) -> Option<&'a Run> {
    facts.runs.iter().find(|run| run.model_id.as_deref() == Some(&model.id) && run.status == "succeeded" && !run.metrics.is_empty())
}

fn models<'a>(question: &Question, facts: &'a Facts, fewest: usize) -> Vec<Contender<'a>> {
    let named = targets::models(question, facts);
    let of_kind = |model: &&Model| {
        (question.families.is_empty() || question.families.contains(&model.model_family.as_str()))
            && question.status.is_none_or(|status| !is_model_status(status) || model.status == status)
    };
    let chosen = if named.len() >= fewest { named } else { facts.models.iter().filter(of_kind).collect() };
    chosen.into_iter().filter_map(|model| Some(Contender { run: newest_success(model, facts)?, model: Some(model) })).collect()
}

fn is_model_status(status: &str) -> bool {
    matches!(status, "draft" | "staging" | "production" | "retired")
}

fn runs<'a>(question: &Question, facts: &'a Facts, fewest: usize) -> Vec<Contender<'a>> {
    let named: Vec<&Run> = question.ids.iter().filter_map(|id| facts.run(id)).collect();
    let kind = ["train", "eval", "backtest"].into_iter().find(|kind| match *kind {
        "eval" => question.words.any(&["eval", "evaluation", "evaluations"]),
        "backtest" => question.words.any(&["backtest", "backtests"]),
        _ => false,
    });
    let of_kind = |run: &&Run| !run.metrics.is_empty() && run.status != "failed" && kind.is_none_or(|kind| run.run_type == kind);
    let chosen = if named.len() >= fewest { named } else { targets::runs_of(question, facts).into_iter().filter(of_kind).collect() };
    chosen.into_iter().map(|run| Contender { run, model: None }).collect()
}

fn contenders<'a>(question: &Question, facts: &'a Facts, subject: Subject, fewest: usize) -> Vec<Contender<'a>> {
    match subject {
        Subject::Models => models(question, facts, fewest),
        _ => runs(question, facts, fewest),
    }
}

fn metric<'a>(question: &Question, contenders: &[Contender<'a>]) -> Option<&'a str> {
    let all: BTreeSet<&str> = contenders.iter().flat_map(|contender| contender.run.metrics.keys().map(String::as_str)).collect();
    if let Some(metric) = named(&question.words, all.iter().copied()) {
        return Some(metric);
    }
    let shared: Vec<&str> =
        all.iter().copied().filter(|metric| contenders.iter().all(|contender| contender.run.metrics.contains_key(*metric))).collect();
    let frequent = || {
        let mut all: Vec<&str> = all.iter().copied().collect();
        all.sort_by_key(|metric| {
            std::cmp::Reverse(contenders.iter().filter(|contender| contender.run.metrics.contains_key(*metric)).count())
        });
        all
    };
    usual(&shared).or_else(|| frequent().first().copied())
}

fn noun(subject: Subject) -> &'static str {
    if subject == Subject::Models { "models" } else { "runs" }
}

fn too_few(intent: &str, subject: Subject, found: &[Contender<'_>], facts: &Facts) -> Reply {
    let noun = noun(subject);
    let reason = if subject == Subject::Models { "whose newest run succeeded with metrics" } else { "with metrics" };
    let text = match found {
        [] => format!("I found no {noun} {reason}, so there is nothing to compare."),
        [one] => format!("I found one of the {noun} only {reason}: {}. There is nothing to compare it with.", one.name(facts)),
        _ => format!("The {noun} share no metric to compare them by."),
    };
    let reply = found.iter().fold(Reply::new(intent, text), |reply, contender| contender.add_to(reply, facts));
    reply.suggest("GET", "/runs?status=succeeded", None, "list the runs that succeeded")
}

pub fn compare(question: &Question, facts: &Facts, subject: Subject) -> Reply {
    let (subject, intent) = match subject {
        Subject::Models => (subject, "compare_models"),
        _ => (Subject::Runs, "compare_runs"),
    };
    let mut contenders = contenders(question, facts, subject, 2);
    if let Some(latest) = how_many(question) {
        contenders.truncate(latest);
    }
    contenders.truncate(MOST_NAMED);
    if contenders.len() < 2 {
        return too_few(intent, subject, &contenders, facts);
    }
    let Some(metric) = metric(question, &contenders) else { return too_few(intent, subject, &contenders, facts) };
    ranked(intent, question, facts, contenders, metric, false)
}

fn how_many(question: &Question) -> Option<usize> {
    let words = &question.words;
    let of_last = words.any(&["last", "latest", "newest", "recent", "top", "two", "three", "both"]);
    let spoken = [("two", 2), ("three", 3), ("four", 4), ("five", 5)];
    let written = words.words.iter().find_map(|word| word.parse::<usize>().ok().filter(|count| (2..=20).contains(count)));
    of_last.then(|| written.or_else(|| spoken.iter().find(|(word, _)| words.phrase(word)).map(|(_, count)| *count))).flatten()
}

pub fn best(question: &Question, facts: &Facts, subject: Subject, worst: bool) -> Reply {
    let intent = if subject == Subject::Models { "best_model" } else { "best_run" };
    let contenders = contenders(question, facts, subject, 2);
    let Some(metric) = metric(question, &contenders) else { return too_few(intent, subject, &contenders, facts) };
    ranked(intent, question, facts, contenders, metric, worst)
}

fn ranked(intent: &str, question: &Question, facts: &Facts, contenders: Vec<Contender<'_>>, metric: &str, worst: bool) -> Reply {
    let words = &question.words;
    // "lowest" and "highest" mean the number, "best" and "worst" what is good of it.
    let ascending = if words.any(&["lowest", "smallest", "minimum", "min", "least"]) {
        true
    } else if words.any(&["highest", "greatest", "largest", "maximum", "max"]) {
        false
    } else {
        less_is_better(metric) != worst
    };
    let (mut with, without): (Vec<_>, Vec<_>) =
        contenders.into_iter().partition(|contender| contender.run.metrics.get(metric).is_some_and(|value| value.is_finite()));
    let value = |contender: &Contender<'_>| contender.run.metrics.get(metric).copied().unwrap_or(f64::NAN);
    with.sort_by(|one, other| if ascending { value(one).total_cmp(&value(other)) } else { value(other).total_cmp(&value(one)) });
    let Some(first) = with.first() else {
        return Reply::new(intent, format!("None of them has the metric {metric}.")).suggest(
            "GET",
            "/runs?status=succeeded",
            None,
            "list the runs that succeeded",
        );
    };
    let direction = if less_is_better(metric) { "less is better" } else { "more is better" };
    let place = match (worst, less_is_better(metric) == ascending) {
        (_, true) => "best",
        _ => "worst",
    };
    let all: Vec<&str> = with.iter().chain(&without).flat_map(|contender| contender.run.metrics.keys().map(String::as_str)).collect();
    let lacking = absent(words, &all).map(|metric| format!("None of them has the metric {metric}. ")).unwrap_or_default();
    let mut text = format!("{lacking}By {metric} ({direction}), {} is {place}: {}.", first.name(facts), number(value(first)));
    for contender in with.iter().skip(1).take(MOST_NAMED - 1) {
        let difference = value(contender) - value(first);
        let sign = if difference >= 0.0 { "+" } else { "" };
        text.push_str(&format!("\n  {}: {} ({sign}{})", contender.name(facts), number(value(contender)), number(difference)));
    }
    if with.len() > MOST_NAMED {
        text.push_str(&format!("\n  and {} more", with.len() - MOST_NAMED));
    }
    for contender in without.iter().take(3) {
        text.push_str(&format!("\n  {} does not have {metric}.", contender.name(facts)));
    }
    if with.len() == 2 {
        text.push_str(&other_metrics(&with[0], &with[1], metric, facts));
    }
    let reply = with
        .iter()
        .take(MOST_NAMED)
        .chain(without.iter().take(3))
        .fold(Reply::new(intent, text), |reply, contender| contender.add_to(reply, facts));
    let winner = &with[0];
    let reply = reply.suggest("GET", &format!("/runs/{}", winner.run.id), None, "read the run that is first");
    match winner.model {
        Some(model) => reply.suggest("GET", &format!("/models/{}", model.id), None, "read the model that is first"),
        None => reply,
    }
}

fn other_metrics(one: &Contender<'_>, other: &Contender<'_>, metric: &str, facts: &Facts) -> String {
    let shared = one.run.metrics.iter().filter(|(name, _)| name.as_str() != metric);
    let lines: Vec<String> = shared
        .filter_map(|(name, value)| Some((name, *value, *other.run.metrics.get(name)?)))
        .take(6)
        .map(|(name, first, second)| format!("\n  {name}: {} against {}", number(first), number(second)))
        .collect();
    if lines.is_empty() { String::new() } else { format!("\nWhat else both have, {} first:{}", one.name(facts), lines.concat()) }
}
