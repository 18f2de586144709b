//! Evaluating alert rules: what is known of a rule's metric, and what follows from it.

mod accuracy;
mod anomaly;
pub mod evaluate;
mod observe;
