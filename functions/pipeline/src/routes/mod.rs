//! What the training program calls. A file for each route.

pub mod job_claim;
pub mod job_logs;
pub mod job_outcome;
