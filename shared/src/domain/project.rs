//! A project: whose members own models and deployments together, one of which is in production.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::deployment::{Deployment, function_name};
use crate::Timestamp;
use crate::identity::Caller;

/// The project that is always there: of everybody who is signed in. What the other APIs make is in it.
pub const DEFAULT_PROJECT_ID: &str = "00000000-0000-7000-8000-000000000001";

/// The alias of a project's function that takes its production traffic.
pub const PRODUCTION_ALIAS: &str = "production";

/// The most members that a project may have besides its owner: they are part of one item of the table.
pub const MOST_MEMBERS: usize = 200;

/// Where requests for a deployment go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The deployment.
    pub deployment_id: String,
    /// Its function.
    pub function_name: String,
    /// The version of the function, or an alias of it.
    pub qualifier: String,
}

impl Target {
    /// Where requests for a deployment go; `None` while no version of it answers.
    pub fn of(deployment: &Deployment) -> Option<Self> {
        let version = deployment.live_function_version.clone()?;
        Some(Self {
            deployment_id: deployment.id.clone(),
            function_name: deployment.function_name.clone(),
            // A deployment of the other APIs moves its own alias with each of its versions.
            qualifier: if deployment.project_id.is_some() { version } else { crate::model_functions::LIVE_ALIAS.to_owned() },
        })
    }
}

/// A deployment that takes a part of the production traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// Where its part goes.
    pub target: Target,
    /// How much that is, from 1 to 99.
    pub percent: u8,
}

/// What the alias of a project's function is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct AliasPlan {
    /// The version that takes what the other one does not.
    pub version: String,
    /// The version that takes a part of it, from 0 to 1.
    pub canary: Option<(String, f64)>,
}

/// A project as the table holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// Its id, a UUIDv7.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who made it; absent for the project of everybody.
    pub owner: Option<String>,
    /// Who else may use it, by user id.
    #[serde(default)]
    pub members: BTreeSet<String>,
    /// The function of which its deployments are versions.
    pub function_name: String,
    /// The deployment in production.
    pub production: Option<Target>,
    /// The deployment that takes a part of its traffic.
    pub canary: Option<Canary>,
    /// How often the two above changed.
    #[serde(default)]
    pub revision: u64,
    /// The revision that the function's alias has.
    #[serde(default)]
    pub routed_revision: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Project {
    /// A project of a user's. `function_prefix` is what the names of all deployed models' functions start with.
    pub fn new(name: &str, description: Option<String>, owner: &str, function_prefix: &str) -> Self {
        Self::with_id(crate::id::new_id(), name, description, Some(owner.to_owned()), function_prefix, Timestamp::now())
    }

    /// The project that is always there.
    pub fn default_project(function_prefix: &str) -> Self {
        let description = Some("What everybody who is signed in may use; what the other APIs made is here".to_owned());
        let began = Timestamp::from_milliseconds(0);
        Self::with_id(DEFAULT_PROJECT_ID.to_owned(), "Default", description, None, function_prefix, began)
    }

    fn with_id(
        id: String,
        name: &str,
        description: Option<String>,
        owner: Option<String>,
        function_prefix: &str,
        created_at: Timestamp,
    ) -> Self {
        Self {
            function_name: function_name(function_prefix, &format!("project-{name}"), &id),
            id,
            name: name.to_owned(),
            description,
            owner,
            members: BTreeSet::new(),
            production: None,
            canary: None,
            revision: 0,
            routed_revision: 0,
            created_at,
            updated_at: created_at,
        }
    }

    /// True for the project that is always there.
    pub fn is_default(&self) -> bool {
        self.id == DEFAULT_PROJECT_ID
    }

    /// Whether a caller may use what is in the project.
    pub fn admits(&self, caller: &Caller) -> bool {
        let Some(user) = caller.user_id() else { return false };
        self.owner.as_deref().is_none_or(|owner| owner == user) || self.members.contains(user)
    }

    /// True when the function's alias sends the production traffic where it belongs.
    pub fn is_routed(&self) -> bool {
        self.revision == self.routed_revision
    }

    /// What the alias of the project's function is to be; `None` where nothing is in production, or not all of it is a
    /// version of that function: weights of an alias do not reach another one.
    pub fn alias_plan(&self) -> Option<AliasPlan> {
        let version_of = |target: &Target| (target.function_name == self.function_name).then(|| target.qualifier.clone());
        let version = version_of(self.production.as_ref()?)?;
        let canary = match &self.canary {
            Some(canary) => Some((version_of(&canary.target)?, f64::from(canary.percent) / 100.0)),
            None => None,
        };
        Some(AliasPlan { version, canary })
    }

    /// Where one request of the production traffic goes, for a number from 0 to 99 that was drawn for it.
    pub fn target_of(&self, drawn: u8) -> Option<&Target> {
        let canary = self.canary.as_ref().filter(|canary| drawn < canary.percent).map(|canary| &canary.target);
        canary.or(self.production.as_ref())
    }
}

/// Where what belongs to a project is listed for a user: with the project; in the one that is everybody's, what the user made is
/// nobody else's business.
pub fn scope(project_id: &str, user: Option<&str>) -> String {
    match project_id {
        DEFAULT_PROJECT_ID => format!("{project_id}#{}", user.unwrap_or("anyone")),
        _ => project_id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn target(function_name: &str, version: &str) -> Target {
        Target { deployment_id: version.to_owned(), function_name: function_name.to_owned(), qualifier: version.to_owned() }
    }

    #[test]
    fn an_alias_splits_between_versions_of_its_own_function_only() {
        let mut project = Project::new("p", None, "u", "serveml-model-");
        assert_eq!(project.alias_plan(), None);
        let own = project.function_name.clone();
        assert!(own.len() <= 64 && own.starts_with("serveml-model-project-p-"), "{own}");
        project.production = Some(target(&own, "1"));
        assert_eq!(project.alias_plan(), Some(AliasPlan { version: "1".to_owned(), canary: None }));
        project.canary = Some(Canary { target: target(&own, "2"), percent: 20 });
        assert_eq!(project.alias_plan().unwrap().canary, Some(("2".to_owned(), 0.2)));
        let canaries = (0..100).filter(|drawn| project.target_of(*drawn).unwrap().qualifier == "2").count();
        assert_eq!(canaries, 20);
        project.production = Some(target("another", "live"));
        assert_eq!(project.alias_plan(), None);
    }

    #[test]
    fn a_project_is_its_members_and_the_default_one_everybodys() {
        let user = |id: &str| Caller::User(id.to_owned());
        let mut project = Project::new("p", None, "owner", "m-");
        project.members.insert("member".to_owned());
        let admitted = ["owner", "member", "other"].map(|id| project.admits(&user(id)));
        assert_eq!(admitted, [true, true, false]);
        let everybodys = Project::default_project("m-");
        assert!(everybodys.admits(&user("other")) && !everybodys.admits(&Caller::Anyone));
        assert!(crate::id::is_id(&everybodys.id));
    }
}
