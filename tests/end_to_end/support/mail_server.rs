//! A mail server of a test's own: `mail_server.py`, in a Python that has aiosmtpd.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::python;

/// How long a message may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct MailServer {
    process: Child,
    pub port: u16,
    /// The certificate of the authority that its own is from, as PEM. The end-to-end tests speak to it in clear.
    #[allow(dead_code)]
    pub certificate: String,
    received: Arc<(Mutex<Vec<Value>>, Condvar)>,
}

impl MailServer {
    /// Starts one with options of the script.
    pub fn start(options: &[&str]) -> Self {
        let python = python::environment("mail", &["aiosmtpd", "trustme"]);
        // Tests of more than one package have this file among their own.
        let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let script = folders.map(|folder| folder.join("tests/end_to_end/support/mail_server.py")).find(|script| script.is_file()).unwrap();
        let mut process =
            Command::new(python).arg("-B").arg(script).args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap());
        let started: Value = lines.next().unwrap();
        let received = Arc::<(Mutex<Vec<Value>>, Condvar)>::default();
        let kept = Arc::clone(&received);
        std::thread::spawn(move || {
            for message in lines {
                kept.0.lock().unwrap().push(message);
                kept.1.notify_all();
            }
        });
        let port = u16::try_from(started["port"].as_u64().unwrap()).unwrap();
        Self { process, port, certificate: started["certificate"].as_str().unwrap().to_owned(), received }
    }

    /// The messages that came, once there are so many of them.
    pub fn messages(&self, count: usize) -> Vec<Value> {
        let (received, came) = &*self.received;
        let waiting = came.wait_timeout_while(received.lock().unwrap(), PATIENCE, |messages| messages.len() < count).unwrap();
        assert!(waiting.0.len() >= count, "{count} messages were expected: {:?}", waiting.0);
        waiting.0.clone()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
