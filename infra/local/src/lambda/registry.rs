//! All functions: in memory for those who call them, on disk for the next start.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::model::{Code, Configuration, Function, LATEST, State, Update, Version, now, revision};
use crate::atomic_file;
use crate::aws_error::AwsError;
use crate::template::Template;

/// The functions by name. Readers never wait for a writer's disk.
#[derive(Debug)]
pub struct Registry {
    folder: PathBuf,
    functions: RwLock<HashMap<String, Arc<Function>>>,
    /// One change at a time, from reading over writing to disk to publishing.
    changing: Mutex<()>,
}

impl Registry {
    /// Reads the functions of earlier runs and adds the template's.
    pub fn open(folder: PathBuf, template: &Template) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let mut functions = HashMap::new();
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let function: Function = serde_json::from_slice(&std::fs::read(&path)?)
                .map_err(|error| io::Error::other(format!("{} cannot be read: {error}", path.display())))?;
            functions.insert(function.name.clone(), Arc::new(function));
        }
        for declared in &template.functions {
            functions.insert(declared.name.clone(), Arc::new(from_template(declared)));
        }
        Ok(Self { folder, functions: RwLock::new(functions), changing: Mutex::default() })
    }

    /// A function as it is now.
    pub fn get(&self, name: &str) -> Option<Arc<Function>> {
        self.functions.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Every function, by name.
    pub fn all(&self) -> Vec<Arc<Function>> {
        let mut all: Vec<_> = self.functions.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        all.sort_by(|left, right| left.name.cmp(&right.name));
        all
    }

    /// Adds a function; `false` if there is one of its name. Writes to disk: not for an async task.
    pub fn insert(&self, function: Function) -> Result<bool, AwsError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.get(&function.name).is_some() {
            return Ok(false);
        }
        self.store(function)?;
        Ok(true)
    }

    /// Changes a function; `None` if there is none of that name. An error of `change` leaves it as it was. Writes to
    /// disk: not for an async task.
    pub fn update<Given>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Function) -> Result<Given, AwsError>,
    ) -> Result<Option<(Given, Arc<Function>)>, AwsError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(before) = self.get(name) else { return Ok(None) };
        let mut function = (*before).clone();
        let given = change(&mut function)?;
        let stored = if function == *before { before } else { self.store(function)? };
        Ok(Some((given, stored)))
    }

    /// Removes a function; gives what it was. Writes to disk: not for an async task.
    pub fn remove(&self, name: &str) -> Result<Option<Arc<Function>>, AwsError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(function) = self.get(name) else { return Ok(None) };
        if !function.from_template {
            std::fs::remove_file(self.path(name)).map_err(fault)?;
        }
        self.functions.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        Ok(Some(function))
    }

    fn store(&self, function: Function) -> Result<Arc<Function>, AwsError> {
        let function = Arc::new(function);
        if !function.from_template {
            let bytes = serde_json::to_vec_pretty(&*function).map_err(io::Error::other).map_err(fault)?;
            atomic_file::write(&self.path(&function.name), &bytes).map_err(fault)?;
        }
        let mut functions = self.functions.write().unwrap_or_else(PoisonError::into_inner);
        functions.insert(function.name.clone(), Arc::clone(&function));
        Ok(function)
    }

    fn path(&self, name: &str) -> PathBuf {
        // Names are letters, digits, - and _ only: `Qualified` and `control` see to it.
        self.folder.join(format!("{name}.json"))
    }
}

fn fault(error: io::Error) -> AwsError {
    AwsError::new(500, "ServiceException", format!("The function could not be stored: {error}"))
}

fn from_template(declared: &crate::template::Function) -> Function {
    Function {
        name: declared.name.clone(),
        from_template: true,
        latest: Version {
            version: LATEST.into(),
            configuration: Configuration {
                description: declared.description.clone(),
                role: declared.role.clone(),
                code: Code::Folder { task_root: declared.task_root.clone(), program: declared.program.clone() },
                handler: Some(declared.handler.clone()),
                memory_size: declared.memory_size,
                timeout: declared.timeout,
                ephemeral_storage: declared.ephemeral_storage,
                architecture: declared.architecture.clone(),
                environment: declared.environment.clone(),
                layers: declared.layers.clone(),
                log_group: declared.log_group.clone(),
            },
            revision_id: revision(),
            last_modified: now(),
            state: State::Active,
            last_update: Update::Successful,
        },
        versions: BTreeMap::new(),
        next_version: 1,
        aliases: BTreeMap::new(),
        urls: BTreeMap::new(),
        permissions: BTreeMap::new(),
        reserved_concurrency: declared.reserved_concurrency,
        provisioned: BTreeMap::new(),
        tags: BTreeMap::new(),
        maximum_retry_attempts: declared.maximum_retry_attempts,
    }
}
