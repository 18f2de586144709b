//! Pages of lists: `limit` and `offset`.

use serde::Serialize;
use shared::http::fields::{Fields, MOST_OFFSET};
use shared::{Request, Result};
use utoipa::ToSchema;

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How many entries at the most.
    pub limit: u32,
    /// How many entries lie before the first.
    pub offset: u32,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// The entries, the newest first.
    pub items: Vec<T>,
    /// How many there are in all.
    #[schema(example = 1)]
    pub total: u64,
    /// The most entries of a page.
    #[schema(example = 50)]
    pub limit: u32,
    /// How many were left out before the first.
    #[schema(example = 0)]
    pub offset: u32,
}

impl<T> List<T> {
    /// The page of a window.
    pub fn new(items: Vec<T>, total: u64, window: Window) -> Self {
        Self { items, total, limit: window.limit, offset: window.offset }
    }
}

/// The window that the query asks for, of at most `most` entries, 50 where it says nothing.
///
/// # Errors
/// `Unprocessable` when it is out of bounds.
pub fn window(request: &Request, most: i64) -> Result<Window> {
    let mut fields = Fields::of_query(request);
    let window = take_window(&mut fields, most);
    fields.finish()?;
    Ok(window)
}

/// As [`window`], beside other parameters.
pub fn take_window(fields: &mut Fields, most: i64) -> Window {
    let number = |value: Option<i64>, default| value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default);
    let limit = fields.integer("limit", 1..=most);
    let offset = fields.integer("offset", 0..=MOST_OFFSET);
    Window { limit: number(limit, 50), offset: number(offset, 0) }
}
