//! How many callers there were, told from a bounded sample of them: adaptive sampling, after Wegman. A caller is a hash of
//! 64 bits. At level 0 everybody is kept; at level n only those whose hash begins with n zero bits, each of whom stands for
//! 2ⁿ. So a count is exact as long as there are few, off by some six percent in a span with very many, and the samples of
//! several spans unite into the sample of all of them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// So many callers are kept after a sample was thinned out.
const BOUND: usize = 512;
/// A sample is thinned out when it has more than these.
const MOST: usize = 2 * BOUND;
/// How many hexadecimal digits a caller's hash has.
const DIGITS: usize = 16;

/// A sample of callers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Audience {
    /// The level.
    pub level: u32,
    /// The callers kept, as hexadecimal digits; some that do not belong to the level may still be among them.
    pub callers: BTreeSet<String>,
}

/// Whether a text can be a caller's hash.
pub fn is_caller(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn belongs(caller: &str, level: u32) -> bool {
    u64::from_str_radix(caller, 16).is_ok_and(|hash| hash.leading_zeros() >= level)
}

impl Audience {
    /// Adds the callers of another span.
    pub fn unite(&mut self, other: Audience) {
        self.level = self.level.max(other.level);
        self.callers.extend(other.callers);
        self.callers.retain(|caller| belongs(caller, self.level));
    }

    /// How many callers there were, about.
    pub fn size(&self) -> u64 {
        let kept = self.callers.iter().filter(|caller| belongs(caller, self.level)).count() as u64;
        kept << self.level.min(63)
    }

    /// Thins the sample out where it has grown too large: gives back the new level and who is not kept any more.
    pub fn thinned(&self) -> Option<(u32, Vec<String>)> {
        if self.callers.len() <= MOST {
            return None;
        }
        let kept = |level: u32| self.callers.iter().filter(|caller| belongs(caller, level)).count();
        let level = (self.level..64).find(|level| kept(*level) <= BOUND).unwrap_or(63);
        Some((level, self.callers.iter().filter(|caller| !belongs(caller, level)).cloned().collect()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sha2::{Digest, Sha256};

    use super::*;

    fn caller(number: u32) -> String {
        hex::encode(Sha256::digest(number.to_string()))[..DIGITS].to_owned()
    }

    fn audience(numbers: std::ops::Range<u32>) -> Audience {
        let mut audience = Audience::default();
        for number in numbers {
            audience.callers.insert(caller(number));
            if let Some((level, gone)) = audience.thinned() {
                audience.level = level;
                audience.callers.retain(|caller| !gone.contains(caller));
            }
        }
        audience
    }

    #[test]
    fn few_are_counted_exactly_and_many_nearly() {
        assert_eq!(audience(0..23).size(), 23);
        assert_eq!(audience(0..1000).size(), 1000);
        let many = audience(0..50_000);
        assert!(many.callers.len() <= MOST);
        assert!((45_000..55_000).contains(&many.size()), "{}", many.size());
    }

    #[test]
    fn the_same_callers_in_several_spans_count_once() {
        let mut whole = audience(0..30);
        whole.unite(audience(20..40));
        assert_eq!(whole.size(), 40);
        let mut whole = audience(0..30_000);
        whole.unite(audience(10_000..20_000));
        whole.unite(audience(0..30_000));
        whole.unite(audience(5..10));
        assert!((27_000..33_000).contains(&whole.size()), "{}", whole.size());
    }

    #[test]
    fn only_a_hash_is_a_caller() {
        assert!(is_caller(&caller(1)));
        for wrong in ["", "127.0.0.1", "ABCDEF0123456789", "0123456789abcdef0"] {
            assert!(!is_caller(wrong), "{wrong}");
        }
    }
}
