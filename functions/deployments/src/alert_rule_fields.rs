//! What a request says of an alert rule.

use serde_json::Value;
use shared::domain::alert_rule::{AlertRule, Escalation, MINUTES, Metric, Operator, Severity};
use shared::domain::name;
use shared::http::fields::{Choice as _, Fields};
use shared::{Platform, Request, Result, projects};
use utoipa::ToSchema;

use crate::alert_channels::{Channels, take_channels};

/// The longest body.
pub const LONGEST_BODY: usize = 64 * 1024;
const LONGEST_DESCRIPTION: usize = 2000;
/// The minutes that a rule may look at: a month, as long as counters are kept by hour.
const WINDOW: std::ops::RangeInclusive<i64> = 5..=43_200;
const THRESHOLDS: std::ops::RangeInclusive<f64> = -1e12..=1e12;
const LONGEST_ID: usize = 80;

/// The fields of a rule, as they were given.
#[derive(Debug, Default)]
pub struct Given {
    name: Option<String>,
    description: Option<Option<String>>,
    deployment_id: Option<Option<String>>,
    pub metric: Option<Metric>,
    pub operator: Option<Operator>,
    pub threshold: Option<f64>,
    window_minutes: Option<u32>,
    severity: Option<Severity>,
    cooldown_minutes: Option<u32>,
    escalation_minutes: Option<Option<u32>>,
    escalation_severity: Option<Option<Severity>>,
    enabled: Option<bool>,
}

/// What a field says: nothing, that what it held is taken away, or another value.
fn changed<T>(fields: &mut Fields, field: &str, take: impl FnOnce(&mut Fields) -> Option<T>) -> Option<Option<T>> {
    if fields.is_null(field) {
        return Some(None);
    }
    take(fields).map(Some)
}

fn minutes(fields: &mut Fields, field: &str, range: std::ops::RangeInclusive<i64>) -> Option<u32> {
    fields.integer(field, range).and_then(|minutes| u32::try_from(minutes).ok())
}

impl Given {
    /// Takes the fields from a body, and the channels that it names, and notes what is wrong with them.
    pub fn take(fields: &mut Fields) -> (Self, Option<Channels>) {
        let channels = take_channels(fields);
        let given = Self {
            name: fields.text("name", 1..=name::LONGEST_NAME),
            description: changed(fields, "description", |fields| fields.text("description", 0..=LONGEST_DESCRIPTION)),
            deployment_id: changed(fields, "deployment_id", |fields| fields.text("deployment_id", 1..=LONGEST_ID)),
            metric: fields.choice("metric"),
            operator: fields.choice("operator"),
            threshold: fields.number("threshold", THRESHOLDS),
            window_minutes: minutes(fields, "window_minutes", WINDOW),
            severity: fields.choice("severity"),
            cooldown_minutes: minutes(fields, "cooldown_minutes", MINUTES),
            escalation_minutes: changed(fields, "escalation_minutes", |fields| minutes(fields, "escalation_minutes", MINUTES)),
            escalation_severity: changed(fields, "escalation_severity", |fields| fields.choice("escalation_severity")),
            enabled: fields.boolean("enabled"),
        };
        (given, channels)
    }

    /// Puts what was given into a rule, and notes what does not go together.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn change(self, platform: &Platform, request: &Request, rule: &mut AlertRule, fields: &mut Fields) -> Result<()> {
        let (minutes, severity) = rule.escalation.map_or((None, None), |before| (Some(before.minutes), Some(before.severity)));
        let minutes = self.escalation_minutes.unwrap_or(minutes);
        // Without minutes there is no escalation, nor without a severity: one null takes both away.
        let severity = self.escalation_severity.unwrap_or(severity.filter(|_| self.escalation_minutes != Some(None)));
        let minutes = minutes.filter(|_| self.escalation_severity != Some(None) || self.escalation_minutes.is_some());
        if let Some(name) = self.name {
            rule.name = name;
        }
        if let Some(description) = self.description {
            rule.description = description;
        }
        let changed = self.metric.filter(|metric| *metric != rule.metric);
        rule.metric = self.metric.unwrap_or(rule.metric);
        rule.operator = self.operator.unwrap_or(rule.operator);
        rule.threshold = self.threshold.unwrap_or(rule.threshold);
        rule.window_minutes = self.window_minutes.unwrap_or(changed.map_or(rule.window_minutes, Metric::default_window));
        rule.severity = self.severity.unwrap_or(rule.severity);
        rule.cooldown_minutes = self.cooldown_minutes.unwrap_or(rule.cooldown_minutes);
        rule.enabled = self.enabled.unwrap_or(rule.enabled);
        rule.escalation = escalation(minutes, severity, rule.severity, fields);
        if let Some(deployment_id) = self.deployment_id {
            if let Some(id) = &deployment_id {
                watchable(platform, request, rule, id, fields).await?;
            }
            rule.deployment_id = deployment_id;
        }
        Ok(())
    }
}

fn escalation(minutes: Option<u32>, severity: Option<Severity>, from: Severity, fields: &mut Fields) -> Option<Escalation> {
    match (minutes, severity) {
        (Some(minutes), Some(severity)) if severity > from => Some(Escalation { minutes, severity }),
        (Some(_), Some(_)) => {
            let message = format!("an alert escalates to more than its severity, {}: use warning or critical", from.name());
            fields.fault(&["escalation_severity"], message, "value_error.number.not_gt");
            None
        }
        (Some(_), None) => {
            fields.fault(&["escalation_severity"], "field required with escalation_minutes: warning or critical", "value_error.missing");
            None
        }
        (None, Some(_)) => {
            fields.fault(&["escalation_minutes"], "field required with escalation_severity", "value_error.missing");
            None
        }
        (None, None) => None,
    }
}

/// That a rule of the project may watch a deployment.
async fn watchable(platform: &Platform, request: &Request, rule: &AlertRule, id: &str, fields: &mut Fields) -> Result<()> {
    let found = match projects::deployment(platform, &request.caller, id).await {
        Ok((project, _)) => project.id == rule.project_id,
        Err(error) if error.kind() == shared::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    if !found {
        fields.fault(&["deployment_id"], "the project has no such deployment", "value_error");
    }
    Ok(())
}

/// What is asked of an alert rule.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
pub struct AlertRuleRequest {
    /// Its name; required for a new one.
    #[schema(example = "Slow answers")]
    name: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// The one deployment that it watches; absent or null: those that take the project's production traffic.
    deployment_id: Option<String>,
    /// What it looks at; required for a new one.
    metric: Option<Metric>,
    /// How that is compared with the threshold, by name (`gt`) or symbol (`>`); required for a new one.
    operator: Option<Operator>,
    /// The threshold; required for a new one. Units: `error_rate` and `accuracy_degradation` percent, `latency_p99` milliseconds,
    /// `model_staleness` days, `drift_psi` and `prediction_anomaly` a population stability index.
    #[schema(example = 500.0)]
    threshold: Option<f64>,
    /// The span of time that it looks at, in minutes. 60 where it is not said; `prediction_anomaly` a day, `accuracy_degradation`
    /// seven. `drift_psi` and `model_staleness` have none.
    #[schema(example = 60, minimum = 5, maximum = 43200)]
    window_minutes: Option<u32>,
    /// How much its alerts matter; `warning` where it is not said.
    severity: Option<Severity>,
    /// Who is told, at most ten.
    #[schema(value_type = Option<Vec<Value>>, example = json!([{ "type": "slack", "url": "https://hooks.slack.com/services/T0/B0/x" }, { "type": "email", "addresses": ["you@example.com"] }, { "type": "webhook", "url": "https://your-app.com/alerts" }]))]
    channels: Option<Vec<Value>>,
    /// The least pause between two messages about the same deployment, in minutes; 60 where it is not said.
    #[schema(example = 60, minimum = 1, maximum = 1440)]
    cooldown_minutes: Option<u32>,
    /// After how many minutes an alert that nobody acknowledged becomes more severe.
    #[schema(example = 120, minimum = 1, maximum = 1440)]
    escalation_minutes: Option<u32>,
    /// What it becomes: `warning` or `critical`.
    escalation_severity: Option<Severity>,
    /// Whether it is evaluated; true where it is not said.
    enabled: Option<bool>,
}
