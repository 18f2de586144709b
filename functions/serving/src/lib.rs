//! The ServeML API under `/api/v1`: accounts, model files that become deployments, predictions, metrics, versions. One file
//! per route, named after its path; each translates between its document's shapes and the domain.

pub mod api_key_create;
pub mod api_key_delete;
pub mod api_keys_list;
pub mod auth_login;
pub mod auth_me;
pub mod auth_register;
pub mod deploy;
pub mod deployment_delete;
pub mod deployment_get;
pub mod deployment_logs;
pub mod deployment_rollback;
pub mod deployment_update;
pub mod deployment_versions;
pub mod deployments_list;
pub mod metrics;
pub mod predict;
pub mod prediction;
pub mod root;
pub mod status;
pub mod test_model;
pub mod upload_create;
pub mod views;
pub mod webhook_create;
pub mod webhook_delete;
pub mod webhook_deliveries;
pub mod webhook_test;
pub mod webhooks_list;

mod body;
mod deployment_id;
#[cfg(test)]
mod fixtures;
mod form;
mod limits;

use shared::http::error_style;
use shared::identity::Access;
use shared::{FunctionSet, route};
use utoipa::OpenApi as _;

/// The functions of this crate.
pub const FUNCTIONS: FunctionSet = FunctionSet {
    name: "serving",
    routes: &[
        route!(GET "/" => root).access(Access::Public),
        route!(GET "/api/v1/status" => status as "api_status").access(Access::Public),
        route!(POST "/api/v1/auth/register" => auth_register).access(Access::Public).limited(&limits::AUTHENTICATION),
        route!(POST "/api/v1/auth/login" => auth_login).access(Access::Public).limited(&limits::AUTHENTICATION),
        route!(GET "/api/v1/auth/me" => auth_me).limited(&limits::AUTHENTICATION),
        route!(POST "/api/v1/api-keys" => api_key_create).limited(&limits::AUTHENTICATION),
        route!(GET "/api/v1/api-keys" => api_keys_list).limited(&limits::AUTHENTICATION),
        route!(DELETE "/api/v1/api-keys/{key_id}" => api_key_delete).limited(&limits::AUTHENTICATION),
        route!(POST "/api/v1/uploads" => upload_create).limited(&limits::DEPLOYMENTS),
        route!(POST "/api/v1/deploy" => deploy).limited(&limits::DEPLOYMENTS),
        route!(GET "/api/v1/deployments" => deployments_list).access(Access::Optional).limited(&limits::DEPLOYMENTS),
        route!(GET "/api/v1/deployments/{deployment_id}" => deployment_get).limited(&limits::DEPLOYMENTS),
        route!(PATCH "/api/v1/deployments/{deployment_id}" => deployment_update).limited(&limits::DEPLOYMENTS),
        route!(DELETE "/api/v1/deployments/{deployment_id}" => deployment_delete).limited(&limits::DEPLOYMENTS),
        route!(GET "/api/v1/deployments/{deployment_id}/versions" => deployment_versions).limited(&limits::DEPLOYMENTS),
        route!(POST "/api/v1/deployments/{deployment_id}/rollback" => deployment_rollback).limited(&limits::DEPLOYMENTS),
        route!(GET "/api/v1/deployments/{deployment_id}/logs" => deployment_logs).limited(&limits::DEPLOYMENTS),
        route!(POST "/api/v1/predict/{deployment_id}" => predict).limited(&limits::PREDICTIONS),
        route!(POST "/api/v1/test-model" => test_model).limited(&limits::PREDICTIONS),
        route!(GET "/api/v1/metrics/{deployment_id}" => metrics).limited(&limits::METRICS),
        route!(POST "/api/v1/webhooks" => webhook_create).access(Access::Documented),
        route!(GET "/api/v1/webhooks" => webhooks_list).access(Access::Documented),
        route!(DELETE "/api/v1/webhooks/{webhook_id}" => webhook_delete).access(Access::Documented),
        route!(POST "/api/v1/webhooks/{webhook_id}/test" => webhook_test).access(Access::Documented).limited(&limits::WEBHOOK_TESTS),
        route!(GET "/api/v1/webhooks/{webhook_id}/deliveries" => webhook_deliveries).access(Access::Documented),
    ],
    tasks: &[],
    access: Access::User,
    error_style: error_style::serveml,
};

/// The OpenAPI document of this crate's routes, made from the types that its handlers read and write.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    tags(
        (name = "Authentication", description = "Users, sessions, API keys"),
        (name = "Deployments", description = "From a model file to predictions; versions of it"),
        (name = "Predictions", description = "One example, or many"),
        (name = "Metrics", description = "What predictions add up to"),
        (name = "Webhooks", description = "Who is told of what happens"),
    ),
    paths(
        root::handle,
        status::handle,
        auth_register::handle,
        auth_login::handle,
        auth_me::handle,
        api_key_create::handle,
        api_keys_list::handle,
        api_key_delete::handle,
        upload_create::handle,
        deploy::handle,
        deployments_list::handle,
        deployment_get::handle,
        deployment_update::handle,
        deployment_delete::handle,
        deployment_versions::handle,
        deployment_rollback::handle,
        deployment_logs::handle,
        predict::handle,
        test_model::handle,
        metrics::handle,
        webhook_create::handle,
        webhooks_list::handle,
        webhook_delete::handle,
        webhook_test::handle,
        webhook_deliveries::handle,
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
