//! Recipes for a goal.

use super::{MOST_NAMED, counted};
use crate::facts::{Facts, Recipe};
use crate::question::Question;
use crate::reply::{Kind, Reply};
use crate::words::{FAMILIES, Words};

pub fn find(question: &Question, facts: &Facts) -> Reply {
    let intent = "find_recipes";
    let mut scored: Vec<(u32, &Recipe)> =
        facts.recipes.iter().map(|recipe| (score(question, recipe), recipe)).filter(|(score, _)| *score > 0).collect();
    scored.sort_by_key(|(score, recipe)| (std::cmp::Reverse(*score), recipe.id.clone()));
    let found: Vec<&Recipe> = scored.into_iter().map(|(_, recipe)| recipe).take(MOST_NAMED).collect();
    let Some(first) = found.first() else {
        let families: Vec<&str> = FAMILIES.iter().map(|(family, _)| *family).collect();
        let text = format!(
            "None of the {} here is made for that. The families that recipes have are {}.",
            counted(facts.recipes.len(), "recipe"),
            families.join(", ")
        );
        return Reply::new(intent, text).suggest("GET", "/recipes", None, "list all recipes");
    };
    let mut text = match found.len() {
        1 => format!("{} suits that: {}.", first.name, in_words(first)),
        count => format!("{} suit that, the nearest first.", counted(count, "recipe")),
    };
    if found.len() > 1 {
        for recipe in &found {
            text.push_str(&format!("\n  {}: {}", recipe.name, in_words(recipe)));
        }
    }
    if !first.description.is_empty() {
        text.push_str(&format!("\n{} {}", first.name, lower_first(&first.description)));
    }
    text.push_str("\nClone one to make it yours; an approved recipe cannot be changed in place.");
    let reply =
        Reply::new(intent, text).made_from_all(Kind::Recipe, found.iter().map(|recipe| (recipe.id.as_str(), Some(recipe.name.as_str()))));
    reply
        .suggest(
            "POST",
            &format!("/recipes/{}/clone?name=My%20{}", first.id, encoded(&first.name)),
            None,
            "clone the nearest one under a name of yours",
        )
        .suggest("GET", &format!("/recipes/{}/versions", first.id), None, "read its manifest")
        .suggest("GET", &format!("/recipes/{}/synthetic-example", first.id), None, "see the data that it expects")
}

fn lower_first(text: &str) -> String {
    let text: String = text.chars().take(400).collect();
    format!("is for this: {text}")
}

/// A name in a query: everything but letters, digits and what is safe as `%XX`.
pub fn encoded(text: &str) -> String {
    let safe = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    text.bytes().map(|byte| if safe(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn in_words(recipe: &Recipe) -> String {
    let version = recipe.newest_version_number.as_deref().map(|number| format!(", version {number}")).unwrap_or_default();
    format!("{} ({}, {}, {}{version})", recipe.id, recipe.model_family, recipe.level, recipe.status)
}

/// How well a recipe suits: its family before all, then its name, tags and description; approved ones before drafts.
fn score(question: &Question, recipe: &Recipe) -> u32 {
    let family = question.families.contains(&recipe.model_family.as_str());
    let own = Words::of(&format!("{} {} {}", recipe.name, recipe.tags.join(" "), recipe.description));
    const COMMON: [&str; 24] = [
        "recipe", "model", "the", "for", "and", "with", "want", "need", "base", "baseline", "what", "which", "that", "from", "have", "use",
        "can", "should", "predict", "find", "good", "there", "best", "data",
    ];
    let shared =
        question.words.words.iter().filter(|word| word.len() > 2 && !COMMON.contains(&word.as_str()) && own.has_stem_of(word)).count()
            as u32;
    let named_family = question.families.is_empty();
    let wanted_status = question.status;
    if matches!(wanted_status, Some("draft" | "approved" | "archived")) && wanted_status != Some(recipe.status.as_str()) {
        return 0;
    }
    if wanted_status.is_none() && recipe.status == "archived" {
        return 0;
    }
    let level = ["baseline", "industry", "client"].into_iter().find(|level| question.words.any(&[level]));
    if level.is_some_and(|level| level != recipe.level) {
        return 0;
    }
    let matches = u32::from(family) * 100 + shared * 10;
    let matches = if named_family && shared == 0 { 0 } else { matches };
    if matches == 0 || (!named_family && !family && shared < 2) { 0 } else { matches + u32::from(recipe.status == "approved") * 5 }
}
