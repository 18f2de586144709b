//! What is in production in a project. The table says so, in one transaction with the deployments' stages; the alias of the
//! project's function follows it. Until it has, the project's route sends requests by what the table says.

use crate::domain::deployment::{Deployment, ServingStage};
use crate::domain::project::{Canary, PRODUCTION_ALIAS, Project, Target};
use crate::store::projects::{Routing, busy};
use crate::store::write::{ATTEMPTS, back_off};
use crate::{Error, Platform, Result};

/// Has a deployment take production traffic: all of it, which archives what took it before, or with a `percent` under 100 a
/// part of it, as a canary. Where nothing is in production, it takes all. `from` are the stages from which it may come;
/// one that is in another stage, or takes as much already, is left as it is.
///
/// # Errors
/// `Conflict` when no version of it answers; `Unavailable` when others change the project all the time; `Internal` when AWS
/// does not answer.
pub async fn promote(platform: &Platform, project_id: &str, deployment_id: &str, percent: u8, from: &[ServingStage]) -> Result<Project> {
    change(platform, project_id, deployment_id, |project, found| promotion(project, found, deployment_id, percent, from)).await
}

/// Brings a deployment to production that was made to go there, now that it answers. Where one that was asked for later is there
/// already, that one stays, and `false` is given: how long a build takes does not decide what is in production. One that was
/// deactivated meanwhile stays so.
///
/// # Errors
/// As [`promote`].
pub async fn go_to_production(platform: &Platform, deployment: &Deployment) -> Result<bool> {
    let percent = deployment.traffic_percent.unwrap_or(100);
    let project = change(platform, deployment.project(), &deployment.id, |project, found| {
        let later = |target: &Target| target.deployment_id > deployment.id && found.get(&target.deployment_id).is_some();
        match project.production.as_ref().is_some_and(later) {
            true => Ok(None),
            false => promotion(project, found, &deployment.id, percent, &[ServingStage::Staging]),
        }
    });
    let project = project.await?;
    let canary = project.canary.as_ref().map(|canary| &canary.target);
    Ok(project.production.iter().chain(canary).any(|target| target.deployment_id == deployment.id))
}

/// Has a deployment that is going to be deleted take no production traffic any more.
///
/// # Errors
/// As [`deactivate`].
pub async fn leave(platform: &Platform, deployment: &Deployment) -> Result<()> {
    match deployment.stage {
        ServingStage::Production | ServingStage::Canary => deactivate(platform, deployment.project(), &deployment.id).await.map(drop),
        ServingStage::Staging | ServingStage::Archived => Ok(()),
    }
}

/// What a promotion makes of a project; `None` where it changes nothing.
fn promotion(project: &Project, found: &Found, deployment_id: &str, percent: u8, from: &[ServingStage]) -> Result<Option<Routing>> {
    let deployment = found.of(deployment_id)?;
    if !from.contains(&deployment.stage) {
        return Ok(None);
    }
    let target = Target::of(deployment).filter(|_| deployment.is_live());
    let target = target.ok_or_else(|| {
        let status = deployment.error.clone().unwrap_or_else(|| "its model is still being brought up".to_owned());
        Error::conflict(format!("The deployment does not answer yet and cannot be promoted: {status}"))
    })?;
    let mut routing = Routing { production: project.production.clone(), canary: project.canary.clone(), stages: Vec::new() };
    let archived = |target: &Option<Target>, routing: &mut Routing| {
        let of = target.as_ref().filter(|target| target.deployment_id != deployment_id);
        if let Some(old) = of.and_then(|target| found.get(&target.deployment_id)) {
            routing.stages.push((old.clone(), ServingStage::Archived));
        }
    };
    let in_production = project.production.as_ref().is_some_and(|production| found.get(&production.deployment_id).is_some());
    let canary = project.canary.as_ref().map(|canary| canary.target.clone());
    let is_production = project.production.as_ref().is_some_and(|production| production.deployment_id == deployment_id);
    archived(&canary, &mut routing);
    if percent < 100 && in_production && !is_production {
        routing.canary = Some(Canary { target, percent });
        routing.stages.push((deployment.clone(), ServingStage::Canary));
    } else {
        archived(&project.production, &mut routing);
        (routing.production, routing.canary) = (Some(target), None);
        routing.stages.push((deployment.clone(), ServingStage::Production));
    }
    routing.stages.retain(|(deployment, stage)| deployment.stage != *stage);
    Ok(Some(routing))
}

/// Has a deployment take no traffic any more, and nothing in its place: a canary's part goes back to what is in production.
///
/// # Errors
/// `Conflict` when it is in production and a canary takes a part of it; `Unavailable` when others change the project all the
/// time; `Internal` when AWS does not answer.
pub async fn deactivate(platform: &Platform, project_id: &str, deployment_id: &str) -> Result<Project> {
    change(platform, project_id, deployment_id, |project, found| {
        let deployment = found.of(deployment_id)?;
        if deployment.stage == ServingStage::Archived {
            return Ok(None);
        }
        let stages = vec![(deployment.clone(), ServingStage::Archived)];
        let mut routing = Routing { production: project.production.clone(), canary: project.canary.clone(), stages };
        let is = |target: &Target| target.deployment_id == deployment_id;
        if routing.canary.as_ref().is_some_and(|canary| is(&canary.target)) {
            routing.canary = None;
        } else if routing.production.as_ref().is_some_and(is) {
            if let Some(canary) = &routing.canary {
                let message = format!(
                    "A canary, deployment {}, takes {}% of this deployment's traffic; promote it, or deactivate it first.",
                    canary.target.deployment_id, canary.percent
                );
                return Err(Error::conflict(message));
            }
            routing.production = None;
        }
        Ok(Some(routing))
    })
    .await
}

/// The deployments that a change may concern, as they are.
struct Found(Vec<Deployment>);

impl Found {
    fn get(&self, id: &str) -> Option<&Deployment> {
        self.0.iter().find(|deployment| deployment.id == id)
    }

    fn of(&self, id: &str) -> Result<&Deployment> {
        self.get(id).ok_or_else(|| Error::not_found(format!("Deployment {id} not found")))
    }
}

/// Changes what is in production as `plan` says, from what it is at this moment, and lets the alias follow; `None` leaves it as
/// it is. `deployment_id` is the one that the change is about.
async fn change(
    platform: &Platform,
    project_id: &str,
    deployment_id: &str,
    plan: impl Fn(&Project, &Found) -> Result<Option<Routing>>,
) -> Result<Project> {
    let store = platform.store()?;
    for attempt in 0..ATTEMPTS {
        let project = super::by_id(platform, project_id).await?;
        let canary = project.canary.as_ref().map(|canary| &canary.target);
        let concerned = project.production.iter().chain(canary).map(|target| target.deployment_id.clone());
        let ids = concerned.chain([deployment_id.to_owned()]).collect();
        let found = Found(store.deployments_by_id(ids).await?.into_values().collect());
        let changed = match plan(&project, &found)? {
            None => Some(project),
            Some(routing) => {
                store.keep_project(&project).await?;
                store.change_routing(&project, &routing).await?
            }
        };
        if let Some(project) = changed {
            // It is changed. Where the alias cannot follow now, the project's route does without it, and it follows later.
            if let Err(error) = apply(platform, project_id).await {
                tracing::warn!(%error, project_id, "the alias does not have the production traffic's way yet");
            }
            return Ok(project);
        }
        back_off(attempt).await;
    }
    Err(busy())
}

/// Brings the alias of a project's function to what the table says, if it is not there yet.
///
/// # Errors
/// `Unavailable` when others change it all the time; `Internal` when AWS does not answer.
pub async fn apply(platform: &Platform, project_id: &str) -> Result<()> {
    let functions = platform.model_functions();
    for attempt in 0..ATTEMPTS {
        let function_name = super::by_id(platform, project_id).await?.function_name;
        // The alias first, the table then: who changes the alias in between, with what the table said later, is not undone.
        let revision = functions.alias_revision(&function_name, PRODUCTION_ALIAS).await?;
        let project = super::by_id(platform, project_id).await?;
        if project.is_routed() {
            return Ok(());
        }
        let split = match project.alias_plan() {
            Some(plan) => functions.split_traffic(&function_name, PRODUCTION_ALIAS, &plan, revision).await?,
            None => true,
        };
        if split && platform.store()?.set_routed(&project.id, project.revision).await? {
            return Ok(());
        }
        back_off(attempt).await;
    }
    Err(busy())
}
