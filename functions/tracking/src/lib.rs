//! MLflow's tracking and registry API over the platform's table and bucket: `MLFLOW_TRACKING_URI` is the platform itself.
//!
//! Each route is a file named after its path. `{api}` stands for `api`, which clients call, and `ajax-api`, which MLflow's web
//! pages call: one route serves both.

pub mod access;
mod artifacts;
mod experiments;
mod graphql;
mod logged_models;
mod message;
mod metrics;
mod model_versions;
mod registered_models;
mod runs;
mod searching;
mod server;
mod shapes;

use shared::identity::Access;
use shared::{FunctionSet, Route, route};

/// The routes, each with the function that answers it.
const ROUTES: &[Route] = &[
    route!(POST "/{api}/2.0/mlflow/experiments/create" => experiments::create as "experiments_create"),
    route!(GET "/{api}/2.0/mlflow/experiments/get" => experiments::get as "experiments_get"),
    route!(GET "/{api}/2.0/mlflow/experiments/get-by-name" => experiments::get_by_name as "experiments_get_by_name"),
    route!(POST "/{api}/2.0/mlflow/experiments/delete" => experiments::delete as "experiments_delete"),
    route!(POST "/{api}/2.0/mlflow/experiments/restore" => experiments::restore as "experiments_restore"),
    route!(POST "/{api}/2.0/mlflow/experiments/update" => experiments::update as "experiments_update"),
    route!(POST "/{api}/2.0/mlflow/experiments/set-experiment-tag" => experiments::set_experiment_tag as "experiments_set_experiment_tag"),
    route!(POST "/{api}/2.0/mlflow/experiments/delete-experiment-tag" => experiments::delete_experiment_tag as "experiments_delete_experiment_tag"),
    route!(POST "/{api}/2.0/mlflow/experiments/search" => experiments::search as "experiments_search"),
    route!(GET "/{api}/2.0/mlflow/experiments/search" => experiments::search as "experiments_search"),
    route!(POST "/{api}/2.0/mlflow/experiments/search-datasets" => experiments::search_datasets as "experiments_search_datasets"),
    route!(POST "/{api}/2.0/mlflow/runs/create" => runs::create as "runs_create"),
    route!(GET "/{api}/2.0/mlflow/runs/get" => runs::get as "runs_get"),
    route!(POST "/{api}/2.0/mlflow/runs/update" => runs::update as "runs_update"),
    route!(POST "/{api}/2.0/mlflow/runs/delete" => runs::delete as "runs_delete"),
    route!(POST "/{api}/2.0/mlflow/runs/restore" => runs::restore as "runs_restore"),
    route!(POST "/{api}/2.0/mlflow/runs/log-parameter" => runs::log_parameter as "runs_log_parameter"),
    route!(POST "/{api}/2.0/mlflow/runs/log-metric" => runs::log_metric as "runs_log_metric"),
    route!(POST "/{api}/2.0/mlflow/runs/log-batch" => runs::log_batch as "runs_log_batch"),
    route!(POST "/{api}/2.0/mlflow/runs/log-inputs" => runs::log_inputs as "runs_log_inputs"),
    route!(POST "/{api}/2.0/mlflow/runs/outputs" => runs::outputs as "runs_outputs"),
    route!(POST "/{api}/2.0/mlflow/runs/log-model" => runs::log_model as "runs_log_model"),
    route!(POST "/{api}/2.0/mlflow/runs/set-tag" => runs::set_tag as "runs_set_tag"),
    route!(POST "/{api}/2.0/mlflow/runs/delete-tag" => runs::delete_tag as "runs_delete_tag"),
    route!(POST "/{api}/2.0/mlflow/runs/search" => runs::search as "runs_search"),
    route!(GET "/{api}/2.0/mlflow/metrics/get-history" => metrics::get_history as "metrics_get_history"),
    route!(GET "/{api}/2.0/mlflow/metrics/get-history-bulk" => metrics::get_history_bulk as "metrics_get_history_bulk"),
    route!(GET "/{api}/2.0/mlflow/metrics/get-history-bulk-interval" => metrics::get_history_bulk_interval as "metrics_get_history_bulk_interval"),
    route!(GET "/{api}/2.0/mlflow/artifacts/list" => artifacts::list_of_run as "artifacts_list_of_run"),
    route!(GET "/{api}/2.0/mlflow/model-versions/get-artifact" => artifacts::get_artifact as "artifacts_get_artifact"),
    route!(GET "/{api}/2.0/mlflow/get-artifact" => artifacts::get_artifact as "artifacts_get_artifact"),
    route!(GET "/model-versions/get-artifact" => artifacts::get_artifact as "artifacts_get_artifact"),
    route!(GET "/get-artifact" => artifacts::get_artifact as "artifacts_get_artifact"),
    route!(POST "/{api}/2.0/mlflow/logged-models" => logged_models::create as "logged_models_create"),
    route!(GET "/{api}/2.0/mlflow/logged-models/{model_id}" => logged_models::get as "logged_models_get"),
    route!(PATCH "/{api}/2.0/mlflow/logged-models/{model_id}" => logged_models::finalize as "logged_models_finalize"),
    route!(DELETE "/{api}/2.0/mlflow/logged-models/{model_id}" => logged_models::delete as "logged_models_delete"),
    route!(PATCH "/{api}/2.0/mlflow/logged-models/{model_id}/tags" => logged_models::set_tags as "logged_models_set_tags"),
    route!(DELETE "/{api}/2.0/mlflow/logged-models/{model_id}/tags/{tag_key}" => logged_models::delete_tag as "logged_models_delete_tag"),
    route!(POST "/{api}/2.0/mlflow/logged-models/{model_id}/params" => logged_models::log_params as "logged_models_log_params"),
    route!(POST "/{api}/2.0/mlflow/logged-models/search" => logged_models::search as "logged_models_search"),
    route!(GET "/{api}/2.0/mlflow/logged-models/{model_id}/artifacts/directories" => artifacts::list_of_model as "artifacts_list_of_model"),
    route!(POST "/{api}/2.0/mlflow/registered-models/create" => registered_models::create as "registered_models_create"),
    route!(GET "/{api}/2.0/mlflow/registered-models/get" => registered_models::get as "registered_models_get"),
    route!(PATCH "/{api}/2.0/mlflow/registered-models/update" => registered_models::update as "registered_models_update"),
    route!(DELETE "/{api}/2.0/mlflow/registered-models/delete" => registered_models::delete as "registered_models_delete"),
    route!(POST "/{api}/2.0/mlflow/registered-models/get-latest-versions" => registered_models::get_latest_versions as "registered_models_get_latest_versions"),
    route!(GET "/{api}/2.0/mlflow/registered-models/get-latest-versions" => registered_models::get_latest_versions as "registered_models_get_latest_versions"),
    route!(POST "/{api}/2.0/mlflow/registered-models/set-tag" => registered_models::set_tag as "registered_models_set_tag"),
    route!(DELETE "/{api}/2.0/mlflow/registered-models/delete-tag" => registered_models::delete_tag as "registered_models_delete_tag"),
    route!(POST "/{api}/2.0/mlflow/registered-models/alias" => registered_models::set_alias as "registered_models_set_alias"),
    route!(DELETE "/{api}/2.0/mlflow/registered-models/alias" => registered_models::delete_alias as "registered_models_delete_alias"),
    route!(GET "/{api}/2.0/mlflow/registered-models/alias" => registered_models::get_by_alias as "registered_models_get_by_alias"),
    route!(POST "/{api}/2.0/mlflow/registered-models/rename" => registered_models::rename as "registered_models_rename"),
    route!(GET "/{api}/2.0/mlflow/registered-models/search" => registered_models::search as "registered_models_search"),
    route!(POST "/{api}/2.0/mlflow/model-versions/create" => model_versions::create as "model_versions_create"),
    route!(GET "/{api}/2.0/mlflow/model-versions/get" => model_versions::get as "model_versions_get"),
    route!(PATCH "/{api}/2.0/mlflow/model-versions/update" => model_versions::update as "model_versions_update"),
    route!(DELETE "/{api}/2.0/mlflow/model-versions/delete" => model_versions::delete as "model_versions_delete"),
    route!(POST "/{api}/2.0/mlflow/model-versions/transition-stage" => model_versions::transition_stage as "model_versions_transition_stage"),
    route!(GET "/{api}/2.0/mlflow/model-versions/get-download-uri" => model_versions::get_download_uri as "model_versions_get_download_uri"),
    route!(POST "/{api}/2.0/mlflow/model-versions/set-tag" => model_versions::set_tag as "model_versions_set_tag"),
    route!(DELETE "/{api}/2.0/mlflow/model-versions/delete-tag" => model_versions::delete_tag as "model_versions_delete_tag"),
    route!(GET "/{api}/2.0/mlflow/model-versions/search" => model_versions::search as "model_versions_search"),
    route!(GET "/{api}/2.0/mlflow-artifacts/artifacts" => artifacts::list as "artifacts_list"),
    route!(GET "/{api}/2.0/mlflow-artifacts/artifacts/{path+}" => artifacts::download as "artifacts_download"),
    route!(PUT "/{api}/2.0/mlflow-artifacts/artifacts/{path+}" => artifacts::upload as "artifacts_upload"),
    route!(DELETE "/{api}/2.0/mlflow-artifacts/artifacts/{path+}" => artifacts::delete as "artifacts_delete"),
    route!(POST "/{api}/2.0/mlflow-artifacts/mpu/create/{path+}" => artifacts::create_upload as "artifacts_create_upload"),
    route!(POST "/{api}/2.0/mlflow-artifacts/mpu/complete/{path+}" => artifacts::complete_upload as "artifacts_complete_upload"),
    route!(POST "/{api}/2.0/mlflow-artifacts/mpu/abort/{path+}" => artifacts::abort_upload as "artifacts_abort_upload"),
    route!(GET "/{api}/2.0/mlflow-artifacts/presigned/{path+}" => artifacts::presigned_download as "artifacts_presigned_download"),
    route!(POST "/{api}/2.0/mlflow/upload-artifact" => artifacts::upload_to_run as "artifacts_upload_to_run"),
    route!(GET "/{api}/2.0/mlflow/logged-models/{model_id}/artifacts/files" => artifacts::file_of_model as "artifacts_file_of_model"),
    route!(POST "/graphql" => graphql as "graphql"),
    route!(GET "/{api}/3.0/mlflow/ui-telemetry" => server::ui_telemetry as "server_ui_telemetry"),
    route!(POST "/{api}/3.0/mlflow/ui-telemetry" => server::ui_telemetry as "server_ui_telemetry"),
    route!(GET "/{api}/3.0/mlflow/server-info" => server::server_info as "server_info"),
    route!(GET "/version" => server::version as "server_version").access(Access::Public),
    route!(GET "/health" => server::health as "server_health").access(Access::Public),
    route!(GET "/{api}/2.0/mlflow/{other+}" => server::not_implemented as "server_not_implemented"),
    route!(POST "/{api}/2.0/mlflow/{other+}" => server::not_implemented as "server_not_implemented"),
    route!(PATCH "/{api}/2.0/mlflow/{other+}" => server::not_implemented as "server_not_implemented"),
    route!(DELETE "/{api}/2.0/mlflow/{other+}" => server::not_implemented as "server_not_implemented"),
    route!(GET "/{api}/3.0/mlflow/{other+}" => server::not_implemented as "server_not_implemented"),
    route!(POST "/{api}/3.0/mlflow/{other+}" => server::not_implemented as "server_not_implemented"),
    route!(PATCH "/{api}/3.0/mlflow/{other+}" => server::not_implemented as "server_not_implemented"),
    route!(DELETE "/{api}/3.0/mlflow/{other+}" => server::not_implemented as "server_not_implemented"),
    route!(POST "/v1/traces" => server::not_implemented as "server_not_implemented"),
];

/// All functions of the tracking API.
pub const FUNCTIONS: FunctionSet =
    FunctionSet { name: "tracking", routes: ROUTES, tasks: &[], access: Access::Jobs, error_style: shared::http::error_style::mlflow };
