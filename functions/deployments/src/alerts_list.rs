//! `GET /api/mlops/projects/{project_id}/alerts`: a project's alerts.

use shared::domain::project::scope;
use shared::http::fields::{self, Fields};
use shared::http::response;
use shared::store::alerts::AlertFilter;
use shared::{Platform, Request, Response, Result};

use crate::access;
use crate::page::{List, take_window};
use crate::views::alert::AlertView;
use crate::views::problem::Problem;

const LONGEST_ID: usize = 80;

/// List alerts
///
/// The newest first; those that are resolved stay in the list.
#[utoipa::path(
    get,
    path = "/api/mlops/projects/{project_id}/alerts",
    operation_id = "deployments_alerts_list",
    tag = "Alerts",
    params(
        ("project_id" = String, Path, description = "The project"),
        ("status" = Option<String>, Query, description = "Only those that are `firing`, `acknowledged` or `resolved`"),
        ("severity" = Option<String>, Query, description = "Only those of a severity: `info`, `warning` or `critical`"),
        ("rule_id" = Option<String>, Query, description = "Only those of a rule"),
        ("deployment_id" = Option<String>, Query, description = "Only those about a deployment"),
        ("limit" = Option<u32>, Query, description = "The most alerts of a page, 1 to 200; 50 where absent", minimum = 1, maximum = 200),
        ("offset" = Option<u32>, Query, description = "How many to leave out before the first", minimum = 0, maximum = 10000),
    ),
    responses(
        (status = 200, description = "A page of alerts", body = List<AlertView>),
        (status = 400, description = "The status or severity is none that there is", body = Problem),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller is in no such project", body = Problem),
        (status = 422, description = "A parameter does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let project = access::project(platform, &request).await?;
    let mut fields = Fields::of_query(&request);
    let window = take_window(&mut fields, 200);
    let (status, severity) = (fields.choice("status"), fields.choice("severity"));
    let (rule_id, deployment_id) = (fields.text("rule_id", 1..=LONGEST_ID), fields.text("deployment_id", 1..=LONGEST_ID));
    for (field, id) in [("rule_id", &rule_id), ("deployment_id", &deployment_id)] {
        if id.as_deref().is_some_and(|id| !shared::id::is_id(id)) {
            fields.fault(&[field], "value is not a valid uuid", "type_error.uuid");
        }
    }
    fields.finish()?;
    let filter = AlertFilter { status, severity, rule_id: rule_id.as_deref(), deployment_id: deployment_id.as_deref() };
    let scope = scope(&project.id, request.caller.user_id());
    let part = fields::Window { limit: window.limit as usize, offset: window.offset as usize };
    let (alerts, total) = platform.store()?.alerts(&scope, filter, part).await?;
    response::ok(&List::new(alerts.into_iter().map(AlertView::from).collect(), total, window))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use shared::alerts::evaluate;
    use shared::domain::event::EventKind;
    use shared::domain::inference_log::InferenceLog;
    use shared::domain::metrics;
    use shared::paging::PageRequest;
    use shared::{Timestamp, id};
    use testing::TestPlatform;

    use crate::fixtures::{delete_as, get_as, live, model_in, patch_as, post_as, project, user};

    /// A user's project with a deployment that is watched by a rule about its errors.
    struct Watched {
        test: TestPlatform,
        owner: String,
        project_id: String,
        deployment_id: String,
        rule: String,
    }

    async fn watched(more: Value) -> Watched {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let project_id = project(&test, &owner).await;
        let model_id = model_in(&test, &owner, &project_id, "fraud").await;
        let deployment_id = live(&test, &owner, &project_id, &model_id).await;
        let mut rule = json!({
            "name": "Errors", "metric": "error_rate", "operator": "gt", "threshold": 10, "deployment_id": deployment_id,
            "channels": [{ "type": "webhook", "url": "http://localhost:1/" }],
        });
        for (field, value) in more.as_object().unwrap() {
            rule[field] = value.clone();
        }
        let (status, made) = post_as(&test, &format!("/api/mlops/projects/{project_id}/alert-rules"), &owner, &rule).await;
        assert_eq!(status, 201, "{made}");
        let rule = made["id"].as_str().unwrap().to_owned();
        Watched { test, owner, project_id, deployment_id, rule }
    }

    impl Watched {
        async fn predictions(&self, at: Timestamp, statuses: &[u16]) {
            let log = |status: &u16| InferenceLog {
                prediction_id: id::new_id(),
                timestamp: at,
                deployment_id: self.deployment_id.clone(),
                status: *status,
                latency_ms: 10.0,
                ..InferenceLog::default()
            };
            let logs: Vec<InferenceLog> = statuses.iter().map(log).collect();
            for tally in metrics::tally(&logs, at).unwrap() {
                assert!(self.test.platform.store().unwrap().count_predictions(&tally, None, at).await.unwrap());
            }
        }

        async fn evaluate(&self, at: Timestamp) -> u32 {
            let done = evaluate::all(&self.test.platform, at).await.unwrap();
            assert_eq!((done.rules, done.troubled), (1, 0));
            done.changes
        }

        async fn list(&self, query: &str) -> (Vec<Value>, u64) {
            let (status, listed) = get_as(&self.test, &format!("/api/mlops/projects/{}/alerts{query}", self.project_id), &self.owner).await;
            assert_eq!(status, 200, "{listed}");
            (listed["items"].as_array().unwrap().clone(), listed["total"].as_u64().unwrap())
        }

        /// What the channels were told, in its order.
        async fn told(&self) -> Vec<EventKind> {
            let page = PageRequest { limit: 100, after: None };
            let events = self.test.platform.store().unwrap().open_events(&page).await.unwrap().items;
            events.into_iter().filter(|event| event.alert.is_some()).map(|event| event.kind).collect()
        }
    }

    #[tokio::test]
    async fn an_alert_begins_once_however_many_look_is_acknowledged_and_ends_by_itself() {
        let watched = watched(json!({})).await;
        let now = Timestamp::now();
        assert_eq!((watched.evaluate(now).await, watched.list("").await.1), (0, 0));
        watched.predictions(now, &[200, 200, 200, 500]).await;
        let looks = futures::future::join_all((0..8).map(|_| evaluate::all(&watched.test.platform, now))).await;
        assert_eq!(looks.into_iter().map(|done| done.unwrap().changes).sum::<u32>(), 1);
        let (alerts, total) = watched.list("?status=firing").await;
        assert_eq!(
            (total, &alerts[0]["value"], &alerts[0]["severity"], &alerts[0]["notifications"]),
            (1, &json!(25.0), &json!("warning"), &json!(1))
        );
        assert_eq!(alerts[0]["message"], "error_rate of fraud-detector is 25%; the rule is error_rate > 10%.");
        assert_eq!(watched.told().await, [EventKind::AlertFired]);

        let one = format!("/api/mlops/alerts/{}", alerts[0]["id"].as_str().unwrap());
        let other = user(&watched.test, "other").await;
        for stranger in
            [get_as(&watched.test, &one, &other).await, post_as(&watched.test, &format!("{one}/acknowledge"), &other, &json!({})).await]
        {
            assert_eq!(stranger.0, 404, "{}", stranger.1);
        }
        for _ in 0..2 {
            let (status, known) = post_as(&watched.test, &format!("{one}/acknowledge"), &watched.owner, &json!({})).await;
            assert_eq!((status, &known["status"]), (200, &json!("acknowledged")), "{known}");
            assert!(known["acknowledged_by"].is_string() && known["acknowledged_at"].is_string(), "{known}");
        }
        assert_eq!((watched.list("?status=firing").await.1, watched.list("?status=acknowledged").await.1), (0, 1));
        watched.evaluate(now.plus_seconds(59 * 60)).await;
        assert_eq!(watched.told().await, [EventKind::AlertFired], "who knows is not told again");

        // Nobody asks any more.
        let later = now.plus_seconds(3 * 3600);
        assert_eq!((watched.evaluate(later).await, watched.evaluate(later).await), (1, 0));
        assert_eq!(watched.told().await, [EventKind::AlertFired, EventKind::AlertResolved]);
        let (_, ended) = get_as(&watched.test, &one, &watched.owner).await;
        assert!(ended["status"] == "resolved" && ended["resolved_at"].is_string(), "{ended}");
        assert_eq!(post_as(&watched.test, &format!("{one}/acknowledge"), &watched.owner, &json!({})).await.0, 409);
        for (query, total) in [
            ("?status=resolved&severity=warning".to_owned(), 1),
            (format!("?rule_id={}&deployment_id={}", watched.rule, watched.deployment_id), 1),
            ("?status=firing".to_owned(), 0),
            ("?severity=critical".to_owned(), 0),
            (String::new(), 1),
        ] {
            let (alerts, counted) = watched.list(&query).await;
            assert_eq!((alerts.len() as u64, counted), (total, total), "{query}");
        }
    }

    #[tokio::test]
    async fn it_is_told_again_after_the_cooldown_and_escalates() {
        let watched =
            watched(json!({ "cooldown_minutes": 30, "escalation_minutes": 45, "escalation_severity": "critical", "window_minutes": 1440 }))
                .await;
        let now = Timestamp::now();
        watched.predictions(now, &[500]).await;
        for minute in [0, 5, 29, 30, 44, 45, 50, 74, 75] {
            watched.evaluate(now.plus_seconds(minute * 60)).await;
        }
        let expected = [EventKind::AlertFired, EventKind::AlertRepeated, EventKind::AlertEscalated, EventKind::AlertRepeated];
        assert_eq!(watched.told().await, expected);
        assert_eq!((watched.list("?severity=warning").await.1, watched.list("?severity=critical").await.1), (0, 1));
    }

    #[tokio::test]
    async fn a_rule_that_is_switched_off_or_deleted_leaves_no_open_alert() {
        let watched = watched(json!({})).await;
        let now = Timestamp::now();
        watched.predictions(now, &[500]).await;
        let one = format!("/api/mlops/alert-rules/{}", watched.rule);
        watched.evaluate(now).await;
        let (status, off) = patch_as(&watched.test, &one, &watched.owner, &json!({ "enabled": false })).await;
        assert_eq!((status, &off["enabled"], watched.list("?status=resolved").await.1), (200, &json!(false), 1), "{off}");
        assert_eq!(watched.told().await, [EventKind::AlertFired, EventKind::AlertResolved]);
        assert_eq!(patch_as(&watched.test, &one, &watched.owner, &json!({ "enabled": true })).await.0, 200);
        watched.evaluate(now).await;
        assert_eq!(watched.list("?status=firing").await.1, 1, "within the cooldown it is listed");
        assert_eq!(watched.told().await.len(), 2, "and not told of");
        assert_eq!(delete_as(&watched.test, &one, &watched.owner).await.0, 204);
        assert_eq!((watched.list("?status=firing").await.1, watched.list("?status=resolved").await.1), (0, 2));
        assert_eq!(evaluate::all(&watched.test.platform, now).await.unwrap().rules, 0);
    }

    #[tokio::test]
    async fn the_alerts_of_a_deployment_that_takes_no_traffic_any_more_end() {
        let watched = watched(json!({})).await;
        let now = Timestamp::now();
        watched.predictions(now, &[500]).await;
        watched.evaluate(now).await;
        let path = format!("/api/mlops/deployments/{}/deactivate", watched.deployment_id);
        assert_eq!(post_as(&watched.test, &path, &watched.owner, &json!({})).await.0, 200);
        watched.evaluate(now).await;
        let (alerts, _) = watched.list("?status=resolved").await;
        assert_eq!(alerts[0]["message"], "The deployment takes no traffic any more.");
        let store = watched.test.platform.store().unwrap();
        store.delete_deployment(&store.deployment(&watched.deployment_id).await.unwrap().unwrap()).await.unwrap();
        assert_eq!(watched.evaluate(now.plus_seconds(7200)).await, 0);
    }

    #[tokio::test]
    async fn another_condition_ends_the_alert_of_the_old_one() {
        let watched = watched(json!({})).await;
        let now = Timestamp::now();
        watched.predictions(now, &[500]).await;
        watched.evaluate(now).await;
        let one = format!("/api/mlops/alert-rules/{}", watched.rule);
        assert_eq!(patch_as(&watched.test, &one, &watched.owner, &json!({ "name": "Other", "cooldown_minutes": 5 })).await.0, 200);
        assert_eq!(watched.list("?status=firing").await.1, 1);
        assert_eq!(patch_as(&watched.test, &one, &watched.owner, &json!({ "metric": "latency_p99" })).await.0, 200);
        let (alerts, _) = watched.list("?status=resolved").await;
        assert_eq!((&alerts[0]["message"], &alerts[0]["metric"]), (&json!("The rule was changed."), &json!("error_rate")));
    }

    #[tokio::test]
    async fn a_deletion_that_broke_off_is_finished_by_the_next_evaluation() {
        let watched = watched(json!({})).await;
        let now = Timestamp::now();
        watched.predictions(now, &[500]).await;
        watched.evaluate(now).await;
        let store = watched.test.platform.store().unwrap();
        store.retire_alert_rule(&watched.rule).await.unwrap();
        assert_eq!(get_as(&watched.test, &format!("/api/mlops/alert-rules/{}", watched.rule), &watched.owner).await.0, 404);
        watched.evaluate(now).await;
        assert_eq!((watched.list("?status=firing").await.1, watched.list("?status=resolved").await.1), (0, 1));
        assert!(store.evaluated_rule(&watched.rule).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn each_metric_is_known_from_what_is_kept() {
        let watched = watched(json!({ "name": "none", "enabled": false })).await;
        let (store, now) = (watched.test.platform.store().unwrap(), Timestamp::now());
        let rules = format!("/api/mlops/projects/{}/alert-rules", watched.project_id);
        for (metric, threshold) in [
            ("drift_psi", 0.25),
            ("accuracy_degradation", 5.0),
            ("latency_p99", 9.0),
            ("model_staleness", 1.0),
            ("prediction_anomaly", 0.25),
        ] {
            let rule = json!({ "name": metric, "metric": metric, "operator": ">", "threshold": threshold, "window_minutes": 60 });
            assert_eq!(post_as(&watched.test, &rules, &watched.owner, &rule).await.0, 201);
        }
        // Rules without a deployment watch what is in production.
        let path = format!("/api/mlops/deployments/{}/promote", watched.deployment_id);
        assert_eq!(post_as(&watched.test, &path, &watched.owner, &json!({ "to_stage": "production" })).await.0, 200);
        assert_eq!(evaluate::all(&watched.test.platform, now).await.unwrap().changes, 0, "nothing is known yet");

        watched.predictions(now, &[200]).await;
        let deployment = store.deployment(&watched.deployment_id).await.unwrap().unwrap();
        let feature = drift::FeatureDrift { psi: 0.5, status: drift::Status::High };
        let features = [("amount".to_owned(), feature)].into();
        let report = drift::Report { overall_status: drift::Status::High, features, inference_rows: 500 };
        store.keep_drift_report(&shared::domain::drift_report::DriftReport::new(&deployment, &id::new_id(), report)).await.unwrap();
        // Before the last hour all was fine and all predictions right; since then all is fraud, and a half of it wrong.
        for (begin, label, right) in [(now.milliseconds() - 7_200_000, "fine", 1), (now.milliseconds() - 1_800_000, "fraud", 2)] {
            let mut records = Vec::new();
            let mut truths = Vec::new();
            for number in 0..120_i64 {
                let prediction_id = id_at(begin + number, number.unsigned_abs());
                let predictions = Some(json!([if number % 20 == 0 { "other" } else { label }]));
                let value = if number % right == 0 { predictions.as_ref().unwrap()[0].clone() } else { json!("neither") };
                let (record, predicted, created_at) = (0, Some(predictions.as_ref().unwrap()[0].clone()), now);
                truths.push(shared::domain::ground_truth::GroundTruth {
                    prediction_id: prediction_id.clone(),
                    record,
                    value,
                    predicted,
                    created_at,
                });
                let (deployment_id, status) = (watched.deployment_id.clone(), 200);
                records.push(InferenceLog { prediction_id, deployment_id, status, rows: 1, predictions, ..InferenceLog::default() });
            }
            store.keep_inference_logs(&records, 30).await.unwrap();
            store.keep_ground_truths(&watched.deployment_id, &truths, 30).await.unwrap();
        }
        let done = evaluate::all(&watched.test.platform, now).await.unwrap();
        assert_eq!((done.rules, done.changes, done.troubled), (6, 4, 0));
        let (alerts, _) = watched.list("").await;
        let values: std::collections::BTreeMap<&str, f64> =
            alerts.iter().map(|alert| (alert["metric"].as_str().unwrap(), alert["value"].as_f64().unwrap())).collect();
        assert_eq!((values["drift_psi"], values["accuracy_degradation"]), (0.5, 50.0), "{values:?}");
        assert!((9.5..10.5).contains(&values["latency_p99"]) && values["prediction_anomaly"] > 1.0, "{values:?}");
        // In two days the model is two days old, and the last hour is another one.
        evaluate::all(&watched.test.platform, now.plus_seconds(2 * 86_400)).await.unwrap();
        let firing: Vec<(String, f64)> = watched
            .list("?status=firing")
            .await
            .0
            .iter()
            .map(|alert| (alert["metric"].as_str().unwrap().to_owned(), alert["value"].as_f64().unwrap()))
            .collect();
        assert_eq!(firing[0].0, "model_staleness");
        assert!((1.99..2.01).contains(&firing[0].1) && firing.len() == 3, "{firing:?}");
    }

    /// An id that was made at a moment.
    fn id_at(milliseconds: i64, number: u64) -> String {
        format!("{}7{number:03x}-8000-{number:012x}", id::beginning(milliseconds))
    }

    #[tokio::test]
    async fn a_query_that_is_wrong_is_told() {
        let watched = watched(json!({})).await;
        let path = format!("/api/mlops/projects/{}/alerts", watched.project_id);
        for (query, status) in [
            ("?status=open", 400),
            ("?severity=bad", 400),
            ("?limit=0", 422),
            ("?offset=x", 422),
            ("?rule_id=*", 422),
            ("?deployment_id=x", 422),
        ] {
            assert_eq!(get_as(&watched.test, &format!("{path}{query}"), &watched.owner).await.0, status, "{query}");
        }
        assert_eq!(get_as(&watched.test, "/api/mlops/alerts/x", &watched.owner).await.0, 404);
    }
}
