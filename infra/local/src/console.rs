//! The cloud's screen: one readable line (or JSON object) on standard error for each thing that happens.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use serde_json::json;

/// How many lines may wait for a slow terminal before they are counted instead of shown.
const BACKLOG: usize = 4096;

/// Where lines go. Cheap to clone; never blocks the one who writes.
#[derive(Debug, Clone)]
pub struct Console {
    lines: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
    quiet: bool,
}

/// A request that was answered.
#[derive(Debug)]
pub struct RequestLine {
    /// The HTTP method.
    pub method: String,
    /// The path as it was sent.
    pub path: String,
    /// The answer's status.
    pub status: u16,
    /// How long it took.
    pub elapsed: Duration,
    /// Who answered.
    pub function: Option<String>,
}

#[derive(Debug)]
enum Message {
    Request(RequestLine),
    Output { function: String, line: String },
    Notice(String),
    Problem(String),
    Flush(SyncSender<()>),
}

impl Console {
    /// A console that writes readable or JSON lines; `quiet` shows problems only.
    pub fn start(json: bool, quiet: bool) -> Self {
        let (lines, receiver) = sync_channel(BACKLOG);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&dropped);
        std::thread::spawn(move || write_lines(&receiver, json, &counter));
        Self { lines, dropped, quiet }
    }

    /// Tells of a request that was answered.
    pub fn request(&self, line: RequestLine) {
        if !self.quiet {
            self.send(Message::Request(line));
        }
    }

    /// Tells what a function wrote.
    pub fn output(&self, function: &str, line: &str) {
        if !self.quiet {
            self.send(Message::Output { function: function.to_owned(), line: line.to_owned() });
        }
    }

    /// Tells something of interest.
    pub fn notice(&self, text: impl Into<String>) {
        if !self.quiet {
            self.send(Message::Notice(text.into()));
        }
    }

    /// Tells of something wrong; shown even when quiet.
    pub fn problem(&self, text: impl Into<String>) {
        self.send(Message::Problem(text.into()));
    }

    /// Waits (up to a second) until what was written so far is on the screen.
    pub fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if self.lines.try_send(Message::Flush(done)).is_ok() {
            let _ = wait.recv_timeout(Duration::from_secs(1));
        }
    }

    fn send(&self, message: Message) {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(message) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write_lines(receiver: &Receiver<Message>, json: bool, dropped: &AtomicU64) {
    let colour = !json && std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    while let Ok(message) = receiver.recv() {
        let mut text = String::new();
        let missed = dropped.swap(0, Ordering::Relaxed);
        if missed > 0 {
            text.push_str(&render(&Message::Problem(format!("{missed} lines were too fast for the screen")), json, colour));
        }
        match message {
            Message::Flush(done) => {
                let _ = std::io::stderr().flush();
                let _ = done.send(());
            }
            message => text.push_str(&render(&message, json, colour)),
        }
        // A closed screen is no reason to stop.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

fn render(message: &Message, json: bool, colour: bool) -> String {
    let now = jiff::Timestamp::now();
    if json {
        let mut object = match message {
            Message::Request(line) => json!({
                "type": "request", "method": line.method, "path": line.path, "status": line.status,
                "ms": milliseconds(line.elapsed), "function": line.function,
            }),
            Message::Output { function, line } => json!({ "type": "log", "function": function, "message": line }),
            Message::Notice(text) => json!({ "type": "notice", "message": text }),
            Message::Problem(text) => json!({ "type": "problem", "message": text }),
            Message::Flush(_) => return String::new(),
        };
        object["timestamp"] = now.to_string().into();
        return format!("{object}\n");
    }
    let paint = |code: &str, text: &str| if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    let clock = paint("2", &now.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string());
    match message {
        Message::Request(line) => {
            let status = line.status.to_string();
            let status = match line.status {
                500.. => paint("31;1", &status),
                400.. => paint("33", &status),
                _ => paint("32", &status),
            };
            let function = line.function.as_deref().map(|name| paint("2", &format!("  {name}"))).unwrap_or_default();
            let elapsed = format!("{:.1} ms", milliseconds(line.elapsed));
            format!("{clock} {:<6} {} {status} {elapsed}{function}\n", line.method, clean(&line.path))
        }
        Message::Output { function, line } => {
            format!("{clock} {} {}\n", paint("36", &format!("{function} |")), clean(line))
        }
        Message::Notice(text) => format!("{clock} {text}\n"),
        Message::Problem(text) => format!("{clock} {}\n", paint("31", text)),
        Message::Flush(_) => String::new(),
    }
}

fn milliseconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 10_000.0).round() / 10.0
}

/// Text from outside without the control characters that could take over a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|character| if character.is_control() && character != '\t' { '·' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_json_line_is_one_object() {
        let message = Message::Request(RequestLine {
            method: "GET".into(),
            path: "/health".into(),
            status: 200,
            elapsed: Duration::from_micros(1234),
            function: Some("demo-Health".into()),
        });
        let line = render(&message, true, false);
        let value: serde_json::Value = serde_json::from_str(line.trim()).unwrap();
        assert_eq!(value["ms"], 1.2);
        assert_eq!(value["status"], 200);
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let message = Message::Output { function: "f".into(), line: "a\x1b[2Jb".into() };
        assert!(!render(&message, false, false).contains('\x1b'));
    }
}
