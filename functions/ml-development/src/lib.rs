//! The ML development API under `/api/ml-development`: recipes and their versions, models, runs, monitoring, synthetic examples,
//! chat. One file per route; each translates between its document's shapes and the domain.

pub mod baselines;
pub mod chat;
pub mod model_create;
pub mod model_get;
pub mod model_update;
pub mod models_list;
pub mod monitoring_create;
pub mod monitoring_list;
pub mod recipe_clone;
pub mod recipe_create;
pub mod recipe_delete;
pub mod recipe_get;
pub mod recipe_update;
pub mod recipes_list;
pub mod run_create;
pub mod run_get;
pub mod run_update;
pub mod runs_list;
pub mod synthetic_example_create;
pub mod synthetic_example_get;
pub mod version_create;
pub mod version_get;
pub mod versions_list;
pub mod views;

mod find;
#[cfg(test)]
mod fixtures;
mod rules;

use shared::http::error_style;
use shared::identity::Access;
use shared::{FunctionSet, route};
use utoipa::OpenApi as _;

/// The functions of this crate.
pub const FUNCTIONS: FunctionSet = FunctionSet {
    name: "ml-development",
    routes: &[
        route!(GET "/api/ml-development/recipes" => recipes_list),
        route!(POST "/api/ml-development/recipes" => recipe_create),
        route!(GET "/api/ml-development/recipes/{recipe_id}" => recipe_get),
        route!(PUT "/api/ml-development/recipes/{recipe_id}" => recipe_update),
        route!(DELETE "/api/ml-development/recipes/{recipe_id}" => recipe_delete),
        route!(POST "/api/ml-development/recipes/{recipe_id}/clone" => recipe_clone),
        route!(GET "/api/ml-development/recipes/{recipe_id}/versions" => versions_list),
        route!(POST "/api/ml-development/recipes/{recipe_id}/versions" => version_create),
        route!(GET "/api/ml-development/recipes/{recipe_id}/versions/{version_id}" => version_get),
        route!(GET "/api/ml-development/recipes/{recipe_id}/synthetic-example" => synthetic_example_get),
        route!(POST "/api/ml-development/recipes/{recipe_id}/synthetic-example" => synthetic_example_create),
        route!(GET "/api/ml-development/models" => models_list as "development_models_list"),
        route!(POST "/api/ml-development/models" => model_create as "development_model_create"),
        route!(GET "/api/ml-development/models/{model_id}" => model_get as "development_model_get"),
        route!(PUT "/api/ml-development/models/{model_id}" => model_update as "development_model_update"),
        route!(GET "/api/ml-development/models/{model_id}/monitoring" => monitoring_list),
        route!(POST "/api/ml-development/models/{model_id}/monitoring" => monitoring_create),
        route!(GET "/api/ml-development/runs" => runs_list),
        route!(POST "/api/ml-development/runs" => run_create),
        route!(GET "/api/ml-development/runs/{run_id}" => run_get),
        route!(PUT "/api/ml-development/runs/{run_id}" => run_update),
        route!(POST "/api/ml-development/chat" => chat),
    ],
    tasks: &[],
    access: Access::Documented,
    error_style: error_style::validation_list,
};

/// The OpenAPI document of this crate's routes, made from the types that its handlers read and write.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    tags(
        (name = "Recipes", description = "What models are made of"),
        (name = "Recipe Versions", description = "Manifests, each of which never changes"),
        (name = "Development Models", description = "Registered models with their recipes"),
        (name = "Runs", description = "Trainings, evaluations and backtests of recipes"),
        (name = "Monitoring", description = "What is watched of models"),
        (name = "Synthetic Examples", description = "Example data that recipes train on"),
        (name = "Chat", description = "Questions about all of these"),
    ),
    paths(
        recipes_list::handle,
        recipe_create::handle,
        recipe_get::handle,
        recipe_update::handle,
        recipe_delete::handle,
        recipe_clone::handle,
        versions_list::handle,
        version_create::handle,
        version_get::handle,
        synthetic_example_get::handle,
        synthetic_example_create::handle,
        models_list::handle,
        model_create::handle,
        model_get::handle,
        model_update::handle,
        monitoring_list::handle,
        monitoring_create::handle,
        runs_list::handle,
        run_create::handle,
        run_get::handle,
        run_update::handle,
        chat::handle,
    )
)]
struct Document;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_and_no_other() {
        let described: std::collections::BTreeSet<String> = openapi().paths.paths.keys().cloned().collect();
        let served: std::collections::BTreeSet<String> = FUNCTIONS.routes.iter().map(|route| route.path.to_owned()).collect();
        assert_eq!(described, served);
    }
}
