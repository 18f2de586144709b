//! The platform that the questions of `questions.toml` are asked about.
#![allow(clippy::unwrap_used)]

use assistant::{Facts, Model, Recipe, Run, Snapshot};
use serde_json::json;

fn recipe(id: &str, name: &str, family: &str, level: &str, status: &str, description: &str) -> Recipe {
    Recipe {
        id: id.into(),
        name: name.into(),
        model_family: family.into(),
        level: level.into(),
        status: status.into(),
        tags: vec![level.into()],
        description: description.into(),
        newest_version_id: Some(format!("ver_{}_v1", id.trim_start_matches("recipe_"))),
        newest_version_number: Some("1.0.0".into()),
    }
}

fn model(id: &str, name: &str, family: &str, status: &str, recipe: &str) -> Model {
    Model {
        id: id.into(),
        name: name.into(),
        model_family: family.into(),
        status: status.into(),
        owner: "data-science-team".into(),
        recipe_id: recipe.into(),
        recipe_version_id: format!("ver_{}_v1", recipe.trim_start_matches("recipe_")),
    }
}

fn run(number: u32, model: &str, recipe: &str, status: &str, metrics: &[(&str, f64)]) -> Run {
    Run {
        id: format!("run_0192f0aa000070008000{number:012}"),
        model_id: Some(model.into()),
        recipe_id: recipe.into(),
        recipe_version_id: format!("ver_{}_v1", recipe.trim_start_matches("recipe_")),
        run_type: "train".into(),
        status: status.into(),
        started_at: Some("2026-02-25T10:00:00Z".parse().unwrap()),
        finished_at: (status != "running").then(|| "2026-02-25T10:00:32Z".parse().unwrap()),
        metrics: metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        error: None,
        log_tail: vec!["loading 400 rows".into()],
    }
}

/// Four baselines and a recipe of the user's, three models, five runs, one snapshot.
pub fn facts() -> Facts {
    let failed = Run {
        error: Some("ValueError: could not convert string to float: 'n/a'".into()),
        log_tail: vec!["loading 400 rows".into(), "ValueError: could not convert string to float: 'n/a'".into()],
        ..run(3, "model_shelf", "recipe_forecasting_base", "failed", &[])
    };
    Facts {
        recipes: vec![
            recipe("recipe_fashion", "My Fashion Prices", "pricing", "client", "draft", ""),
            recipe(
                "recipe_pricing_base",
                "Pricing Baseline v1",
                "pricing",
                "baseline",
                "approved",
                "Prices that raise revenue without losing margin.",
            ),
            recipe(
                "recipe_next_best_action_base",
                "Next Best Action Baseline v1",
                "next_best_action",
                "baseline",
                "approved",
                "The offer to make to each customer.",
            ),
            recipe(
                "recipe_location_scoring_base",
                "Location Scoring Baseline v1",
                "location_scoring",
                "baseline",
                "approved",
                "How well a site would do.",
            ),
            recipe(
                "recipe_forecasting_base",
                "Forecasting Baseline v1",
                "forecasting",
                "baseline",
                "approved",
                "Demand of the coming weeks.",
            ),
        ],
        models: vec![
            model("model_wholesale", "Wholesale Pricing", "pricing", "staging", "recipe_pricing_base"),
            model("model_retail", "Retail Pricing", "pricing", "production", "recipe_pricing_base"),
            model("model_shelf", "Shelf Demand", "forecasting", "draft", "recipe_forecasting_base"),
        ],
        runs: vec![
            failed,
            run(4, "model_shelf", "recipe_forecasting_base", "running", &[]),
            run(5, "model_wholesale", "recipe_pricing_base", "succeeded", &[("revenue_lift", 0.061)]),
            run(2, "model_retail", "recipe_pricing_base", "succeeded", &[("revenue_lift", 0.045), ("MAPE", 0.15)]),
            run(1, "model_retail", "recipe_pricing_base", "succeeded", &[("revenue_lift", 0.041), ("MAPE", 0.12)]),
        ],
        snapshots: vec![Snapshot {
            id: "snap_1".into(),
            model_id: "model_retail".into(),
            captured_at: Some("2026-02-26T12:00:00Z".parse().unwrap()),
            performance: [("revenue_lift".to_owned(), json!(0.038))].into(),
            drift: [("PSI".to_owned(), json!(0.31))].into(),
            freshness: [("last_update".to_owned(), json!("2026-02-26T11:00:00Z"))].into(),
            alerts: Default::default(),
        }],
        more: false,
    }
}
