//! A receiver of webhooks. What it answers depends on the path: `/take` takes, `/second` takes from the second request on,
//! `/away` redirects to `/take`, `/hang` never answers, anything else fails.

use std::sync::{Arc, Mutex};

use reqwest::header::HeaderMap;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub struct Receiver {
    pub url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let kept = Arc::clone(&received);
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(connection, Arc::clone(&kept)));
            }
        });
        Self { url, received }
    }

    /// What came at a path so far.
    pub fn at(&self, path: &str) -> Vec<Received> {
        self.received.lock().unwrap().iter().filter(|received| received.path == path).cloned().collect()
    }
}

async fn answer(connection: TcpStream, kept: Arc<Mutex<Vec<Received>>>) {
    let mut connection = BufReader::new(connection);
    let (mut line, mut headers) = (String::new(), HeaderMap::new());
    connection.read_line(&mut line).await.unwrap();
    let Some(path) = line.split(' ').nth(1).map(str::to_owned) else { return };
    loop {
        line.clear();
        connection.read_line(&mut line).await.unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.parse::<reqwest::header::HeaderName>().unwrap(), value.parse().unwrap());
    }
    let length = headers.get("content-length").map_or(0, |length| length.to_str().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.unwrap();
    let body = String::from_utf8(body).unwrap();
    let before = {
        let mut kept = kept.lock().unwrap();
        let before = kept.iter().filter(|received| received.path == path).count();
        kept.push(Received { path: path.clone(), headers, body });
        before
    };
    let status = match (path.as_str(), before) {
        ("/take", _) | ("/second", 1..) => "204 No Content",
        ("/away", _) => "302 Found\r\nlocation: /take",
        ("/hang", _) => return std::future::pending().await,
        _ => "500 Internal Server Error",
    };
    let _ = connection.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes()).await;
}
