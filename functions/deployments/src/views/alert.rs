//! An alert as answers show it.

use serde::Serialize;
use shared::Timestamp;
use shared::domain::alert::{Alert, AlertStatus};
use shared::domain::alert_rule::{Metric, Operator, Severity};
use utoipa::ToSchema;

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertView {
    /// Its id.
    #[schema(example = "0192d3c4-5e6f-7a8b-9c0d-1e2f3a4b5c6d")]
    pub id: String,
    /// The rule.
    pub rule_id: String,
    /// What the rule was called.
    pub rule_name: String,
    /// The project.
    pub project_id: String,
    /// The deployment that is concerned.
    pub deployment_id: String,
    /// What it was called.
    pub deployment_name: String,
    /// What was looked at.
    pub metric: Metric,
    /// How it was compared.
    pub operator: Operator,
    /// With what.
    #[schema(example = 500.0)]
    pub threshold: f64,
    /// What the metric was when it was looked at last.
    #[schema(example = 812.5)]
    pub value: Option<f64>,
    /// How much it matters.
    pub severity: Severity,
    /// Where it stands.
    pub status: AlertStatus,
    /// What happened, in a sentence.
    #[schema(example = "latency_p99 of fraud-detector is 812.5 ms; the rule is latency_p99 > 500 ms.")]
    pub message: String,
    /// Since when the condition holds.
    pub fired_at: Timestamp,
    /// Who said that they know, by user id.
    pub acknowledged_by: Option<String>,
    /// When they did.
    pub acknowledged_at: Option<Timestamp>,
    /// When it became more severe.
    pub escalated_at: Option<Timestamp>,
    /// When the condition ceased to hold.
    pub resolved_at: Option<Timestamp>,
    /// How many messages about it the rule's channels were given.
    pub notifications: u32,
}

impl From<Alert> for AlertView {
    fn from(alert: Alert) -> Self {
        Self {
            id: alert.id,
            rule_id: alert.rule_id,
            rule_name: alert.rule_name,
            project_id: alert.project_id,
            deployment_id: alert.deployment_id,
            deployment_name: alert.deployment_name,
            metric: alert.metric,
            operator: alert.operator,
            threshold: alert.threshold,
            value: alert.value,
            severity: alert.severity,
            status: alert.status,
            message: alert.message,
            fired_at: alert.fired_at,
            acknowledged_by: alert.acknowledged_by,
            acknowledged_at: alert.acknowledged_at,
            escalated_at: alert.escalated_at,
            resolved_at: alert.resolved_at,
            notifications: alert.notifications,
        }
    }
}
