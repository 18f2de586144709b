//! `GET /api/v1/metrics/{deployment_id}`: what a deployment's predictions add up to. Document: serveml-api, "Get Deployment
//! Metrics".

use std::collections::BTreeMap;

use serde::Serialize;
use shared::domain::deployment::Deployment;
use shared::domain::image::ImagePlan;
use shared::domain::metrics::{Counts, Span};
use shared::domain::prices::{Cost, Usage};
use shared::error::FieldProblem;
use shared::http::response;
use shared::objects::keys;
use shared::{Error, ErrorKind, Platform, Request, Response, Result, Timestamp, config};
use utoipa::ToSchema;

use crate::deployment_id;
use crate::views::problem::Problem;

const DEFAULT_HOURS: i64 = 24;
const MOST_HOURS: i64 = 168;

/// What a deployment's predictions add up to.
#[derive(Debug, Serialize, ToSchema)]
pub struct MetricsResponse {
    /// The deployment.
    #[schema(example = "dep-abc123")]
    pub deployment_id: String,
    /// What the figures are of.
    pub period: Period,
    /// The figures of the whole period.
    pub metrics: Figures,
    /// The figures by `resolution`; where nothing was asked they are 0.
    pub time_series: TimeSeries,
    /// What the deployment cost, by AWS's list prices.
    pub cost_estimate: CostEstimate,
    /// Where these figures are always the newest.
    #[schema(example = "https://api.serveml.com/api/v1/metrics/dep-abc123")]
    pub dashboard_url: String,
}

/// A period. It begins with the whole hour (at a resolution of a day: the whole day) in which the hours asked for begin.
#[derive(Debug, Serialize, ToSchema)]
pub struct Period {
    /// Its begin.
    pub start: Timestamp,
    /// Its end: now.
    pub end: Timestamp,
}

/// The figures of a period.
#[derive(Debug, Serialize, ToSchema)]
pub struct Figures {
    /// Requests for predictions, direct calls of the model's own URL among them.
    #[schema(example = 1542)]
    pub request_count: u64,
    /// Those that were answered with a status of 400 or more.
    #[schema(example = 2)]
    pub error_count: u64,
    /// The mean latency within the model's container, in milliseconds.
    #[schema(example = 45)]
    pub avg_latency_ms: f64,
    /// 95 of 100 requests took no longer, to one percent.
    #[schema(example = 120)]
    pub p95_latency_ms: f64,
    /// 99 of 100 requests took no longer, to one percent.
    #[schema(example = 250)]
    pub p99_latency_ms: f64,
    /// Requests that had to wait for a container to start.
    #[schema(example = 15)]
    pub cold_starts: u64,
    /// Different callers: exact up to a thousand an hour, about right beyond.
    #[schema(example = 23)]
    pub unique_users: u64,
}

/// Figures by time; the lists are equally long.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct TimeSeries {
    /// When each begins.
    pub timestamps: Vec<Timestamp>,
    /// Requests.
    pub request_counts: Vec<u64>,
    /// Mean latencies in milliseconds.
    pub avg_latencies: Vec<f64>,
}

/// A cost in US dollars, by AWS's list prices in us-east-1, without free tiers and discounts.
#[derive(Debug, Serialize, ToSchema)]
pub struct CostEstimate {
    /// All of it.
    #[schema(example = 0.84)]
    pub total_usd: f64,
    /// What it is made of.
    pub breakdown: CostBreakdown,
}

/// What a cost is made of, in US dollars.
#[derive(Debug, Serialize, ToSchema)]
pub struct CostBreakdown {
    /// Requests, and memory for as long as they took.
    #[schema(example = 0.72)]
    pub compute: f64,
    /// The image in the registry, over the period.
    #[schema(example = 0.1)]
    pub storage: f64,
    /// Answers on their way out of AWS.
    #[schema(example = 0.02)]
    pub network: f64,
}

/// Deployment metrics
///
/// Made of what the deployed model logged; a prediction is in them some seconds after its answer. What a request costs to
/// answer depends on the period and the resolution, not on how many predictions there were.
#[utoipa::path(
    get,
    path = "/api/v1/metrics/{deployment_id}",
    operation_id = "metrics",
    tag = "Metrics",
    params(
        ("deployment_id" = String, Path, description = "The deployment's id, with or without `dep-`"),
        ("hours" = Option<i64>, Query, description = "Time range in hours, from 1 to 168 (default 24)"),
        ("resolution" = Option<String>, Query, description = "`1m`, `5m`, `1h` (default) or `1d`"),
    ),
    responses(
        (status = 200, description = "The figures", body = MetricsResponse),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 404, description = "No such deployment of this user", body = Problem),
        (status = 422, description = "The range or the resolution is not one that there is", body = Problem),
        (status = 429, description = "Too many requests", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let hours = request.query_number("hours", DEFAULT_HOURS)?;
    if !(1..=MOST_HOURS).contains(&hours) {
        return Err(refused("hours", format!("must be from 1 to {MOST_HOURS}, not {hours}")));
    }
    let resolution = Resolution::of(request.query_parameter("resolution").unwrap_or("1h"))?;
    let deployment = deployment_id::seen(platform, &request).await?;
    let now = Timestamp::now();
    let begin = resolution.period_span().begin(now.plus_seconds(-hours * 3600).milliseconds());
    let store = platform.store()?;
    let (hours, series, image_bytes) = tokio::try_join!(
        store.hours(&deployment.id, begin),
        async {
            match resolution.span {
                Span::Hour => Ok(None),
                span => store.counts(&deployment.id, span, begin).await.map(Some),
            }
        },
        image_bytes(platform, &deployment)
    )?;
    let mut total = Counts::default();
    hours.counts.values().for_each(|counts| total.add(counts));
    let usage = Usage {
        seconds: now.seconds_since(deployment.created_at.max(Timestamp::from_milliseconds(begin))).max(0.0),
        requests: total.requests,
        megabyte_ms: total.megabyte_ms,
        warm_megabytes: warm_megabytes(platform, &deployment),
        image_bytes,
        response_bytes: total.response_bytes,
    };
    let cost = Cost::of(&usage);
    let shown_id = deployment_id::shown(&deployment.id);
    response::ok(&MetricsResponse {
        period: Period { start: Timestamp::from_milliseconds(begin), end: now },
        metrics: Figures {
            request_count: total.requests,
            error_count: total.errors,
            avg_latency_ms: rounded(total.average_latency_ms(), 2),
            p95_latency_ms: rounded(hours.latencies.quantile_ms(0.95), 2),
            p99_latency_ms: rounded(hours.latencies.quantile_ms(0.99), 2),
            cold_starts: total.cold_starts,
            unique_users: hours.audience.size(),
        },
        time_series: time_series(series.as_ref().unwrap_or(&hours.counts), &resolution, begin, now),
        cost_estimate: CostEstimate {
            total_usd: rounded(cost.total(), 6),
            breakdown: CostBreakdown {
                compute: rounded(cost.compute, 6),
                storage: rounded(cost.storage, 6),
                network: rounded(cost.network, 6),
            },
        },
        dashboard_url: format!("{}/api/v1/metrics/{shown_id}", request.base_url),
        deployment_id: shown_id,
    })
}

/// How far apart the figures of a series are.
#[derive(Debug, Clone, Copy)]
struct Resolution {
    /// The counters that are read.
    span: Span,
    /// How many of them make one figure.
    spans: i64,
}

impl Resolution {
    fn of(text: &str) -> Result<Self> {
        let (span, spans) = match text {
            "1m" => (Span::Minute, 1),
            "5m" => (Span::Minute, 5),
            "1h" => (Span::Hour, 1),
            "1d" => (Span::Day, 1),
            _ => return Err(refused("resolution", format!("must be 1m, 5m, 1h or 1d, not {text:?}"))),
        };
        Ok(Self { span, spans })
    }

    fn milliseconds(&self) -> i64 {
        self.span.milliseconds() * self.spans
    }

    /// The span with which a period begins, so that the figures of a series add up to those of the period.
    fn period_span(&self) -> Span {
        if self.span == Span::Day { Span::Day } else { Span::Hour }
    }
}

fn refused(parameter: &str, message: String) -> Error {
    let problem = FieldProblem { location: vec!["query".into(), parameter.into()], message: message.clone(), kind: "value_error" };
    Error::new(ErrorKind::Unprocessable, format!("{parameter}: {message}")).with_fields(vec![problem])
}

/// The bytes of the layers of the image that is live; 0 where none is.
async fn image_bytes(platform: &Platform, deployment: &Deployment) -> Result<u64> {
    let Some(job_id) = &deployment.live_job_id else { return Ok(0) };
    let Some(plan) = platform.objects()?.get(&keys::image_plan(job_id)).await? else { return Ok(0) };
    let plan: ImagePlan = serde_json::from_slice(&plan).map_err(|error| Error::internal("reading an image's plan", error))?;
    Ok(plan.layers.iter().map(|layer| layer.size).sum())
}

/// Megabytes of memory that are kept warm all the time.
fn warm_megabytes(platform: &Platform, deployment: &Deployment) -> u64 {
    let configuration = &deployment.configuration;
    let default = platform.config.number(config::MODEL_MEMORY_MB).ok().and_then(|megabytes| u32::try_from(megabytes).ok());
    let memory = configuration.memory_mb.or(default).unwrap_or_default();
    u64::from(configuration.min_instances) * u64::from(memory)
}

fn time_series(counts: &BTreeMap<i64, Counts>, resolution: &Resolution, begin: i64, now: Timestamp) -> TimeSeries {
    let mut series = TimeSeries::default();
    let mut at = begin;
    while at <= now.milliseconds() {
        let next = at + resolution.milliseconds();
        let mut sum = Counts::default();
        counts.range(at..next).for_each(|(_, counts)| sum.add(counts));
        series.timestamps.push(Timestamp::from_milliseconds(at));
        series.request_counts.push(sum.requests);
        series.avg_latencies.push(rounded(sum.average_latency_ms(), 2));
        at = next;
    }
    series
}

fn rounded(value: f64, digits: i32) -> f64 {
    let factor = 10f64.powi(digits);
    (value * factor).round() / factor
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::Value;
    use shared::domain::inference_log::InferenceLog;
    use shared::domain::job::{Job, JobKind};
    use shared::domain::metrics::tally;
    use testing::TestPlatform;

    use super::*;
    use crate::fixtures::{get, get_as, register};

    /// A deployment of that user.
    async fn deployment(test: &TestPlatform, token: Option<&str>) -> Deployment {
        let owner = match token {
            Some(token) => get_as(test, "/api/v1/auth/me", token).await.1["id"].as_str().map(|id| id["user-".len()..].to_owned()),
            None => None,
        };
        let name = shared::id::new_id();
        let deployment = Deployment { owner, ..Deployment::new(&name, "serveml-model-") };
        let job = Job { deployment_id: Some(deployment.id.clone()), ..Job::new(JobKind::Deployment, name) };
        test.platform.store().unwrap().create_deployment_job(&job, &deployment, true, None).await.unwrap();
        deployment
    }

    fn log(deployment: &Deployment, minutes_ago: i64, latency_ms: f64, status: u16, caller: u64) -> InferenceLog {
        InferenceLog {
            prediction_id: shared::id::new_id(),
            deployment_id: deployment.id.clone(),
            timestamp: Timestamp::now().plus_seconds(-60 * minutes_ago),
            latency_ms,
            status,
            cold_start: minutes_ago > 100,
            caller: Some(format!("{caller:016x}")),
            memory_mb: Some(1024),
            response_bytes: Some(1000),
            ..InferenceLog::default()
        }
    }

    async fn count(test: &TestPlatform, deployment: &Deployment, logs: &[InferenceLog]) {
        let store = test.platform.store().unwrap();
        for tally in tally(logs, Timestamp::now()).unwrap() {
            assert!(store.count_predictions(&tally, deployment.owner.as_deref(), Timestamp::now()).await.unwrap());
            assert!(!store.count_predictions(&tally, deployment.owner.as_deref(), Timestamp::now()).await.unwrap());
            for (begin, hour) in &tally.hours {
                store.add_callers(&tally.deployment_id, *begin, &hour.callers).await.unwrap();
            }
        }
    }

    fn sum(counts: &Value) -> u64 {
        counts.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum()
    }

    #[tokio::test]
    async fn predictions_add_up_at_every_resolution_and_count_once() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        let deployment = deployment(&test, Some(&token)).await;
        let mut logs: Vec<_> = (1..=100).map(|number| log(&deployment, number % 50, number as f64, 200, number as u64 % 7)).collect();
        logs.push(log(&deployment, 30 * 60, 500.0, 500, 99));
        count(&test, &deployment, &logs).await;
        let path = format!("/api/v1/metrics/dep-{}", deployment.id);
        for resolution in ["1m", "5m", "1h", "1d"] {
            let (status, answer) = get_as(&test, &format!("{path}?hours=48&resolution={resolution}"), &token).await;
            assert_eq!(status, 200, "{answer}");
            let metrics = &answer["metrics"];
            assert_eq!((metrics["request_count"].as_u64(), metrics["error_count"].as_u64()), (Some(101), Some(1)), "{metrics}");
            assert_eq!((metrics["cold_starts"].as_u64(), metrics["unique_users"].as_u64()), (Some(1), Some(8)), "{metrics}");
            assert_eq!(metrics["avg_latency_ms"], 54.95);
            let p95 = metrics["p95_latency_ms"].as_f64().unwrap();
            assert!((95.0..98.0).contains(&p95), "{p95}");
            let series = &answer["time_series"];
            assert_eq!(sum(&series["request_counts"]), 101, "{resolution}: {series}");
            assert_eq!(series["timestamps"].as_array().unwrap().len(), series["avg_latencies"].as_array().unwrap().len());
            let cost = &answer["cost_estimate"];
            let parts: f64 = cost["breakdown"].as_object().unwrap().values().map(|part| part.as_f64().unwrap()).sum();
            assert!(cost["total_usd"].as_f64().unwrap() > 0.0 && (parts - cost["total_usd"].as_f64().unwrap()).abs() < 1e-5, "{cost}");
            assert!(answer["dashboard_url"].as_str().unwrap().ends_with(&path), "{answer}");
        }
        let (_, answer) = get_as(&test, &path, &token).await;
        assert_eq!(answer["metrics"]["request_count"], 100, "a day, by hour: {answer}");
        assert!((25..=26).contains(&answer["time_series"]["timestamps"].as_array().unwrap().len()));
        let summary = test.platform.store().unwrap().metrics_summary(&deployment.id).await.unwrap();
        assert_eq!((summary.total_predictions, (summary.error_rate * 101.0).round()), (101, 1.0));
        let (_, me) = get_as(&test, "/api/v1/auth/me", &token).await;
        assert_eq!(me["total_predictions"], 101);
    }

    #[tokio::test]
    async fn they_are_the_owners_alone() {
        let test = TestPlatform::start().await;
        let (john, jane) = (register(&test, "johndoe").await, register(&test, "janedoe").await);
        let (of_john, of_nobody) = (deployment(&test, Some(&john)).await, deployment(&test, None).await);
        let path = |deployment: &Deployment| format!("/api/v1/metrics/{}", deployment.id);
        assert_eq!(get_as(&test, &path(&of_john), &john).await.0, 200);
        assert_eq!(get_as(&test, &path(&of_john), &jane).await.0, 404);
        assert_eq!(get_as(&test, &path(&of_nobody), &jane).await.0, 200);
        assert_eq!(get(&test, &path(&of_john)).await.0, 401);
    }

    #[tokio::test]
    async fn what_there_is_not_is_named() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        let deployment = deployment(&test, Some(&token)).await;
        for (query, field) in [
            ("hours=0", "hours"),
            ("hours=169", "hours"),
            ("hours=-1", "hours"),
            ("hours=soon", "hours"),
            ("hours=99999999999999999999", "hours"),
            ("resolution=2m", "resolution"),
            ("resolution=", "resolution"),
        ] {
            let (status, answer) = get_as(&test, &format!("/api/v1/metrics/{}?{query}", deployment.id), &token).await;
            assert_eq!((status, answer["error"]["code"].as_str()), (422, Some("VALIDATION_ERROR")), "{query}: {answer}");
            assert_eq!(answer["error"]["details"]["field"], field, "{query}");
        }
        for id in ["dep-x", "x", "dep-01890000-0000-7000-8000-000000000000"] {
            assert_eq!(get_as(&test, &format!("/api/v1/metrics/{id}"), &token).await.0, 404, "{id}");
        }
        let (status, empty) = get_as(&test, &format!("/api/v1/metrics/{}?hours=168&resolution=1m", deployment.id), &token).await;
        assert_eq!(
            (status, empty["metrics"]["request_count"].as_u64(), empty["metrics"]["p99_latency_ms"].as_f64()),
            (200, Some(0), Some(0.0))
        );
        let points = empty["time_series"]["timestamps"].as_array().unwrap().len();
        assert!((10_081..=10_140).contains(&points), "{points}");
    }
}
