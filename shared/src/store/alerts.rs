//! Alerts in the table, and where each rule stands with each deployment. An alert changes in one transaction with where its rule
//! stands, its place in the lists and the event that its channels are told of: of two evaluations at once, one does it.

use serde::{Deserialize, Serialize};

use super::Store;
use super::alert_rules;
use super::facets::Listing;
use super::keys::Key;
use super::outbox::event_write;
use super::query::Query;
use super::update::Update;
use super::write::{NewItem, Write};
use crate::domain::alert::{Alert, AlertStatus, Standing};
use crate::domain::alert_rule::{AlertRule, Severity};
use crate::domain::event::Event;
use crate::domain::project::scope;
use crate::http::fields::{Choice as _, Window};
use crate::{Result, Timestamp};

/// What a list of alerts is filtered by.
#[derive(Debug, Clone, Copy, Default)]
pub struct AlertFilter<'a> {
    /// Of that status.
    pub status: Option<AlertStatus>,
    /// Of that severity.
    pub severity: Option<Severity>,
    /// Of that rule.
    pub rule_id: Option<&'a str>,
    /// About that deployment.
    pub deployment_id: Option<&'a str>,
}

/// Where a rule stands with a deployment, as the table holds it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct State {
    deployment_id: String,
    alert_id: Option<String>,
    notified_at: Option<Timestamp>,
    revision: u64,
}

/// Where a rule stands with a deployment, as it was read: what is decided from it holds as long as it does.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// What is known.
    pub standing: Standing,
    revision: u64,
}

fn key(id: &str) -> Key {
    Key::new(format!("ALERT#{id}"), "ALERT")
}

fn state_key(rule_id: &str, deployment_id: &str) -> Key {
    Key::new(format!("ALERT_RULE#{rule_id}"), format!("STATE#{deployment_id}"))
}

fn kind(scope: &str) -> String {
    format!("ALERTS#{scope}")
}

fn facets(alert: &Alert) -> [&str; 4] {
    [alert.status.name(), alert.severity.name(), &alert.rule_id, &alert.deployment_id]
}

/// The writes that put an alert in place of what it was, and list it where it belongs.
fn alert_writes(before: Option<&Alert>, alert: &Alert) -> Result<Vec<Write>> {
    let kind = kind(&scope(&alert.project_id, alert.owner.as_deref()));
    let Some(before) = before else {
        let mut writes = Listing::default().enter(&kind, &facets(alert), &alert.id, &alert.id).writes()?;
        writes.push(Write::Put(NewItem::new(&key(&alert.id), alert)?.if_absent()));
        return Ok(writes);
    };
    let moves = facets(before) != facets(alert);
    let mut writes = match moves {
        true => Listing::default().moved(&kind, &facets(before), &facets(alert), &alert.id, &alert.id).writes()?,
        false => Vec::new(),
    };
    let update = Update::new(key(&alert.id)).if_exists().if_compares("revision", "=", &before.revision)?;
    let update = update
        .set("revision", &(before.revision + 1))?
        .set("value", &alert.value)?
        .set("severity", &alert.severity)?
        .set("status", &alert.status)?
        .set("message", &alert.message)?
        .set("acknowledged_by", &alert.acknowledged_by)?
        .set("acknowledged_at", &alert.acknowledged_at)?
        .set("escalated_at", &alert.escalated_at)?
        .set("resolved_at", &alert.resolved_at)?
        .set("notifications", &alert.notifications)?
        .set("notified_at", &alert.notified_at)?;
    writes.push(Write::Update(update));
    Ok(writes)
}

impl Store {
    /// Where a rule stands with a deployment.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn alert_standing(&self, rule_id: &str, deployment_id: &str) -> Result<Known> {
        let Some(state) = self.get::<State>(&state_key(rule_id, deployment_id)).await? else { return Ok(Known::default()) };
        let open = match &state.alert_id {
            Some(id) => self.alert(id).await?,
            None => None,
        };
        Ok(Known { standing: Standing { open, notified_at: state.notified_at }, revision: state.revision })
    }

    /// The deployments about which a rule has an open alert.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn deployments_with_alerts(&self, rule_id: &str) -> Result<Vec<String>> {
        let states: Vec<State> = self.all(&Query::table(format!("ALERT_RULE#{rule_id}")).prefix("STATE#")).await?;
        Ok(states.into_iter().filter(|state| state.alert_id.is_some()).map(|state| state.deployment_id).collect())
    }

    /// Writes what an evaluation decided, with the event that tells of it; `false` where the rule, its standing or the alert is
    /// not any more what that was decided from.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer; `Unavailable` when others keep getting in between.
    pub async fn change_alert(&self, rule: &AlertRule, known: &Known, alert: &Alert, event: Option<&Event>) -> Result<bool> {
        let state_key = state_key(&rule.id, &alert.deployment_id);
        let open = (alert.status != AlertStatus::Resolved).then_some(&alert.id);
        let state = match known.revision {
            0 => Update::new(state_key).if_absent("revision"),
            revision => Update::new(state_key).if_compares("revision", "=", &revision)?,
        };
        let state = state
            .set("revision", &(known.revision + 1))?
            .set("deployment_id", &alert.deployment_id)?
            .set("alert_id", &open)?
            .set("notified_at", &alert.notified_at.or(known.standing.notified_at))?;
        let unchanged = Update::new(alert_rules::key(&rule.id)).if_exists().if_compares("revision", "=", &rule.revision)?;
        let mut writes = alert_writes(known.standing.open.as_ref(), alert)?;
        writes.push(Write::Update(state));
        writes.push(Write::Update(unchanged.add("changes", 1)?));
        if let Some(event) = event {
            writes.push(event_write(event)?);
        }
        Ok(self.transact(writes).await?.is_done())
    }

    /// Notes that somebody knows of an alert; `None` where it changed meanwhile: look again.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer; `Unavailable` when others keep getting in between.
    pub async fn acknowledge_alert(&self, alert: &Alert, user: Option<&str>) -> Result<Option<Alert>> {
        let now = Timestamp::now();
        let acknowledged = Alert {
            status: AlertStatus::Acknowledged,
            acknowledged_by: user.map(str::to_owned),
            acknowledged_at: Some(now),
            ..alert.clone()
        };
        Ok(self.transact(alert_writes(Some(alert), &acknowledged)?).await?.is_done().then_some(acknowledged))
    }

    /// An alert by its id.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn alert(&self, id: &str) -> Result<Option<Alert>> {
        match crate::id::is_id(id) {
            true => self.get(&key(id)).await,
            false => Ok(None),
        }
    }

    /// Alerts of a scope ([`scope`]), the newest first, and how many there are.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn alerts(&self, scope: &str, filter: AlertFilter<'_>, window: Window) -> Result<(Vec<Alert>, u64)> {
        let filter = [filter.status.map(AlertStatus::name), filter.severity.map(Severity::name), filter.rule_id, filter.deployment_id];
        self.faceted(&kind(scope), &filter, window, key).await
    }

    /// Forgets where a rule stands with a deployment; for a rule that is deleted.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn forget_standings(&self, rule_id: &str) -> Result<()> {
        let states: Vec<State> = self.all(&Query::table(format!("ALERT_RULE#{rule_id}")).prefix("STATE#")).await?;
        for state in states {
            self.delete(&state_key(rule_id, &state.deployment_id)).await?;
        }
        Ok(())
    }
}
