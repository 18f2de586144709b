//! Everything in one binary: the command line, the laptop cloud, and every program that it runs.

pub mod deploy;
pub mod display;
pub mod environment;
pub mod follow;
pub mod options;
pub mod programs;
pub mod serve;
