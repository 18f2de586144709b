//! The stages that a job went through.

use serde::Serialize;
use shared::Timestamp;
use shared::domain::job::{Job, JobStatus};
use utoipa::ToSchema;

/// A stage of a job.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StageView {
    /// The status that the job had in this stage.
    #[schema(inline, example = "training")]
    pub status: JobStatus,
    /// When the job reached it.
    pub started_at: Timestamp,
    /// How long it took, in seconds; null in the stage that the job is in.
    #[schema(example = 12.5)]
    pub duration_seconds: Option<f64>,
}

/// The stages of a job in order.
pub fn stages(job: &Job) -> Vec<StageView> {
    let ends = job.stages.iter().skip(1).map(|next| Some(next.started_at)).chain(std::iter::once(None));
    let view = |(stage, end): (&shared::domain::job::Stage, Option<Timestamp>)| StageView {
        status: stage.status,
        started_at: stage.started_at,
        duration_seconds: end.map(|end| end.seconds_since(stage.started_at)),
    };
    job.stages.iter().zip(ends).map(view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::domain::job::{JobKind, Stage};

    #[test]
    fn a_stage_lasts_until_the_next_one() {
        let mut job = Job::new(JobKind::Deployment, "m".to_owned());
        let start = Timestamp::from_milliseconds(1_000);
        job.stages = vec![
            Stage { status: JobStatus::Training, started_at: start },
            Stage { status: JobStatus::Building, started_at: start.plus_seconds(3) },
        ];
        let durations: Vec<_> = stages(&job).into_iter().map(|stage| stage.duration_seconds).collect();
        assert_eq!(durations, [Some(3.0), None]);
    }
}
