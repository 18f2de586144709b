//! Alert rules: when a project's members want to be told that something is wrong with a deployment. Document: deployments-api,
//! "Alert Metrics Reference" and what follows it.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::project::{Project, scope};
use crate::http::fields::Choice;
use crate::{Timestamp, id};

/// The most rules of a project, or of a user in the project that is everybody's.
pub const MOST_RULES: usize = 100;
/// The minutes that a cooldown and an escalation may take.
pub const MINUTES: RangeInclusive<i64> = 1..=1440;
/// The cooldown of a rule that names none, in minutes.
pub const DEFAULT_COOLDOWN: u32 = 60;

/// What a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The highest population stability index of a feature in the newest drift report.
    DriftPsi,
    /// By how much predictions are less accurate than they were, in percent.
    AccuracyDegradation,
    /// The percentage of requests for predictions that failed, of the window.
    ErrorRate,
    /// Within how many milliseconds 99 of 100 requests were answered, of the window.
    LatencyP99,
    /// Days since the model was trained.
    ModelStaleness,
    /// The population stability index of the window's predictions, against those before them.
    PredictionAnomaly,
}

impl Choice for Metric {
    const ALL: &'static [Self] =
        &[Self::DriftPsi, Self::AccuracyDegradation, Self::ErrorRate, Self::LatencyP99, Self::ModelStaleness, Self::PredictionAnomaly];

    fn name(self) -> &'static str {
        match self {
            Self::DriftPsi => "drift_psi",
            Self::AccuracyDegradation => "accuracy_degradation",
            Self::ErrorRate => "error_rate",
            Self::LatencyP99 => "latency_p99",
            Self::ModelStaleness => "model_staleness",
            Self::PredictionAnomaly => "prediction_anomaly",
        }
    }
}

impl Metric {
    /// The span of time that a rule of the metric looks at where it names none, in minutes.
    pub fn default_window(self) -> u32 {
        match self {
            Self::DriftPsi | Self::ErrorRate | Self::LatencyP99 | Self::ModelStaleness => 60,
            Self::PredictionAnomaly => 1440,
            Self::AccuracyDegradation => 7 * 1440,
        }
    }

    /// The unit of its values, as a sentence names it behind the number.
    pub fn unit(self) -> &'static str {
        match self {
            Self::DriftPsi | Self::PredictionAnomaly => "",
            Self::AccuracyDegradation | Self::ErrorRate => "%",
            Self::LatencyP99 => " ms",
            Self::ModelStaleness => " days",
        }
    }
}

/// How a value is compared with a rule's threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// Greater than the threshold.
    Gt,
    /// Less than the threshold.
    Lt,
    /// Greater than or equal to the threshold.
    Gte,
    /// Less than or equal to the threshold.
    Lte,
    /// Equal to the threshold.
    Eq,
    /// Not equal to the threshold.
    Neq,
}

impl Choice for Operator {
    const ALL: &'static [Self] = &[Self::Gt, Self::Lt, Self::Gte, Self::Lte, Self::Eq, Self::Neq];

    fn name(self) -> &'static str {
        match self {
            Self::Gt => "gt",
            Self::Lt => "lt",
            Self::Gte => "gte",
            Self::Lte => "lte",
            Self::Eq => "eq",
            Self::Neq => "neq",
        }
    }

    /// By its name or its symbol.
    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operator| operator.name() == name || operator.symbol() == name)
    }
}

impl Operator {
    /// The document's symbol for it.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Gt => ">",
            Self::Lt => "<",
            Self::Gte => ">=",
            Self::Lte => "<=",
            Self::Eq => "==",
            Self::Neq => "!=",
        }
    }

    /// Whether the comparison holds. Values that differ by a billionth part are equal: they are sums of floats.
    pub fn holds(self, value: f64, threshold: f64) -> bool {
        let equal = (value - threshold).abs() <= 1e-9 * value.abs().max(threshold.abs()).max(1.0);
        match self {
            Self::Gt => value > threshold && !equal,
            Self::Lt => value < threshold && !equal,
            Self::Gte => value >= threshold || equal,
            Self::Lte => value <= threshold || equal,
            Self::Eq => equal,
            Self::Neq => !equal,
        }
    }
}

/// How much an alert matters, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing has to be done.
    Info,
    /// Somebody should look.
    Warning,
    /// Somebody must look at once.
    Critical,
}

impl Choice for Severity {
    const ALL: &'static [Self] = &[Self::Info, Self::Warning, Self::Critical];

    fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// That an alert which nobody acknowledged becomes more severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// After so many minutes.
    pub minutes: u32,
    /// What it becomes.
    pub severity: Severity,
}

/// A rule, as the table holds it. Its channels are receivers of their own; see [`super::webhook`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertRule {
    /// Its id, a UUIDv7.
    pub id: String,
    /// The project whose deployments it watches.
    pub project_id: String,
    /// Who made it; absent where nobody in particular did.
    pub owner: Option<String>,
    /// The one deployment that it watches; where it names none, those that take the project's production traffic.
    pub deployment_id: Option<String>,
    /// Its name, for people.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it looks at.
    pub metric: Metric,
    /// How that is compared with the threshold.
    pub operator: Operator,
    /// The threshold, in the metric's unit.
    pub threshold: f64,
    /// The span of time that it looks at, in minutes.
    pub window_minutes: u32,
    /// How much its alerts matter.
    pub severity: Severity,
    /// The least pause between two messages about the same deployment, in minutes.
    pub cooldown_minutes: u32,
    /// Whether, and when, its alerts become more severe.
    pub escalation: Option<Escalation>,
    /// Whether it is evaluated.
    pub enabled: bool,
    /// Counts its changes: an evaluation of what it was before does not count.
    pub revision: u64,
    /// That it is being deleted: its open alerts are closed first.
    #[serde(default)]
    pub deleted: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl AlertRule {
    /// A new rule with nothing said of it but what it compares with what.
    pub fn new(project: &Project, owner: Option<&str>, metric: Metric, operator: Operator, threshold: f64) -> Self {
        let now = Timestamp::now();
        Self {
            id: id::new_id(),
            project_id: project.id.clone(),
            owner: owner.map(str::to_owned),
            deployment_id: None,
            name: metric.name().to_owned(),
            description: None,
            metric,
            operator,
            threshold,
            window_minutes: metric.default_window(),
            severity: Severity::Warning,
            cooldown_minutes: DEFAULT_COOLDOWN,
            escalation: None,
            enabled: true,
            revision: 0,
            deleted: false,
            created_at: now,
            updated_at: now,
        }
    }

    /// Where it is listed, and its alerts: with its project's; in the project that is everybody's, with those of who made it, since
    /// channels lead to addresses that are nobody else's business.
    pub fn scope(&self) -> String {
        scope(&self.project_id, self.owner.as_deref())
    }

    /// Its condition, as a person writes it: `latency_p99 > 500 ms`.
    pub fn condition(&self) -> String {
        format!("{} {} {}{}", self.metric.name(), self.operator.symbol(), self.threshold, self.metric.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_compare_as_their_symbols_say() {
        let holds = |value: f64| {
            Operator::ALL.iter().filter(|operator| operator.holds(value, 0.3)).map(|operator| operator.symbol()).collect::<Vec<_>>()
        };
        assert_eq!(holds(0.1 + 0.2), [">=", "<=", "=="]);
        assert_eq!(holds(0.31), [">", ">=", "!="]);
        assert_eq!(holds(-1.0), ["<", "<=", "!="]);
    }

    #[test]
    fn severities_are_ordered() {
        assert!(Severity::Info < Severity::Warning && Severity::Warning < Severity::Critical);
    }
}
