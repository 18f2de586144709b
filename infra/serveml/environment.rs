//! `environment`: how AWS's own tools reach the platform on this machine.

use local::account::Credentials;

use crate::{display, options, serve};

/// Prints an `export` line for each variable.
pub fn run(chosen: &options::Cloud) -> Result<(), String> {
    let folder = chosen.data.display();
    let running =
        serve::running(chosen)?.ok_or_else(|| format!("no platform runs on {folder}; start one, or name its folder with --data"))?;
    let credentials = Credentials::load_or_create(&chosen.data).map_err(|error| format!("reading the key of {folder}: {error}"))?;
    for (name, value) in running.aws_environment(&credentials) {
        display::line(&format!("export {name}={value}"));
    }
    Ok(())
}
