//! How often a caller may ask. Document: serveml-api, "Rate Limits".

use shared::domain::rate_limit::RateLimit;

/// Registering, logging in, and what concerns a user's own account.
pub const AUTHENTICATION: RateLimit = RateLimit { scope: "authentication", requests: 10, window_seconds: 60 };
/// Deploying, and everything about deployments and webhooks.
pub const DEPLOYMENTS: RateLimit = RateLimit { scope: "deployments", requests: 100, window_seconds: 3600 };
/// Predicting.
pub const PREDICTIONS: RateLimit = RateLimit { scope: "predictions", requests: 1000, window_seconds: 60 };
/// Reading metrics.
pub const METRICS: RateLimit = RateLimit { scope: "metrics", requests: 100, window_seconds: 3600 };
