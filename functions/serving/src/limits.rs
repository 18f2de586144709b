//! How often a caller may ask. Document: serveml-api, "Rate Limits".

use shared::domain::rate_limit::RateLimit;

/// Deploying, listing, changing and deleting deployments.
pub const DEPLOYMENTS: RateLimit = RateLimit { scope: "deployments", requests: 100, window_seconds: 3600 };

/// Predictions.
pub const PREDICTIONS: RateLimit = RateLimit { scope: "predictions", requests: 1000, window_seconds: 60 };

/// Registering, logging in, and what concerns a user's own account.
pub const AUTHENTICATION: RateLimit = RateLimit { scope: "authentication", requests: 10, window_seconds: 60 };

/// Figures of a deployment.
pub const METRICS: RateLimit = RateLimit { scope: "metrics", requests: 100, window_seconds: 3600 };

/// Tests of webhooks: the document names no limit for them, and each sends a request to wherever its caller likes.
pub const WEBHOOK_TESTS: RateLimit = RateLimit { scope: "webhook_tests", requests: 30, window_seconds: 60 };
