//! `POST /pipeline/jobs/{job_id}/logs`: the training program posts what the script wrote, and learns whether somebody
//! asked to cancel.

use shared::http::response;
use shared::{Error, ErrorKind, Platform, Request, Response, Result};

use crate::training::access;
use crate::training::protocol::{LONGEST_TEXT, LogAnswer, LogPost};

/// A body cannot be longer: each byte of text takes at most six in JSON.
const LONGEST_BODY: usize = 6 * LONGEST_TEXT + 1024;

/// Keeps the piece and answers with a [`LogAnswer`].
///
/// # Errors
/// `Unauthorized`, `Forbidden` or `Conflict` as [`access::training_job`]; `Conflict` for another attempt's output;
/// `PayloadTooLarge` for a piece of more than [`LONGEST_TEXT`] bytes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let job = access::training_job(platform, &request).await?;
    check_length(request.body.len(), LONGEST_BODY)?;
    let post: LogPost = request.json()?;
    check_length(post.text.len(), LONGEST_TEXT)?;
    if post.attempt != job.attempt {
        return Err(Error::conflict(format!("Attempt {} at job {} is over; {} is running.", post.attempt, job.id, job.attempt)));
    }
    if !post.text.is_empty() {
        platform.store()?.add_output(&job.id, post.attempt, post.sequence, &post.text).await?;
    }
    response::ok(&LogAnswer { cancel: job.cancel_requested })
}

fn check_length(length: usize, most: usize) -> Result<()> {
    if length <= most {
        return Ok(());
    }
    Err(Error::new(ErrorKind::PayloadTooLarge, format!("A piece of output has at most {most} bytes, not {length}; send it in several.")))
}
