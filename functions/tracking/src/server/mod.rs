//! The server itself.

pub mod health;
pub mod server_info;
pub mod version;
