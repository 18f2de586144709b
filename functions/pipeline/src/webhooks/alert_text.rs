//! An alert in words, for channels that people read.

use shared::domain::alert_notice::AlertNotice;
use shared::domain::alert_rule::Metric;
use shared::domain::event::EventKind;
use shared::http::fields::Choice as _;

/// The longest that one part of a message may be, in characters.
const LONGEST_PART: usize = 200;
/// The longest that an alert's sentence may be, in characters.
const LONGEST_MESSAGE: usize = 500;

/// A line that says what happened: `[critical] Slow answers: latency_p99 > 500 ms (fraud-v2)`.
pub fn heading(kind: EventKind, notice: &AlertNotice) -> String {
    let severity = notice.severity.name();
    let mark = match kind {
        EventKind::AlertResolved => "resolved".to_owned(),
        EventKind::AlertTest => "test".to_owned(),
        EventKind::AlertRepeated => format!("{severity}, still"),
        EventKind::AlertEscalated => format!("{severity}, escalated"),
        _ => severity.to_owned(),
    };
    let deployment = notice.deployment_name.as_ref().or(notice.deployment_id.as_ref());
    let deployment = deployment.map(|name| format!(" ({})", one_line(name, LONGEST_PART))).unwrap_or_default();
    format!("[{mark}] {}: {}{deployment}", one_line(&notice.rule_name, LONGEST_PART), condition(notice))
}

/// What happened, in the alert's own sentence.
pub fn message(notice: &AlertNotice) -> String {
    one_line(&notice.message, LONGEST_MESSAGE)
}

/// What else there is to know, each with its name.
pub fn facts(notice: &AlertNotice) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Project", one_line(&notice.project_name, LONGEST_PART)),
        ("Condition", condition(notice)),
        ("Severity", notice.severity.name().to_owned()),
        ("Since", notice.fired_at.to_string()),
    ];
    let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    add("Value", notice.value.map(|value| quantity(notice.metric, value)));
    add("Ended", notice.resolved_at.map(|ended| ended.to_string()));
    add("Deployment", notice.deployment_name.as_deref().map(|name| one_line(name, LONGEST_PART)));
    add("Deployment id", notice.deployment_id.as_deref().map(|id| one_line(id, LONGEST_PART)));
    add("Alert id", notice.alert_id.as_deref().map(|id| one_line(id, LONGEST_PART)));
    add("Rule id", Some(one_line(&notice.rule_id, LONGEST_PART)));
    facts
}

fn condition(notice: &AlertNotice) -> String {
    format!("{} {} {}", notice.metric.name(), notice.operator.symbol(), quantity(notice.metric, notice.threshold))
}

/// A value with its unit, to four digits behind the point.
fn quantity(metric: Metric, value: f64) -> String {
    let rounded = (value * 1e4).round() / 1e4;
    let shown = if rounded.is_finite() { rounded } else { value };
    format!("{shown}{}", metric.unit())
}

/// A text without line breaks and other control characters, and no longer than so many characters.
fn one_line(text: &str, most: usize) -> String {
    let plain = |character: char| if character.is_control() || "\u{2028}\u{2029}".contains(character) { ' ' } else { character };
    let mut line: String = text.chars().map(plain).take(most + 1).collect();
    if let Some((cut, _)) = line.char_indices().nth(most) {
        line.truncate(cut);
        line.pop();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::notice;
    use super::*;

    #[test]
    fn a_heading_says_what_happened_to_what() {
        let heading = |kind| heading(kind, &notice());
        assert_eq!(heading(EventKind::AlertFired), "[critical] Slow answers: latency_p99 > 500 ms (fraud-v2)");
        assert_eq!(heading(EventKind::AlertRepeated), "[critical, still] Slow answers: latency_p99 > 500 ms (fraud-v2)");
        assert_eq!(heading(EventKind::AlertEscalated), "[critical, escalated] Slow answers: latency_p99 > 500 ms (fraud-v2)");
        assert_eq!(heading(EventKind::AlertResolved), "[resolved] Slow answers: latency_p99 > 500 ms (fraud-v2)");
        let test = AlertNotice { deployment_id: None, deployment_name: None, ..notice() };
        assert_eq!(super::heading(EventKind::AlertTest, &test), "[test] Slow answers: latency_p99 > 500 ms");
    }

    #[test]
    fn names_stay_on_their_line_and_short() {
        let long = AlertNotice { rule_name: format!("a\r\nBcc: b@x.com\u{2028}{}", "ü".repeat(1000)), ..notice() };
        let heading = heading(EventKind::AlertFired, &long);
        assert!(heading.starts_with("[critical] a  Bcc: b@x.com üü") && heading.contains("ü…: latency"), "{heading}");
        assert!(heading.chars().count() < 300 && !heading.contains(char::is_control), "{heading}");
        assert_eq!(one_line("abc", 3), "abc");
        assert_eq!(one_line("abcd", 3), "ab…");
    }

    #[test]
    fn values_have_units_and_few_digits() {
        assert_eq!(quantity(Metric::DriftPsi, 0.1 + 0.2), "0.3");
        assert_eq!(quantity(Metric::ErrorRate, 100.0 / 3.0), "33.3333%");
        assert_eq!(quantity(Metric::LatencyP99, f64::MAX), format!("{} ms", f64::MAX));
    }
}
