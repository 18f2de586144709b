//! An experiment: what runs are gathered under.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lifecycle::LifecycleStage;

/// The id of the experiment that is always there, under which runs go that name none.
pub const DEFAULT_EXPERIMENT_ID: &str = "0";

/// The name of the experiment that is always there.
pub const DEFAULT_EXPERIMENT_NAME: &str = "Default";

/// An experiment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Experiment {
    /// Its id: a whole number from 0, as text.
    pub id: String,
    /// Its name, unique among all experiments, the deleted ones included.
    pub name: String,
    /// Where its runs' artifacts go, a URI; no slash at the end.
    pub artifact_location: String,
    /// Whether it is in use.
    pub lifecycle_stage: LifecycleStage,
    /// When it was made, in milliseconds since 1970.
    pub creation_time: i64,
    /// When it last changed, in milliseconds since 1970.
    pub last_update_time: i64,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}
