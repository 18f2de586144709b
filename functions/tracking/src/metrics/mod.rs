//! Metrics.

pub mod get_history;
pub mod get_history_bulk;
pub mod get_history_bulk_interval;
