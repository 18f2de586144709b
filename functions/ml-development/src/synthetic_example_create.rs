//! `POST /api/ml-development/recipes/{recipe_id}/synthetic-example`. Document: ml-development-api, "Create Synthetic Example".

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use shared::domain::development::recipe::{RECIPE_PREFIX, SyntheticExample};
use shared::domain::development::synthetic;
use shared::http::fields::Fields;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result, Timestamp, documents};
use utoipa::ToSchema;

use crate::views::problem::{Problem, ValidationProblem};
use crate::views::synthetic_example::SyntheticExampleView;
use crate::{find, rules};

const LONGEST_SCHEMA: usize = 256 * 1024;
const LONGEST_ROWS: usize = 4 * 1024 * 1024;
const LONGEST_RUN: usize = 64 * 1024;
const DEEPEST: usize = 32;

/// Example data.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SyntheticExampleRequest {
    /// The path's recipe.
    pub recipe_id: Option<String>,
    /// The columns: `fields` (or `columns`), a list of objects with `name` and `type` (`integer`, `number`, `string`,
    /// `category`, `boolean`, `date`, `datetime`), and where they apply `min`, `max`, `categories`, `nullable`,
    /// `null_fraction`, `min_length`, `max_length`; JSON Schema's `properties` are read too. `rows` is how many rows are
    /// generated, 100 unless told.
    #[schema(value_type = Object)]
    pub dataset_schema_json: Value,
    /// The rows, objects each, at most 10,000 and 4 MB; without them rows are generated from the columns, the same ones for
    /// the same columns.
    #[schema(value_type = Option<Vec<Object>>)]
    pub sample_rows_json: Option<Value>,
    /// What a run on them looks like.
    #[schema(value_type = Option<Object>)]
    pub example_run_json: Option<Value>,
}

/// Create a recipe's example data
///
/// In place of those that it has. Its runs' scripts train on them.
#[utoipa::path(
    post,
    path = "/api/ml-development/recipes/{recipe_id}/synthetic-example",
    operation_id = "synthetic_example_create",
    tag = "Synthetic Examples",
    params(("recipe_id" = String, Path, description = "The recipe's id")),
    request_body = SyntheticExampleRequest,
    responses(
        (status = 201, description = "The example data", body = SyntheticExampleView),
        (status = 400, description = "The recipe comes with the platform, or the body names another", body = Problem),
        (status = 403, description = "Another user made it", body = Problem),
        (status = 404, description = "No such recipe", body = Problem),
        (status = 413, description = "The body is too large", body = Problem),
        (status = 422, description = "Fields are not as they must be", body = ValidationProblem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut fields = Fields::of_body(&request, rules::LONGEST_BODY)?;
    let same = find::same_as_path(&mut fields, "recipe_id", RECIPE_PREFIX, request.path_parameter("recipe_id")?);
    fields.require("dataset_schema_json");
    let schema = fields.object("dataset_schema_json", LONGEST_SCHEMA, DEEPEST);
    let given = fields.list("sample_rows_json", LONGEST_ROWS, DEEPEST);
    let example_run = fields.object("example_run_json", LONGEST_RUN, DEEPEST);
    let generated = given.is_none();
    let rows = match (given, &schema) {
        (Some(rows), _) => checked(rows, &mut fields),
        (None, Some(schema)) => synthetic::rows(schema).unwrap_or_else(|faults| {
            for fault in faults {
                let path: Vec<&str> = std::iter::once("dataset_schema_json").chain(fault.path.iter().map(String::as_str)).collect();
                fields.fault(&path, fault.message.as_str(), "value_error");
            }
            Vec::new()
        }),
        (None, None) => Vec::new(),
    };
    fields.finish()?;
    same?;
    let recipe = find::own_recipe_of_path(platform, &request).await?;
    if recipe.built_in {
        return Err(Error::bad_request("This recipe comes with the platform and never changes; clone it"));
    }
    let example = SyntheticExample {
        recipe_id: recipe.id,
        dataset_schema: documents::keep(platform, &schema.unwrap_or_default()).await?,
        rows: rows.len() as u64,
        sample_rows: documents::keep(platform, &Value::Array(rows)).await?,
        generated,
        example_run: match example_run {
            Some(run) => Some(documents::keep(platform, &run).await?),
            None => None,
        },
        created_at: Timestamp::now(),
    };
    if !platform.store()?.put_synthetic_example(&example).await? {
        return Err(Error::not_found("Recipe not found"));
    }
    response::json(StatusCode::CREATED, &SyntheticExampleView::of(platform, example).await?)
}

fn checked(rows: Vec<Value>, fields: &mut Fields) -> Vec<Value> {
    if rows.len() as u64 > synthetic::MOST_ROWS {
        let message = format!("ensure this value has at most {} items", synthetic::MOST_ROWS);
        fields.fault(&["sample_rows_json"], message, "value_error.list.max_items");
    }
    // The first few are enough to see what is wrong.
    for (at, _) in rows.iter().enumerate().filter(|(_, row)| !row.is_object()).take(10) {
        fields.fault(&["sample_rows_json", &at.to_string()], "value is not a valid dict", "type_error.dict");
    }
    rows
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use testing::TestPlatform;

    use crate::fixtures::{get, post, recipe};

    #[tokio::test]
    async fn posted_rows_are_kept_as_they_are() {
        let test = TestPlatform::start().await;
        let (id, _) = recipe(&test, "Retail", json!({})).await;
        let path = format!("/recipes/{id}/synthetic-example");
        let body = json!({
            "recipe_id": id, "dataset_schema_json": { "price": "float" }, "sample_rows_json": [{ "price": 1.5 }, { "price": null }],
            "example_run_json": { "run_type": "train" },
        });
        let (status, made) = post(&test, &path, &body).await;
        assert_eq!(status, 201, "{made}");
        for field in ["recipe_id", "dataset_schema_json", "sample_rows_json", "example_run_json"] {
            assert_eq!(made[field], body[field], "{field}");
        }
        assert_eq!(get(&test, &path).await, (200, made));
    }

    #[tokio::test]
    async fn rows_are_generated_repeatably_and_large_ones_too() {
        let test = TestPlatform::start().await;
        let (id, _) = recipe(&test, "Retail", json!({})).await;
        let path = format!("/recipes/{id}/synthetic-example");
        let body = json!({ "dataset_schema_json": { "rows": 5000, "fields": [
            { "name": "price", "type": "number", "min": 1, "max": 2 }, { "name": "segment", "type": "string", "categories": ["a", "b"] },
        ] } });
        let (status, made) = post(&test, &path, &body).await;
        assert_eq!((status, &made["row_count"], &made["generated"]), (201, &json!(5000), &json!(true)));
        assert_eq!(get(&test, &path).await.1["sample_rows_json"], made["sample_rows_json"]);
        assert_eq!(post(&test, &path, &body).await.1["sample_rows_json"], made["sample_rows_json"]);
    }

    #[tokio::test]
    async fn bad_input_is_refused() {
        let test = TestPlatform::start().await;
        let (id, _) = recipe(&test, "Retail", json!({})).await;
        let path = format!("/recipes/{id}/synthetic-example");
        let schema = json!({ "fields": [{ "name": "a", "type": "integer" }] });
        for (path, body, expected) in [
            (path.as_str(), json!({}), 422),
            (&path, json!({ "dataset_schema_json": [] }), 422),
            (&path, json!({ "dataset_schema_json": {} }), 422),
            (&path, json!({ "dataset_schema_json": { "fields": [{ "name": "a", "type": "matrix" }] } }), 422),
            (&path, json!({ "dataset_schema_json": { "rows": 99_999_999, "fields": [{ "name": "a", "type": "integer" }] } }), 422),
            (&path, json!({ "dataset_schema_json": schema, "sample_rows_json": {} }), 422),
            (&path, json!({ "dataset_schema_json": schema, "sample_rows_json": [1] }), 422),
            (&path, json!({ "dataset_schema_json": schema, "sample_rows_json": vec![json!({}); 10_001] }), 422),
            (&path, json!({ "dataset_schema_json": schema, "recipe_id": "recipe_other" }), 400),
            ("/recipes/recipe_pricing_base/synthetic-example", json!({ "dataset_schema_json": schema }), 400),
            ("/recipes/recipe_none/synthetic-example", json!({ "dataset_schema_json": schema }), 404),
        ] {
            let (status, refused) = post(&test, path, &body).await;
            let shown: String = body.to_string().chars().take(100).collect();
            assert_eq!(status, expected, "{shown}: {refused}");
        }
        let (_, refused) = post(&test, &path, &json!({ "dataset_schema_json": { "fields": [{ "name": "a", "type": "matrix" }] } })).await;
        assert_eq!(refused["detail"][0]["loc"], json!(["body", "dataset_schema_json", "a", "type"]));
        assert_eq!(get(&test, &path).await.1["detail"], Value::from("Synthetic example not found"));
    }
}
