//! How many requests a caller has made in a window: one conditional write for each request, so that the count is exact
//! however many come at once.

use serde::Deserialize;

use super::Store;
use super::keys::Key;
use super::update::Update;
use super::write::Outcome;
use crate::domain::rate_limit::{RateLimit, Standing};
use crate::{Result, Timestamp};

#[derive(Debug, Deserialize)]
struct Window {
    requests: u64,
}

impl Store {
    /// Counts a request of `caller` within a limit.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn count_request(&self, limit: &RateLimit, caller: &str, now: Timestamp) -> Result<Standing> {
        let (begin, end) = limit.window(now);
        let key = Key::new(format!("RATE_LIMIT#{}#{caller}#{begin}", limit.scope), "RATE_LIMIT");
        let update = Update::new(key).add("requests", 1)?.set("expires_at", &(end + limit.window_seconds))?.if_absent_or(
            "requests",
            "<",
            &limit.requests,
        )?;
        let (used, exceeded) = match self.update::<Window>(update).await? {
            Outcome::Done(window) => (window.requests, false),
            Outcome::Refused(_) => (limit.requests, true),
        };
        Ok(Standing { limit: limit.requests, remaining: limit.requests.saturating_sub(used), reset: end, exceeded })
    }
}
