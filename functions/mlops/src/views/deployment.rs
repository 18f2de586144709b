//! A deployment as this API shows it: the job that brings a model version to a URL.

use std::collections::HashMap;

use serde::Serialize;
use shared::domain::deployment::Deployment;
use shared::domain::job::{Job, JobStatus};
use shared::{Platform, Result, Timestamp};
use utoipa::ToSchema;

use super::stage::{StageView, stages};
use shared::jobs::output;

/// Where a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentStatus {
    /// Model training in progress
    Training,
    /// Building the container image
    Building,
    /// Pushing to ECR
    Pushing,
    /// Deploying the model's function
    Deploying,
    /// Ready for inference: use deployment_url
    Deployed,
    /// Error occurred: see the error field
    Failed,
}

impl From<JobStatus> for DeploymentStatus {
    fn from(status: JobStatus) -> Self {
        match status {
            JobStatus::Queued | JobStatus::Running | JobStatus::Training => DeploymentStatus::Training,
            JobStatus::Building => DeploymentStatus::Building,
            JobStatus::Pushing => DeploymentStatus::Pushing,
            JobStatus::Deploying => DeploymentStatus::Deploying,
            JobStatus::Deployed | JobStatus::Completed => DeploymentStatus::Deployed,
            JobStatus::Failed => DeploymentStatus::Failed,
        }
    }
}

/// A deployment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DeploymentView {
    /// Its job's id.
    #[schema(example = "0199f0a2-7c3e-7d21-b1a5-0f6f3f1f2c11")]
    pub job_id: String,
    /// Where it is.
    pub status: DeploymentStatus,
    /// The registered model that it serves.
    #[schema(example = "my_model")]
    pub model_name: String,
    /// The version that it brings to the URL; null until it is trained.
    #[schema(example = "1")]
    pub model_version: Option<String>,
    /// The experiment under which its run is kept; null where a registered version is deployed.
    #[schema(example = "production")]
    pub experiment_name: Option<String>,
    /// The run that logged the model.
    #[schema(example = "0199f0a27c3e7d21b1a50f6f3f1f2c11")]
    pub run_id: Option<String>,
    /// The model's URL: POST to `{deployment_url}/predict`. Set once the deployment is `deployed`, and null again when
    /// the model's URL was taken down.
    #[schema(example = "http://localhost:21873")]
    pub deployment_url: Option<String>,
    /// True while the version of this deployment is the one that answers at the URL. All deployments of a model share
    /// its URL; the latest one that succeeds answers there.
    pub live: bool,
    /// The container image.
    #[schema(example = "000000000000.dkr.ecr.us-east-1.amazonaws.com/serveml@sha256:4f53…")]
    pub image_uri: Option<String>,
    /// The most instances that the model may have at once; null for no bound of its own.
    #[schema(example = 2)]
    pub replicas: Option<u32>,
    /// Everything that the training and the deployment wrote so far. Not part of lists: ask for the deployment itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "✅ Training complete! Accuracy: 0.935\n")]
    pub logs: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// The stages that it went through.
    pub stages: Vec<StageView>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its work began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// From its beginning to its end, in seconds.
    #[schema(example = 41.2)]
    pub duration_seconds: Option<f64>,
}

impl DeploymentView {
    fn new(job: Job, deployments: &HashMap<String, Deployment>) -> Self {
        let deployment = job.deployment_id.as_ref().and_then(|id| deployments.get(id)).filter(|_| job.status == JobStatus::Deployed);
        Self {
            deployment_url: deployment.and_then(|deployment| deployment.url.clone()),
            live: deployment.is_some_and(|deployment| deployment.live_job_id.as_deref() == Some(&job.id)),
            stages: stages(&job),
            duration_seconds: job.duration_seconds(),
            job_id: job.id,
            status: job.status.into(),
            model_name: job.model_name,
            model_version: job.model_version.map(|version| version.to_string()),
            experiment_name: job.experiment_name,
            run_id: job.run_id,
            image_uri: job.image_uri,
            replicas: job.replicas,
            logs: None,
            error: job.error,
            created_at: job.created_at,
            started_at: job.started_at,
            completed_at: job.completed_at,
        }
    }

    /// Jobs as lists show them, without their output.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn list(platform: &Platform, jobs: Vec<Job>) -> Result<Vec<Self>> {
        let ids = jobs.iter().filter(|job| job.status == JobStatus::Deployed).filter_map(|job| job.deployment_id.clone());
        let deployments = platform.store()?.deployments_by_id(ids.collect()).await?;
        Ok(jobs.into_iter().map(|job| Self::new(job, &deployments)).collect())
    }

    /// A job with its output.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn with_logs(platform: &Platform, job: Job) -> Result<Self> {
        let store = platform.store()?;
        let ids = job.deployment_id.iter().cloned().collect();
        let (output, deployments) = tokio::try_join!(store.job_logs(&job.id), store.deployments_by_id(ids))?;
        Ok(Self { logs: Some(output::fit(output)), ..Self::new(job, &deployments) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::domain::job::JobKind;

    #[test]
    fn the_url_is_shown_while_the_deployment_is_there() {
        let mut deployment = Deployment::new("m", "serveml-model-");
        deployment.url = Some("http://localhost:21000".to_owned());
        let mut job = Job::new(JobKind::Deployment, "m".to_owned());
        job.deployment_id = Some(deployment.id.clone());
        job.deployment_url = deployment.url.clone();
        job.model_version = Some(1);
        deployment.live_job_id = Some(job.id.clone());
        let known = HashMap::from([(deployment.id.clone(), deployment.clone())]);

        assert_eq!(DeploymentView::new(job.clone(), &known).deployment_url, None, "it is not deployed yet");
        job.status = JobStatus::Deployed;
        let view = DeploymentView::new(job.clone(), &known);
        assert_eq!(
            (view.deployment_url.as_deref(), view.live, view.model_version.as_deref()),
            (Some("http://localhost:21000"), true, Some("1"))
        );

        deployment.live_job_id = Some("a later job".to_owned());
        let view = DeploymentView::new(job.clone(), &HashMap::from([(deployment.id.clone(), deployment)]));
        assert_eq!((view.deployment_url.is_some(), view.live), (true, false));
        let view = DeploymentView::new(job, &HashMap::new());
        assert_eq!((view.deployment_url, view.live), (None, false), "it was taken down");
    }
}
