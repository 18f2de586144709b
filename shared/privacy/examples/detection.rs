//! Prints precision and recall by type on the labelled set, and how fast detection is:
//! `cargo run --release -p privacy --example detection`. With `--mistakes` it prints every mistake too.

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Instant;

fn main() {
    let set = support::labelled();
    let values: usize = set.iter().map(|line| line.spans.len()).sum();
    println!("{} texts, {values} values, threshold 0.5", set.len());
    let (scores, mistakes) = support::scores(&set, 0.5);
    println!("{:<14}{:>8}{:>8}{:>8}{:>11}{:>8}", "type", "found", "missed", "wrong", "precision", "recall");
    for (kind, score) in &scores {
        println!(
            "{:<14}{:>8}{:>8}{:>8}{:>11.3}{:>8.3}",
            kind.name(),
            score.found,
            score.missed,
            score.wrong,
            score.precision(),
            score.recall()
        );
    }
    let bytes: usize = set.iter().map(|line| line.text.len()).sum();
    let began = Instant::now();
    for line in &set {
        std::hint::black_box(privacy::detect::detect(&line.text, ""));
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{:.1} MB/s, {:.1} µs a text", bytes as f64 / seconds / 1e6, seconds / set.len() as f64 * 1e6);
    if std::env::args().any(|argument| argument == "--mistakes") {
        mistakes.iter().for_each(|mistake| println!("{mistake}"));
    }
}
