//! An alert rule as answers show it.

use serde::Serialize;
use shared::Timestamp;
use shared::domain::alert_rule::{AlertRule, Metric, Operator, Severity};
use utoipa::ToSchema;

use crate::alert_channels::ChannelView;

/// An alert rule.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertRuleView {
    /// Its id.
    #[schema(example = "0192d3c4-5e6f-7a8b-9c0d-1e2f3a4b5c6d")]
    pub id: String,
    /// Its project.
    pub project_id: String,
    /// The one deployment that it watches; null: those that take the project's production traffic.
    pub deployment_id: Option<String>,
    /// Its name.
    #[schema(example = "Slow answers")]
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it looks at.
    pub metric: Metric,
    /// How that is compared with the threshold.
    pub operator: Operator,
    /// The threshold.
    #[schema(example = 500.0)]
    pub threshold: f64,
    /// The span of time that it looks at, in minutes.
    #[schema(example = 60)]
    pub window_minutes: u32,
    /// How much its alerts matter.
    pub severity: Severity,
    /// Who is told.
    pub channels: Vec<ChannelView>,
    /// The least pause between two messages about the same deployment, in minutes.
    #[schema(example = 60)]
    pub cooldown_minutes: u32,
    /// After how many minutes an alert that nobody acknowledged becomes more severe.
    pub escalation_minutes: Option<u32>,
    /// What it becomes.
    pub escalation_severity: Option<Severity>,
    /// Whether it is evaluated.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl AlertRuleView {
    /// A rule with its channels.
    pub fn new(rule: AlertRule, channels: Vec<ChannelView>) -> Self {
        Self {
            id: rule.id,
            project_id: rule.project_id,
            deployment_id: rule.deployment_id,
            name: rule.name,
            description: rule.description,
            metric: rule.metric,
            operator: rule.operator,
            threshold: rule.threshold,
            window_minutes: rule.window_minutes,
            severity: rule.severity,
            channels,
            cooldown_minutes: rule.cooldown_minutes,
            escalation_minutes: rule.escalation.map(|escalation| escalation.minutes),
            escalation_severity: rule.escalation.map(|escalation| escalation.severity),
            enabled: rule.enabled,
            created_at: rule.created_at,
            updated_at: rule.updated_at,
        }
    }
}
