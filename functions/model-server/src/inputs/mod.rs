//! From a request's body to what the model takes: [`parse`](request::parse) reads any of the accepted forms into typed columns,
//! [`bind`](bind::bind) holds them against the model's signature.

pub mod batch;
pub mod bind;
pub mod column;
pub mod request;

pub use batch::{Batch, Data, FrameColumn, Numbers, Tensor};
pub use request::{Inputs, Probabilities, Request};

/// The most rows of one request.
pub const ROW_LIMIT: usize = 100_000;
