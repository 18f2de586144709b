//! Brings the routes to their callers: through Lambda's Runtime API, or over HTTP.

use crate::{Options, app::App, routes, served::Served};
use axum::serve::ListenerExt;
use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

/// How long requests under way may take after the signal to end.
const FAREWELL: Duration = Duration::from_secs(30);

/// How long loading the model may keep this environment from its first request in Lambda, which allows a start 10 s before it
/// begins it anew. A model that takes longer is loaded while its first request waits.
const LOADING_IN_START: Duration = Duration::from_secs(8);

/// Why the server could not run.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Serves until told to end.
///
/// # Errors
/// Where the image is not complete, the port cannot be had, or the Runtime API fails.
pub fn serve(options: Options) -> Result<(), Error> {
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(4));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let ended = runtime.block_on(run(options));
    // What is left (a worker in the middle of a prediction) is dropped, which ends it.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn run(options: Options) -> Result<(), Error> {
    let in_lambda = std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some();
    let root = match &options.root {
        // The workers start in another folder.
        Some(root) => std::path::absolute(root)?,
        None => own_root()?,
    };
    let app = Arc::new(App::new(Served::read(&root)?, &options, in_lambda)?);
    let router = routes::router(Arc::clone(&app));
    if in_lambda {
        // An environment that asked for work before could be given a request that a loaded one would have answered at once. Where
        // loading fails, requests are told why.
        let _ = tokio::time::timeout(LOADING_IN_START, app.engine.ready()).await;
        return lambda_http::run(router).await;
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = tokio::net::TcpListener::bind(SocketAddr::new(options.host, options.port)).await?;
    tracing::info!("listening on http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|connection| {
        // Small answers must not wait for more to send.
        let _ = connection.set_nodelay(true);
    });
    let (told, telling) = tokio::sync::oneshot::channel();
    let end = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("ending after the requests under way");
        let _ = told.send(());
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(end);
    tokio::select! {
        served = serving => Ok(served?),
        () = async {
            let _ = telling.await;
            tokio::time::sleep(FAREWELL).await;
        } => {
            tracing::warn!("some requests took longer than {} s to end", FAREWELL.as_secs());
            Ok(())
        }
    }
}

/// The folder above the one that this program lies in.
fn own_root() -> Result<PathBuf, Error> {
    let program = std::env::current_exe()?;
    let root = program.parent().and_then(|folder| folder.parent());
    root.map(PathBuf::from).ok_or_else(|| format!("{} has no folder above it", program.display()).into())
}
