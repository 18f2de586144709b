//! Whether an experiment, a run or a logged model is in use or deleted. Deleting keeps it and can be undone.

use serde::{Deserialize, Serialize};

/// MLflow's lifecycle stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifecycleStage {
    /// In use.
    #[default]
    Active,
    /// Deleted, and kept until it is restored.
    Deleted,
}

impl LifecycleStage {
    /// As MLflow writes it, and as it stands in the table's keys.
    pub fn name(self) -> &'static str {
        match self {
            LifecycleStage::Active => "active",
            LifecycleStage::Deleted => "deleted",
        }
    }
}
