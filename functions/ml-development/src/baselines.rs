//! The recipes that come with the platform, one for each family: approved, with training and evaluation scripts, and example
//! data that the scripts train on. They are written when somebody first asks for recipes on an empty platform, and never
//! change.

use serde_json::{Map, Value, json};
use shared::documents::Document;
use shared::domain::development::choices::{ModelFamily, RecipeLevel, RecipeStatus};
use shared::domain::development::recipe::{Recipe, RecipeVersion, SyntheticExample};
use shared::domain::development::version_number;
use shared::store::recipes::NewRecipe;
use shared::{Error, Platform, Result, Timestamp};

struct Baseline {
    recipe_id: &'static str,
    version_id: &'static str,
    name: &'static str,
    family: ModelFamily,
    tags: &'static [&'static str],
    manifest: &'static str,
    training_script: &'static str,
    evaluation_script: &'static str,
    rows: &'static str,
}

macro_rules! baseline {
    ($folder:literal, $id:literal, $name:literal, $family:ident, $tags:expr) => {
        Baseline {
            recipe_id: $id,
            version_id: concat!($id, "_v1"),
            name: $name,
            family: ModelFamily::$family,
            tags: &$tags,
            manifest: include_str!(concat!("../baselines/", $folder, "/manifest.json")),
            training_script: include_str!(concat!("../baselines/", $folder, "/train.py")),
            evaluation_script: include_str!("../baselines/evaluate.py"),
            rows: include_str!(concat!("../baselines/", $folder, "/rows.csv")),
        }
    };
}

const BASELINES: &[Baseline] = &[
    baseline!("pricing", "pricing_base", "Pricing Baseline v1", Pricing, ["baseline", "optimization"]),
    baseline!("next_best_action", "next_best_action_base", "Next Best Action Baseline v1", NextBestAction, ["baseline", "marketing"]),
    baseline!("location_scoring", "location_scoring_base", "Location Scoring Baseline v1", LocationScoring, ["baseline", "expansion"]),
    baseline!("forecasting", "forecasting_base", "Forecasting Baseline v1", Forecasting, ["baseline", "time-series"]),
];

/// True for the id, without its prefix, of a recipe that comes with the platform.
pub fn is_one(recipe_id: &str) -> bool {
    BASELINES.iter().any(|baseline| baseline.recipe_id == recipe_id)
}

/// Writes the recipes that come with the platform where there are none at all: they are the first and stay.
///
/// # Errors
/// `Internal` when DynamoDB does not answer.
pub async fn ensure(platform: &Platform) -> Result<()> {
    let store = platform.store()?;
    if store.count_recipes().await? > 0 {
        return Ok(());
    }
    let now = Timestamp::now();
    let recipes = BASELINES.iter().map(|baseline| baseline.recipe(now)).collect::<Result<Vec<_>>>()?;
    store.create_built_in_recipes(&recipes).await
}

impl Baseline {
    fn recipe(&self, now: Timestamp) -> Result<NewRecipe> {
        let manifest = self.manifest()?;
        let (rows, count) = self.rows()?;
        Ok(NewRecipe {
            recipe: Recipe {
                id: self.recipe_id.to_owned(),
                name: self.name.to_owned(),
                model_family: self.family,
                level: RecipeLevel::Baseline,
                status: RecipeStatus::Approved,
                parent_id: None,
                tags: self.tags.iter().map(|tag| (*tag).to_owned()).collect(),
                latest_version_id: self.version_id.to_owned(),
                latest_version_number: version_number::FIRST.to_owned(),
                versions: 1,
                references: 0,
                revision: 0,
                made_by: None,
                built_in: true,
                created_at: now,
                updated_at: now,
            },
            example: Some(SyntheticExample {
                recipe_id: self.recipe_id.to_owned(),
                dataset_schema: Document::inline(&manifest["dataset_schema"]),
                sample_rows: Document::inline(&rows),
                rows: count,
                generated: false,
                example_run: Some(Document::inline(&json!({
                    "recipe_id": format!("recipe_{}", self.recipe_id),
                    "recipe_version_id": format!("ver_{}", self.version_id),
                    "run_type": "train",
                }))),
                created_at: now,
            }),
            version: RecipeVersion {
                id: self.version_id.to_owned(),
                recipe_id: self.recipe_id.to_owned(),
                version_number: version_number::FIRST.to_owned(),
                manifest: Document::inline(&manifest),
                diff_from_prev: None,
                created_by: Some("system".to_owned()),
                created_at: now,
                change_note: Some("Initial version".to_owned()),
            },
        })
    }

    fn manifest(&self) -> Result<Value> {
        let mut manifest: Value = serde_json::from_str(self.manifest)
            .map_err(|error| Error::internal(format!("reading the manifest of {}", self.name), error))?;
        manifest["training_script"] = json!(self.training_script);
        manifest["evaluation_script"] = json!(self.evaluation_script);
        Ok(manifest)
    }

    /// The rows as objects, and how many there are. The table has no quoted cells.
    fn rows(&self) -> Result<(Value, u64)> {
        let mut lines = self.rows.lines();
        let names: Vec<&str> = lines.next().ok_or_else(|| Error::broken(format!("{} has no rows", self.name)))?.split(',').collect();
        let cell = |text: &str| match text.parse::<i64>() {
            Ok(number) => json!(number),
            Err(_) => text.parse::<f64>().map_or_else(|_| json!(text), |number| json!(number)),
        };
        let rows: Vec<Value> = lines
            .map(|line| {
                names.iter().zip(line.split(',')).map(|(name, text)| ((*name).to_owned(), cell(text))).collect::<Map<_, _>>().into()
            })
            .collect();
        let count = rows.len() as u64;
        Ok((Value::Array(rows), count))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use shared::domain::development::manifest::{Manifest, fields_of};

    use super::*;

    #[test]
    fn each_is_whole() {
        for baseline in BASELINES {
            let manifest = baseline.manifest().unwrap();
            let (rows, count) = baseline.rows().unwrap();
            let known = Manifest(&manifest);
            assert!(known.training_script().is_some() && known.evaluation_script().is_some() && count >= 300, "{}", baseline.name);
            let fields = fields_of(known.dataset_schema().unwrap());
            assert!(fields.iter().any(|(name, _)| Some(name.as_str()) == known.target()));
            for row in rows.as_array().unwrap() {
                let members = row.as_object().unwrap();
                assert_eq!(members.len(), fields.len(), "{row}");
                assert!(fields.iter().all(|(name, _)| members.contains_key(name)), "{row}");
            }
        }
    }
}
