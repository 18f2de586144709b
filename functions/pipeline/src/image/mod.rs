//! The image builder: container images out of folders, with no container engine.
//!
//! An image is layers (tar archives), a configuration that lists them, and a manifest that names both by digest. This
//! module makes all three, reproducibly: the same content has the same digests on any machine, at any time, with any
//! number of cores. It knows folders and blobs only; carrying them to and from AWS is the tasks' business.
//!
//! - [`layer`]: folders, files and bytes into one compressed layer.
//! - [`manifest`]: a base image plus layers into a configuration and a manifest.
//! - [`requirement`], [`dependencies`]: what a model needs to serve, and the cache key of its dependency layer.
//! - [`install`]: those requirements into a folder with `uv`, made reproducible ([`site_packages`], [`bytecode`]).

pub mod bytecode;
pub mod command;
pub mod dependencies;
pub mod digest;
pub mod error;
pub mod gzip;
pub mod install;
pub mod layer;
pub mod manifest;
pub mod requirement;
pub mod resolution;
pub mod site_packages;
pub mod tree;

pub use error::ImageError;

/// The version of what this module writes. A change of the layers' form (times, modes, compression, what is stripped)
/// raises it, so that no layer built the old way is taken for one built the new way.
pub const BUILDER_FORMAT: u32 = 1;

#[cfg(test)]
mod tests;
