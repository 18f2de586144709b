//! Alert rules in the table, with the receivers that are their channels. A project has at most [`MOST_RULES`], so that its list
//! is read whole.

use serde::{Deserialize, Serialize};

use super::Store;
use super::keys::{Index, Key};
use super::query::Query;
use super::update::Update;
use super::webhooks;
use super::write::{ATTEMPTS, NewItem, Outcome, Write, back_off};
use crate::domain::alert_rule::{AlertRule, MOST_RULES};
use crate::domain::webhook::{Webhook, alert_rule_owner};
use crate::paging::{Page, PageRequest};
use crate::{Error, ErrorKind, Result};

/// Where every rule is listed that is evaluated.
const ALL_RULES: &str = "ALERT_RULES";

#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    token: Option<String>,
}

fn cursor_key() -> Key {
    Key::new("ALERT_RULES", "CURSOR")
}

pub(super) fn key(id: &str) -> Key {
    Key::new(format!("ALERT_RULE#{id}"), "ALERT_RULE")
}

fn list_of(scope: &str) -> String {
    format!("PROJECT#{scope}#ALERT_RULES")
}

fn channel_writes(channels: &[Webhook]) -> Result<Vec<Write>> {
    channels
        .iter()
        .map(|channel| Ok(Write::Put(NewItem::new(&webhooks::key(channel.owner.as_deref(), &channel.id), channel)?.if_absent())))
        .collect()
}

impl Store {
    /// Adds a rule with its channels.
    ///
    /// # Errors
    /// `Conflict` when there are as many as may be; `Internal` when DynamoDB does not answer.
    pub async fn create_alert_rule(&self, rule: &AlertRule, channels: &[Webhook]) -> Result<()> {
        if self.alert_rules(&rule.scope()).await?.len() >= MOST_RULES {
            return Err(Error::conflict(format!("There may be at most {MOST_RULES} alert rules; delete one first.")));
        }
        let item = NewItem::new(&key(&rule.id), rule)?;
        let item = item.listed(Index::First, list_of(&rule.scope()), &rule.id).listed(Index::Second, ALL_RULES, &rule.id);
        let mut writes = vec![Write::Put(item.if_absent())];
        writes.extend(channel_writes(channels)?);
        match self.transact(writes).await? {
            Outcome::Done(()) => Ok(()),
            Outcome::Refused(_) => Err(Error::broken("a new alert rule was there already")),
        }
    }

    /// A rule by its id; one that is being deleted is not there any more.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn alert_rule(&self, id: &str) -> Result<Option<AlertRule>> {
        Ok(self.evaluated_rule(id).await?.filter(|rule| !rule.deleted))
    }

    /// A rule by its id, though it may be being deleted.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn evaluated_rule(&self, id: &str) -> Result<Option<AlertRule>> {
        match crate::id::is_id(id) {
            true => self.get(&key(id)).await,
            false => Ok(None),
        }
    }

    /// The rules of a scope ([`AlertRule::scope`]), the newest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn alert_rules(&self, scope: &str) -> Result<Vec<AlertRule>> {
        self.all(&Query::index(Index::First, list_of(scope)).newest_first()).await
    }

    /// Every rule of every project, those that are being deleted among them.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn all_alert_rules(&self, page: &PageRequest) -> Result<Page<AlertRule>> {
        self.page(&Query::index(Index::Second, ALL_RULES), page).await
    }

    /// The channels of a rule, in the order in which they were given.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn alert_channels(&self, rule_id: &str) -> Result<Vec<Webhook>> {
        self.webhooks(Some(&alert_rule_owner(rule_id))).await
    }

    /// Writes a changed rule, and other channels in place of those it had, where there are some. `false` where somebody else
    /// changed it meanwhile: look again. What is on its way to the channels that it had is not sent any more.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn change_alert_rule(&self, rule: &AlertRule, channels: Option<&[Webhook]>) -> Result<bool> {
        let update = Update::new(key(&rule.id)).if_exists().if_compares("revision", "=", &rule.revision)?;
        let update = update
            .if_compares("deleted", "=", &false)?
            .set("revision", &(rule.revision + 1))?
            .set("deployment_id", &rule.deployment_id)?
            .set("name", &rule.name)?
            .set("description", &rule.description)?
            .set("metric", &rule.metric)?
            .set("operator", &rule.operator)?
            .set("threshold", &rule.threshold)?
            .set("window_minutes", &rule.window_minutes)?
            .set("severity", &rule.severity)?
            .set("cooldown_minutes", &rule.cooldown_minutes)?
            .set("escalation", &rule.escalation)?
            .set("enabled", &rule.enabled)?
            .set("updated_at", &rule.updated_at)?;
        let mut writes = vec![Write::Update(update)];
        if let Some(channels) = channels {
            for old in self.alert_channels(&rule.id).await? {
                writes.push(Write::Delete(webhooks::key(old.owner.as_deref(), &old.id)));
            }
            writes.extend(channel_writes(channels)?);
        }
        Ok(self.transact(writes).await?.is_done())
    }

    /// Takes a rule out of its lists and its channels away: from here on it is only there to have its alerts closed.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer; `Unavailable` when others change it all the time.
    pub async fn retire_alert_rule(&self, id: &str) -> Result<()> {
        for attempt in 0..ATTEMPTS {
            let Some(rule) = self.alert_rule(id).await? else { return Ok(()) };
            let update = Update::new(key(id)).if_compares("revision", "=", &rule.revision)?;
            let update = update.set("revision", &(rule.revision + 1))?.set("deleted", &true)?.set("enabled", &false)?;
            let mut writes = vec![Write::Update(update.remove("gsi1pk").remove("gsi1sk"))];
            for channel in self.alert_channels(id).await? {
                writes.push(Write::Delete(webhooks::key(channel.owner.as_deref(), &channel.id)));
            }
            if self.transact(writes).await?.is_done() {
                return Ok(());
            }
            back_off(attempt).await;
        }
        Err(Error::new(ErrorKind::Unavailable, "Others change this alert rule at this moment; try again."))
    }

    /// Deletes a rule whose alerts are closed.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn delete_alert_rule(&self, id: &str) -> Result<()> {
        self.delete(&key(id)).await
    }

    /// Behind which of all rules the next evaluation begins, as a page's token; `None`: with the first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn evaluation_cursor(&self) -> Result<Option<String>> {
        Ok(self.get::<Cursor>(&cursor_key()).await?.and_then(|cursor| cursor.token))
    }

    /// Keeps where the next evaluation begins.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn keep_evaluation_cursor(&self, token: Option<String>) -> Result<()> {
        self.put(NewItem::new(&cursor_key(), &Cursor { token })?).await.map(drop)
    }
}
