//! The labelled set, and how detection does on it.

use privacy::{PiiType, detect};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A text, and where in it personal data stands.
#[derive(Deserialize)]
pub struct Labelled {
    pub text: String,
    pub spans: Vec<(usize, usize, PiiType)>,
}

/// How often a type was found, missed, and seen where it is not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Score {
    pub found: usize,
    pub missed: usize,
    pub wrong: usize,
}

impl Score {
    pub fn precision(&self) -> f64 {
        self.found as f64 / (self.found + self.wrong).max(1) as f64
    }

    pub fn recall(&self) -> f64 {
        self.found as f64 / (self.found + self.missed).max(1) as f64
    }
}

/// The set that `labelled/make.py` makes.
pub fn labelled() -> Vec<Labelled> {
    include_str!("../labelled/values.jsonl").lines().map(|line| serde_json::from_str(line).expect("a line of the set")).collect()
}

/// The scores by type: found is what one finding of the type covers whole; wrong is a finding of a type that nothing there has.
/// Also the lines that hold a mistake.
pub fn scores(set: &[Labelled], threshold: f64) -> (BTreeMap<PiiType, Score>, Vec<String>) {
    let mut scores: BTreeMap<PiiType, Score> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for line in set {
        let findings = detect::merged(detect::detect(&line.text, "").into_iter().filter(|finding| finding.confidence >= threshold));
        for (start, end, kind) in &line.spans {
            let covered = findings.iter().any(|finding| finding.kind == *kind && finding.start <= *start && finding.end >= *end);
            let score = scores.entry(*kind).or_default();
            if covered {
                score.found += 1;
            } else {
                score.missed += 1;
                mistakes.push(format!("missed {} {:?} in {:?}", kind.name(), &line.text[*start..*end], line.text));
            }
        }
        for finding in &findings {
            let right = line.spans.iter().any(|(start, end, kind)| *kind == finding.kind && finding.start < *end && finding.end > *start);
            if !right {
                scores.entry(finding.kind).or_default().wrong += 1;
                mistakes.push(format!("no {} {:?} in {:?}", finding.kind.name(), &line.text[finding.start..finding.end], line.text));
            }
        }
    }
    (scores, mistakes)
}
