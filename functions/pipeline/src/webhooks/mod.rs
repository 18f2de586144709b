//! Sending a webhook: one signed POST to an address that was checked, with bounds on everything that a receiver can do.

pub mod resolve;
pub mod send;
pub mod sign;
