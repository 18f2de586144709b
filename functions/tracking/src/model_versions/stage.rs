//! Stages by the names that clients give.

use shared::domain::registered_model::Stage;
use shared::{Error, Result};

/// The stage of a name, whatever its case.
///
/// # Errors
/// `BadRequest` when there is no such stage.
pub fn of_name(name: &str) -> Result<Stage> {
    Stage::parse(name).ok_or_else(|| {
        let names = Stage::ALL.map(Stage::name).join(", ");
        Error::bad_request(format!("Invalid Model Version stage: {name}. Value must be one of {names}."))
    })
}
