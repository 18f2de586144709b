//! The ML development API under `/api/ml-development`: recipes and their versions, models, runs, monitoring, synthetic examples,
//! chat. One file per route; each translates between its document's shapes and the domain.

use shared::FunctionSet;
use shared::http::error_style;
use shared::identity::Access;
use utoipa::OpenApi as _;

/// The functions of this crate.
pub const FUNCTIONS: FunctionSet =
    FunctionSet { name: "ml-development", routes: &[], tasks: &[], access: Access::Documented, error_style: error_style::detail };

/// The OpenAPI document of this crate's routes, made from the types that its handlers read and write.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(paths())]
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
