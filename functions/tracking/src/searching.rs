//! What searches have in common: how many results, which stages.

use shared::domain::lifecycle::LifecycleStage;
use shared::{Error, Result};

use crate::message::Message;

const VIEWS: [&str; 3] = ["ACTIVE_ONLY", "DELETED_ONLY", "ALL"];

/// How many results are wanted.
///
/// # Errors
/// `BadRequest` when it is less than 1 or more than `most`.
pub fn limit(message: &Message, default: i64, most: i64) -> Result<usize> {
    let wanted = message.integer("max_results")?.unwrap_or(default);
    if wanted < 1 {
        return Err(Error::bad_request(format!(
            "Invalid value {wanted} for parameter 'max_results' supplied. It must be a positive integer"
        )));
    }
    if wanted > most {
        return Err(Error::bad_request(format!("Invalid value {wanted} for parameter 'max_results' supplied. It must be at most {most}")));
    }
    Ok(usize::try_from(wanted).unwrap_or(1))
}

/// The lifecycle stages that a view shows.
///
/// # Errors
/// `BadRequest` when there is no such view.
pub fn stages(message: &Message, field: &str) -> Result<Vec<LifecycleStage>> {
    Ok(match message.choice(field, &VIEWS, 1)? {
        Some("DELETED_ONLY") => vec![LifecycleStage::Deleted],
        Some("ALL") => vec![LifecycleStage::Active, LifecycleStage::Deleted],
        _ => vec![LifecycleStage::Active],
    })
}
