//! `POST /pipeline/jobs/{job_id}/outcome`: the training program reports how the script ended.

use shared::domain::outcome::TrainingOutcome;
use shared::http::response;
use shared::{Error, ErrorKind, Platform, Request, Response, Result};

use crate::training::access;

/// The longest body that is read.
const LONGEST_BODY: usize = 64 * 1024;
/// The longest explanation that is kept, in characters.
const LONGEST_TEXT: usize = 4000;

/// Keeps the outcome. The first one counts; the same again is answered like the first.
///
/// # Errors
/// `Unauthorized`, `Forbidden` or `Conflict` as [`access::training_job`]; `Conflict` when another outcome is known;
/// `PayloadTooLarge` for a body of more than 64 KB.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let job = access::training_job(platform, &request).await?;
    if request.body.len() > LONGEST_BODY {
        return Err(Error::new(ErrorKind::PayloadTooLarge, format!("An outcome has at most {LONGEST_BODY} bytes.")));
    }
    let outcome = bounded(request.json()?);
    match &job.outcome {
        None => platform.store()?.set_outcome(&job.id, &outcome).await?,
        Some(known) if *known == outcome => {}
        Some(_) => return Err(Error::conflict(format!("Another outcome of job {} is known already.", job.id))),
    }
    Ok(response::no_content())
}

/// The outcome with its text cut to what a job's record keeps.
fn bounded(outcome: TrainingOutcome) -> TrainingOutcome {
    let cut = |text: String| -> String { text.chars().take(LONGEST_TEXT).collect() };
    match outcome {
        TrainingOutcome::Exited { code, exception } => TrainingOutcome::Exited { code, exception: exception.map(cut) },
        TrainingOutcome::RequirementsFailed { reason } => TrainingOutcome::RequirementsFailed { reason: cut(reason) },
        TrainingOutcome::NotRun { reason } => TrainingOutcome::NotRun { reason: cut(reason) },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_explanation_is_cut() {
        let outcome = bounded(TrainingOutcome::Exited { code: 1, exception: Some("é".repeat(10_000)) });
        let TrainingOutcome::Exited { exception: Some(exception), .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(exception.chars().count(), LONGEST_TEXT);
    }
}
