//! What an alert tells the channels of its rule.

use serde::{Deserialize, Serialize};

use super::alert_rule::{Metric, Operator, Severity};
use crate::Timestamp;

/// A message about an alert: the whole of it, so that who receives it need not ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertNotice {
    /// The alert; absent in a test of the channels.
    pub alert_id: Option<String>,
    /// The rule.
    pub rule_id: String,
    /// What the rule is called.
    pub rule_name: String,
    /// The project.
    pub project_id: String,
    /// What the project is called.
    pub project_name: String,
    /// The deployment that is concerned; absent in a test of the channels.
    pub deployment_id: Option<String>,
    /// What it is called.
    pub deployment_name: Option<String>,
    /// What was looked at.
    pub metric: Metric,
    /// How it was compared with the threshold.
    pub operator: Operator,
    /// The threshold.
    pub threshold: f64,
    /// What the metric was; absent where it could not be told any more.
    pub value: Option<f64>,
    /// How much it matters.
    pub severity: Severity,
    /// What happened, in a sentence.
    pub message: String,
    /// Since when the condition holds.
    pub fired_at: Timestamp,
    /// When it ended, if it did.
    pub resolved_at: Option<Timestamp>,
}

#[cfg(test)]
impl AlertNotice {
    /// One of a rule that nobody made.
    pub(crate) fn example() -> Self {
        Self {
            alert_id: Some("01890a5d-ac96-774b-bcce-b302099a8057".to_owned()),
            rule_id: "01890a5d-ac96-774b-bcce-b302099a8058".to_owned(),
            rule_name: "Slow answers".to_owned(),
            project_id: "01890a5d-ac96-774b-bcce-b302099a8059".to_owned(),
            project_name: "fraud".to_owned(),
            deployment_id: Some("01890a5d-ac96-774b-bcce-b302099a805a".to_owned()),
            deployment_name: Some("fraud-v2".to_owned()),
            metric: Metric::LatencyP99,
            operator: Operator::Gt,
            threshold: 500.0,
            value: Some(812.5),
            severity: Severity::Critical,
            message: "latency_p99 is 812.5 ms, which is > 500 ms.".to_owned(),
            fired_at: Timestamp::from_milliseconds(1_750_000_000_000),
            resolved_at: None,
        }
    }
}
