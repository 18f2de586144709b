//! How often a caller may ask: a number of requests in a window of fixed length.

use crate::Timestamp;

/// A limit, as the API's document lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Which requests count together.
    pub scope: &'static str,
    /// How many requests a window may have.
    pub requests: u64,
    /// The length of a window, in seconds.
    pub window_seconds: i64,
}

/// Where a caller stands within a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many requests the window may have.
    pub limit: u64,
    /// How many are left of them.
    pub remaining: u64,
    /// When the next window begins, in seconds since 1970.
    pub reset: i64,
    /// Whether this request is one too many.
    pub exceeded: bool,
}

impl RateLimit {
    /// When the window of a moment begins and ends, in seconds since 1970.
    pub fn window(&self, now: Timestamp) -> (i64, i64) {
        let begin = now.seconds().div_euclid(self.window_seconds) * self.window_seconds;
        (begin, begin + self.window_seconds)
    }
}
