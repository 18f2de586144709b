//! Searches. Each is answered from the key or index that narrows it down most, in the order that the index has; what the
//! index does not know is asked of each item as it is read. A page ends when it is full, when its items would not fit a
//! response, or when very many items were read for it; its token says where to go on.
//!
//! Orders that no index has are made in memory, over at most [`MOST_SORTED`] items.

mod experiments;
mod lanes;
mod logged_models;
mod metric_lanes;
mod position;
mod registry;
mod runs;
mod sorted;
mod version_lanes;

pub use experiments::ExperimentSearch;
pub(crate) use lanes::Lanes;
pub use logged_models::{DatasetChoice, LoggedModelOrder, LoggedModelSearch};
pub use registry::{RegisteredModelSearch, VersionSearch};
pub use runs::RunSearch;

/// How many items are read at the most for one page.
pub const MOST_READ: usize = 20_000;

/// How many items are put in an order that no index has.
pub const MOST_SORTED: usize = 20_000;

/// How large a page may become, in bytes of its texts: a function's response holds 6 MB.
const LARGEST_PAGE: usize = 3_000_000;

/// How many items are looked at behind a full page, for one more that matches.
const MOST_AHEAD: usize = 1000;

/// How many items are read at once while looking for matching ones.
const CHUNK: usize = 200;

/// A page that is being filled.
#[derive(Debug)]
struct Filling<T> {
    items: Vec<T>,
    limit: usize,
    size: usize,
    read: usize,
    ahead: usize,
}

impl<T> Filling<T> {
    fn new(limit: usize) -> Self {
        Self { items: Vec::new(), limit, size: 0, read: 0, ahead: 0 }
    }

    /// True when the page takes no more.
    fn is_full(&self) -> bool {
        self.items.len() >= self.limit || self.size >= LARGEST_PAGE
    }

    /// True when the page ends before the next item, which matches or does not. A full page looks ahead for a while: a token
    /// that leads to nothing more would be a page too many.
    fn ends_before(&mut self, matches: bool) -> bool {
        self.read += 1;
        if self.is_full() {
            self.ahead += 1;
            return matches || self.ahead > MOST_AHEAD;
        }
        self.read > MOST_READ
    }

    fn push(&mut self, item: T, size: usize) {
        self.items.push(item);
        self.size += size;
    }
}

/// How many bytes a map of texts takes, about.
fn size_of(texts: &std::collections::BTreeMap<String, String>) -> usize {
    texts.iter().map(|(key, value)| key.len() + value.len() + 24).sum()
}
