//! With whose eyes the registry is seen. A registered model of a project is there for the project's members alone: for
//! everybody else no route that takes its name finds it, and no list has it. Its lists are partitions of their own, beside
//! those of the models that are everybody's, so that a list costs as much as it did, and one read more for each project of
//! the one who asks.

use super::Store;
use super::projects::membership_key;
use super::registered_models::{is_key_text, model_key};
use crate::domain::project::DEFAULT_PROJECT_ID;
use crate::domain::registered_model::RegisteredModel;
use crate::identity::Caller;
use crate::paging::PageRequest;
use crate::{Error, ErrorKind, Result};

/// Of how many projects of a user, the newest ones, lists have the models.
pub const MOST_PROJECTS_LISTED: u32 = 200;

/// Who looks at the registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Viewer {
    /// The platform itself, which finds every model that it has the name of.
    #[default]
    Platform,
    /// A caller, who finds what is everybody's and, as a user, what is of the user's own projects.
    Caller(Caller),
}

/// Where a list has what is of a project; `None` is what is everybody's.
pub(crate) fn list_of(list: &str, project_id: Option<&str>) -> String {
    match project_id {
        Some(project_id) => format!("PROJECT#{project_id}#{list}"),
        None => list.to_owned(),
    }
}

/// That a name cannot be used, since a model that the caller may not see, or of another project, has it.
pub(super) fn taken(name: &str) -> Error {
    let message = format!("The name {name} is taken by a registered model outside of this project; choose another name.");
    Error::new(ErrorKind::AlreadyExists, message)
}

impl Store {
    /// The same table as a caller may see it: registered models of projects of which the caller is no member are not there.
    pub fn seen_by(&self, caller: &Caller) -> Self {
        Self { viewer: Viewer::Caller(caller.clone()), ..self.clone() }
    }

    /// As [`Store::seen_by`], for what is done in the name of a user, or of nobody in particular.
    pub fn seen_by_owner(&self, owner: Option<&str>) -> Self {
        self.seen_by(&owner.map_or(Caller::Anyone, |owner| Caller::User(owner.to_owned())))
    }

    /// Whether what is of a project, or everybody's, is there for the one who asks.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn shows_project(&self, project_id: Option<&str>) -> Result<bool> {
        match (&self.viewer, project_id) {
            (Viewer::Platform, _) | (_, None) => Ok(true),
            (Viewer::Caller(Caller::Anyone), Some(_)) => Ok(false),
            // That of everybody who is signed in.
            (Viewer::Caller(Caller::User(_)), Some(DEFAULT_PROJECT_ID)) => Ok(true),
            (Viewer::Caller(Caller::User(user)), Some(project_id)) => {
                Ok(self.get::<serde::de::IgnoredAny>(&membership_key(user, project_id)).await?.is_some())
            }
        }
    }

    /// Whether there is a registered model of that name which is not there for the one who asks.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn hides_model(&self, name: &str) -> Result<bool> {
        if self.viewer == Viewer::Platform || !is_key_text(name) {
            return Ok(false);
        }
        match self.get::<RegisteredModel>(&model_key(name)).await? {
            Some(model) => Ok(!self.shows_project(model.project_id.as_deref()).await?),
            None => Ok(false),
        }
    }

    /// That the one who asks may register versions under a name.
    ///
    /// # Errors
    /// `AlreadyExists` when a model has the name that the one who asks does not see; `Internal` when DynamoDB does not answer.
    pub async fn check_model_name_is_free(&self, name: &str) -> Result<()> {
        if self.hides_model(name).await? { Err(taken(name)) } else { Ok(()) }
    }

    /// A model that was read, if it is there for the one who asks.
    pub(super) async fn if_shown(&self, model: Option<RegisteredModel>) -> Result<Option<RegisteredModel>> {
        match model {
            Some(model) if self.shows_project(model.project_id.as_deref()).await? => Ok(Some(model)),
            _ => Ok(None),
        }
    }

    /// The partitions of a list that are there for the one who asks: everybody's, and one for each of the user's projects.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub(crate) async fn lists_shown(&self, list: &str) -> Result<Vec<String>> {
        let mut lists = vec![list.to_owned()];
        if let Viewer::Caller(Caller::User(user)) = &self.viewer {
            let page = PageRequest { limit: MOST_PROJECTS_LISTED, after: None };
            let projects = self.project_ids_of(user, &page).await?;
            lists.extend(projects.iter().map(|project_id| list_of(list, Some(project_id))));
        }
        Ok(lists)
    }
}
