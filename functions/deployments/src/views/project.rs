//! A project as it is shown.

use serde::Serialize;
use shared::Timestamp;
use shared::domain::project::Project;
use utoipa::ToSchema;

/// A project.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectView {
    /// Its id.
    #[schema(example = "d4e5f6a7-b8c9-0123-def4-567890123456")]
    pub id: String,
    /// Its name.
    #[schema(example = "Fraud")]
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who made it; absent for the project of everybody.
    #[schema(example = "user-018f6b2e-3c4d-7e5f-8a9b-0c1d2e3f4a5b")]
    pub owner: Option<String>,
    /// Who else may use it.
    pub members: Vec<String>,
    /// True for the project of everybody who is signed in, in which is what the other APIs made.
    pub is_default: bool,
    /// The deployment in production.
    pub production_deployment_id: Option<String>,
    /// The deployment that takes a part of its traffic.
    pub canary_deployment_id: Option<String>,
    /// Where the project's production traffic is sent.
    #[schema(example = "https://api.example.com/api/mlops/projects/d4e5f6a7-b8c9-0123-def4-567890123456/predict")]
    pub predict_url: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A user's id, as the ServeML API shows it.
pub fn shown_user(id: &str) -> String {
    format!("user-{id}")
}

impl ProjectView {
    /// A project as it is shown.
    pub fn new(project: Project, base_url: &str) -> Self {
        Self {
            is_default: project.is_default(),
            predict_url: format!("{base_url}/api/mlops/projects/{}/predict", project.id),
            id: project.id,
            name: project.name,
            description: project.description,
            owner: project.owner.as_deref().map(shown_user),
            members: project.members.iter().map(|id| shown_user(id)).collect(),
            production_deployment_id: project.production.map(|target| target.deployment_id),
            canary_deployment_id: project.canary.map(|canary| canary.target.deployment_id),
            created_at: project.created_at,
        }
    }
}
