//! Evaluates every alert rule, on a schedule.

use serde_json::Value;
use shared::alerts::evaluate::{self, Evaluated};
use shared::{Platform, Result, Timestamp};

/// Evaluates the rules. Twice at once it tells of nothing twice.
///
/// # Errors
/// `Internal` when the rules cannot be listed; the next tick evaluates them.
pub async fn perform(platform: &Platform, _schedule: Value) -> Result<Evaluated> {
    evaluate::all(platform, Timestamp::now()).await
}
