//! The way of a script's output to its job's log: collected while the platform is asked to keep it, bounded, in order,
//! and never in the script's way.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::ErrorKind;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::platform_api::PlatformApi;
use super::protocol::LogPost;

/// This much is passed on as it comes, in bytes.
const MOST: usize = 3 * 1024 * 1024;
/// Of what comes after it, this much of the end is kept, in bytes.
const KEPT_END: usize = 256 * 1024;
/// What one post carries at the most, in bytes.
const POST_SIZE: usize = 32 * 1024;
/// How long text is collected before it is posted.
const COLLECT_TIME: Duration = Duration::from_millis(300);
/// After this long without text, an empty post asks whether somebody wants to cancel.
const SIGN_OF_LIFE: Duration = Duration::from_millis(1500);
/// For how long one post is tried before it counts as a failure. The next one takes its place: nothing is lost.
const POST_PATIENCE: Duration = Duration::from_secs(60);
/// For how long the rest is delivered when the script has ended.
const LAST_PATIENCE: Duration = Duration::from_secs(60);

/// The output of one job. Clones write to the same.
#[derive(Debug, Clone)]
pub struct JobOutput {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    written: Notify,
}

#[derive(Debug, Default)]
struct State {
    pending: String,
    passed_on: usize,
    end: String,
    left_out: usize,
    closed: bool,
}

/// The task that delivers a job's output.
#[derive(Debug)]
pub struct Delivery {
    output: JobOutput,
    task: JoinHandle<()>,
    /// True when somebody asked to cancel, or the platform wants no more of this attempt.
    pub cancelled: watch::Receiver<bool>,
}

impl JobOutput {
    /// Adds text. Takes no time, whatever the platform does.
    pub fn write(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.change(|state| state.add(text));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.shared.written.notify_one();
    }

    fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.shared.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn add(&mut self, text: &str) {
        if self.left_out == 0 && self.end.is_empty() {
            if self.passed_on + text.len() <= MOST {
                self.passed_on += text.len();
                self.pending.push_str(text);
                return;
            }
            self.pending.push_str(&format!(
                "\n[The output is longer than {} MB: the last {} KB of the rest follow when the script has ended]\n",
                MOST / 1024 / 1024,
                KEPT_END / 1024
            ));
        }
        self.end.push_str(text);
        // Cut in large steps, so that each byte is moved a bounded number of times.
        if self.end.len() > 2 * KEPT_END {
            self.cut_end();
        }
    }

    fn cut_end(&mut self) {
        let cut = ceil_boundary(&self.end, self.end.len().saturating_sub(KEPT_END));
        self.end.drain(..cut);
        self.left_out += cut;
    }

    fn close(&mut self) {
        self.cut_end();
        if self.left_out > 0 {
            self.pending.push_str(&format!("[{} KB are left out here]\n", self.left_out.div_ceil(1024)));
        }
        let end = std::mem::take(&mut self.end);
        self.pending.push_str(&end);
        self.closed = true;
    }

    fn take(&mut self) -> String {
        let cut = floor_boundary(&self.pending, POST_SIZE);
        self.pending.drain(..cut).collect()
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

fn ceil_boundary(text: &str, at: usize) -> usize {
    (at..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
}

/// Starts delivering the output of an attempt at a job.
pub fn deliver(api: PlatformApi, attempt: u32) -> (JobOutput, Delivery) {
    let output = JobOutput { shared: Arc::new(Shared::default()) };
    let (cancel, cancelled) = watch::channel(false);
    let task = tokio::spawn(run(output.clone(), api, attempt, cancel));
    (output.clone(), Delivery { output, task, cancelled })
}

impl Delivery {
    /// Delivers what is left, for a bounded time.
    pub async fn finish(mut self) {
        self.output.change(State::close);
        if timeout(LAST_PATIENCE, &mut self.task).await.is_err() {
            tracing::error!("the end of the output could not be delivered in time");
            self.task.abort();
        }
    }
}

async fn run(output: JobOutput, api: PlatformApi, attempt: u32, cancel: watch::Sender<bool>) {
    let mut sequence = 0;
    let mut text = String::new();
    loop {
        if text.is_empty() {
            wait_for_text(&output).await;
            text = output.shared.state.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        if text.is_empty() && output.look(|state| state.closed) {
            return;
        }
        let post = LogPost { attempt, sequence, text: std::mem::take(&mut text) };
        match api.log(&post, POST_PATIENCE).await {
            Ok(wanted) => {
                sequence += 1;
                if wanted {
                    cancel.send_replace(true);
                }
            }
            Err(error) if error.kind() == ErrorKind::Unavailable || error.kind() == ErrorKind::Internal => {
                tracing::warn!(%error, "the output waits for the platform");
                text = post.text;
            }
            Err(error) => {
                // The job has ended, or another attempt has begun: nobody wants what this one does.
                tracing::warn!(%error, "the platform wants no more output of this attempt");
                cancel.send_replace(true);
                return;
            }
        }
    }
}

/// Waits until there is text enough for a post, text that waited long enough, or nothing for long enough.
async fn wait_for_text(output: &JobOutput) {
    let begin = Instant::now();
    let mut until = begin + SIGN_OF_LIFE;
    let mut collects = false;
    loop {
        let (length, closed) = output.look(|state| (state.pending.len(), state.closed));
        if closed || length >= POST_SIZE {
            return;
        }
        if length > 0 && !collects {
            collects = true;
            until = Instant::now() + COLLECT_TIME;
        }
        tokio::select! {
            () = output.shared.written.notified() => {}
            () = sleep_until(until) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_flood_is_left_out() {
        let mut state = State::default();
        state.add("begin\n");
        for _ in 0..200_000 {
            state.add("é line of output that is forty bytes long\n");
        }
        state.add("end\n");
        state.close();
        assert!(state.pending.starts_with("begin\n") && state.pending.ends_with("long\nend\n"));
        assert!(state.pending.contains("[The output is longer than 3 MB"));
        assert!(state.pending.contains("KB are left out here]"));
        assert!(state.pending.len() < MOST + KEPT_END + 1000);
    }

    #[test]
    fn output_of_exactly_the_bound_is_whole() {
        let mut state = State::default();
        let text = "x".repeat(MOST);
        state.add(&text);
        state.close();
        assert_eq!(state.pending, text);
    }

    #[test]
    fn a_piece_ends_between_characters() {
        let mut state = State::default();
        let text = "日本".repeat(20_000);
        state.add(&text);
        let mut whole = String::new();
        while !state.pending.is_empty() {
            let piece = state.take();
            assert!(!piece.is_empty() && piece.len() <= POST_SIZE);
            whole.push_str(&piece);
        }
        assert_eq!(whole, text);
    }
}
