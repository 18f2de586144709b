//! Asks what people ask, as written down in `questions.toml`, and holds each answer against what must be in it.
#![allow(clippy::unwrap_used)]

mod platform;

use std::collections::BTreeMap;

use assistant::{Context, Reply, answer, understand};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    question: Vec<Expected>,
    decline: Vec<Expected>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    about: String,
    wordings: Vec<String>,
    #[serde(default)]
    context: BTreeMap<String, String>,
    intent: Option<String>,
    #[serde(default)]
    contains: Vec<String>,
    #[serde(default)]
    lacks: Vec<String>,
    #[serde(default)]
    references: Vec<String>,
    #[serde(default)]
    calls: Vec<String>,
}

fn written() -> Written {
    toml::from_str(include_str!("questions.toml")).unwrap()
}

fn ask(wording: &str, expected: &Expected) -> Reply {
    let context: Map<String, Value> = expected.context.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    let facts = platform::facts();
    answer(&understand(wording, Context::of(&context, None), &facts), &facts)
}

/// What an answer lacks of what it must have.
fn faults(expected: &Expected, reply: &Reply, answered: bool) -> Vec<String> {
    let mut faults = Vec::new();
    if reply.answered != answered {
        faults.push(format!("answered is {}", reply.answered));
    }
    if let Some(intent) = expected.intent.as_ref().filter(|intent| **intent != reply.intent) {
        faults.push(format!("it was taken for {}, not {intent}", reply.intent));
    }
    faults.extend(expected.contains.iter().filter(|text| !reply.reply.contains(*text)).map(|text| format!("it does not say {text:?}")));
    faults.extend(expected.lacks.iter().filter(|text| reply.reply.contains(*text)).map(|text| format!("it says {text:?}")));
    let references: Vec<&str> = reply.references.iter().map(|reference| reference.id.as_str()).collect();
    faults
        .extend(expected.references.iter().filter(|id| !references.contains(&id.as_str())).map(|id| format!("it does not refer to {id}")));
    let calls: Vec<String> = reply.suggested_calls.iter().map(|call| format!("{} {}", call.method, call.path)).collect();
    faults.extend(
        expected.calls.iter().filter(|call| !calls.contains(call)).map(|call| format!("it does not suggest {call}, but {calls:?}")),
    );
    faults
}

#[test]
fn every_question_is_answered_and_what_is_none_is_declined() {
    let written = written();
    assert!(written.question.len() >= 30 && written.decline.len() >= 10);
    let mut wrong = Vec::new();
    for (expected, answered) in
        written.question.iter().map(|expected| (expected, true)).chain(written.decline.iter().map(|expected| (expected, false)))
    {
        for wording in &expected.wordings {
            let reply = ask(wording, expected);
            let faults = faults(expected, &reply, answered);
            if !faults.is_empty() {
                wrong.push(format!(
                    "{} — {wording}\n    {}\n    [{}] {}",
                    expected.about,
                    faults.join("\n    "),
                    reply.intent,
                    reply.reply
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn an_answer_names_only_what_the_platform_has() {
    let facts = platform::facts();
    let known: Vec<&str> = facts
        .recipes
        .iter()
        .map(|recipe| recipe.id.as_str())
        .chain(facts.models.iter().map(|model| model.id.as_str()))
        .chain(facts.runs.iter().map(|run| run.id.as_str()))
        .chain(facts.snapshots.iter().map(|snapshot| snapshot.id.as_str()))
        .collect();
    for expected in written().question.iter().chain(&written().decline) {
        for wording in &expected.wordings {
            for reference in ask(wording, expected).references {
                assert!(known.contains(&reference.id.as_str()), "{wording}: {}", reference.id);
            }
        }
    }
}

#[test]
fn an_empty_platform_is_answered_about_too() {
    let nothing = assistant::Facts::default();
    for expected in written().question.iter().chain(&written().decline) {
        for wording in &expected.wordings {
            let reply = answer(&understand(wording, Context::default(), &nothing), &nothing);
            assert!(!reply.reply.is_empty() && reply.references.is_empty(), "{wording}: {reply:?}");
        }
    }
}

#[test]
fn any_text_at_all_has_an_answer() {
    let facts = platform::facts();
    let long = "why did the run fail ".repeat(200);
    for text in [
        "",
        " ",
        "?",
        "🙂🙂",
        "\0\n\t",
        "run_",
        "recipe_é",
        "ᚠᛇᚻ᛫ᛒᛦᚦ",
        "İstanbul model",
        "%",
        "{}",
        long.as_str(),
        "run run run model model",
        "'\"`;--",
    ] {
        assert!(!answer(&understand(text, Context::default(), &facts), &facts).reply.is_empty(), "{text}");
    }
}
