//! Which buckets there are: the template's, and those that users made beside them, which the index remembers.

use std::collections::BTreeSet;
use std::io;
use std::sync::{PoisonError, RwLock};

use super::index::Index;

/// The buckets.
#[derive(Debug)]
pub struct Buckets {
    declared: BTreeSet<String>,
    made: RwLock<BTreeSet<String>>,
}

/// What came of removing a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Removed,
    /// It holds something.
    NotEmpty,
    /// It is the template's.
    Declared,
}

impl Buckets {
    /// The template's buckets and those that the index knows.
    pub fn open(declared: &[String], index: &Index) -> io::Result<Self> {
        let made = index.buckets()?.into_iter().collect();
        Ok(Self { declared: declared.iter().cloned().collect(), made: RwLock::new(made) })
    }

    /// Whether there is one of that name.
    pub fn has(&self, name: &str) -> bool {
        self.declared.contains(name) || self.made.read().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    /// All names, sorted.
    pub fn names(&self) -> BTreeSet<String> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        self.declared.union(&made).cloned().collect()
    }

    /// Makes one; false if it is there.
    pub async fn make(&self, index: &Index, name: &str) -> io::Result<bool> {
        if self.has(name) {
            return Ok(false);
        }
        index.add_bucket(name).await?;
        Ok(self.made.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned()))
    }

    /// Removes one that users made and that is empty.
    pub async fn remove(&self, index: &Index, name: &str) -> io::Result<Removal> {
        if self.declared.contains(name) {
            return Ok(Removal::Declared);
        }
        if !index.remove_bucket(name).await? {
            return Ok(Removal::NotEmpty);
        }
        self.made.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        Ok(Removal::Removed)
    }
}
