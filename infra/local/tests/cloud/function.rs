//! The functions of the tests: a small runtime over the Runtime API, and what each handler does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

struct Runtime {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Runtime {
    fn call(&mut self, method: &str, path: &str, body: &[u8]) -> (Vec<(String, String)>, Vec<u8>) {
        let head = format!("{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n", self.host, body.len());
        let stream = self.stream.get_mut();
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).is_err() {
            std::process::exit(0);
        }
        let mut headers = Vec::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).unwrap_or(0) == 0 {
                std::process::exit(0);
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(": ") {
                let name = name.to_lowercase();
                if name == "content-length" {
                    length = value.parse().unwrap();
                }
                headers.push((name, value.to_owned()));
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        (headers, body)
    }
}

/// Runs the handler that the environment, or the first argument, names; does not return.
pub fn main() -> ! {
    let host = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let handler = std::env::var("_HANDLER").ok().or_else(|| std::env::args().nth(1)).unwrap_or_default();
    if handler == "no_start" {
        eprintln!("this function cannot start");
        std::process::exit(7);
    }
    let stream = TcpStream::connect(&host).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut runtime = Runtime { stream: BufReader::new(stream), host };
    if handler == "init_error" {
        let error = json!({ "errorType": "ConfigurationError", "errorMessage": "no such handler" });
        runtime.call("POST", "init/error", error.to_string().as_bytes());
        std::process::exit(1);
    }
    let mut calls = 0;
    loop {
        let (headers, event) = runtime.call("GET", "invocation/next", b"");
        let header = |name: &str| headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        let Some(id) = header("lambda-runtime-aws-request-id") else { std::process::exit(0) };
        calls += 1;
        let event: Value = serde_json::from_slice(&event).unwrap();
        let answer = match handler.as_str() {
            "echo" => json!({ "statusCode": 200, "headers": { "content-type": "application/json" }, "body": event.to_string() }),
            "plain" => json!({ "hello": "world" }),
            "binary" => {
                json!({ "statusCode": 200, "body": "AP8B", "isBase64Encoded": true, "headers": { "content-type": "application/octet-stream" } })
            }
            "malformed" => json!({ "statusCode": "none" }),
            "large" => json!({ "statusCode": 200, "body": "x".repeat(6 * 1024 * 1024 + 100_000) }),
            "information" => {
                let variables: serde_json::Map<String, Value> = std::env::vars().map(|(name, value)| (name, value.into())).collect();
                json!({
                    "pid": std::process::id(),
                    "calls": calls,
                    "variables": variables,
                    "arn": header("lambda-runtime-invoked-function-arn"),
                    "deadline": header("lambda-runtime-deadline-ms"),
                    "trace": header("lambda-runtime-trace-id"),
                    "program": std::env::args().next(),
                })
            }
            "sleep" => {
                let milliseconds = event["queryStringParameters"]["ms"].as_str().and_then(|text| text.parse().ok());
                let milliseconds = milliseconds.or(event["ms"].as_u64()).unwrap_or(100);
                std::thread::sleep(Duration::from_millis(milliseconds));
                json!({ "statusCode": 200, "body": std::process::id().to_string() })
            }
            "log" => {
                for line in event["lines"].as_array().into_iter().flatten() {
                    println!("{}", line.as_str().unwrap());
                }
                json!({ "calls": calls })
            }
            "error" => {
                let error = json!({ "errorType": "Oops", "errorMessage": "it went wrong" });
                runtime.call("POST", &format!("invocation/{id}/error"), error.to_string().as_bytes());
                continue;
            }
            "exit" => std::process::exit(3),
            "crash" => {
                nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL).unwrap();
                unreachable!("a killed process does not go on")
            }
            "answer_then_exit" => {
                let body = json!({ "pid": std::process::id() }).to_string();
                runtime.call("POST", &format!("invocation/{id}/response"), body.as_bytes());
                std::process::exit(0);
            }
            // A grandchild in a session of its own, which ignores requests to end.
            "grandchild" => {
                #[expect(clippy::zombie_processes, reason = "that it is left behind is what the test is about")]
                let child = std::process::Command::new("setsid")
                    .args(["sh", "-c", "trap '' TERM HUP; echo $$; sleep 1000 & wait"])
                    .stdout(std::process::Stdio::piped())
                    .spawn()
                    .unwrap();
                let mut line = String::new();
                BufReader::new(child.stdout.unwrap()).read_line(&mut line).unwrap();
                json!({ "pid": std::process::id(), "grandchild": line.trim().parse::<i32>().unwrap() })
            }
            // Fails as often as the file in the event says, then succeeds.
            "flaky" => {
                let path = event["path"].as_str().unwrap();
                let seen = std::fs::read_to_string(path).unwrap_or_default();
                std::fs::write(path, format!("{seen}x")).unwrap();
                if (seen.len() as u64) < event["failures"].as_u64().unwrap() {
                    let error = json!({ "errorType": "Flaky", "errorMessage": "not yet" });
                    runtime.call("POST", &format!("invocation/{id}/error"), error.to_string().as_bytes());
                    continue;
                }
                Value::Null
            }
            "append" => {
                let path = std::env::var("APPEND_TO").unwrap();
                let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
                file.write_all(format!("{event}\n").as_bytes()).unwrap();
                Value::Null
            }
            version if version.starts_with("version") => json!({ "statusCode": 200, "body": version }),
            other => panic!("no handler {other}"),
        };
        runtime.call("POST", &format!("invocation/{id}/response"), answer.to_string().as_bytes());
    }
}

/// What a build runs: writes its arguments and what it was told to the file in `APPEND_TO`; `wait` never ends.
pub fn build() -> ! {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seen = json!({
        "pid": std::process::id(),
        "arguments": arguments,
        "own": std::env::var("OWN").ok(),
        "endpoint": std::env::var("AWS_ENDPOINT_URL").ok(),
        "folder": std::env::current_dir().unwrap(),
    });
    println!("a line of the build");
    std::fs::write(std::env::var("APPEND_TO").unwrap(), seen.to_string()).unwrap();
    match arguments.first().map(String::as_str) {
        Some("fail") => std::process::exit(4),
        Some("wait") => loop {
            std::thread::park();
        },
        _ => std::process::exit(0),
    }
}
