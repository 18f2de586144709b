//! Schedules: functions that are called again and again.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::account::{ACCOUNT_ID, arn};
use crate::console::Console;
use crate::lambda::{Lambda, Qualified};
use crate::template::{Function, Schedule};

/// Starts the schedules of functions; each runs for the first time after `first`. Must be called within a Tokio runtime;
/// ends when `stop` is cancelled.
pub fn start(functions: &[Function], lambda: &Arc<Lambda>, region: &str, first: Duration, console: &Console, stop: &CancellationToken) {
    for function in functions {
        for schedule in function.schedules.iter().filter(|schedule| schedule.enabled) {
            let (lambda, name, schedule) = (Arc::clone(lambda), function.name.clone(), schedule.clone());
            let (region, console, stop) = (region.to_owned(), console.clone(), stop.clone());
            tokio::spawn(async move {
                let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + first, schedule.every);
                ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                loop {
                    tokio::select! {
                        _ = ticks.tick() => {}
                        () = stop.cancelled() => return,
                    }
                    let event = event(&schedule, &region).to_string();
                    if let Err(error) = lambda.queue(&Qualified::latest(&name), event.into()).await {
                        console.problem(format!("the schedule {} did not run: {error}", schedule.name));
                    }
                }
            });
        }
    }
}

/// The event of a schedule: its own input, or what EventBridge sends.
fn event(schedule: &Schedule, region: &str) -> Value {
    if let Some(input) = &schedule.input {
        return input.clone();
    }
    let (source, resource, detail) = if schedule.scheduler {
        let resource = arn("scheduler", region, &format!("schedule/default/{}", schedule.name));
        ("aws.scheduler", resource, json!("{}"))
    } else {
        ("aws.events", arn("events", region, &format!("rule/{}", schedule.name)), json!({}))
    };
    json!({
        "version": "0",
        "id": uuid::Uuid::now_v7().to_string(),
        "detail-type": "Scheduled Event",
        "source": source,
        "account": ACCOUNT_ID,
        "time": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": region,
        "resources": [resource],
        "detail": detail,
    })
}
