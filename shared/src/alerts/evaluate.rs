//! Evaluates alert rules. Two evaluations at once do no harm: what each decides holds only as long as nobody else decided.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use serde::Serialize;

use super::observe::observe;
use crate::domain::alert::{Observation, Step, decide};
use crate::domain::alert_rule::{AlertRule, Metric};
use crate::domain::deployment::{Deployment, DeploymentStatus, ServingStage};
use crate::domain::event::Event;
use crate::domain::project::{Project, scope};
use crate::paging::PageRequest;
use crate::{Platform, Result, Timestamp, projects};

const PAGE_SIZE: u32 = 100;
/// How long a run takes at the most; less than until the next one.
const PATIENCE: Duration = Duration::from_secs(200);
/// How many rules are looked at at once.
const CONCURRENT: usize = 8;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Evaluated {
    /// Rules that were evaluated.
    pub rules: u32,
    /// Alerts that began, changed or ended.
    pub changes: u32,
    /// Rules that could not be evaluated; the next run tries again.
    pub troubled: u32,
}

impl Evaluated {
    fn count(&mut self, rule: &AlertRule, changes: Result<u32>) {
        self.rules += 1;
        match changes {
            Ok(changes) => self.changes += changes,
            Err(error) => {
                tracing::error!(%error, rule_id = rule.id, "an alert rule cannot be evaluated");
                self.troubled += 1;
            }
        }
    }
}

/// Evaluates every rule, or as many as there is time for: the next run goes on where this one ends.
///
/// # Errors
/// `Internal` when the rules cannot be listed.
pub async fn all(platform: &Platform, now: Timestamp) -> Result<Evaluated> {
    let (began, store) = (Instant::now(), platform.store()?);
    let mut done = Evaluated::default();
    let mut token = store.evaluation_cursor().await?;
    loop {
        let page = PageRequest::new(PAGE_SIZE, PAGE_SIZE, token.as_deref())?;
        let rules = store.all_alert_rules(&page).await?;
        let looks = rules.items.into_iter().map(|rule| async move {
            let changes = rule_now(platform, &rule, now).await;
            (rule, changes)
        });
        let looked: Vec<_> = stream::iter(looks).buffer_unordered(CONCURRENT).collect().await;
        looked.into_iter().for_each(|(rule, changes)| done.count(&rule, changes));
        token = rules.next_page_token;
        if token.is_none() || began.elapsed() >= PATIENCE {
            break;
        }
    }
    if token.is_some() {
        tracing::warn!(?done, "there are more alert rules than one run evaluates");
    }
    store.keep_evaluation_cursor(token).await?;
    Ok(done)
}

/// Evaluates the rules about drift that watch a deployment, of which drift was computed just now.
///
/// # Errors
/// `Internal` when DynamoDB does not answer.
pub async fn after_drift(platform: &Platform, deployment: &Deployment, now: Timestamp) -> Result<Evaluated> {
    let mut done = Evaluated::default();
    let project = projects::by_id(platform, deployment.project()).await?;
    // In the project that is everybody's, each user's rules have a list of their own: the schedule evaluates those.
    let scope = scope(&project.id, deployment.owner.as_deref());
    let rules = platform.store()?.alert_rules(&scope).await?;
    for rule in rules.iter().filter(|rule| rule.enabled && rule.metric == Metric::DriftPsi) {
        if watched(rule, &project).contains(&deployment.id) {
            let changes = deployment_now(platform, rule, &project, deployment, None, now).await;
            done.count(rule, changes.map(u32::from));
        }
    }
    Ok(done)
}

/// Evaluates a rule for every deployment that it watches or has an open alert about, and finishes its deletion where that
/// was begun. Gives how many alerts changed.
///
/// # Errors
/// `Internal` when AWS does not answer.
pub async fn rule_now(platform: &Platform, listed: &AlertRule, now: Timestamp) -> Result<u32> {
    let store = platform.store()?;
    // The list is a little behind.
    let Some(rule) = store.evaluated_rule(&listed.id).await? else { return Ok(0) };
    let project = projects::by_id(platform, &rule.project_id).await?;
    let watched = if rule.enabled { watched(&rule, &project) } else { BTreeSet::new() };
    let mut deployments = watched.clone();
    deployments.extend(store.deployments_with_alerts(&rule.id).await?);
    let (mut changes, mut left) = (0, false);
    for id in &deployments {
        // A deployment's record outlives it.
        let Some(deployment) = store.deployment_even_deleted(id).await? else { continue };
        let unwatched = match () {
            () if rule.deleted => Some("The rule was deleted."),
            () if !rule.enabled => Some("The rule was switched off."),
            () if deployment.status == DeploymentStatus::Deleted => Some("The deployment was deleted."),
            () if !watched.contains(id) => Some("The rule does not watch this deployment any more."),
            () if deployment.stage == ServingStage::Archived => Some("The deployment takes no traffic any more."),
            () => None,
        };
        let changed = deployment_now(platform, &rule, &project, &deployment, unwatched, now).await?;
        changes += u32::from(changed);
        left |= unwatched.is_some() && !changed;
    }
    if rule.deleted && !left {
        store.forget_standings(&rule.id).await?;
        store.delete_alert_rule(&rule.id).await?;
    }
    Ok(changes)
}

/// The deployments that a rule watches.
fn watched(rule: &AlertRule, project: &Project) -> BTreeSet<String> {
    match &rule.deployment_id {
        Some(id) => BTreeSet::from([id.clone()]),
        None => {
            let canary = project.canary.as_ref().map(|canary| &canary.target);
            project.production.iter().chain(canary).map(|target| target.deployment_id.clone()).collect()
        }
    }
}

async fn deployment_now(
    platform: &Platform,
    rule: &AlertRule,
    project: &Project,
    deployment: &Deployment,
    unwatched: Option<&'static str>,
    now: Timestamp,
) -> Result<bool> {
    let store = platform.store()?;
    let observation = match unwatched {
        Some(reason) => Observation::Unwatched(reason),
        None => observe(platform, rule, deployment, now).await?,
    };
    let known = store.alert_standing(&rule.id, &deployment.id).await?;
    let Step::Change(alert, kind) = decide(rule, deployment, &known.standing, &observation, now) else { return Ok(false) };
    // The channels of a rule that is deleted are gone.
    let event = kind.filter(|_| !rule.deleted).map(|kind| Event::of_alert(kind, alert.notice(project)));
    let done = store.change_alert(rule, &known, &alert, event.as_ref()).await?;
    if done {
        let (rule_id, alert_id, status) = (&rule.id, &alert.id, alert.status);
        tracing::info!(rule_id, alert_id, ?status, told = event.is_some(), "an alert changed");
    }
    Ok(done)
}
