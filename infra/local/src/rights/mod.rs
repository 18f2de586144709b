//! Who may do what: the template's policies, evaluated for every call of the AWS APIs as AWS evaluates them.
//!
//! Each function, state machine and build project has a role, and functions and builds a key of their own that says who calls.
//! The account's own key, which is the user's, may do everything. Policies of resources (a bucket's, a function's) give nobody
//! a right here: what a role may do stands in its own policies.

mod condition;
mod guard;
mod keys;
mod needed;
mod pattern;
mod refused;
pub mod required;
mod role;
mod statement;
mod usage;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

pub use condition::Condition;
pub use guard::Guard;
pub use needed::Needed;
pub use refused::Refused;
pub use role::{Decision, Role};
pub use statement::{Effect, Statement};

use crate::account::Credentials;
use crate::console::Console;
use crate::template::Template;

/// The most refusals that are kept for the report.
const KEPT_REFUSALS: usize = 10_000;

/// Who makes a call.
#[derive(Debug, Clone)]
pub enum Caller {
    /// The user, with the account's own key: everything is allowed.
    Account,
    /// A function, a state machine or a build project.
    Principal(Arc<Principal>),
}

/// Something of the template that makes calls.
#[derive(Debug)]
pub struct Principal {
    name: String,
    role: Arc<Role>,
}

/// The rights in one account.
#[derive(Debug)]
pub struct Rights {
    account: Credentials,
    roles: BTreeMap<String, Arc<Role>>,
    /// By access key, with the secret.
    keys: HashMap<String, (String, Arc<Principal>)>,
    /// Whether the template's rights hold at all.
    enforced: bool,
    console: Option<Console>,
    refused: Mutex<Vec<Refused>>,
}

impl Rights {
    /// The rights that a template gives.
    pub fn new(template: &Template, account: Credentials, console: Console) -> Self {
        let roles: BTreeMap<String, Arc<Role>> = template.roles.iter().map(|role| (role.arn.clone(), Arc::clone(role))).collect();
        let mut keys = HashMap::new();
        let functions = template.functions.iter().map(|function| (&function.name, &function.role));
        let projects = template.projects.iter().map(|project| (&project.name, &project.role));
        for (name, arn) in functions.chain(projects) {
            let Some(role) = roles.get(arn) else { continue };
            let key = keys::derive(&account, name);
            let principal = Principal { name: name.clone(), role: Arc::clone(role) };
            keys.insert(key.access_key_id, (key.secret_access_key, Arc::new(principal)));
        }
        Self { account, roles, keys, enforced: true, console: Some(console), refused: Mutex::default() }
    }

    /// An account in which everybody may do everything.
    pub fn unrestricted(account: Credentials) -> Self {
        let (roles, keys) = (BTreeMap::new(), HashMap::new());
        Self { account, roles, keys, enforced: false, console: None, refused: Mutex::default() }
    }

    /// The key of a function or a build project.
    pub fn credentials(&self, principal: &str) -> Credentials {
        if self.enforced { keys::derive(&self.account, principal) } else { self.account.clone() }
    }

    /// Who signs with an access key; none if nobody does.
    pub fn caller(&self, access_key: &str) -> Option<Caller> {
        if access_key == self.account.access_key_id {
            return Some(Caller::Account);
        }
        self.keys.get(access_key).map(|(_, principal)| Caller::Principal(Arc::clone(principal)))
    }

    /// The secret of an access key; none if nobody has it.
    pub fn secret(&self, access_key: &str) -> Option<&str> {
        if access_key == self.account.access_key_id {
            return Some(&self.account.secret_access_key);
        }
        self.keys.get(access_key).map(|(secret, _)| secret.as_str())
    }

    /// Whether a caller may do something; nothing is told of it.
    pub fn allows(&self, caller: &Caller, needed: &Needed) -> bool {
        match caller {
            Caller::Account => true,
            Caller::Principal(principal) => principal.role.decide(needed) == Decision::Allowed,
        }
    }

    /// Refuses a call of which the caller may not do all that is needed. A refusal is told on the screen.
    pub fn check(&self, caller: &Caller, needed: &[Needed]) -> Result<(), Refused> {
        match caller {
            Caller::Account => Ok(()),
            Caller::Principal(principal) => self.check_role(&principal.name, Some(&principal.role), needed),
        }
    }

    /// The same for a caller without a key, such as a state machine, by its role's ARN. A role that the template does not declare
    /// has no rights.
    pub fn check_as(&self, name: &str, role: &str, needed: &[Needed]) -> Result<(), Refused> {
        if !self.enforced {
            return Ok(());
        }
        self.check_role(name, self.roles.get(role), needed)
    }

    fn check_role(&self, name: &str, role: Option<&Arc<Role>>, needed: &[Needed]) -> Result<(), Refused> {
        for needed in needed {
            let decision = role.map_or(Decision::NotAllowed, |role| role.decide(needed));
            if decision == Decision::Allowed {
                continue;
            }
            let refused = Refused::new(name, role.map_or("", |role| role.arn.as_str()), needed, decision);
            if let Some(console) = &self.console {
                console.problem(refused.advice());
            }
            let mut kept = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() < KEPT_REFUSALS {
                kept.push(refused.clone());
            }
            return Err(refused);
        }
        Ok(())
    }

    /// Writes into a folder which rights were used, and what was refused.
    pub fn report(&self, folder: &Path) -> io::Result<()> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        usage::write(folder, self.roles.values(), &refused)
    }
}
