//! The ServeML API under `/api/v1`: accounts, model files that become deployments, predictions, metrics, versions. One file
//! per route, named after its path; each translates between its document's shapes and the domain.

pub mod api_key_create;
pub mod api_key_delete;
pub mod api_keys_list;
pub mod auth_login;
pub mod auth_me;
pub mod auth_register;
pub mod root;
pub mod views;

mod body;
#[cfg(test)]
mod fixtures;
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
        route!(POST "/api/v1/auth/register" => auth_register).access(Access::Public).limited(&limits::AUTHENTICATION),
        route!(POST "/api/v1/auth/login" => auth_login).access(Access::Public).limited(&limits::AUTHENTICATION),
        route!(GET "/api/v1/auth/me" => auth_me).limited(&limits::AUTHENTICATION),
        route!(POST "/api/v1/api-keys" => api_key_create).limited(&limits::AUTHENTICATION),
        route!(GET "/api/v1/api-keys" => api_keys_list).limited(&limits::AUTHENTICATION),
        route!(DELETE "/api/v1/api-keys/{key_id}" => api_key_delete).limited(&limits::AUTHENTICATION),
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
    tags((name = "Authentication", description = "Users, sessions, API keys")),
    paths(
        root::handle,
        auth_register::handle,
        auth_login::handle,
        auth_me::handle,
        api_key_create::handle,
        api_keys_list::handle,
        api_key_delete::handle,
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
