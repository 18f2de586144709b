//! How well personal data is found, and that nothing makes it slow.
#![allow(clippy::unwrap_used)]

mod support;

use privacy::{PiiType, detect::detect};
use std::time::{Duration, Instant};

#[test]
fn the_labelled_set_is_found_well() {
    let (scores, mistakes) = support::scores(&support::labelled(), 0.5);
    for kind in PiiType::ALL.into_iter().filter(|kind| kind.is_detected()) {
        let score = scores[&kind];
        assert!(score.precision() >= 0.9 && score.recall() >= 0.9, "{kind:?}: {score:?}\n{}", mistakes.join("\n"));
    }
}

#[test]
fn what_is_found_lies_on_character_boundaries() {
    for text in [
        "é@é.éé",
        "üanna@bücher.example.",
        "☎+4930123456☎",
        "😀4111 1111 1111 1111😀",
        "\u{a0}030\u{a0}1234567\u{a0}",
        "@@@é@@",
        "日本+81-3-1234-5678日本",
    ] {
        for finding in detect(text, "") {
            assert!(!text[finding.start..finding.end].is_empty(), "{text}");
        }
    }
}

#[test]
fn keys_and_words_beside_a_value_make_it_surer() {
    let surest = |text: &str, key: &str, kind: PiiType| {
        detect(text, key).iter().filter(|finding| finding.kind == kind).map(|finding| finding.confidence).fold(0.0, f64::max)
    };
    assert!(surest("5552345678", "", PiiType::Phone) < 0.5 && surest("5552345678", "phone_number", PiiType::Phone) >= 0.5);
    assert!(surest("536904399", "", PiiType::NationalId) < 0.5 && surest("ssn is 536904399", "", PiiType::NationalId) >= 0.5);
    assert!(surest("1.2.3.4", "", PiiType::IpAddress) < 0.5 && surest("1.2.3.4", "client_ip", PiiType::IpAddress) >= 0.5);
}

#[test]
fn hostile_texts_take_time_in_proportion() {
    let size = 400_000;
    for piece in ["@", "a@", "1", "1 ", "1-", "+", "+1(", "::", "1.", "4111 ", "a1", "DE89", "é", "a.", "0 ", "(1) ", "f:"] {
        let text = piece.repeat(size / piece.len());
        let began = Instant::now();
        detect(&text, "");
        assert!(began.elapsed() < Duration::from_secs(8), "{piece:?}: {:?}", began.elapsed());
    }
}
