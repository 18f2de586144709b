//! The domain of the platform and the only code that talks to AWS.
//!
//! An API crate under `functions/` translates between its document's shapes and what is here; every rule, key and AWS
//! call lives in this crate, so that all APIs are views of one registry, one set of deployments, one run history.

pub mod alerts;
pub mod config;
pub mod documents;
pub mod domain;
pub mod error;
pub mod feature_store;
pub mod functions;
pub mod http;
pub mod id;
pub mod identity;
pub mod images;
pub mod jobs;
pub mod model_files;
pub mod model_functions;
pub mod objects;
pub mod paging;
pub mod platform;
pub mod projects;
pub mod state_machines;
pub mod store;
pub mod timestamp;
pub mod token;

pub use error::{Error, ErrorKind, Result};
pub use functions::{FunctionSet, Route, Task};
pub use http::request::Request;
pub use http::response::Response;
pub use platform::Platform;
pub use timestamp::Timestamp;
