//! The training program: runs a user's script and reports to the platform while it does.
//!
//! It needs `API_URL` and nothing else of the platform: it claims its job with a ticket, gets the script by a signed
//! URL, posts the output while it comes, and at the end how the script ended. The script runs with the rights of this
//! program, so the program is given none over the platform's data.
//!
//! - [`program`]: the whole, from claim to outcome.
//! - [`protocol`], [`platform_api`], [`access`]: what is said between the program and the job routes, from both sides.
//! - [`interpreter`], [`environment`], [`resolver`], [`syntax`]: a Python environment for the requirements.
//! - [`variables`], [`work_folder`]: what the script finds around it.
//! - [`profile`]: the distribution of what the script trains on.
//! - [`supervise`], [`process_tree`]: the script's processes and their limits.
//! - [`terminal`], [`capture`], [`output`], [`exception`]: what the script writes, on its way to the job's log.

pub mod access;
pub mod capture;
pub mod environment;
pub mod exception;
pub mod interpreter;
pub mod output;
pub mod platform_api;
pub mod process_tree;
pub mod profile;
pub mod program;
pub mod protocol;
pub mod resolver;
pub mod supervise;
pub mod syntax;
pub mod terminal;
pub mod variables;
pub mod work_folder;
