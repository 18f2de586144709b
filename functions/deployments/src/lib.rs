//! The Deployments API under `/api/mlops`: projects, their models and deployments, the way to production, inference logs, drift,
//! alerts, privacy. One file per route; each translates between its document's shapes and the domain.

pub mod deployment_create;
pub mod deployment_deactivate;
pub mod deployment_get;
pub mod deployment_predict;
pub mod deployment_promote;
pub mod deployment_rollback;
pub mod deployments_list;
pub mod member_add;
pub mod member_remove;
pub mod model_create;
pub mod model_get;
pub mod models_list;
pub mod prediction;
pub mod project_create;
pub mod project_get;
pub mod project_predict;
pub mod projects_list;
pub mod views;

mod access;
#[cfg(test)]
mod fixtures;
mod page;
mod waiting;

use shared::http::error_style;
use shared::identity::Access;
use shared::{FunctionSet, route};
use utoipa::OpenApi as _;

/// The functions of this crate.
pub const FUNCTIONS: FunctionSet = FunctionSet {
    name: "deployments",
    routes: &[
        route!(POST "/api/mlops/projects" => project_create),
        route!(GET "/api/mlops/projects" => projects_list),
        route!(GET "/api/mlops/projects/{project_id}" => project_get),
        route!(POST "/api/mlops/projects/{project_id}/members" => member_add),
        route!(DELETE "/api/mlops/projects/{project_id}/members/{user_id}" => member_remove),
        route!(POST "/api/mlops/projects/{project_id}/models" => model_create),
        route!(GET "/api/mlops/projects/{project_id}/models" => models_list),
        route!(GET "/api/mlops/projects/{project_id}/models/{model_id}" => model_get),
        route!(POST "/api/mlops/projects/{project_id}/deployments" => deployment_create),
        route!(GET "/api/mlops/projects/{project_id}/deployments" => deployments_list),
        route!(POST "/api/mlops/projects/{project_id}/predict" => project_predict),
        route!(GET "/api/mlops/deployments/{deployment_id}" => deployment_get),
        route!(POST "/api/mlops/deployments/{deployment_id}/predict" => deployment_predict),
        route!(POST "/api/mlops/deployments/{deployment_id}/promote" => deployment_promote),
        route!(POST "/api/mlops/deployments/{deployment_id}/rollback" => deployment_rollback),
        route!(POST "/api/mlops/deployments/{deployment_id}/deactivate" => deployment_deactivate),
    ],
    tasks: &[],
    access: Access::User,
    error_style: error_style::validation_list,
};

/// The OpenAPI document of this crate's routes, made from the types that its handlers read and write.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    tags(
        (name = "Projects", description = "Whose members own models and deployments together"),
        (name = "Project deployments", description = "From staging to production, and back"),
        (name = "Project predictions", description = "Predictions, and what is known of them"),
    ),
    paths(
        project_create::handle,
        projects_list::handle,
        project_get::handle,
        member_add::handle,
        member_remove::handle,
        model_create::handle,
        models_list::handle,
        model_get::handle,
        deployment_create::handle,
        deployments_list::handle,
        project_predict::handle,
        deployment_get::handle,
        deployment_predict::handle,
        deployment_promote::handle,
        deployment_rollback::handle,
        deployment_deactivate::handle,
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
