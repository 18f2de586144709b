//! How often a caller may ask.

use shared::domain::rate_limit::RateLimit;

/// Tests of alert rules' channels: each sends messages to wherever its caller likes.
pub const ALERT_TESTS: RateLimit = RateLimit { scope: "alert_tests", requests: 10, window_seconds: 600 };
