//! Metrics: which one a question means, and which way of it is better.

use crate::words::Words;

/// The metric of these that a message names; the longest name wins.
pub fn named<'a>(words: &Words, metrics: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut found: Option<&str> = None;
    for metric in metrics {
        let spoken = words.names(metric) || aliases(metric).iter().any(|alias| words.phrase(alias));
        if spoken && found.is_none_or(|before| before.len() < metric.len()) {
            found = Some(metric);
        }
    }
    found
}

/// A metric that a question names and that none of these is.
pub fn absent(words: &Words, metrics: &[&str]) -> Option<&'static str> {
    const COMMON: [&str; 17] = [
        "accuracy",
        "precision",
        "recall",
        "f1",
        "auc",
        "roc_auc",
        "rmse",
        "mae",
        "mse",
        "mape",
        "r2",
        "loss",
        "log_loss",
        "revenue_lift",
        "margin_impact",
        "latency",
        "wape",
    ];
    let known = |metric: &str| metrics.iter().any(|known| Words::of(known).names(metric) || Words::of(metric).names(known));
    COMMON.into_iter().find(|metric| words.names(metric) && !known(metric))
}

fn aliases(metric: &str) -> &'static [&'static str] {
    match metric.to_lowercase().as_str() {
        "accuracy" | "val_accuracy" | "test_accuracy" => &["accurate", "most accurate", "least accurate"],
        "mape" => &["percentage error", "mean absolute percentage error"],
        "mae" => &["mean absolute error", "absolute error"],
        "rmse" => &["root mean squared error"],
        "auc" | "roc_auc" => &["area under the curve", "roc auc"],
        "r2" | "r2_score" => &["r squared"],
        _ => &[],
    }
}

/// Whether less of a metric is better: errors, losses, times, drift.
pub fn less_is_better(metric: &str) -> bool {
    let words = Words::of(metric);
    words.any(&[
        "loss",
        "error",
        "mae",
        "mape",
        "smape",
        "mse",
        "rmse",
        "rmsle",
        "wape",
        "mase",
        "deviance",
        "latency",
        "duration",
        "seconds",
        "ms",
        "psi",
        "drift",
        "bias",
        "brier",
        "perplexity",
        "cost",
        "fpr",
        "fnr",
        "regret",
        "pinball",
    ])
}

/// The metric by which things are compared where the question names none: one that all of them have, those that are usual
/// before others.
pub fn usual<'a>(shared: &[&'a str]) -> Option<&'a str> {
    const USUAL: [&str; 12] =
        ["revenue_lift", "accuracy", "f1", "f1_score", "roc_auc", "auc", "mape", "rmse", "mae", "r2", "loss", "log_loss"];
    USUAL
        .iter()
        .find_map(|usual| shared.iter().find(|metric| metric.eq_ignore_ascii_case(usual)).copied())
        .or_else(|| shared.first().copied())
}

/// A number as a person writes it.
pub fn number(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        return format!("{value}");
    }
    let digits = if value.abs() >= 100.0 {
        2
    } else if value.abs() >= 0.001 {
        4
    } else {
        8
    };
    let text = format!("{value:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
