//! How models do in production.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{targets, value_in_words};
use crate::facts::{Facts, Model, Snapshot};
use crate::question::Question;
use crate::reply::{Kind, Reply};

/// The stability index from which a feature's drift is moderate, and from which it is high.
const MODERATE: f64 = 0.1;
const HIGH: f64 = 0.25;

pub fn monitoring(question: &Question, facts: &Facts) -> Reply {
    let named = targets::models(question, facts);
    let models: Vec<&Model> = match named.is_empty() {
        false => named,
        true => facts
            .models
            .iter()
            .filter(|model| {
                model.status == "production" && (question.families.is_empty() || question.families.contains(&model.model_family.as_str()))
            })
            .take(5)
            .collect(),
    };
    if models.is_empty() {
        return Reply::new("monitoring", "No model is in production, so there is nothing to watch.").suggest(
            "GET",
            "/models?status=production",
            None,
            "list the models in production",
        );
    }
    let mut text: Vec<String> = Vec::new();
    let mut reply = Reply::new("monitoring", "");
    for model in models {
        reply = reply.made_from(Kind::Model, &model.id, Some(&model.name));
        match facts.snapshots.iter().find(|snapshot| snapshot.model_id == model.id) {
            Some(snapshot) => {
                text.push(format!("{} ({}, {}). {}", model.name, model.id, model.status, in_words(snapshot)));
                reply = reply.made_from(Kind::Snapshot, &snapshot.id, None).suggest(
                    "GET",
                    &format!("/models/{}/monitoring?limit=10", model.id),
                    None,
                    "read its newest snapshots",
                );
                if drift(snapshot).is_some_and(|(_, value)| value > HIGH) {
                    text.push("Its data has moved far from what it was trained on: train it again on newer data.".to_owned());
                    reply = reply.suggest(
                        "POST",
                        "/runs",
                        Some(json!({ "recipe_id": model.recipe_id, "recipe_version_id": model.recipe_version_id, "run_type": "train", "model_id": model.id })),
                        "train it again",
                    );
                }
            }
            None => {
                text.push(format!("{} ({}, {}) has no monitoring snapshot yet.", model.name, model.id, model.status));
                reply = reply.suggest(
                    "POST",
                    &format!("/models/{}/monitoring", model.id),
                    Some(json!({ "model_id": model.id, "performance_metrics_json": {} })),
                    "record a snapshot by hand",
                );
            }
        }
    }
    reply.reply = text.join("\n");
    reply
}

/// The number of a snapshot that tells of drift most, and its name.
pub fn drift(snapshot: &Snapshot) -> Option<(&str, f64)> {
    let numbers = snapshot.drift.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_f64()?)));
    numbers.max_by(|(_, one), (_, other)| one.total_cmp(other))
}

/// A snapshot in words.
pub fn in_words(snapshot: &Snapshot) -> String {
    let at = snapshot.captured_at.map(|at| format!(" of {at}")).unwrap_or_default();
    let mut text = format!("The newest snapshot{at}");
    let listed = |values: &BTreeMap<String, Value>| {
        values.iter().take(8).map(|(name, value)| format!("{name} {}", value_in_words(value))).collect::<Vec<_>>().join(", ")
    };
    let parts = [
        ("performance", &snapshot.performance),
        ("drift", &snapshot.drift),
        ("freshness", &snapshot.freshness),
        ("alerts", &snapshot.alerts),
    ];
    let told: Vec<String> =
        parts.iter().filter(|(_, values)| !values.is_empty()).map(|(name, values)| format!("{name}: {}", listed(values))).collect();
    text.push_str(&if told.is_empty() { " holds nothing.".to_owned() } else { format!(" says {}.", told.join("; ")) });
    if let Some((name, value)) = drift(snapshot) {
        let level = if value > HIGH {
            "high"
        } else if value >= MODERATE {
            "moderate"
        } else {
            "low"
        };
        text.push_str(&format!(" Drift is {level} ({name})."));
    }
    text
}
