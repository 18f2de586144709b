//! What is known of a rule's metric for a deployment, from what is counted and kept anyway.

use crate::domain::alert::Observation;
use crate::domain::alert_rule::{AlertRule, Metric};
use crate::domain::deployment::Deployment;
use crate::domain::metrics::{Counts, Span};
use crate::{Platform, Result, Timestamp, projects};

use super::{accuracy, anomaly};

const MINUTE: i64 = 60_000;
const DAY_SECONDS: f64 = 86_400.0;
/// Windows that are longer, in minutes, are added up of hours.
const MOST_MINUTES: u32 = 1440;

/// The metric of a rule for a deployment, at a moment.
///
/// # Errors
/// `Internal` when AWS does not answer.
pub async fn observe(platform: &Platform, rule: &AlertRule, deployment: &Deployment, now: Timestamp) -> Result<Observation> {
    let begin = now.milliseconds() - i64::from(rule.window_minutes) * MINUTE;
    match rule.metric {
        Metric::DriftPsi => drift_psi(platform, deployment).await,
        Metric::AccuracyDegradation => accuracy::degradation(platform, &deployment.id, begin).await,
        Metric::ErrorRate => error_rate(platform, &deployment.id, rule.window_minutes, begin).await,
        Metric::LatencyP99 => latency_p99(platform, &deployment.id, begin).await,
        Metric::ModelStaleness => model_staleness(platform, deployment, now).await,
        Metric::PredictionAnomaly => anomaly::index(platform, &deployment.id, begin, now).await,
    }
}

async fn drift_psi(platform: &Platform, deployment: &Deployment) -> Result<Observation> {
    let Some(report) = platform.store()?.drift_report(&deployment.id).await? else {
        return Ok(Observation::Unknown("Drift was not computed yet.".to_owned()));
    };
    if report.model_version != deployment.changing_version() {
        return Ok(Observation::Unknown("Drift was not computed yet of the version that is live.".to_owned()));
    }
    let highest = report.features.values().map(|feature| feature.psi).max_by(f64::total_cmp);
    Ok(highest.map_or_else(|| Observation::Unknown("The drift report has no features.".to_owned()), Observation::Value))
}

async fn error_rate(platform: &Platform, deployment_id: &str, window_minutes: u32, begin: i64) -> Result<Observation> {
    let span = if window_minutes > MOST_MINUTES { Span::Hour } else { Span::Minute };
    let mut total = Counts::default();
    for counts in platform.store()?.counts(deployment_id, span, begin).await?.values() {
        total.add(counts);
    }
    Ok(match total.requests {
        0 => Observation::Nothing,
        _ => Observation::Value(100.0 * total.error_rate()),
    })
}

/// Latencies are counted by hour: the window begins with the hour in which it begins.
async fn latency_p99(platform: &Platform, deployment_id: &str, begin: i64) -> Result<Observation> {
    let latencies = platform.store()?.latencies(deployment_id, Span::Hour.begin(begin)).await?;
    Ok(latencies.map_or(Observation::Nothing, |latencies| Observation::Value(latencies.quantile_ms(0.99))))
}

async fn model_staleness(platform: &Platform, deployment: &Deployment, now: Timestamp) -> Result<Observation> {
    let version = projects::models::of_deployment(platform, deployment).await?;
    Ok(match version {
        Some(version) => Observation::Value(now.seconds_since(version.created_at).max(0.0) / DAY_SECONDS),
        None => Observation::Unknown("The deployment's model is not registered any more.".to_owned()),
    })
}
