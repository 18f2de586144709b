//! Webhooks in the table, each under its owner; their deliveries, and every attempt at one.

use serde::de::IgnoredAny;

use super::Store;
use super::keys::Key;
use super::query::Query;
use super::update::Update;
use super::users::ANYONE;
use super::write::{NewItem, Outcome, Write};
use crate::domain::webhook::{Attempt, Delivery, DeliveryState, FAILED_DELIVERIES, MOST_WEBHOOKS, Webhook};
use crate::paging::{Page, PageRequest};
use crate::{Error, Result, Timestamp};

/// For how long deliveries and attempts are kept, in seconds: 30 days.
const KEPT_SECONDS: i64 = 30 * 86_400;

fn partition(owner: Option<&str>) -> String {
    format!("WEBHOOKS#{}", owner.unwrap_or(ANYONE))
}

pub(super) fn key(owner: Option<&str>, id: &str) -> Key {
    Key::new(partition(owner), format!("WEBHOOK#{id}"))
}

fn delivery_key(webhook_id: &str, id: &str) -> Key {
    Key::new(format!("WEBHOOK#{webhook_id}"), format!("DELIVERY#{id}"))
}

impl Store {
    /// Adds a webhook.
    ///
    /// # Errors
    /// `Conflict` when its owner has as many as may be; `Internal` when DynamoDB does not answer.
    pub async fn create_webhook(&self, webhook: &Webhook) -> Result<()> {
        let owner = webhook.owner.as_deref();
        if self.webhooks(owner).await?.len() >= MOST_WEBHOOKS {
            return Err(Error::conflict(format!("There may be at most {MOST_WEBHOOKS} webhooks; delete one first.")));
        }
        self.put(NewItem::new(&key(owner, &webhook.id), webhook)?.if_absent()).await.map(drop)
    }

    /// The webhooks of an owner, the oldest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn webhooks(&self, owner: Option<&str>) -> Result<Vec<Webhook>> {
        self.all(&Query::table(partition(owner)).prefix("WEBHOOK#")).await
    }

    /// A webhook of an owner.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn webhook(&self, owner: Option<&str>, id: &str) -> Result<Option<Webhook>> {
        if !crate::id::is_id(id) {
            return Ok(None);
        }
        self.get(&key(owner, id)).await
    }

    /// Removes a webhook of an owner: what is on its way to it is not sent any more. `false` when there is none.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn delete_webhook(&self, owner: Option<&str>, id: &str) -> Result<bool> {
        if self.webhook(owner, id).await?.is_none() {
            return Ok(false);
        }
        self.delete(&key(owner, id)).await?;
        Ok(true)
    }

    /// Makes a delivery; gives back the one that was made before, where there is one.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn ensure_delivery(&self, delivery: &Delivery) -> Result<Delivery> {
        let key = delivery_key(&delivery.webhook_id, &delivery.id);
        let new = NewItem::new(&key, delivery)?.expires_at(Timestamp::now().seconds() + KEPT_SECONDS).if_absent();
        match self.put(new).await? {
            Outcome::Done(()) => Ok(delivery.clone()),
            Outcome::Refused(_) => Ok(self.get(&key).await?.unwrap_or_else(|| delivery.clone())),
        }
    }

    /// A delivery to a webhook.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn delivery(&self, webhook_id: &str, id: &str) -> Result<Option<Delivery>> {
        self.get(&delivery_key(webhook_id, id)).await
    }

    /// Gives a delivery up whose webhook is not told any more.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn drop_delivery(&self, delivery: &Delivery) -> Result<()> {
        let update = Update::new(delivery_key(&delivery.webhook_id, &delivery.id)).if_exists().set("state", &DeliveryState::Dropped)?;
        self.update::<IgnoredAny>(update).await.map(drop)
    }

    /// Records an attempt, the state of the delivery behind it with those of its recipients that are settled now, and what that
    /// means for the webhook: a failed delivery is counted and the last one of too many in a row disables it, as does `gone`; one
    /// that succeeded ends the count. A test that succeeded enables the webhook again; one that failed changes nothing. `false`
    /// where another run recorded its own attempt in between.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn record_attempt(
        &self,
        webhook: &Webhook,
        delivery: &Delivery,
        attempt: &Attempt,
        state: DeliveryState,
        gone: bool,
    ) -> Result<bool> {
        let expires = Timestamp::now().seconds() + KEPT_SECONDS;
        let attempt_key = Key::new(format!("WEBHOOK#{}", webhook.id), format!("ATTEMPT#{}", attempt.id));
        let mut writes = vec![
            Write::Put(NewItem::new(&attempt_key, attempt)?.expires_at(expires)),
            Write::Update(
                Update::new(delivery_key(&webhook.id, &delivery.id))
                    .if_exists()
                    .if_compares("attempts", "=", &delivery.attempts)?
                    .set("attempts", &attempt.attempt)?
                    .set("settled", &delivery.settled)?
                    .set("state", &state)?,
            ),
        ];
        let is_test = delivery.most_attempts() == 1;
        let owned = || Update::new(key(webhook.owner.as_deref(), &webhook.id)).if_exists();
        match state {
            DeliveryState::Succeeded if webhook.failed_deliveries > 0 || (is_test && !webhook.enabled) => {
                let update = owned().set("failed_deliveries", &0)?;
                writes.push(Write::Update(if is_test { update.set("enabled", &true)?.remove("disabled_reason") } else { update }));
            }
            DeliveryState::Failed if !is_test => writes.push(Write::Update(owned().add("failed_deliveries", 1)?)),
            _ => {}
        }
        if !self.transact(writes).await?.is_done() {
            // The webhook may have been deleted meanwhile: the delivery's own state is what ends it then.
            return Ok(false);
        }
        if state == DeliveryState::Failed && !is_test {
            self.disable_where_it_fails(webhook, gone).await?;
        }
        Ok(true)
    }

    async fn disable_where_it_fails(&self, webhook: &Webhook, gone: bool) -> Result<()> {
        let reason = if gone {
            "The receiver answered 410: it is gone.".to_owned()
        } else {
            format!("{FAILED_DELIVERIES} deliveries in a row failed.")
        };
        let update = Update::new(key(webhook.owner.as_deref(), &webhook.id)).if_exists();
        let update = if gone { update } else { update.if_compares("failed_deliveries", ">=", &FAILED_DELIVERIES)? };
        if self.update::<IgnoredAny>(update.set("enabled", &false)?.set("disabled_reason", &reason)?).await?.is_done() {
            tracing::warn!(webhook_id = webhook.id, reason, "a webhook was disabled");
        }
        Ok(())
    }

    /// The attempts to tell a webhook of events, the newest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn attempts(&self, webhook_id: &str, page: &PageRequest) -> Result<Page<Attempt>> {
        self.page(&Query::table(format!("WEBHOOK#{webhook_id}")).prefix("ATTEMPT#").newest_first(), page).await
    }
}
