//! Shows what state machines and builds do on the cloud's screen: they tell it as `tracing` events.

use std::collections::BTreeMap;
use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::console::Console;
use crate::{code_build, step_functions};

/// Shows the events of state machines and builds from now on. A process has one place for them: of several clouds in one
/// process, the first shows them.
pub fn show(console: &Console) {
    let subscriber = tracing_subscriber::registry().with(Steps { console: console.clone() });
    // A host that has set up its own keeps it.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

struct Steps {
    console: Console,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Steps {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        matches!(metadata.target(), step_functions::LOG_TARGET | code_build::LOG_TARGET)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let get = |name: &str| fields.0.get(name).map(String::as_str).unwrap_or_default();
        let change = get("change");
        if event.metadata().target() == code_build::LOG_TARGET && change.is_empty() {
            return self.console.output(get("project"), get("message"));
        }
        let who = if get("machine").is_empty() { get("project") } else { get("machine") };
        let what = match (get("state"), get("execution")) {
            ("", "") => get("build").to_owned(),
            ("", execution) => format!("execution {execution}"),
            (state, _) => state.to_owned(),
        };
        let took = match get("duration_ms") {
            "" => String::new(),
            milliseconds => format!(" after {milliseconds} ms"),
        };
        let reason = match (get("error"), get("cause")) {
            ("", "") => String::new(),
            (error, "") => format!(": {error}"),
            ("", cause) => format!(": {cause}"),
            (error, cause) => format!(": {error}: {cause}"),
        };
        let change = if change.is_empty() { get("message") } else { change };
        let line = format!("{who} {what} {change}{took}{reason}");
        if *event.metadata().level() <= tracing::Level::WARN || matches!(change, "failed" | "timed_out") {
            self.console.problem(line);
        } else {
            self.console.notice(line);
        }
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
