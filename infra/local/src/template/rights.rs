//! Rights that can be judged before anything runs: an API's to call its functions, a state machine's to hear of what it waits for.

use super::Template;
use super::error::Refusal;
use crate::account::arn;
use crate::rights::{Decision, Needed, Role, required};

/// Refuses a template that AWS would create and whose routes would then not be answered, or that AWS would not create.
pub fn check(template: &Template, region: &str) -> Result<(), Refusal> {
    let find = |arn: &str| template.roles.iter().find(|role| role.arn == arn);
    for function in &template.functions {
        for route in &function.routes {
            let Some(role) = &route.role else { continue };
            let needed = Needed::new("lambda:InvokeFunction", arn("lambda", region, &format!("function:{}", function.name)));
            let who = format!("the API's route {} {}", route.method, route.path);
            demand(&who, role, find(role).map(AsRef::as_ref), &needed, route.line)?;
        }
    }
    for machine in &template.state_machines {
        for needed in required::states::waiting(region, &machine.definition.to_string()) {
            let who = format!("state machine {}", machine.logical_id);
            demand(&who, &machine.role, find(&machine.role).map(AsRef::as_ref), &needed, machine.line)?;
        }
    }
    Ok(())
}

fn demand(who: &str, arn: &str, role: Option<&Role>, needed: &Needed, line: usize) -> Result<(), Refusal> {
    let Some(role) = role else {
        return Err(Refusal::new(line, format!("{who} has the role {arn}, which is not in this template")));
    };
    let (action, resource) = (&needed.action, &needed.resource);
    match role.decide(needed) {
        Decision::Allowed => Ok(()),
        Decision::NotAllowed => {
            Err(Refusal::new(line, format!("{who} may not {action} on {resource}: its role {} does not allow it", role.owner)))
        }
        Decision::Denied(at) => Err(Refusal::new(line, format!("{who} may not {action} on {resource}: line {at} denies it"))),
    }
}
