//! What the tests share.

pub mod client;
pub mod cloud;
pub mod mail_server;
pub mod python;
pub mod receiver;
pub mod scripts;
pub mod user;

pub use client::Client;
pub use cloud::Cloud;
pub use user::User;
