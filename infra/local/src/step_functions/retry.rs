//! Which entry of `Retry` an error takes, and how long its retry waits.

use rand::RngExt;

use super::definition::Retrier;
use super::error::StateError;

/// The first entry that is for this error, with its place, if it has attempts left after `used` ones of each entry.
///
/// An entry that is exhausted ends the search: what comes after it is not tried.
pub(super) fn find<'a>(retriers: &'a [Retrier], used: &[u32], error: &StateError) -> Option<(usize, &'a Retrier)> {
    let matches = |retrier: &Retrier| retrier.error_equals.iter().any(|pattern| error.matches(pattern));
    let (index, retrier) = retriers.iter().enumerate().find(|(_, retrier)| matches(retrier))?;
    (used.get(index).copied().unwrap_or(0) < retrier.max_attempts).then_some((index, retrier))
}

/// The seconds before retry number `attempt` (from 1) of an entry.
pub(super) fn delay_seconds(retrier: &Retrier, attempt: u32) -> f64 {
    let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let delay = retrier.interval_seconds * retrier.backoff_rate.powi(exponent);
    let delay = delay.min(retrier.max_delay_seconds.unwrap_or(f64::MAX)).min(99_999_999.0);
    if retrier.full_jitter { rand::rng().random_range(0.0..=delay) } else { delay }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retrier(names: &[&str]) -> Retrier {
        Retrier {
            error_equals: names.iter().map(|name| (*name).to_owned()).collect(),
            interval_seconds: 3.0,
            max_attempts: 4,
            backoff_rate: 2.0,
            max_delay_seconds: Some(10.0),
            full_jitter: false,
        }
    }

    #[test]
    fn intervals_grow_up_to_the_longest() {
        let delays: Vec<f64> = (1..=4).map(|attempt| delay_seconds(&retrier(&["A"]), attempt)).collect();
        assert_eq!(delays, [3.0, 6.0, 10.0, 10.0]);
        assert_eq!(delay_seconds(&Retrier { max_delay_seconds: None, ..retrier(&["A"]) }, u32::MAX), 99_999_999.0);
    }

    #[test]
    fn full_jitter_stays_within_the_interval() {
        let retrier = Retrier { full_jitter: true, ..retrier(&["A"]) };
        assert!((0..100).all(|_| (0.0..=6.0).contains(&delay_seconds(&retrier, 2))));
    }

    #[test]
    fn the_first_matching_entry_counts() {
        let retriers = [retrier(&["A"]), Retrier { max_attempts: 0, ..retrier(&["B"]) }, retrier(&["States.ALL"])];
        let find = |used: &[u32], name: &str| find(&retriers, used, &StateError::new(name, "")).map(|(index, _)| index);
        assert_eq!(find(&[], "A"), Some(0));
        assert_eq!(find(&[4, 0, 0], "A"), None, "an exhausted entry is not followed by a wildcard");
        assert_eq!(find(&[], "B"), None, "no attempts at all");
        assert_eq!(find(&[4, 0, 0], "C"), Some(2));
        assert_eq!(find(&[], "States.Runtime"), None);
    }
}
