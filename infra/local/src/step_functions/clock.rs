//! Time, as the interpreter sees it: a seam, so that tests wait for nothing.

use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;

/// Where the interpreter takes the time of day from, and how it waits.
pub trait Clock: Send + Sync + 'static {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// Ends when the time of day has reached `deadline`; at once if it has already.
    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'static, ()>;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// The longest uninterrupted sleep. A sleeping laptop stops the timer but not the time of day, so waits look again.
const LONGEST_SLEEP: Duration = Duration::from_secs(20);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            loop {
                let left = Timestamp::now().duration_until(deadline);
                let Ok(left) = Duration::try_from(left) else { return };
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
            }
        })
    }
}

/// `time` plus a number of seconds, at most the last moment that a timestamp can hold.
pub fn after(time: Timestamp, seconds: f64) -> Timestamp {
    let milliseconds = (seconds.max(0.0) * 1000.0).min(i64::MAX as f64) as i64;
    let sum = time.as_millisecond().saturating_add(milliseconds);
    Timestamp::from_millisecond(sum).unwrap_or(Timestamp::MAX)
}

/// A time as Step Functions' JSON API gives it: seconds since 1970, with milliseconds.
pub fn epoch_seconds(milliseconds: i64) -> serde_json::Value {
    serde_json::json!(milliseconds as f64 / 1000.0)
}
