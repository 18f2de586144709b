//! Which rights each call of each service needs, as AWS's service authorization reference lists them.

pub mod code_build;
pub mod dynamodb;
pub mod ecr;
pub mod lambda;
pub mod s3;
pub mod states;

use super::Needed;

/// What a JSON service's operation needs; `None` for a service that the laptop cloud does not have.
pub fn of(service: &str, region: &str, operation: &str, body: &[u8]) -> Option<Vec<Needed>> {
    Some(match service {
        "dynamodb" => dynamodb::of(region, operation, body),
        "states" => states::of(operation, body),
        "ecr" => ecr::of(region, operation, body),
        "codebuild" => code_build::of(region, operation, body),
        _ => return None,
    })
}
