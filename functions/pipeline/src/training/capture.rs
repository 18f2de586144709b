//! What a running process writes: to the job's log, and its end kept to find out why it ended.

use std::time::Instant;

use super::output::JobOutput;
use super::terminal::Terminal;

/// How much of the end is kept, in bytes.
const KEPT: usize = 64 * 1024;

/// Takes the bytes of one process.
#[derive(Debug)]
pub struct Capture {
    terminal: Terminal,
    output: Option<JobOutput>,
    end: String,
}

impl Capture {
    /// Everything goes to the job's log.
    pub fn to_log(output: JobOutput) -> Self {
        Self { terminal: Terminal::default(), output: Some(output), end: String::new() }
    }

    /// Nothing goes to the job's log; only the end is kept.
    pub fn silent() -> Self {
        Self { terminal: Terminal::default(), output: None, end: String::new() }
    }

    /// Takes bytes as they come.
    pub fn read(&mut self, bytes: &[u8]) {
        let text = self.terminal.feed(bytes);
        self.pass_on(&text);
    }

    /// Passes on what waits for the end of its line. To be called a few times a second.
    pub fn tick(&mut self) {
        let text = self.terminal.flush(Instant::now());
        self.pass_on(&text);
    }

    /// Ends the stream, with a line's end if the last one has none; returns the end of the text.
    pub fn finish(mut self) -> String {
        let text = self.terminal.finish();
        self.pass_on(&text);
        if !self.end.is_empty() && !self.end.ends_with('\n') {
            self.pass_on("\n");
        }
        self.end
    }

    fn pass_on(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(output) = &self.output {
            output.write(text);
        }
        self.end.push_str(text);
        if self.end.len() > 2 * KEPT {
            let cut = (self.end.len() - KEPT..self.end.len()).find(|&at| self.end.is_char_boundary(at)).unwrap_or(self.end.len());
            self.end.drain(..cut);
        }
    }
}
