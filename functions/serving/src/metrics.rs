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
    let id = request.path_parameter("deployment_id")?;
    let deployment = find(platform, &request, id).await?;
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
    let shown_id = format!("dep-{}", deployment.id);
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

/// The deployment of that id, with or without its prefix, if the caller may see it.
async fn find(platform: &Platform, request: &Request, id: &str) -> Result<Deployment> {
    let plain = id.strip_prefix("dep-").unwrap_or(id);
    let found = if shared::id::is_id(plain) { platform.store()?.deployment(plain).await? } else { None };
    let found = found.filter(|deployment| request.caller.may_use(deployment.owner.as_deref()));
    found.ok_or_else(|| Error::not_found("There is no such deployment."))
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
