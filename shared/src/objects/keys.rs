//! Where each kind of object lies in the bucket.

/// The training script of a job.
pub fn script(job_id: &str) -> String {
    format!("jobs/{job_id}/script.py")
}

/// A file that is put beside a job's training script.
pub fn job_file(job_id: &str, name: &str) -> String {
    format!("jobs/{job_id}/files/{name}")
}

/// A JSON document, by the SHA-256 of its text.
pub fn document(hash: &str) -> String {
    format!("documents/{hash}.json")
}

/// What the build made of a job: the image's manifest, configuration and the list of its layers.
pub fn image_plan(job_id: &str) -> String {
    format!("jobs/{job_id}/image.json")
}

/// The root of all artifacts; what follows is the path that MLflow's `mlflow-artifacts:/…` URIs carry.
pub const ARTIFACT_ROOT: &str = "artifacts/";

/// An artifact by its path under the root.
pub fn artifact(path: &str) -> String {
    format!("{ARTIFACT_ROOT}{path}")
}

/// A model file that was uploaded by itself.
pub fn upload(id: &str) -> String {
    format!("uploads/{id}")
}

/// A layer of an image, on its way from the build to the registry.
pub fn layer(digest: &str) -> String {
    format!("layers/{}", digest.replace(':', "/"))
}

/// The profile of the data on which the model of a folder was trained, beside its files.
pub fn training_profile(folder: &str) -> String {
    artifact(&format!("{folder}/training_profile.json"))
}

/// The profile that was posted for a deployment; of one that takes one version of its model after the other, for the version that it
/// had then.
pub fn posted_profile(deployment_id: &str, model_version: Option<u64>) -> String {
    match model_version {
        Some(version) => format!("profiles/{deployment_id}-{version}.json"),
        None => format!("profiles/{deployment_id}.json"),
    }
}

/// The file of an export.
pub fn export(job_id: &str) -> String {
    format!("exports/{job_id}.parquet")
}
