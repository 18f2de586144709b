//! The one way in which the cloud serves HTTP: bounded waiting, keep-alive, an orderly end.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// An answer's body.
pub type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// How long a connection may be open without a request's head arriving.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a request's body may pause.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How much of a body over its limit is let pass, and for how long, so that its sender reads the answer.
const DRAIN_LIMIT: usize = 2 * 1024 * 1024 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest head of a request that is read (API Gateway: 10,240 bytes of headers).
const MAXIMUM_HEAD: usize = 32 * 1024;

/// Serves every connection of `listener` until `stop` is cancelled; then running requests may end, and it returns.
pub async fn serve<Handler, Answer>(listener: TcpListener, stop: CancellationToken, handler: Handler)
where
    Handler: Fn(Request<Incoming>, SocketAddr) -> Answer + Clone + Send + Sync + 'static,
    Answer: Future<Output = Response<Body>> + Send + 'static,
{
    let connections = TaskTracker::new();
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAXIMUM_HEAD * 2);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(_) => {
                // Out of file descriptors, most likely: some will be free again soon.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let handler = handler.clone();
        let service = service_fn(move |request| {
            let answer = handler(request, peer);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let stop = stop.clone();
        connections.spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => Some(ended),
                () = stop.cancelled() => None,
            };
            if ended.is_none() {
                connection.as_mut().graceful_shutdown();
                // A client that went away in between is its own business.
                let _ = connection.await;
            }
        });
    }
    connections.close();
    // Whoever has not finished by then will not.
    let _ = tokio::time::timeout(Duration::from_secs(3), connections.wait()).await;
}

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// Longer than the limit.
    TooLarge,
    /// It stopped coming, or the connection broke.
    Broken,
}

/// Reads a body of at most `limit` bytes. A declared length over the limit is refused before anything is read.
pub async fn read_body(body: &mut Incoming, limit: usize) -> Result<Bytes, BodyError> {
    use hyper::body::Body as _;
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyError::TooLarge);
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let mut first: Option<Bytes> = None;
    let mut rest: Vec<u8> = Vec::new();
    loop {
        let frame = match tokio::time::timeout(BODY_TIMEOUT, body.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) | Err(_) => return Err(BodyError::Broken),
        };
        let Ok(data) = frame.into_data() else { continue };
        if first.as_ref().map_or(rest.len(), Bytes::len) + data.len() > limit {
            return Err(BodyError::TooLarge);
        }
        match first.take() {
            // Most bodies come in one piece and are not copied at all.
            None if rest.is_empty() => first = Some(data),
            None => rest.extend_from_slice(&data),
            Some(start) => {
                rest.reserve(start.len() + data.len());
                rest.extend_from_slice(&start);
                rest.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| rest.into()))
}

/// Reads a body as [`read_body`] does. The rest of one that is too long is let pass, within bounds, since most clients
/// read an answer only when they have sent everything; a client that waits for leave to send is answered at once.
pub async fn read_public_body(headers: &HeaderMap, mut body: Incoming, limit: usize) -> Result<Bytes, BodyError> {
    let read = read_body(&mut body, limit).await;
    if read == Err(BodyError::TooLarge) && !headers.contains_key(header::EXPECT) {
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, drain(&mut body)).await;
    }
    read
}

/// Lets the rest of a body pass, up to a bound.
async fn drain(body: &mut Incoming) {
    let mut passed = 0;
    while passed < DRAIN_LIMIT {
        match body.frame().await {
            Some(Ok(frame)) => passed += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) | None => return,
        }
    }
}

/// A body that is all there.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// An answer with a JSON body.
pub fn json_response(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// Listens on a loopback port: the preferred one, else a free one between 20000 and 31999, where no connection of
/// another program gets its port by chance.
pub async fn bind_stable(preferred: Option<u16>) -> io::Result<TcpListener> {
    if let Some(port) = preferred
        && let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await
    {
        return Ok(listener);
    }
    let mut last = io::Error::other("no port between 20000 and 31999 is free");
    for _ in 0..200 {
        let port = rand::random_range(20_000..32_000u16);
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}
