//! Metrics.

pub mod get_history;
