//! The Deployments API under `/api/mlops`: projects, their models and deployments, the way to production, inference logs, drift,
//! alerts, privacy. One file per route; each translates between its document's shapes and the domain.

pub mod alert_acknowledge;
pub mod alert_get;
pub mod alert_rule_create;
pub mod alert_rule_delete;
pub mod alert_rule_deliveries;
pub mod alert_rule_get;
pub mod alert_rule_test;
pub mod alert_rule_update;
pub mod alert_rules_list;
pub mod alerts_list;
pub mod deployment_create;
pub mod deployment_deactivate;
pub mod deployment_get;
pub mod deployment_predict;
pub mod deployment_promote;
pub mod deployment_rollback;
pub mod deployments_list;
pub mod drift_baseline;
pub mod drift_get;
pub mod drift_run;
pub mod ground_truth_create;
pub mod inference_logs_export;
pub mod inference_logs_list;
pub mod job_get;
pub mod member_add;
pub mod member_remove;
pub mod model_create;
pub mod model_get;
pub mod models_list;
pub mod prediction;
pub mod privacy_policies_list;
pub mod privacy_policy_create;
pub mod privacy_policy_delete;
pub mod privacy_policy_get;
pub mod privacy_policy_update;
pub mod project_create;
pub mod project_get;
pub mod project_predict;
pub mod projects_list;
pub mod views;

mod access;
mod alert_channels;
mod alert_rule_fields;
#[cfg(test)]
mod fixtures;
mod limits;
mod moment;
mod page;
mod privacy_policy_fields;
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
        route!(POST "/api/mlops/projects/{project_id}/privacy-policies" => privacy_policy_create),
        route!(GET "/api/mlops/projects/{project_id}/privacy-policies" => privacy_policies_list),
        route!(GET "/api/mlops/privacy-policies/{policy_id}" => privacy_policy_get),
        route!(PATCH "/api/mlops/privacy-policies/{policy_id}" => privacy_policy_update),
        route!(DELETE "/api/mlops/privacy-policies/{policy_id}" => privacy_policy_delete),
        route!(GET "/api/mlops/deployments/{deployment_id}/inference-logs" => inference_logs_list),
        route!(POST "/api/mlops/deployments/{deployment_id}/inference-logs/export" => inference_logs_export),
        route!(POST "/api/mlops/deployments/{deployment_id}/ground-truth" => ground_truth_create),
        route!(GET "/api/mlops/deployments/{deployment_id}/drift" => drift_get),
        route!(POST "/api/mlops/deployments/{deployment_id}/drift/run" => drift_run),
        route!(POST "/api/mlops/deployments/{deployment_id}/drift/baseline" => drift_baseline),
        route!(POST "/api/mlops/projects/{project_id}/alert-rules" => alert_rule_create),
        route!(GET "/api/mlops/projects/{project_id}/alert-rules" => alert_rules_list),
        route!(GET "/api/mlops/alert-rules/{rule_id}" => alert_rule_get),
        route!(PATCH "/api/mlops/alert-rules/{rule_id}" => alert_rule_update),
        route!(POST "/api/mlops/alert-rules/{rule_id}/test" => alert_rule_test).limited(&limits::ALERT_TESTS),
        route!(GET "/api/mlops/alert-rules/{rule_id}/deliveries" => alert_rule_deliveries),
        route!(DELETE "/api/mlops/alert-rules/{rule_id}" => alert_rule_delete),
        route!(GET "/api/mlops/projects/{project_id}/alerts" => alerts_list),
        route!(GET "/api/mlops/alerts/{alert_id}" => alert_get),
        route!(POST "/api/mlops/alerts/{alert_id}/acknowledge" => alert_acknowledge),
        route!(GET "/api/mlops/jobs/{job_id}" => job_get),
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
        (name = "Privacy", description = "What is done with personal data in records and answers"),
        (name = "Alerts", description = "Being told when something is wrong with a deployment"),
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
        privacy_policy_create::handle,
        privacy_policies_list::handle,
        privacy_policy_get::handle,
        privacy_policy_update::handle,
        privacy_policy_delete::handle,
        inference_logs_list::handle,
        inference_logs_export::handle,
        ground_truth_create::handle,
        drift_get::handle,
        drift_run::handle,
        drift_baseline::handle,
        alert_rule_create::handle,
        alert_rules_list::handle,
        alert_rule_get::handle,
        alert_rule_update::handle,
        alert_rule_delete::handle,
        alert_rule_test::handle,
        alert_rule_deliveries::handle,
        alerts_list::handle,
        alert_get::handle,
        alert_acknowledge::handle,
        job_get::handle,
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
