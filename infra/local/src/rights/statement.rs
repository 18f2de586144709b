//! One statement of a policy.

use super::Needed;
use super::condition::Condition;
use super::pattern::Pattern;

/// What a statement says of the calls that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// They are allowed, unless another statement denies them.
    Allow,
    /// They are denied, whatever other statements say.
    Deny,
}

/// A statement of a policy, ready to be matched.
#[derive(Debug)]
pub struct Statement {
    /// Where it stands in the template.
    pub line: usize,
    /// What it says.
    pub effect: Effect,
    /// Actions in small letters: their case has no meaning.
    actions: Vec<Pattern>,
    resources: Vec<Pattern>,
    conditions: Vec<Condition>,
}

impl Statement {
    /// A statement; the error says which part of it the laptop cloud cannot evaluate.
    pub fn new(
        line: usize,
        effect: Effect,
        actions: Vec<String>,
        resources: Vec<String>,
        conditions: Vec<Condition>,
    ) -> Result<Self, String> {
        if actions.is_empty() || resources.is_empty() {
            return Err("a statement needs an Action and a Resource".to_owned());
        }
        if let Some(action) = actions.iter().find(|action| *action != "*" && !action.contains(':')) {
            return Err(format!("{action} is not an action: service:Operation"));
        }
        if let Some(resource) = resources.iter().find(|resource| *resource != "*" && !resource.starts_with("arn:")) {
            return Err(format!("{resource} is not an ARN"));
        }
        if let Some(resource) = resources.iter().find(|resource| resource.contains("${")) {
            return Err(format!("the laptop cloud cannot evaluate the policy variable in {resource}"));
        }
        let actions = actions.into_iter().map(|action| Pattern::new(action.to_ascii_lowercase())).collect();
        Ok(Self { line, effect, actions, resources: resources.into_iter().map(Pattern::new).collect(), conditions })
    }

    /// Whether the statement speaks of a call; if it does, that is noted.
    pub fn matches(&self, needed: &Needed) -> bool {
        let Some(action) = self.actions.iter().find(|action| action.matches(&needed.folded)) else { return false };
        let Some(resource) = self.resources.iter().find(|resource| resource.matches_arn(&needed.resource)) else { return false };
        if !self.conditions.iter().all(|condition| condition.holds(needed)) {
            return false;
        }
        action.note_use();
        resource.note_use();
        true
    }

    /// Each action with how often it decided something.
    pub fn action_uses(&self) -> impl Iterator<Item = (&str, u64)> {
        self.actions.iter().map(|action| (action.text(), action.uses()))
    }

    /// Each resource with how often it decided something.
    pub fn resource_uses(&self) -> impl Iterator<Item = (&str, u64)> {
        self.resources.iter().map(|resource| (resource.text(), resource.uses()))
    }
}
