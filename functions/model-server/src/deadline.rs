//! When a request must have its answer.

use lambda_http::Context;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Time kept free before Lambda would end the function, so that the caller gets an answer that says why.
const MARGIN: Duration = Duration::from_millis(400);

/// The moment by which a request is answered: Lambda's own deadline less a margin, or the configured time from now on.
pub fn deadline(extensions: &http::Extensions, timeout: Duration) -> Instant {
    let now = Instant::now();
    let Some(context) = extensions.get::<Context>() else {
        return now + timeout;
    };
    let end = SystemTime::UNIX_EPOCH + Duration::from_millis(context.deadline);
    match end.duration_since(SystemTime::now()) {
        Ok(left) => now + left.saturating_sub(MARGIN),
        // A deadline in the past is one that was not given.
        Err(_) => now + timeout,
    }
}
