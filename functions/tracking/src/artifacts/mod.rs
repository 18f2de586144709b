//! Artifacts: what lies under the bucket's artifact root. Small files pass through; large ones go to and from S3 by
//! presigned URLs.

pub mod abort_upload;
pub mod complete_upload;
pub mod create_upload;
pub mod delete;
pub mod download;
mod file;
pub mod file_of_model;
mod file_type;
pub mod get_artifact;
pub mod list;
pub mod list_of_model;
pub mod list_of_run;
mod paths;
pub mod presigned_download;
pub mod upload;
pub mod upload_to_run;
