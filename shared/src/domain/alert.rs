//! An alert: that a rule's condition held for a deployment, from when until when, and whom that was told.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::alert_notice::AlertNotice;
use super::alert_rule::{AlertRule, Metric, Operator, Severity};
use super::deployment::Deployment;
use super::event::EventKind;
use super::project::Project;
use crate::http::fields::Choice;
use crate::{Timestamp, id};

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    /// The condition holds.
    Firing,
    /// The condition holds, and somebody said that they know.
    Acknowledged,
    /// The condition does not hold any more.
    Resolved,
}

impl Choice for AlertStatus {
    const ALL: &'static [Self] = &[Self::Firing, Self::Acknowledged, Self::Resolved];

    fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// An alert, as the table holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its id, a UUIDv7.
    pub id: String,
    /// The rule.
    pub rule_id: String,
    /// What the rule was called.
    pub rule_name: String,
    /// The project.
    pub project_id: String,
    /// Who made the rule.
    pub owner: Option<String>,
    /// The deployment that is concerned.
    pub deployment_id: String,
    /// What it was called.
    pub deployment_name: String,
    /// What was looked at.
    pub metric: Metric,
    /// How it was compared.
    pub operator: Operator,
    /// With what.
    pub threshold: f64,
    /// What the metric was when it was looked at last.
    pub value: Option<f64>,
    /// How much it matters; more so once it has escalated.
    pub severity: Severity,
    /// Where it stands.
    pub status: AlertStatus,
    /// What happened, in a sentence.
    pub message: String,
    /// Since when the condition holds.
    pub fired_at: Timestamp,
    /// Who said that they know.
    pub acknowledged_by: Option<String>,
    /// When they did.
    pub acknowledged_at: Option<Timestamp>,
    /// When it became more severe.
    pub escalated_at: Option<Timestamp>,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
    /// How many messages about it were given to the rule's channels.
    pub notifications: u32,
    /// When the last of them was.
    pub notified_at: Option<Timestamp>,
    /// Counts its changes.
    pub revision: u64,
}

impl Alert {
    /// An alert that a rule's condition holds for a deployment from now on.
    fn new(rule: &AlertRule, deployment: &Deployment, value: f64, now: Timestamp) -> Self {
        let name = deployment.shown_name();
        Self {
            id: id::new_id(),
            rule_id: rule.id.clone(),
            rule_name: rule.name.clone(),
            project_id: rule.project_id.clone(),
            owner: rule.owner.clone(),
            deployment_id: deployment.id.clone(),
            deployment_name: name.to_owned(),
            metric: rule.metric,
            operator: rule.operator,
            threshold: rule.threshold,
            value: Some(value),
            severity: rule.severity,
            status: AlertStatus::Firing,
            message: sentence(rule, name, value),
            fired_at: now,
            acknowledged_by: None,
            acknowledged_at: None,
            escalated_at: None,
            resolved_at: None,
            notifications: 0,
            notified_at: None,
            revision: 0,
        }
    }

    /// Whether the rule's condition is still the one that this alert tells of.
    fn is_of(&self, rule: &AlertRule) -> bool {
        (self.metric, self.operator, self.threshold) == (rule.metric, rule.operator, rule.threshold)
    }

    /// What its rule's channels are told.
    pub fn notice(&self, project: &Project) -> AlertNotice {
        AlertNotice {
            alert_id: Some(self.id.clone()),
            rule_id: self.rule_id.clone(),
            rule_name: self.rule_name.clone(),
            project_id: self.project_id.clone(),
            project_name: project.name.clone(),
            deployment_id: Some(self.deployment_id.clone()),
            deployment_name: Some(self.deployment_name.clone()),
            metric: self.metric,
            operator: self.operator,
            threshold: self.threshold,
            value: self.value,
            severity: self.severity,
            message: self.message.clone(),
            fired_at: self.fired_at,
            resolved_at: self.resolved_at,
        }
    }

    fn told(self, now: Timestamp) -> Self {
        Self { notifications: self.notifications + 1, notified_at: Some(now), ..self }
    }
}

fn sentence(rule: &AlertRule, deployment_name: &str, value: f64) -> String {
    let (metric, unit) = (rule.metric.name(), rule.metric.unit());
    format!("{metric} of {deployment_name} is {}{unit}; the rule is {}.", rounded(value), rule.condition())
}

/// A number to at most three decimals, or three significant digits where it is small.
fn rounded(value: f64) -> f64 {
    let scale = if value.abs() >= 1.0 || value == 0.0 { 1e3 } else { 10_f64.powi(2 - value.abs().log10().floor() as i32) };
    let rounded = (value * scale).round() / scale;
    if rounded.is_finite() { rounded } else { value }
}

/// What is known of a rule's metric at a moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// Its value.
    Value(f64),
    /// There is nothing that it could be of, such as no request in the window: the condition does not hold.
    Nothing,
    /// It cannot be told, for that reason: what was known goes on to hold.
    Unknown(String),
    /// The rule does not watch the deployment any more, for that reason.
    Unwatched(&'static str),
}

/// What is known of a rule and a deployment: the alert that is open, and when its channels were told last, of whatever alert.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    /// The open alert.
    pub open: Option<Alert>,
    /// When the channels were told last that the condition holds.
    pub notified_at: Option<Timestamp>,
}

/// What an evaluation does.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// There is nothing to do.
    Nothing,
    /// The alert becomes this one, and the channels are told of that if there is a kind of event.
    Change(Box<Alert>, Option<EventKind>),
}

/// What is to be done when a rule is evaluated for a deployment.
///
/// The channels are told when the condition begins to hold, and again whenever a cooldown has passed and nobody acknowledged the
/// alert; at once when it escalates; and when it ends, if they were told before. Within a cooldown an alert that begins is listed,
/// but not told of until the cooldown is over.
pub fn decide(rule: &AlertRule, deployment: &Deployment, standing: &Standing, observation: &Observation, now: Timestamp) -> Step {
    let open = standing.open.as_ref();
    if let Some(open) = open.filter(|open| !open.is_of(rule)) {
        // It told of another condition; whether this one holds is seen by the next evaluation.
        return resolve(open, None, "The rule was changed.", now);
    }
    match (observation, open) {
        (Observation::Unknown(_), _) => Step::Nothing,
        (Observation::Value(value), open) if rule.operator.holds(*value, rule.threshold) => {
            holds(rule, deployment, standing, open, *value, now)
        }
        (_, None) => Step::Nothing,
        (observation, Some(open)) => {
            let value = match observation {
                Observation::Value(value) => Some(*value),
                _ => None,
            };
            resolve(open, value, &reason(rule, open, observation), now)
        }
    }
}

fn holds(rule: &AlertRule, deployment: &Deployment, standing: &Standing, open: Option<&Alert>, value: f64, now: Timestamp) -> Step {
    let cooldown = f64::from(rule.cooldown_minutes) * 60.0;
    let may_tell = standing.notified_at.is_none_or(|last| now.seconds_since(last) >= cooldown);
    let Some(open) = open else {
        let alert = Alert::new(rule, deployment, value, now);
        return match may_tell {
            true => Step::Change(Box::new(alert.told(now)), Some(EventKind::AlertFired)),
            false => Step::Change(Box::new(alert), None),
        };
    };
    let name = deployment.shown_name();
    let alert = Alert { value: Some(value), message: sentence(rule, name, value), ..open.clone() };
    if alert.status == AlertStatus::Firing {
        let due = rule.escalation.filter(|escalation| now.seconds_since(alert.fired_at) >= f64::from(escalation.minutes) * 60.0);
        if let Some(escalation) = due.filter(|escalation| alert.escalated_at.is_none() && escalation.severity > alert.severity) {
            let alert = Alert { severity: escalation.severity, escalated_at: Some(now), ..alert };
            return Step::Change(Box::new(alert.told(now)), Some(EventKind::AlertEscalated));
        }
        if may_tell {
            let kind = if alert.notifications == 0 { EventKind::AlertFired } else { EventKind::AlertRepeated };
            return Step::Change(Box::new(alert.told(now)), Some(kind));
        }
    }
    // The value is kept as it was told, where it did not change enough to be shown otherwise.
    if alert.message == open.message { Step::Nothing } else { Step::Change(Box::new(alert), None) }
}

fn resolve(open: &Alert, value: Option<f64>, reason: &str, now: Timestamp) -> Step {
    let was_told = open.notifications > 0;
    let resolved = Alert {
        status: AlertStatus::Resolved,
        resolved_at: Some(now),
        value: value.or(open.value),
        message: reason.to_owned(),
        notifications: open.notifications + u32::from(was_told),
        ..open.clone()
    };
    Step::Change(Box::new(resolved), was_told.then_some(EventKind::AlertResolved))
}

fn reason(rule: &AlertRule, open: &Alert, observation: &Observation) -> String {
    let (metric, unit, name) = (rule.metric.name(), rule.metric.unit(), &open.deployment_name);
    match observation {
        Observation::Value(value) => format!("{metric} of {name} is {}{unit}; the rule is {}.", rounded(*value), rule.condition()),
        Observation::Nothing => format!("There were no predictions of {name} in the last {} minutes.", rule.window_minutes),
        Observation::Unknown(reason) => reason.clone(),
        Observation::Unwatched(reason) => (*reason).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert_rule::Escalation;

    const BEGIN: i64 = 1_700_000_000_000;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_milliseconds(BEGIN + minute * 60_000)
    }

    /// What is done minute by minute, with the standing that follows from it.
    struct Story {
        rule: AlertRule,
        deployment: Deployment,
        standing: Standing,
        last: Option<Alert>,
    }

    impl Story {
        fn new(change: impl FnOnce(&mut AlertRule)) -> Self {
            let project = Project::new("Fraud", None, "owner", "m-");
            let mut rule = AlertRule::new(&project, Some("owner"), Metric::LatencyP99, Operator::Gt, 500.0);
            change(&mut rule);
            Self { rule, deployment: Deployment::new("fraud", "m-"), standing: Standing::default(), last: None }
        }

        /// Gives what the channels are told.
        fn at(&mut self, at: i64, observation: Observation) -> Option<EventKind> {
            match decide(&self.rule, &self.deployment, &self.standing, &observation, minute(at)) {
                Step::Nothing => None,
                Step::Change(alert, kind) => {
                    let resolved = alert.status == AlertStatus::Resolved;
                    self.standing = Standing {
                        open: (!resolved).then(|| (*alert).clone()),
                        notified_at: alert.notified_at.or(self.standing.notified_at),
                    };
                    self.last = Some(*alert);
                    kind
                }
            }
        }

        fn values(&mut self, values: &[(i64, f64)]) -> Vec<Option<EventKind>> {
            values.iter().map(|(at, value)| self.at(*at, Observation::Value(*value))).collect()
        }
    }

    #[test]
    fn it_is_told_once_per_cooldown_and_when_it_ends() {
        use EventKind::{AlertFired, AlertRepeated, AlertResolved};
        let mut story = Story::new(|_| {});
        let told = story.values(&[(0, 100.0), (5, 600.0), (10, 700.0), (60, 700.0), (65, 700.0), (70, 800.0), (75, 100.0), (80, 100.0)]);
        assert_eq!(told, [None, Some(AlertFired), None, None, Some(AlertRepeated), None, Some(AlertResolved), None]);
        let last = story.last.as_ref().map(|alert| (alert.value, alert.notifications, alert.message.clone()));
        let message = "latency_p99 of fraud is 100 ms; the rule is latency_p99 > 500 ms.".to_owned();
        assert_eq!(last, Some((Some(100.0), 3, message)));
    }

    #[test]
    fn one_that_begins_again_within_the_cooldown_is_listed_and_told_of_when_the_cooldown_is_over() {
        use EventKind::{AlertFired, AlertResolved};
        let mut story = Story::new(|_| {});
        let told = story.values(&[(0, 600.0), (5, 100.0), (10, 600.0), (15, 100.0), (20, 600.0), (59, 600.0), (60, 600.0)]);
        assert_eq!(told, [Some(AlertFired), Some(AlertResolved), None, None, None, None, Some(AlertFired)]);
    }

    #[test]
    fn it_escalates_once_unless_somebody_knows() {
        use EventKind::{AlertEscalated, AlertFired};
        let escalate = |rule: &mut AlertRule| rule.escalation = Some(Escalation { minutes: 30, severity: Severity::Critical });
        let mut story = Story::new(escalate);
        let told = story.values(&[(0, 600.0), (29, 600.0), (30, 600.0), (35, 600.0)]);
        assert_eq!(told, [Some(AlertFired), None, Some(AlertEscalated), None]);
        assert_eq!(story.last.map(|alert| alert.severity), Some(Severity::Critical));
        let mut story = Story::new(escalate);
        story.values(&[(0, 600.0)]);
        if let Some(open) = &mut story.standing.open {
            open.status = AlertStatus::Acknowledged;
        }
        assert_eq!(story.values(&[(30, 600.0), (90, 600.0), (95, 10.0)]), [None, None, Some(EventKind::AlertResolved)]);
    }

    #[test]
    fn what_is_not_known_changes_nothing_and_silence_ends_it() {
        let mut story = Story::new(|_| {});
        assert_eq!(story.at(0, Observation::Nothing), None);
        story.values(&[(5, 600.0)]);
        assert_eq!(story.at(10, Observation::Unknown("no".to_owned())), None);
        assert!(story.standing.open.is_some());
        assert_eq!(story.at(15, Observation::Nothing), Some(EventKind::AlertResolved));
        assert!(story.standing.open.is_none());
        story.values(&[(90, 600.0)]);
        assert_eq!(story.at(95, Observation::Unwatched("The rule was switched off.")), Some(EventKind::AlertResolved));
    }

    #[test]
    fn an_alert_of_another_condition_ends() {
        let mut story = Story::new(|_| {});
        story.values(&[(0, 600.0)]);
        story.rule.threshold = 400.0;
        assert_eq!(story.values(&[(5, 600.0)]), [Some(EventKind::AlertResolved)]);
        assert_eq!(story.last.as_ref().map(|alert| (alert.message.as_str(), alert.threshold)), Some(("The rule was changed.", 500.0)));
        assert_eq!(story.values(&[(10, 600.0), (60, 600.0)]), [None, Some(EventKind::AlertFired)]);
    }

    #[test]
    fn values_are_shown_short() {
        assert_eq!([0.123_456, 12.345_67, 0.000_123_456, 0.0, -3.0].map(rounded), [0.123, 12.346, 0.000_123, 0.0, -3.0]);
    }
}
