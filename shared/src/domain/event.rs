//! What happens to deployments, and the alerts of rules, as webhooks tell it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::alert_notice::AlertNotice;
use super::deployment::{Deployment, DeploymentEvent};
use super::webhook::alert_rule_owner;
use crate::Timestamp;

/// Of what a webhook can be told. Document: serveml-api, "Webhook Events".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum EventKind {
    /// A new deployment was asked for.
    #[serde(rename = "deployment.created")]
    DeploymentCreated,
    /// Its image is being built.
    #[serde(rename = "deployment.building")]
    DeploymentBuilding,
    /// A version of it is live.
    #[serde(rename = "deployment.ready")]
    DeploymentReady,
    /// A version could not be brought to it.
    #[serde(rename = "deployment.failed")]
    DeploymentFailed,
    /// It was deleted.
    #[serde(rename = "deployment.deleted")]
    DeploymentDeleted,
    /// Requests for predictions failed; told at most once a minute.
    #[serde(rename = "prediction.error")]
    PredictionError,
    /// The webhook's owner asked for a test; sent whatever the webhook asked for.
    #[serde(rename = "webhook.test")]
    WebhookTest,
    /// The condition of an alert rule came true.
    #[serde(rename = "alert.fired")]
    AlertFired,
    /// It still holds, and the cooldown is over.
    #[serde(rename = "alert.repeated")]
    AlertRepeated,
    /// Nobody acknowledged the alert in time: it became more severe.
    #[serde(rename = "alert.escalated")]
    AlertEscalated,
    /// The condition ended.
    #[serde(rename = "alert.resolved")]
    AlertResolved,
    /// The channels of an alert rule are tried out.
    #[serde(rename = "alert.test")]
    AlertTest,
}

impl EventKind {
    /// Those that a user's webhook can ask for: alerts are told to the channels of their rule, which ask for nothing.
    pub const ALL: [EventKind; 6] = [
        Self::DeploymentCreated,
        Self::DeploymentBuilding,
        Self::DeploymentReady,
        Self::DeploymentFailed,
        Self::DeploymentDeleted,
        Self::PredictionError,
    ];

    /// Its name in requests and payloads.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeploymentCreated => "deployment.created",
            Self::DeploymentBuilding => "deployment.building",
            Self::DeploymentReady => "deployment.ready",
            Self::DeploymentFailed => "deployment.failed",
            Self::DeploymentDeleted => "deployment.deleted",
            Self::PredictionError => "prediction.error",
            Self::WebhookTest => "webhook.test",
            Self::AlertFired => "alert.fired",
            Self::AlertRepeated => "alert.repeated",
            Self::AlertEscalated => "alert.escalated",
            Self::AlertResolved => "alert.resolved",
            Self::AlertTest => "alert.test",
        }
    }

    /// Whether it tells of an alert rule, to all of the rule's channels.
    pub fn is_of_alert(self) -> bool {
        matches!(self, Self::AlertFired | Self::AlertRepeated | Self::AlertEscalated | Self::AlertResolved | Self::AlertTest)
    }

    /// Whether it only tries a receiver out: sent once, to disabled ones too.
    pub fn is_test(self) -> bool {
        matches!(self, Self::WebhookTest | Self::AlertTest)
    }
}

impl From<DeploymentEvent> for EventKind {
    fn from(event: DeploymentEvent) -> Self {
        match event {
            DeploymentEvent::Created => Self::DeploymentCreated,
            DeploymentEvent::Building => Self::DeploymentBuilding,
            DeploymentEvent::Ready => Self::DeploymentReady,
            DeploymentEvent::Failed => Self::DeploymentFailed,
            DeploymentEvent::Deleted => Self::DeploymentDeleted,
        }
    }
}

/// Predictions that failed within a minute, as far as was known when the event was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedPredictions {
    /// How many.
    pub count: u64,
    /// The id of one of them.
    pub prediction_id: String,
    /// Its HTTP status.
    pub status: u16,
    /// What its caller was told.
    pub message: Option<String>,
}

/// Something that happened, as the outbox holds it until every webhook that asked for it was told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its id, a UUIDv7.
    pub id: String,
    /// What happened.
    pub kind: EventKind,
    /// When.
    pub timestamp: Timestamp,
    /// Whose deployment, or webhook, it concerns; absent where it is nobody's in particular. An alert's is its rule.
    pub owner: Option<String>,
    /// The deployment; absent in a test.
    pub deployment_id: Option<String>,
    /// What the deployment was called then.
    pub name: Option<String>,
    /// Of failed predictions.
    pub failed: Option<FailedPredictions>,
    /// Of an alert: what its rule's channels are told.
    #[serde(default)]
    pub alert: Option<AlertNotice>,
    /// The one webhook that is told; absent where all are told that asked for it.
    pub webhook_id: Option<String>,
    /// How often its delivery was begun anew, because the execution before had broken off.
    #[serde(default)]
    pub restarts: u32,
}

impl Event {
    /// What happened to a deployment just now.
    pub fn of_deployment(kind: EventKind, deployment: &Deployment) -> Self {
        Self {
            id: crate::id::new_id(),
            kind,
            timestamp: Timestamp::now(),
            owner: deployment.owner.clone(),
            deployment_id: Some(deployment.id.clone()),
            name: Some(deployment.shown_name().to_owned()),
            failed: None,
            alert: None,
            webhook_id: None,
            restarts: 0,
        }
    }

    /// A test of a webhook.
    pub fn test(owner: Option<&str>, webhook_id: &str) -> Self {
        Self {
            id: crate::id::new_id(),
            kind: EventKind::WebhookTest,
            timestamp: Timestamp::now(),
            owner: owner.map(str::to_owned),
            deployment_id: None,
            name: None,
            failed: None,
            alert: None,
            webhook_id: Some(webhook_id.to_owned()),
            restarts: 0,
        }
    }

    /// What is told of an alert rule just now, to all of the rule's channels.
    pub fn of_alert(kind: EventKind, notice: AlertNotice) -> Self {
        Self {
            id: crate::id::new_id(),
            kind,
            timestamp: Timestamp::now(),
            owner: Some(alert_rule_owner(&notice.rule_id)),
            deployment_id: notice.deployment_id.clone(),
            name: None,
            failed: None,
            alert: Some(notice),
            webhook_id: None,
            restarts: 0,
        }
    }

    /// The name of the execution that delivers it.
    pub fn execution_name(&self) -> String {
        match self.restarts {
            0 => self.id.clone(),
            restarts => format!("{}-{restarts}", self.id),
        }
    }

    /// The id of its delivery to a webhook: always the same, so that it is made once.
    pub fn delivery_id(&self, webhook_id: &str) -> String {
        let hash = Sha256::digest(format!("{}\n{webhook_id}", self.id));
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
    }

    /// What is sent, exactly: document serveml-api, "Webhook Payload". `api_url` is the platform's base URL.
    /// Of an alert the data is its [`AlertNotice`].
    pub fn payload(&self, api_url: &str) -> String {
        let mut data = match (&self.alert, &self.deployment_id) {
            (Some(notice), _) => json!(notice),
            (None, Some(id)) => json!({
                "deployment_id": format!("dep-{id}"),
                "name": self.name,
                "endpoint_url": format!("{api_url}/api/v1/predict/dep-{id}"),
            }),
            (None, None) => json!({ "webhook_id": self.webhook_id }),
        };
        if let Some(failed) = &self.failed {
            data["error"] = json!(failed);
        }
        let payload: Value = json!({ "event": self.kind.name(), "timestamp": self.timestamp, "data": data });
        payload.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_payload_is_the_documents() {
        let deployment = Deployment::new("iris-classifier", "serveml-model-");
        let event = Event::of_deployment(EventKind::DeploymentReady, &deployment);
        let expected = format!(
            "{{\"event\":\"deployment.ready\",\"timestamp\":\"{}\",\"data\":{{\"deployment_id\":\"dep-{id}\",\"name\":\"iris-classifier\",\
             \"endpoint_url\":\"https://api.serveml.com/api/v1/predict/dep-{id}\"}}}}",
            event.timestamp,
            id = deployment.id
        );
        assert_eq!(event.payload("https://api.serveml.com"), expected);
    }

    #[test]
    fn an_events_delivery_to_a_webhook_is_always_the_same() {
        let event = Event::test(None, "w");
        assert_eq!(event.delivery_id("w"), event.delivery_id("w"));
        assert!(crate::id::is_id(&event.delivery_id("w")));
        assert_ne!(event.delivery_id("w"), event.delivery_id("v"));
        assert_ne!(event.delivery_id("w"), Event::test(None, "w").delivery_id("w"));
    }

    #[test]
    fn a_kind_is_written_by_its_name() {
        let alerts =
            [EventKind::AlertFired, EventKind::AlertRepeated, EventKind::AlertEscalated, EventKind::AlertResolved, EventKind::AlertTest];
        for kind in EventKind::ALL.into_iter().chain(alerts) {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        assert!(alerts.iter().all(|kind| kind.is_of_alert()) && EventKind::ALL.iter().all(|kind| !kind.is_of_alert() && !kind.is_test()));
    }

    #[test]
    fn an_alert_tells_the_whole_of_its_notice() {
        let notice = AlertNotice::example();
        let event = Event::of_alert(EventKind::AlertFired, notice.clone());
        assert_eq!(event.owner.as_deref(), Some(format!("ALERT_RULE#{}", notice.rule_id).as_str()));
        let payload: Value = serde_json::from_str(&event.payload("https://api.serveml.com")).unwrap();
        assert_eq!(payload, json!({ "event": "alert.fired", "timestamp": event.timestamp, "data": notice }));
        assert_eq!(payload["data"]["metric"], "latency_p99");
    }

    #[test]
    fn an_event_that_was_written_before_there_were_alerts_is_read() {
        let mut written = serde_json::to_value(Event::test(None, "w")).unwrap();
        written.as_object_mut().unwrap().remove("alert");
        assert_eq!(serde_json::from_value::<Event>(written).unwrap().alert, None);
    }
}
