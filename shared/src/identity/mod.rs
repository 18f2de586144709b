//! Who asks: users, their passwords, session tokens and API keys, and what each route asks of its callers.

pub mod accounts;
pub mod api_key;
pub mod caller;
pub mod password;
pub mod session;

pub use caller::{Access, Caller};
