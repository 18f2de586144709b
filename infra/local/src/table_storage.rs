//! DynamoDB: kept by dynoxide in one SQLite file, spoken to over a connection within this process.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use dynoxide::Database;
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::http_server::{Body, full};
use crate::template::Table;

/// How often items whose time is over are removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// How many idle connections to the store are kept.
const CONNECTIONS: usize = 64;

/// The tables.
#[derive(Debug)]
pub struct TableStorage {
    address: SocketAddr,
    connections: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    stop: CancellationToken,
    server: Mutex<Option<JoinHandle<()>>>,
}

impl TableStorage {
    /// Opens the tables' file and makes the tables and indexes that it lacks.
    pub fn open(path: &Path, tables: &[Table]) -> io::Result<Self> {
        let database = Database::new(&path.to_string_lossy())
            .map_err(|error| io::Error::other(format!("{} cannot be opened: {error}", path.display())))?;
        // SQLite's NORMAL synchronisation, which this call sets: the log of writes is handed to the system with each of them and
        // forced to the disk now and then. A killed process loses nothing; a power cut may lose the last moments, and never
        // leaves the file broken. Forcing every write would cost milliseconds each.
        database.disable_bulk_loading().map_err(|error| io::Error::other(format!("{} cannot be set up: {error}", path.display())))?;
        for table in tables {
            prepare(&database, table).map_err(|problem| io::Error::other(format!("table {}: {problem}", table.name)))?;
        }
        let listener = bind_private()?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let server = std::thread::Builder::new().name("tables".into()).spawn({
            let stop = stop.clone();
            move || serve(database, listener, stop)
        })?;
        Ok(Self { address, connections: Mutex::default(), stop, server: Mutex::new(Some(server)) })
    }

    /// Answers a call of DynamoDB's API.
    pub async fn handle(&self, parts: &Parts, body: Bytes) -> io::Result<Response<Body>> {
        // A kept connection may have been closed meanwhile; a new one has not.
        for fresh in [false, true] {
            let Some(mut connection) = self.connection(fresh).await? else { continue };
            match connection.send_request(self.request(parts, body.clone())?).await {
                Ok(response) => {
                    let (parts, answer) = response.into_parts();
                    let answer = answer.collect().await.map_err(io::Error::other)?.to_bytes();
                    let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
                    if connections.len() < CONNECTIONS {
                        connections.push(connection);
                    }
                    drop(connections);
                    return Ok(render(parts.status, &parts.headers, answer));
                }
                // It was never sent, so it may be sent again.
                Err(error) if error.is_canceled() && !fresh => {}
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Err(io::Error::other("the tables do not answer"))
    }

    /// Ends the service; what was answered is on disk.
    pub fn shutdown(&self) {
        self.stop.cancel();
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if let Some(server) = self.server.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = server.join();
        }
    }

    async fn connection(&self, fresh: bool) -> io::Result<Option<SendRequest<Full<Bytes>>>> {
        if !fresh {
            let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
            while let Some(connection) = connections.pop() {
                if connection.is_ready() {
                    return Ok(Some(connection));
                }
            }
            return Ok(None);
        }
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Some(sender))
    }

    fn request(&self, parts: &Parts, body: Bytes) -> io::Result<Request<Full<Bytes>>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = http::Uri::from_static("/");
        let headers = request.headers_mut();
        for name in ["content-type", "x-amz-target", "authorization", "x-amz-date"] {
            if let Some(value) = parts.headers.get(name) {
                headers.insert(http::HeaderName::from_static(name), value.clone());
            }
        }
        let host = header::HeaderValue::from_str(&self.address.to_string()).map_err(io::Error::other)?;
        headers.insert(header::HOST, host);
        Ok(request)
    }
}

fn render(status: StatusCode, from: &HeaderMap, answer: Bytes) -> Response<Body> {
    let mut response = Response::new(full(answer));
    *response.status_mut() = status;
    for name in ["content-type", "x-amzn-requestid", "x-amz-crc32"] {
        if let Some(value) = from.get(name) {
            response.headers_mut().insert(http::HeaderName::from_static(name), value.clone());
        }
    }
    response
}

/// The store trusts whoever reaches it and answers pages of any origin: so its address is one of sixteen million that
/// only this machine has, where the system has them.
fn bind_private() -> io::Result<std::net::TcpListener> {
    let [a, b, c]: [u8; 3] = rand::random();
    let hidden = Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254));
    let listener = std::net::TcpListener::bind((hidden, 0)).or_else(|_| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves in a thread of its own: the store blocks while it writes.
fn serve(database: Database, listener: std::net::TcpListener, stop: CancellationToken) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async move {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        let sweeper = {
            let (database, stop) = (database.clone(), stop.clone());
            async move {
                loop {
                    tokio::select! {
                        () = tokio::time::sleep(SWEEP_INTERVAL) => {}
                        () = stop.cancelled() => return,
                    }
                    let database = database.clone();
                    // What could not be swept now is swept the next time.
                    let _ = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
                }
            }
        };
        let server = dynoxide::server::serve_with_shutdown(listener, database, stop.clone().cancelled_owned());
        let grace = async {
            stop.cancelled().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        tokio::select! {
            _ = async { tokio::join!(sweeper, server) } => {}
            () = grace => {}
        }
    });
}

/// Makes a table, or brings an existing one up to the template.
fn prepare(database: &Database, table: &Table) -> Result<(), String> {
    let text = |error: dynoxide::DynoxideError| error.to_string();
    let read = |error: serde_json::Error| error.to_string();
    let known = database.table_count().map_err(text)? > 0 && database.get_table_metadata(&table.name).map_err(text)?.is_some();
    let wanted = &table.create_request;
    if known {
        let described = serde_json::from_value(json!({ "TableName": table.name })).map_err(read)?;
        let described = database.describe_table(described).map_err(text)?;
        let described = serde_json::to_value(&described).map_err(read)?;
        let described = &described["Table"];
        if described["KeySchema"] != wanted["KeySchema"] {
            return Err("its key is another one than the template's; use another data folder, or delete this one".into());
        }
        let empty = Vec::new();
        let have: Vec<&Value> = described["GlobalSecondaryIndexes"].as_array().unwrap_or(&empty).iter().collect();
        for index in wanted["GlobalSecondaryIndexes"].as_array().unwrap_or(&empty) {
            match have.iter().find(|other| other["IndexName"] == index["IndexName"]) {
                Some(other) if other["KeySchema"] == index["KeySchema"] => {}
                Some(_) => {
                    return Err(format!("the index {} has another key than the template's", index["IndexName"]));
                }
                None => {
                    let request = json!({
                        "TableName": table.name,
                        "AttributeDefinitions": wanted["AttributeDefinitions"],
                        "GlobalSecondaryIndexUpdates": [{ "Create": index }],
                    });
                    database.update_table(serde_json::from_value(request).map_err(read)?).map_err(text)?;
                }
            }
        }
    } else {
        database.create_table(serde_json::from_value(wanted.clone()).map_err(read)?).map_err(text)?;
    }
    if let Some(attribute) = &table.time_to_live {
        let described = serde_json::from_value(json!({ "TableName": table.name })).map_err(read)?;
        let described = database.describe_time_to_live(described).map_err(text)?;
        let described = serde_json::to_value(&described).map_err(read)?;
        if described["TimeToLiveDescription"]["TimeToLiveStatus"] != "ENABLED" {
            let request = json!({
                "TableName": table.name,
                "TimeToLiveSpecification": { "AttributeName": attribute, "Enabled": true },
            });
            database.update_time_to_live(serde_json::from_value(request).map_err(read)?).map_err(text)?;
        }
    }
    Ok(())
}
