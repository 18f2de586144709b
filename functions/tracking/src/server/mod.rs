//! The server itself.

pub mod health;
pub mod not_implemented;
pub mod server_info;
pub mod ui_telemetry;
pub mod version;
