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
