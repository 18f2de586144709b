//! `POST /api/mlops/projects/{project_id}/alert-rules`: an alert rule is made. Document: deployments-api, "Alert Metrics Reference".

use http::StatusCode;
use shared::domain::alert_rule::{AlertRule, Metric, Operator};
use shared::http::fields::Fields;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access;
use crate::alert_channels::Receivers;
use crate::alert_rule_fields::{AlertRuleRequest, Given, LONGEST_BODY};
use crate::views::alert_rule::AlertRuleView;
use crate::views::problem::Problem;

/// Create an alert rule
///
/// Rules are evaluated every five minutes, those about drift also when drift was computed. While the condition holds there is one
/// alert for each deployment; its channels are told when it begins, again after each cooldown until somebody acknowledges it, when
/// it escalates, and when it ends. In the project of everybody, a rule and its alerts are seen by who made it alone.
///
/// Channels: `webhook` (JSON, signed as Standard Webhooks describes), `slack` (an incoming webhook of Slack's) and `email`.
#[utoipa::path(
    post,
    path = "/api/mlops/projects/{project_id}/alert-rules",
    operation_id = "deployments_alert_rule_create",
    tag = "Alerts",
    params(("project_id" = String, Path, description = "The project")),
    request_body = AlertRuleRequest,
    responses(
        (status = 201, description = "The rule", body = AlertRuleView),
        (status = 400, description = "A metric, operator or severity is none of the document's", body = Problem),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller is in no such project", body = Problem),
        (status = 409, description = "The project has as many as it may", body = Problem),
        (status = 422, description = "A field does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let project = access::project(platform, &request).await?;
    let mut fields = Fields::of_body(&request, LONGEST_BODY)?;
    for field in ["name", "metric", "operator", "threshold"] {
        fields.require(field);
    }
    let (given, channels) = Given::take(&mut fields);
    // Where one is missing, `finish` refuses.
    let metric = given.metric.unwrap_or(Metric::ErrorRate);
    let operator = given.operator.unwrap_or(Operator::Gt);
    let mut rule = AlertRule::new(&project, request.caller.user_id(), metric, operator, given.threshold.unwrap_or_default());
    given.change(platform, &request, &mut rule, &mut fields).await?;
    let receivers = match channels {
        Some(channels) => channels.receivers(platform, &rule.id, &mut fields)?,
        None => Receivers::default(),
    };
    fields.finish()?;
    platform.store()?.create_alert_rule(&rule, &receivers.channels).await?;
    response::json(StatusCode::CREATED, &AlertRuleView::new(rule, receivers.shown_once()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use testing::TestPlatform;

    use crate::fixtures::{delete_as, get_as, live, model_in, patch_as, post_as, project, user};

    fn rule() -> Value {
        json!({ "name": "Slow answers", "metric": "latency_p99", "operator": "gt", "threshold": 500 })
    }

    #[tokio::test]
    async fn a_rule_is_made_listed_changed_and_deleted() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let project_id = project(&test, &owner).await;
        let path = format!("/api/mlops/projects/{project_id}/alert-rules");
        let (status, plain) = post_as(&test, &path, &owner, &rule()).await;
        assert_eq!(status, 201, "{plain}");
        let defaults = ["cooldown_minutes", "window_minutes", "severity", "enabled", "escalation_minutes", "deployment_id", "channels"];
        let defaults: Vec<&Value> = defaults.iter().map(|field| &plain[field]).collect();
        assert_eq!(json!(defaults), json!([60, 60, "warning", true, null, null, []]));
        let mut full = rule();
        for (field, value) in [
            ("operator", json!(">=")),
            ("metric", json!("accuracy_degradation")),
            ("severity", json!("info")),
            ("cooldown_minutes", json!(1)),
            ("escalation_minutes", json!(1440)),
            ("escalation_severity", json!("critical")),
            ("description", json!("Größer als gestern")),
            (
                "channels",
                json!([{ "type": "webhook", "url": "http://localhost:1/a" }, { "type": "slack", "url": "http://localhost:1/services/T0/secret" }]),
            ),
        ] {
            full[field] = value;
        }
        let (status, made) = post_as(&test, &path, &owner, &full).await;
        assert_eq!((status, &made["operator"], &made["window_minutes"]), (201, &json!("gte"), &json!(7 * 1440)), "{made}");
        assert!(made["channels"][0]["secret"].as_str().unwrap().starts_with("whsec_"), "{made}");
        assert_eq!(made["channels"][1]["url"], "http://localhost:1/…");
        let one = format!("/api/mlops/alert-rules/{}", made["id"].as_str().unwrap());
        let (_, listed) = get_as(&test, &path, &owner).await;
        assert_eq!((&listed["total"], &listed["items"][0]["id"], &listed["items"][1]["id"]), (&json!(2), &made["id"], &plain["id"]));
        assert!(!listed.to_string().contains("secret"), "{listed}");

        let change = json!({ "threshold": 2.5, "escalation_minutes": null, "escalation_severity": null, "description": null });
        let (status, changed) = patch_as(&test, &one, &owner, &change).await;
        assert_eq!((status, &changed["threshold"], &changed["escalation_severity"]), (200, &json!(2.5), &json!(null)), "{changed}");
        assert_eq!((&changed["name"], changed["channels"].as_array().unwrap().len()), (&made["name"], 2));
        let change = json!({ "channels": [{ "type": "webhook", "url": "http://localhost:1/b", "secret": "webhook-secret" }] });
        let (_, changed) = patch_as(&test, &one, &owner, &change).await;
        assert_eq!((&changed["channels"][0]["url"], &changed["channels"][0]["secret"]), (&json!("http://localhost:1/b"), &json!(null)));
        let (_, found) = get_as(&test, &one, &owner).await;
        assert_eq!((found["channels"].as_array().unwrap().len(), &found["description"]), (1, &json!(null)), "{found}");

        assert_eq!(delete_as(&test, &one, &owner).await.0, 204);
        assert_eq!((get_as(&test, &one, &owner).await.0, delete_as(&test, &one, &owner).await.0), (404, 404));
        assert_eq!(get_as(&test, &path, &owner).await.1["total"], 1);
    }

    #[tokio::test]
    async fn what_is_wrong_is_named() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let (project_id, other_project) = (project(&test, &owner).await, project(&test, &owner).await);
        let model_id = model_in(&test, &owner, &other_project, "fraud").await;
        let elsewhere = live(&test, &owner, &other_project, &model_id).await;
        let path = format!("/api/mlops/projects/{project_id}/alert-rules");
        let (_, made) = post_as(&test, &path, &owner, &rule()).await;
        let one = format!("/api/mlops/alert-rules/{}", made["id"].as_str().unwrap());
        for (field, value, status, named) in [
            ("name", json!(""), 422, "body.name"),
            ("name", json!(null), 422, "body.name"),
            ("metric", json!("latency"), 400, "metric"),
            ("metric", json!(1), 422, "body.metric"),
            ("operator", json!("=>"), 400, "operator"),
            ("threshold", json!("500"), 422, "body.threshold"),
            ("threshold", json!(1e300), 422, "body.threshold"),
            ("severity", json!("fatal"), 400, "severity"),
            ("cooldown_minutes", json!(0), 422, "body.cooldown_minutes"),
            ("cooldown_minutes", json!(1441), 422, "body.cooldown_minutes"),
            ("window_minutes", json!(4), 422, "body.window_minutes"),
            ("escalation_minutes", json!(5), 422, "body.escalation_severity"),
            ("escalation_severity", json!("critical"), 422, "body.escalation_minutes"),
            ("enabled", json!("yes"), 422, "body.enabled"),
            ("deployment_id", json!("x"), 422, "body.deployment_id"),
            ("deployment_id", json!(elsewhere), 422, "body.deployment_id"),
            ("channels", json!("email"), 422, "body.channels"),
            ("channels", json!(["email"]), 422, "body.channels.0"),
            ("channels", json!([{ "type": "sms" }]), 422, "body.channels.0.type"),
            ("channels", json!([{ "type": "slack" }]), 422, "body.channels.0.url"),
            ("channels", json!([{ "type": "webhook", "url": "http://169.254.169.254/" }]), 422, "body.channels.0.url"),
            ("channels", json!([{ "type": "webhook", "url": "http://localhost/", "secret": "short" }]), 422, "body.channels.0.secret"),
            ("channels", json!([{ "type": "slack", "url": "http://localhost/", "to": "x" }]), 422, "body.channels.0.to"),
            (
                "channels",
                json!([{ "type": "email", "addresses": ["a@example.com\r\nBcc: b@example.com"] }]),
                422,
                "body.channels.0.addresses.0",
            ),
            ("channels", json!([{ "type": "email", "addresses": ["a@example.com"] }]), 422, "body.channels.0.addresses"),
            ("channels", json!(vec![json!({ "type": "webhook", "url": "http://localhost/" }); 11]), 422, "body.channels"),
        ] {
            let mut asked = rule();
            asked[field] = value.clone();
            let (answered, told) = post_as(&test, &path, &owner, &asked).await;
            assert_eq!(answered, status, "{asked}: {told}");
            let place = |fault: &Value| {
                fault["loc"].as_array().unwrap().iter().map(Value::to_string).collect::<Vec<_>>().join(".").replace('"', "")
            };
            let places: Vec<String> = match told["detail"].as_array() {
                Some(faults) => faults.iter().map(place).collect(),
                None => vec![told["detail"].as_str().unwrap().to_owned()],
            };
            assert!(places.iter().any(|place| place.contains(named)), "{asked}: {told}");
            if value != json!(null) {
                assert_eq!(patch_as(&test, &one, &owner, &json!({ (field): value })).await.0, status, "{asked}");
            }
        }
        let (status, told) = post_as(&test, &path, &owner, &json!({})).await;
        assert_eq!((status, told["detail"].as_array().unwrap().len()), (422, 4), "{told}");
        let escalation = json!({ "severity": "critical", "escalation_minutes": 5, "escalation_severity": "critical" });
        assert_eq!(patch_as(&test, &one, &owner, &escalation).await.0, 422);
        assert_eq!(get_as(&test, &one, &owner).await.1["updated_at"], made["updated_at"]);
        let test_of_nobody = post_as(&test, &format!("{one}/test"), &owner, &json!({})).await;
        assert_eq!(test_of_nobody.0, 409, "{}", test_of_nobody.1);
    }

    #[tokio::test]
    async fn rules_are_their_projects_and_in_everybodys_project_their_makers() {
        let test = TestPlatform::start().await;
        let (owner, other) = (user(&test, "owner").await, user(&test, "other").await);
        let default = shared::domain::project::DEFAULT_PROJECT_ID;
        for project_id in [project(&test, &owner).await, default.to_owned()] {
            let path = format!("/api/mlops/projects/{project_id}/alert-rules");
            let (status, made) = post_as(&test, &path, &owner, &rule()).await;
            assert_eq!(status, 201, "{made}");
            let one = format!("/api/mlops/alert-rules/{}", made["id"].as_str().unwrap());
            let (status, listed) = get_as(&test, &path, &other).await;
            assert!(status == 404 || listed["total"] == 0, "{listed}");
            for stranger in [
                get_as(&test, &one, &other).await,
                patch_as(&test, &one, &other, &json!({ "threshold": 1 })).await,
                delete_as(&test, &one, &other).await,
                post_as(&test, &format!("{one}/test"), &other, &json!({})).await,
                get_as(&test, &format!("{one}/deliveries"), &other).await,
            ] {
                assert_eq!(stranger.0, 404, "{}", stranger.1);
            }
            assert_eq!(get_as(&test, &one, &owner).await.0, 200);
        }
    }
}
