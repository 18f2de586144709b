//! How often a caller may ask. Document: serveml-api, "Rate Limits".

use shared::domain::rate_limit::RateLimit;

/// Registering, logging in, and what concerns a user's own account.
pub const AUTHENTICATION: RateLimit = RateLimit { scope: "authentication", requests: 10, window_seconds: 60 };
