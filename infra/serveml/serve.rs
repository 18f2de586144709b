//! `serve`: the platform on this machine until Ctrl-C.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use local::cloud::{Cloud, Running};
use local::options::Options;

use crate::{display, options};

/// Serves until Ctrl-C or SIGTERM.
pub async fn run(chosen: &options::Cloud) -> Result<(), String> {
    let begun = Instant::now();
    let cloud = start(chosen, chosen.quiet).await?;
    announce(&cloud, begun.elapsed());
    if !chosen.until_input_closes {
        return until_stopped(cloud).await;
    }
    let (mut input, mut nowhere) = (tokio::io::stdin(), tokio::io::sink());
    tokio::select! {
        stopped = stop_signal() => stopped?,
        // Whatever comes is thrown away; only the end matters.
        _ = tokio::io::copy(&mut input, &mut nowhere) => {}
    }
    cloud.shutdown().await;
    // The reader of standard input may still wait on a thread of its own, which would keep the process.
    std::process::exit(0)
}

/// Starts the platform with the options chosen.
pub async fn start(chosen: &options::Cloud, quiet: bool) -> Result<Cloud, String> {
    let template = template(chosen)?;
    let mut options = Options::new(&template).map_err(|error| format!("cannot start: {error}"))?;
    options.data = absolute(&chosen.data)?;
    options.cache = chosen.cache.as_deref().map_or_else(|| Ok(options.data.join("cache")), absolute)?;
    options.port = chosen.port;
    options.allowed_hosts = chosen.allowed_hosts.clone();
    options.parameters = chosen.parameters.iter().cloned().collect();
    let authentication = if chosen.require_login { "required" } else { "documented" };
    options.parameters.entry("Authentication".to_owned()).or_insert_with(|| authentication.to_owned());
    // A laptop asks the package index alone, whichever that is.
    options.parameters.entry("TorchBackend".to_owned()).or_insert_with(|| "none".to_owned());
    // On a laptop webhooks may go to the laptop itself.
    options.parameters.entry("WebhookNetworks".to_owned()).or_insert_with(|| "any".to_owned());
    options.python = chosen.python.clone();
    options.container_idle = Duration::from_secs(chosen.model_idle);
    options.json_log = chosen.json;
    options.rights_report = chosen.rights_report.as_deref().map(absolute).transpose()?;
    options.quiet = quiet;
    options.base_image = Some(local::options::BaseImage {
        tag: pipeline::base_image::TAG.to_owned(),
        python_variable: pipeline::base_image::PYTHON_VARIABLE.to_owned(),
        python_version_label: pipeline::base_image::PYTHON_VERSION_LABEL.to_owned(),
    });
    Cloud::start(options).await.map_err(|error| error.to_string())
}

/// The platform that runs on the data folder chosen, if one does.
pub fn running(chosen: &options::Cloud) -> Result<Option<Running>, String> {
    Ok(local::cloud::find_running(&absolute(&chosen.data)?))
}

/// Says what is listening.
pub fn announce(cloud: &Cloud, took: Duration) {
    display::success("serving", &format!("{} (started in {} ms)", cloud.url(), took.as_millis()));
    display::line(&format!("           API documentation: {}/docs", cloud.url()));
    display::line(&format!("           MLflow:            export MLFLOW_TRACKING_URI={}", cloud.url()));
    display::line("           AWS's own tools:   eval \"$(serveml environment)\"");
    display::line("           Ctrl-C stops it; everything is kept in the data folder.");
}

/// Waits for Ctrl-C or SIGTERM, then stops the platform and all that it started.
pub async fn until_stopped(cloud: Cloud) -> Result<(), String> {
    stop_signal().await?;
    display::step("stopping", "the platform and everything it started");
    cloud.shutdown().await;
    Ok(())
}

/// Resolves at Ctrl-C or SIGTERM.
pub async fn stop_signal() -> Result<(), String> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| format!("cannot listen for signals: {error}"))?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.map_err(|error| format!("cannot listen for Ctrl-C: {error}")),
        _ = terminate.recv() => Ok(()),
    }
}

fn template(chosen: &options::Cloud) -> Result<PathBuf, String> {
    if let Some(template) = &chosen.template {
        return absolute(template);
    }
    let here = absolute(Path::new("template.yaml"))?;
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("template.yaml");
    [here, built]
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| "there is no template.yaml here; name it with --template".to_owned())
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))
}
