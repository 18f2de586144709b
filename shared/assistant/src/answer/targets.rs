//! Which recipe, model or run a question means.

use crate::facts::{Facts, Model, Recipe, Run};
use crate::question::{Ask, Question, Subject};
use crate::reply::Reply;

/// What has to be looked up beyond the lists before a question can be answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// The run whose error and last log lines are needed.
    pub run: Option<String>,
    /// The models whose newest snapshots are needed.
    pub models: Vec<String>,
}

/// What a question needs beyond the lists.
pub fn details(question: &Question, facts: &Facts) -> Details {
    match question.ask {
        Ask::ExplainFailure => Details { run: failed_run(question, facts).map(|run| run.id.clone()), models: Vec::new() },
        Ask::Describe => Details { run: runs(question, facts).first().map(|run| run.id.clone()), models: model_ids(question, facts) },
        Ask::NextStep | Ask::Monitoring => {
            Details { run: failed_run(question, facts).map(|run| run.id.clone()), models: model_ids(question, facts) }
        }
        Ask::Compare(Subject::Models) | Ask::Best { subject: Subject::Models, .. } => {
            Details { run: None, models: model_ids(question, facts) }
        }
        _ => Details::default(),
    }
}

fn model_ids(question: &Question, facts: &Facts) -> Vec<String> {
    let named = models(question, facts);
    let live = || facts.models.iter().filter(|model| model.status == "production");
    let ids: Vec<String> = match named.is_empty() {
        false => named.iter().map(|model| model.id.clone()).collect(),
        true => live().map(|model| model.id.clone()).collect(),
    };
    ids.into_iter().take(5).collect()
}

/// The answer to a question that names an id which is not there.
pub fn unknown(question: &Question, facts: &Facts) -> Option<Reply> {
    let declined = matches!(question.ask, Ask::Decline(_) | Ask::Help | Ask::Define | Ask::HowTo(_));
    let missing = question.ids.iter().find(|id| match id.split('_').next() {
        Some("recipe") => facts.recipe(id).is_none(),
        Some("model") => facts.model(id).is_none(),
        Some("run") => facts.run(id).is_none(),
        _ => false,
    });
    let missing = missing.filter(|_| !declined)?;
    let kind = missing.split('_').next().unwrap_or_default();
    let reply =
        Reply::new("not_found", format!("There is no {kind} {missing} on this platform. The list of {kind}s shows those that there are."));
    Some(reply.suggest("GET", &format!("/{kind}s"), None, &format!("list the {kind}s")))
}

/// The recipes that a question names, by id or name; that of the context where it names none.
pub fn recipes<'a>(question: &Question, facts: &'a Facts) -> Vec<&'a Recipe> {
    let mut found: Vec<&Recipe> = question.ids.iter().filter_map(|id| facts.recipe(id)).collect();
    found.extend(longest(facts.recipes.iter().filter(|recipe| question.words.names(&recipe.name)), |recipe| &recipe.name));
    if found.is_empty() {
        found.extend(question.context.recipe_id.iter().filter_map(|id| facts.recipe(id)));
    }
    unique(found, |recipe| &recipe.id)
}

/// The models that a question names, by id or name; that of the context where it names none.
pub fn models<'a>(question: &Question, facts: &'a Facts) -> Vec<&'a Model> {
    let mut found: Vec<&Model> = question.ids.iter().filter_map(|id| facts.model(id)).collect();
    found.extend(longest(facts.models.iter().filter(|model| question.words.names(&model.name)), |model| &model.name));
    if found.is_empty() {
        found.extend(question.context.model_id.iter().filter_map(|id| facts.model(id)));
    }
    unique(found, |model| &model.id)
}

/// The runs that a question names; that of the context where it names none.
pub fn runs<'a>(question: &Question, facts: &'a Facts) -> Vec<&'a Run> {
    let mut found: Vec<&Run> = question.ids.iter().filter_map(|id| facts.run(id)).collect();
    if found.is_empty() {
        found.extend(question.context.run_id.iter().filter_map(|id| facts.run(id)));
    }
    unique(found, |run| &run.id)
}

/// The runs of what a question names: of its models, else of its recipes, else of its families, else all.
pub fn runs_of<'a>(question: &Question, facts: &'a Facts) -> Vec<&'a Run> {
    let (models, recipes) = (models(question, facts), recipes(question, facts));
    let of_family = |run: &&Run| {
        question.families.is_empty()
            || facts.recipe(&run.recipe_id).is_some_and(|recipe| question.families.contains(&recipe.model_family.as_str()))
    };
    let runs = facts.runs.iter();
    match (models.is_empty(), recipes.is_empty()) {
        (false, _) => runs.filter(|run| models.iter().any(|model| run.model_id.as_deref() == Some(&model.id))).collect(),
        (true, false) => runs.filter(|run| recipes.iter().any(|recipe| run.recipe_id == recipe.id)).collect(),
        (true, true) => runs.filter(of_family).collect(),
    }
}

/// The run whose failure is asked after: the one that is named, else the newest that failed of what is named.
pub fn failed_run<'a>(question: &Question, facts: &'a Facts) -> Option<&'a Run> {
    match runs(question, facts).first() {
        Some(run) => Some(*run),
        None => runs_of(question, facts).into_iter().find(|run| run.status == "failed"),
    }
}

/// Where one name is a part of another, what the longer one names.
fn longest<'a, T>(found: impl Iterator<Item = &'a T>, name: impl Fn(&T) -> &String) -> Vec<&'a T> {
    let found: Vec<&T> = found.collect();
    let within = |short: &T, long: &T| {
        let (short, long) = (name(short).to_lowercase(), name(long).to_lowercase());
        short != long && long.contains(&short)
    };
    found.iter().filter(|one| !found.iter().any(|other| within(one, other))).copied().collect()
}

fn unique<T>(found: Vec<&T>, id: impl Fn(&T) -> &String) -> Vec<&T> {
    let mut unique: Vec<&T> = Vec::new();
    for one in found {
        if !unique.iter().any(|other| id(other) == id(one)) {
            unique.push(one);
        }
    }
    unique
}
