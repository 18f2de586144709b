//! Lambda layers on the laptop: folders in the cache, built by the project's own program where they are not there yet.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::watch;

use crate::console::Console;
use crate::options::Options;
use crate::supervise;
use crate::template::Layer;

/// Whether a layer is there: `None` while it is built.
type Progress = watch::Receiver<Option<Result<PathBuf, String>>>;

/// The layers of a template.
#[derive(Debug, Default)]
pub struct Layers {
    layers: HashMap<String, Progress>,
}

impl Layers {
    /// Finds the layers in the cache folder, and starts to build those that are not there. Must be called within a Tokio
    /// runtime.
    pub fn start(layers: &[Layer], options: &Options, console: &Console) -> Self {
        let mut found = HashMap::new();
        for layer in layers {
            let folder = options.cache.join("layers").join(&layer.name);
            let (sender, receiver) = watch::channel(None);
            let there = folder.is_dir();
            if !there {
                console.notice(format!("building the layer {} (once; later starts find it in the cache)", layer.name));
            }
            let arn = layer.arn.clone();
            let (layer_name, layer, options, console) = (layer.name.clone(), layer.clone(), options.clone(), console.clone());
            tokio::spawn(async move {
                let result =
                    if there { refresh(&layer, folder, &options, &console).await } else { build(&layer, folder, &options, &console).await };
                match &result {
                    Ok(_) if there => {}
                    Ok(_) => console.notice(format!("the layer {layer_name} is ready")),
                    Err(error) => console.problem(format!("the layer {layer_name} could not be built: {error}")),
                }
                sender.send_replace(Some(result));
            });
            found.insert(arn, receiver);
        }
        Self { layers: found }
    }

    /// Whether there is a layer with this ARN.
    pub fn has(&self, arn: &str) -> bool {
        self.layers.contains_key(arn)
    }

    /// The folders of layers, once all of them are there.
    pub async fn folders(&self, arns: &[String]) -> Result<Vec<PathBuf>, String> {
        let mut folders = Vec::with_capacity(arns.len());
        for arn in arns {
            let mut progress = self.layers.get(arn).ok_or_else(|| format!("the template has no layer {arn}"))?.clone();
            let result = progress.wait_for(Option::is_some).await.map_err(|_| format!("the layer {arn} was not built"))?;
            folders.push(result.clone().unwrap_or_else(|| Err("not built".into()))?);
        }
        Ok(folders)
    }
}

/// Builds a layer beside its place and moves it there, so that a half-built one is never taken for whole.
async fn build(layer: &Layer, folder: PathBuf, options: &Options, console: &Console) -> Result<PathBuf, String> {
    let parent = options.cache.join("layers");
    tokio::fs::create_dir_all(&parent).await.map_err(|error| format!("{}: {error}", parent.display()))?;
    let building = parent.join(format!(".{}.{}", layer.name, crate::account::random_hex(6)));
    if let Err(reason) = run_builder(layer, &building, options, console).await {
        let _ = tokio::fs::remove_dir_all(&building).await;
        return Err(reason);
    }
    if let Err(error) = tokio::fs::rename(&building, &folder).await {
        let _ = tokio::fs::remove_dir_all(&building).await;
        // Another cloud that shares the cache was faster.
        if !folder.is_dir() {
            return Err(format!("{} made no {}: {error}", layer.builder.display(), building.display()));
        }
    }
    Ok(folder)
}

/// Has the builder bring a whole layer up to date, which it does where it lies: this program may be another one than the
/// one that it was built with. A layer that cannot be brought up to date is used as it is.
async fn refresh(layer: &Layer, folder: PathBuf, options: &Options, console: &Console) -> Result<PathBuf, String> {
    if let Err(reason) = run_builder(layer, &folder, options, console).await {
        console.problem(format!("the layer {} is used as it is: {reason}", layer.name));
    }
    Ok(folder)
}

async fn run_builder(layer: &Layer, target: &Path, options: &Options, console: &Console) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let command = supervise::Command {
        supervisor: options.supervisor.clone(),
        program: options.python.clone().into(),
        name: None,
        arguments: vec![layer.builder.clone().into(), target.into(), "--program".into(), OsString::from(&options.program)],
        // It runs for the user, not for a function.
        environment: std::env::vars_os().collect(),
        folder: None,
        grace: Duration::from_secs(1),
    };
    let mut process = supervise::spawn(&command).map_err(text)?;
    let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
    let (_, last_words) = tokio::join!(show(stdout, &layer.name, console), show(stderr, &layer.name, console));
    let status = process.wait().await.map_err(text)?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}. {last_words}", layer.builder.display())) }
}

/// Shows a stream's lines and returns the last one.
async fn show(stream: Option<impl AsyncRead + Unpin>, label: &str, console: &Console) -> String {
    let Some(stream) = stream else { return String::new() };
    let mut lines = BufReader::new(stream).lines();
    let mut last = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        console.output(label, &line);
        last = line;
    }
    last
}
