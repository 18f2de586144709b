//! Projects in the table: who may use each, and which of its deployments are in production. What is in production changes in
//! one transaction with the stages of the deployments that it concerns.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Store;
use super::deployments::{Change, change_writes};
use super::jobs::Created;
use super::keys::{Index, Key};
use super::outbox::event_write;
use super::query::Query;
use super::update::Update;
use super::write::{ATTEMPTS, NewItem, Updated, Write, back_off};
use crate::domain::deployment::{Deployment, DeploymentEvent, ServingStage};
use crate::domain::event::Event;
use crate::domain::job::Job;
use crate::domain::project::{Canary, DEFAULT_PROJECT_ID, MOST_MEMBERS, Project, Target};
use crate::paging::{Page, PageRequest};
use crate::store::idempotency::Idempotency;
use crate::{Error, ErrorKind, Result, Timestamp};

/// Where projects are listed whose alias does not have yet what the table says.
const UNROUTED: &str = "UNROUTED_PROJECTS";

/// Where the deployments are listed that take production traffic.
const IN_PRODUCTION: &str = "PRODUCTION_DEPLOYMENTS";

/// That a user may use a project.
#[derive(Debug, Serialize, Deserialize)]
struct Membership {
    project_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Totals {
    projects: u64,
    deployments: u64,
}

/// A change of what is in production in a project.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Routing {
    /// The deployment in production from here on.
    pub production: Option<Target>,
    /// The deployment that takes a part of its traffic from here on.
    pub canary: Option<Canary>,
    /// Deployments that change their stage, each as it is and what it becomes.
    pub stages: Vec<(Deployment, ServingStage)>,
}

pub(super) fn project_key(id: &str) -> Key {
    Key::new(format!("PROJECT#{id}"), "PROJECT")
}

fn totals_key(id: &str) -> Key {
    Key::new(format!("PROJECT#{id}"), "TOTALS")
}

pub(super) fn membership_key(user: &str, project_id: &str) -> Key {
    Key::new(format!("USER#{user}"), format!("PROJECT#{project_id}"))
}

fn user_totals_key(user: &str) -> Key {
    Key::new(format!("USER#{user}"), "PROJECT_TOTALS")
}

fn list_of(project_id: &str) -> String {
    format!("PROJECT#{project_id}#DEPLOYMENTS")
}

fn joining(user: &str, project_id: &str) -> Result<[Write; 2]> {
    let membership = Membership { project_id: project_id.to_owned() };
    Ok([
        Write::Put(NewItem::new(&membership_key(user, project_id), &membership)?.if_absent()),
        Write::Update(Update::new(user_totals_key(user)).add("projects", 1)?),
    ])
}

impl Store {
    /// Makes a project; its owner is its first member.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn create_project(&self, project: &Project) -> Result<()> {
        let mut writes = vec![Write::Put(NewItem::new(&project_key(&project.id), project)?.if_absent())];
        if let Some(owner) = &project.owner {
            writes.extend(joining(owner, &project.id)?);
        }
        match self.transact(writes).await?.is_done() {
            true => Ok(()),
            false => Err(Error::broken(format!("project {} exists already", project.id))),
        }
    }

    /// A project by its id; the one that is always there is as it would be made where it was not yet.
    /// `function_prefix` is what the names of all deployed models' functions start with.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn project(&self, id: &str, function_prefix: &str) -> Result<Option<Project>> {
        if !crate::id::is_id(id) {
            return Ok(None);
        }
        let found = self.get(&project_key(id)).await?;
        Ok(found.or_else(|| (id == DEFAULT_PROJECT_ID).then(|| Project::default_project(function_prefix))))
    }

    /// Keeps the project that is always there, where it is not kept yet: what changes has to be somewhere.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn keep_project(&self, project: &Project) -> Result<()> {
        match project.is_default() {
            true => self.put(NewItem::new(&project_key(&project.id), project)?.if_absent()).await.map(drop),
            false => Ok(()),
        }
    }

    /// The projects of a user but the one that is everybody's, newest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn projects_of(&self, user: &str, page: &PageRequest) -> Result<Vec<Project>> {
        let keys = self.project_ids_of(user, page).await?.iter().map(|id| project_key(id)).collect();
        let mut found: Vec<Project> = self.get_all::<Project>(keys).await?.into_values().collect();
        found.sort_by(|one, other| other.id.cmp(&one.id));
        Ok(found)
    }

    /// The ids of the projects of a user but the one that is everybody's, newest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub(super) async fn project_ids_of(&self, user: &str, page: &PageRequest) -> Result<Vec<String>> {
        let query = Query::table(format!("USER#{user}")).prefix("PROJECT#").newest_first();
        let memberships = self.page::<Membership>(&query, page).await?;
        Ok(memberships.items.into_iter().map(|membership| membership.project_id).collect())
    }

    /// How many projects a user has, but the one that is everybody's.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn count_projects_of(&self, user: &str) -> Result<u64> {
        Ok(self.get::<Totals>(&user_totals_key(user)).await?.unwrap_or_default().projects)
    }

    /// Lets a user use a project. Where the user may already, this changes nothing.
    ///
    /// # Errors
    /// `Conflict` when it has as many members as it may; `Unavailable` when others change it all the time; `Internal` when
    /// DynamoDB does not answer.
    pub async fn add_member(&self, project_id: &str, user: &str) -> Result<Project> {
        self.change_members(project_id, user, true).await
    }

    /// Lets a user not use a project any more. Where the user may not anyway, this changes nothing.
    ///
    /// # Errors
    /// As [`Store::add_member`].
    pub async fn remove_member(&self, project_id: &str, user: &str) -> Result<Project> {
        self.change_members(project_id, user, false).await
    }

    async fn change_members(&self, project_id: &str, user: &str, joins: bool) -> Result<Project> {
        for attempt in 0..ATTEMPTS {
            let project: Option<Project> = self.get(&project_key(project_id)).await?;
            let project = project.ok_or_else(|| Error::not_found(format!("Project {project_id} not found")))?;
            if project.members.contains(user) == joins || project.owner.as_deref() == Some(user) {
                return Ok(project);
            }
            let mut members: BTreeSet<String> = project.members.clone();
            if joins {
                members.insert(user.to_owned())
            } else {
                members.remove(user)
            };
            if members.len() > MOST_MEMBERS {
                return Err(Error::conflict(format!("A project has at most {MOST_MEMBERS} members; remove one first.")));
            }
            let update = Update::new(project_key(project_id))
                .if_exists()
                .if_absent_or("members", "=", &project.members)?
                .set("members", &members)?
                .set("updated_at", &Timestamp::now())?;
            let mut writes = vec![Write::Update(update)];
            if joins {
                writes.extend(joining(user, project_id)?);
            } else {
                writes.push(Write::Delete(membership_key(user, project_id)));
                writes.push(Write::Update(Update::new(user_totals_key(user)).add("projects", -1)?));
            }
            if self.transact(writes).await?.is_done() {
                return Ok(Project { members, ..project });
            }
            back_off(attempt).await;
        }
        Err(busy())
    }

    /// Makes a deployment of a project with the job that brings it up, once for each Idempotency-Key.
    ///
    /// # Errors
    /// `Conflict` when the Idempotency-Key was used for another request; `Internal` when DynamoDB does not answer.
    pub async fn create_project_deployment(
        &self,
        job: &Job,
        deployment: &Deployment,
        idempotency: Option<&Idempotency>,
    ) -> Result<Created> {
        let project_id = deployment.project();
        let deployment = Deployment { job_id: Some(job.id.clone()), ..deployment.clone() };
        let item = NewItem::new(&super::deployments::key(&deployment.id), &deployment)?;
        let writes = vec![
            Write::Put(item.listed(Index::First, list_of(project_id), &deployment.id).if_absent()),
            Write::Update(Update::new(totals_key(project_id)).add("deployments", 1)?),
            event_write(&Event::of_deployment(DeploymentEvent::Created.into(), &deployment))?,
        ];
        let created = self.create_job_and(job, idempotency, writes).await?;
        created.ok_or_else(|| Error::broken(format!("deployment {} exists already", deployment.id)))
    }

    /// The deployments that were made in a project, newest first; those of the other APIs are not among them.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn project_deployments(&self, project_id: &str, page: &PageRequest) -> Result<Page<Deployment>> {
        self.page(&Query::index(Index::First, list_of(project_id)).newest_first(), page).await
    }

    /// How many deployments were made in a project.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn count_project_deployments(&self, project_id: &str) -> Result<u64> {
        Ok(self.get::<Totals>(&totals_key(project_id)).await?.unwrap_or_default().deployments)
    }

    /// Changes what is in production, in one transaction with the stages of the deployments. `None` where the project or
    /// one of the deployments is not any more what the change was made from: look again.
    ///
    /// # Errors
    /// `Conflict` when a deployment was deleted; `Internal` when DynamoDB does not answer.
    pub async fn change_routing(&self, project: &Project, routing: &Routing) -> Result<Option<Project>> {
        let revision = project.revision + 1;
        let unchanged = Update::new(project_key(&project.id)).if_exists();
        let update = unchanged
            .if_compares("revision", "=", &project.revision)?
            .set("revision", &revision)?
            .set("updated_at", &Timestamp::now())?
            .set("gsi2pk", UNROUTED)?
            .set("gsi2sk", &project.id)?;
        let update = match &routing.production {
            Some(production) => update.set("production", production)?,
            None => update.remove("production"),
        };
        let update = match &routing.canary {
            Some(canary) => update.set("canary", canary)?,
            None => update.remove("canary"),
        };
        let mut writes = vec![Write::Update(update)];
        for (deployment, stage) in &routing.stages {
            let change = Change::new(&deployment.id, deployment.status).set("stage", stage)?.set("goes_to_production", &false)?;
            let change = match stage {
                ServingStage::Production | ServingStage::Canary => change.set("gsi2pk", IN_PRODUCTION)?.set("gsi2sk", &deployment.id)?,
                ServingStage::Staging | ServingStage::Archived => change.remove("gsi2pk").remove("gsi2sk"),
            };
            writes.extend(change_writes(deployment, change)?);
        }
        if !self.transact(writes).await?.is_done() {
            return Ok(None);
        }
        let (production, canary) = (routing.production.clone(), routing.canary.clone());
        Ok(Some(Project { production, canary, revision, ..project.clone() }))
    }

    /// The deployments that take production traffic, of all projects.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn deployments_in_production(&self, page: &PageRequest) -> Result<Page<Deployment>> {
        self.page(&Query::index(Index::Second, IN_PRODUCTION), page).await
    }

    /// Records that the alias of a project's function has what the table said at a revision; `false` where that changed since.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn set_routed(&self, project_id: &str, revision: u64) -> Result<bool> {
        let update = Update::new(project_key(project_id))
            .if_exists()
            .if_compares("revision", "=", &revision)?
            .set("routed_revision", &revision)?
            .remove("gsi2pk")
            .remove("gsi2sk");
        Ok(matches!(self.update_or_current::<serde::de::IgnoredAny>(update).await?, Updated::Done(_)))
    }

    /// The projects whose alias does not have what the table says.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn unrouted_projects(&self, page: &PageRequest) -> Result<Page<Project>> {
        self.page(&Query::index(Index::Second, UNROUTED), page).await
    }

    /// Takes the right to change the code of a project's function, or keeps it for longer. `false` when another job has it.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn lease_project(&self, project_id: &str, job_id: &str) -> Result<bool> {
        let now = Timestamp::now().seconds();
        let key = Key::new(format!("PROJECT#{project_id}"), "LEASE");
        let until = now + super::deployments::LEASE_SECONDS;
        let free = Update::new(key.clone()).if_absent_or("lease_until", "<", &now)?;
        let mine = Update::new(key).if_compares("lease_job_id", "=", job_id)?;
        for condition in [free, mine] {
            let update = condition.set("lease_job_id", job_id)?.set("lease_until", &until)?;
            if self.update::<serde::de::IgnoredAny>(update).await?.is_done() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives the right to change the code of a project's function back; not having it is no error.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn release_project(&self, project_id: &str, job_id: &str) -> Result<()> {
        let key = Key::new(format!("PROJECT#{project_id}"), "LEASE");
        self.delete_where(key, "lease_job_id", job_id.to_owned()).await
    }
}

/// The error where others change a project all the time.
pub(crate) fn busy() -> Error {
    Error::new(ErrorKind::Unavailable, "Others change this project at this moment; try again.")
}
