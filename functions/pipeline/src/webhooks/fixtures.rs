//! What the tests tell of.

use shared::Timestamp;
use shared::domain::alert_notice::AlertNotice;
use shared::domain::alert_rule::{Metric, Operator, Severity};

/// An alert that fired.
pub fn notice() -> AlertNotice {
    AlertNotice {
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
