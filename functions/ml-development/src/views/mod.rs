//! What several routes show.

pub mod model;
pub mod problem;
pub mod recipe;
pub mod run;
pub mod snapshot;
pub mod synthetic_example;
pub mod version;

/// How many bytes of documents one page of a list shows: a Lambda function's response has at most 6 MB.
pub const PAGE_BYTES: u64 = 4 * 1024 * 1024;

/// A page's items up to the one whose documents would be too much for one response; the first is always part of it.
pub fn within_a_response<T>(items: Vec<T>, bytes: impl Fn(&T) -> u64) -> Vec<T> {
    let mut total = 0;
    let fits = |item: &T| {
        total += bytes(item);
        total <= PAGE_BYTES
    };
    let count = items.iter().map(fits).take_while(|fits| *fits).count().max(1);
    items.into_iter().take(count).collect()
}
