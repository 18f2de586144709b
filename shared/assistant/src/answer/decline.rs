//! What the assistant can do, and what it does not.

use super::how_to;
use crate::facts::Facts;
use crate::question::{Question, Refusal};
use crate::reply::Reply;

const ABILITIES: &str = "I read this platform and answer from what I find: recipes for a goal, why a run failed, runs and models compared by a metric, how a model does in production, \
                         what there is and how many, how something is done, and what to do next.";

pub fn help() -> Reply {
    let text = format!(
        "{ABILITIES}\nAsk, for example: Which recipe suits retail discounts? Why did my last run fail? Compare my models by accuracy. Is my pricing model drifting? What should I do next?"
    );
    Reply::new("help", text)
        .suggest("GET", "/recipes", None, "list the recipes")
        .suggest("GET", "/models", None, "list the models")
        .suggest("GET", "/runs", None, "list the runs")
}

/// What the platform's own words mean.
pub fn define() -> Reply {
    let text = "A recipe says how models of a family are made: its manifest, in versions that never change, holds the training script, its requirements and the \
                schema of its data. Baselines are the recipes that the platform brings. A model is made from a version of a recipe, and goes from draft to staging to \
                production. A run trains, evaluates or backtests it, and has metrics, artifacts and a log. A snapshot tells how a model did at a moment: its \
                performance, how fresh its data is, and its drift. Drift is how far the data of today has moved from the data of the training; its usual measure is \
                the population stability index (PSI): under 0.1 is low, up to 0.25 moderate, above that high.";
    Reply::new("define", text).suggest("GET", "/recipes", None, "list the recipes")
}

pub fn decline(question: &Question, facts: &Facts, refusal: Refusal) -> Reply {
    let text = match refusal {
        Refusal::OffTopic => format!("That is not a question about your platform, and I know nothing else. {ABILITIES}"),
        Refusal::Private => {
            "I do not tell secrets, nor anything of other users: I read the recipes, models, runs and snapshots of this platform only."
                .to_owned()
        }
        Refusal::Change(Some(_)) => "I change nothing: I only read. This is the call with which you can do it yourself.".to_owned(),
        Refusal::Change(None) => "I change nothing: I only read, and I know of no call that does this.".to_owned(),
    };
    let mut reply = Reply::new("declined", text);
    reply.answered = false;
    match refusal {
        Refusal::Change(Some(action)) => how_to::with_calls(reply, question, facts, action),
        _ => reply,
    }
}
