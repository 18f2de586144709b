//! Lambda's Runtime API, as far as one function's process needs it.

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The API on a port of its own.
pub struct Runtime {
    pub address: SocketAddr,
    events: Sender<(Value, Duration)>,
    answers: Receiver<(String, Value)>,
}

type Events = Arc<Mutex<Receiver<(Value, Duration)>>>;

impl Runtime {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (events, waiting) = channel();
        let waiting: Events = Arc::new(Mutex::new(waiting));
        let (answered, answers) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (waiting, answered) = (Arc::clone(&waiting), answered.clone());
                std::thread::spawn(move || converse(stream, &waiting, &answered));
            }
        });
        Self { address, events, answers }
    }

    /// Invokes the function with an event of a function URL, and gives what it answered: the kind of answer and its content.
    pub fn invoke(&self, method: &str, path: &str, body: Option<(&str, bool)>, limit: Duration) -> (String, Value) {
        self.invoke_from("127.0.0.1", None, method, path, body, limit)
    }

    /// As `invoke`, from another address and with the header in which the platform says how a prediction is treated.
    pub fn invoke_from(
        &self,
        address: &str,
        options: Option<&str>,
        method: &str,
        path: &str,
        body: Option<(&str, bool)>,
        limit: Duration,
    ) -> (String, Value) {
        let (body, encoded) = body.map_or((Value::Null, false), |(body, encoded)| (body.into(), encoded));
        let mut event = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
            "headers": {"content-type": "application/json", "host": "id.lambda-url.us-east-1.on.aws"},
            "requestContext": {
                "accountId": "anonymous", "apiId": "id", "domainName": "id.lambda-url.us-east-1.on.aws", "domainPrefix": "id",
                "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": address, "userAgent": "test"},
                "requestId": "request", "routeKey": "$default", "stage": "$default",
                "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1_773_342_238_000_i64,
            },
            "body": body, "isBase64Encoded": encoded,
        });
        if let Some(options) = options {
            event["headers"]["x-serveml-options"] = options.into();
        }
        self.events.send((event, limit)).unwrap();
        self.answers.recv_timeout(Duration::from_secs(60)).expect("the function does not answer")
    }
}

fn converse(stream: TcpStream, events: &Events, answered: &Sender<(String, Value)>) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).unwrap();
        let path = head.split(' ').nth(1).unwrap();
        let reply = if path.ends_with("/next") {
            let Ok((event, limit)) = events.lock().unwrap().recv() else { return };
            let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + limit;
            let event = event.to_string();
            format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nlambda-runtime-aws-request-id: request\r\n\
                 lambda-runtime-deadline-ms: {}\r\nlambda-runtime-trace-id: trace\r\n\
                 lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:000000000000:function:model\r\n\r\n{event}",
                event.len(),
                end.as_millis(),
            )
        } else {
            let kind = path.rsplit('/').next().unwrap().to_owned();
            let content = serde_json::from_slice(&body).unwrap_or(Value::Null);
            answered.send((kind, content)).unwrap();
            "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_owned()
        };
        if writer.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}
