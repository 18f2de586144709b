//! How the lists of this API are paged: `limit` and `page_token` in the query.

use shared::paging::PageRequest;
use shared::{Request, Result};

/// The most items of one page.
pub const MOST: u32 = 100;

/// The page that a request asks for.
///
/// # Errors
/// `BadRequest` or `Unprocessable` when `limit` is not a number from 1 to [`MOST`], or `page_token` not one of ours.
pub fn of(request: &Request, default_limit: u32) -> Result<PageRequest> {
    PageRequest::new(request.query_number("limit", default_limit)?, MOST, request.query_parameter("page_token"))
}
