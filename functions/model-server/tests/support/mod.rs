//! Starts model servers and talks HTTP to them.
#![allow(dead_code, reason = "each test program uses its own part")]

pub mod python;
pub mod runtime;

use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// A folder that looks like `/opt/serveml` of an image, for one of the trained models.
pub struct Image {
    pub folder: tempfile::TempDir,
    pub cases: Vec<Value>,
}

impl Image {
    /// The image of a model that was written with a version of MLflow.
    pub fn new(version: &str, model: &str) -> Self {
        let (packages, models) = python::environment(version);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        symlink(fs::canonicalize(packages).unwrap(), path.join("python")).unwrap();
        let source = fs::canonicalize(models.join(model)).unwrap();
        symlink(source.join("model"), path.join("model")).unwrap();
        let description = json!({
            "engine": "python", "model_name": model, "model_version": "1", "framework": "sklearn", "run_id": "run",
            "model_uri": format!("models:/{model}/1"), "created_at": "2026-01-01T00:00:00Z", "python_version": "3.11",
            "signature": null,
        });
        fs::write(path.join("model.json"), description.to_string()).unwrap();
        let cases = serde_json::from_slice(&fs::read(source.join("expected.json")).unwrap()).unwrap();
        Self { folder, cases }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The command that starts this image's server.
    pub fn command(&self) -> Command {
        self.command_with_root(self.path())
    }

    /// The same, with the image's folder named in another way.
    pub fn command_with_root(&self, root: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_model-server"));
        command
            .arg("--root")
            .arg(root)
            .env("SERVEML_PYTHON", python::interpreter())
            .env_remove("AWS_LAMBDA_RUNTIME_API")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts the server on a free port.
    pub fn serve(self) -> Server {
        self.serve_with(&[])
    }

    /// Starts the server with further environment variables.
    pub fn serve_with(self, variables: &[(&str, &str)]) -> Server {
        let command = self.command();
        self.start(command, variables)
    }

    /// Starts the server within the image's folder, which it is told relative to there.
    pub fn serve_from_within(self) -> Server {
        let mut command = self.command_with_root(Path::new("."));
        command.current_dir(self.path());
        self.start(command, &[])
    }

    fn start(self, mut command: Command, variables: &[(&str, &str)]) -> Server {
        command.args(["--host", "127.0.0.1", "--port", "0"]).envs(variables.iter().copied());
        Server::start(command, self)
    }
}

/// A running server; dropped, it is killed.
pub struct Server {
    pub child: Child,
    pub port: u16,
    pub image: Image,
    pub output: Lines,
    pub errors: Lines,
}

/// Lines that a process writes, as they come.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    pub fn follow(from: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let kept = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                kept.0.lock().unwrap().push(line);
            }
        });
        lines
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Waits for a line that `wanted` takes.
    pub fn wait<T>(&self, wanted: impl Fn(&str) -> Option<T>) -> T {
        until(|| self.all().iter().find_map(|line| wanted(line))).unwrap_or_else(|| panic!("no such line in {:#?}", self.all()))
    }
}

/// Polls until there is something, for at most a minute.
pub fn until<T>(mut poll: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        if let Some(found) = poll() {
            return Some(found);
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    None
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|problem| panic!("{problem}: {self:?}"))
    }

    pub fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap_or_else(|| panic!("no detail: {self:?}")).to_owned()
    }
}

impl Server {
    fn start(mut command: Command, image: Image) -> Self {
        let mut child = command.spawn().unwrap();
        let output = Lines::follow(child.stdout.take().unwrap());
        let errors = Lines::follow(child.stderr.take().unwrap());
        let port = errors.wait(|line| line.split_once("listening on http://127.0.0.1:")?.1.trim().parse().ok());
        Self { child, port, image, output, errors }
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }

    pub fn predict(&self, body: &Value) -> Reply {
        self.send("POST", "/predict", &[], body.to_string().as_bytes())
    }

    pub fn post(&self, body: &str) -> Reply {
        self.send("POST", "/predict", &[], body.as_bytes())
    }

    /// One request on a connection of its own.
    pub fn send(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Reply {
        let mut stream = self.open(method, path, headers, body);
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("not an answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    /// Sends a request and gives the connection, on which the answer comes.
    pub fn open(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
        if !headers.iter().any(|header| header.starts_with("content-length")) {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        headers.iter().for_each(|header| head.push_str(&format!("{header}\r\n")));
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        // A server that refuses a body may close before it has read it.
        let _ = stream.write_all(body);
        stream
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let id = i32::try_from(self.child.id()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGTERM).unwrap();
    }

    /// Waits for the process to end.
    pub fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        until(|| child.try_wait().unwrap()).expect("the server does not end")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process is alive (one that has ended and was not waited for is not).
pub fn is_alive(process: u32) -> bool {
    let status = fs::read_to_string(PathBuf::from(format!("/proc/{process}/stat"))).unwrap_or_default();
    let state = status.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    state.is_some_and(|state| state != "Z" && state != "X")
}
