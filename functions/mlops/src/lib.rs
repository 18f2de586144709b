//! The `/mlops` API: a training script or a registered version goes in, a URL that predicts comes out. One file per route,
//! named after its path; each translates between its document's shapes and the domain.

pub mod deploy;
pub mod deployment_cancel;
pub mod deployment_delete;
pub mod deployment_get;
pub mod deployments_list;
pub mod docs;
pub mod docs_asset;
pub mod inference;
pub mod model_get;
pub mod models_list;
pub mod openapi;
pub mod registry;
pub mod status;
pub mod training_job_cancel;
pub mod training_job_get;
pub mod training_jobs_list;
pub mod training_upload;
pub mod views;

mod body;
#[cfg(test)]
mod fixtures;
mod page;
mod replayed;
mod tracking_api;

use shared::http::error_style;
use shared::identity::Access;
use shared::{FunctionSet, route};
use utoipa::OpenApi as _;

/// The functions of this crate.
pub const FUNCTIONS: FunctionSet = FunctionSet {
    name: "mlops",
    routes: &[
        route!(POST "/mlops/training/upload" => training_upload),
        route!(GET "/mlops/training/jobs" => training_jobs_list),
        route!(GET "/mlops/training/jobs/{job_id}" => training_job_get),
        route!(POST "/mlops/training/jobs/{job_id}/cancel" => training_job_cancel),
        route!(POST "/mlops/deploy" => deploy),
        route!(GET "/mlops/deployments" => deployments_list),
        route!(GET "/mlops/deployments/{job_id}" => deployment_get),
        route!(POST "/mlops/deployments/{job_id}/cancel" => deployment_cancel),
        route!(DELETE "/mlops/deployments/{job_id}" => deployment_delete),
        route!(GET "/mlops/models" => models_list),
        route!(GET "/mlops/models/{model_name}" => model_get),
        route!(POST "/mlops/registry" => registry),
        route!(GET "/mlops/status" => status).access(Access::Public),
        route!(POST "/mlops/inference" => inference),
        route!(GET "/docs" => docs).access(Access::Public),
        route!(GET "/docs/{asset}" => docs_asset).access(Access::Public),
        route!(GET "/openapi.json" => openapi).access(Access::Public),
    ],
    tasks: &[],
    access: Access::Documented,
    error_style: error_style::detail,
};

/// The OpenAPI document of this crate's routes, made from the types that its handlers read and write.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "ServeML",
        description = "From a Python training script to an HTTPS endpoint that predicts.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers(
        (url = "/", description = "The server that this page came from"),
        (url = "http://localhost:8000", description = "The laptop cloud")
    ),
    tags(
        (name = "Training", description = "Upload a script, follow its job"),
        (name = "Deployment", description = "From a script or a registered version to a URL of its own"),
        (name = "Models", description = "The registry"),
        (name = "Inference", description = "Happens at each deployed model's own URL"),
        (name = "System", description = "The platform's state")
    ),
    paths(
        training_upload::handle,
        training_jobs_list::handle,
        training_job_get::handle,
        training_job_cancel::handle,
        deploy::handle,
        deployments_list::handle,
        deployment_get::handle,
        deployment_cancel::handle,
        deployment_delete::handle,
        models_list::handle,
        model_get::handle,
        registry::handle,
        status::handle,
        inference::handle,
    )
)]
struct Document;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_of_the_api_is_described_and_no_other() {
        let described: std::collections::BTreeSet<String> = openapi().paths.paths.keys().cloned().collect();
        let served: std::collections::BTreeSet<String> =
            FUNCTIONS.routes.iter().map(|route| route.path.to_owned()).filter(|path| path.starts_with("/mlops")).collect();
        assert_eq!(described, served);
    }
}
