//! The laptop cloud: runs `template.yaml` as it is, with no AWS account and no Docker.
//!
//! It is deliberately small: only the operations and states that a serverless product of this kind uses, each true to
//! AWS in shape, limits and errors; everything else is refused with a message that says so. It knows AWS and the
//! template, and nothing of the product that it runs.

pub mod aws_error;
pub mod code_build;
pub mod invoke;
pub mod step_functions;
