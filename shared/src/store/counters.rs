//! Totals, kept in the same transaction as what they count.

use serde::Deserialize;

use super::Store;
use super::keys::Key;
use super::update::Update;
use super::write::Write;
use crate::Result;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Registered models.
    RegisteredModels,
    /// Experiments that are not deleted.
    ActiveExperiments,
}

impl Counter {
    fn key(self) -> Key {
        let name = match self {
            Counter::RegisteredModels => "REGISTERED_MODELS",
            Counter::ActiveExperiments => "ACTIVE_EXPERIMENTS",
        };
        Key::new(format!("COUNTER#{name}"), "COUNTER")
    }

    /// The write that adds to it, for the transaction that makes or removes what it counts.
    ///
    /// # Errors
    /// Never in practice; the amount is a number.
    pub fn increase(self, amount: i64) -> Result<Write> {
        Ok(Write::Update(Update::new(self.key()).add("total", amount)?))
    }
}

#[derive(Debug, Deserialize)]
struct Total {
    total: u64,
}

impl Store {
    /// The value of a counter.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn count(&self, counter: Counter) -> Result<u64> {
        self.count_of(counter.key()).await
    }

    /// The value of the counter under a key.
    pub(crate) async fn count_of(&self, key: Key) -> Result<u64> {
        Ok(self.get::<Total>(&key).await?.map_or(0, |total| total.total))
    }
}
