//! Messages for Slack's incoming webhooks.

use serde_json::{Value, json};
use shared::domain::alert_notice::AlertNotice;
use shared::domain::event::EventKind;

use super::alert_text;

/// The body of the POST: blocks, and a text for where blocks are not shown. What names and sentences hold is text and nothing else:
/// no mentions, no links.
pub fn body(kind: EventKind, notice: &AlertNotice) -> String {
    let heading = escaped(&alert_text::heading(kind, notice));
    let facts = alert_text::facts(notice).into_iter();
    let facts: Vec<Value> = facts.map(|(name, value)| text(&format!("*{name}*\n{}", escaped(&value)))).collect();
    let message = json!({
        "text": heading,
        "mrkdwn": false,
        "unfurl_links": false,
        "blocks": [
            { "type": "section", "text": text(&format!("*{heading}*")) },
            { "type": "section", "text": text(&escaped(&alert_text::message(notice))) },
            { "type": "section", "fields": facts },
        ],
    });
    message.to_string()
}

fn text(markup: &str) -> Value {
    json!({ "type": "mrkdwn", "text": markup, "verbatim": true })
}

/// A text in which the three characters that Slack gives a meaning to have none.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Whether Slack's answer says that another attempt would end as this one: the webhook was revoked, its channel is gone or closed,
/// the message is not one. Too many messages, and Slack's own trouble, pass.
pub fn is_final(status: u16) -> bool {
    (400..500).contains(&status) && !matches!(status, 408 | 425 | 429)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixtures::notice;
    use super::*;

    fn told(kind: EventKind, notice: &AlertNotice) -> Value {
        serde_json::from_str(&body(kind, notice)).unwrap()
    }

    #[test]
    fn a_message_has_a_text_and_blocks() {
        let told = told(EventKind::AlertFired, &notice());
        assert_eq!(told["text"], "[critical] Slow answers: latency_p99 &gt; 500 ms (fraud-v2)");
        assert_eq!(told["blocks"][1]["text"]["text"], "latency_p99 is 812.5 ms, which is &gt; 500 ms.");
        let fields = told["blocks"][2]["fields"].as_array().unwrap();
        assert!(fields.len() <= 10 && fields.iter().any(|field| field["text"] == "*Value*\n812.5 ms"), "{fields:?}");
    }

    #[test]
    fn what_users_name_is_text_and_stays_within_slacks_bounds() {
        let long = "<!channel> <https://x.com|y> & ".repeat(500);
        let told = told(
            EventKind::AlertResolved,
            &AlertNotice {
                rule_name: long.clone(),
                project_name: long.clone(),
                deployment_name: Some(long.clone()),
                message: long,
                resolved_at: Some(shared::Timestamp::now()),
                ..notice()
            },
        );
        let text = told.to_string();
        assert!(!text.contains(['<', '>']) && text.contains("&lt;!channel&gt;"), "{text}");
        let bounded = |text: &Value, most: usize| text["text"].as_str().unwrap().chars().count() <= most;
        let blocks = told["blocks"].as_array().unwrap();
        assert!(blocks[..2].iter().all(|block| bounded(&block["text"], 3000)), "{text}");
        let fields = blocks[2]["fields"].as_array().unwrap();
        assert!(fields.len() <= 10 && fields.iter().all(|field| bounded(field, 2000)), "{text}");
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        assert!([400, 403, 404, 410].into_iter().all(is_final));
        assert!(![200, 302, 408, 429, 500, 503].into_iter().any(is_final));
    }
}
