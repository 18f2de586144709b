//! The rights of one caller, for a service that takes its call apart itself.

use std::sync::Arc;

use super::{Caller, Needed, Refused, Rights};

/// Decides on the calls of one caller.
#[derive(Debug, Clone)]
pub struct Guard(Option<(Arc<Rights>, Caller)>);

impl Guard {
    /// The guard of a caller.
    pub fn new(rights: Arc<Rights>, caller: Caller) -> Self {
        Self(Some((rights, caller)))
    }

    /// One that lets everything pass.
    pub fn open() -> Self {
        Self(None)
    }

    /// Refuses a call of which the caller may not do all that is needed. What is needed is asked only where it matters.
    pub fn check(&self, needed: impl FnOnce() -> Vec<Needed>) -> Result<(), Refused> {
        match &self.0 {
            None | Some((_, Caller::Account)) => Ok(()),
            Some((rights, caller)) => rights.check(caller, &needed()),
        }
    }
}
