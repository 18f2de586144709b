//! Reserved and provisioned concurrency.

use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};

use super::{Answer, Call, invalid};
use crate::aws_error::AwsError;
use crate::lambda::model::{Function, LATEST};
use crate::lambda::{Lambda, Qualified};

/// The most that can be asked for.
const MAXIMUM: u64 = 100_000;

impl Lambda {
    pub(super) fn put_concurrency(&self, call: &Call) -> Answer {
        let target = call.target()?;
        let reserved = call.number("ReservedConcurrentExecutions", 0, MAXIMUM)?;
        let reserved = reserved.ok_or_else(|| invalid("ReservedConcurrentExecutions must not be null"))?;
        self.change(&target, |function| {
            let provisioned: u32 = function.provisioned.values().sum();
            if provisioned > reserved {
                return Err(invalid(format!(
                    "ReservedConcurrentExecutions {reserved} is less than the function's provisioned concurrency {provisioned}."
                )));
            }
            function.reserved_concurrency = Some(reserved);
            Ok(())
        })?;
        Ok((200, json!({ "ReservedConcurrentExecutions": reserved })))
    }

    pub(super) fn get_concurrency(&self, call: &Call) -> Answer {
        let function = self.find(&call.target()?)?;
        Ok((
            200,
            match function.reserved_concurrency {
                Some(reserved) => json!({ "ReservedConcurrentExecutions": reserved }),
                None => json!({}),
            },
        ))
    }

    pub(super) fn delete_concurrency(&self, call: &Call) -> Answer {
        self.change(&call.target()?, |function| {
            function.reserved_concurrency = None;
            Ok(())
        })?;
        Ok((204, Value::Null))
    }

    pub(super) fn put_provisioned(self: &Arc<Self>, call: &Call) -> Answer {
        let target = call.target()?;
        let qualifier = qualifier(&target)?;
        let count = call.number("ProvisionedConcurrentExecutions", 1, MAXIMUM)?;
        let count = count.ok_or_else(|| invalid("ProvisionedConcurrentExecutions must not be null"))?;
        let ((), function) = self.change(&target, |function| {
            self.fixed_version(function, &target)?;
            let others: u32 = function.provisioned.iter().filter(|(other, _)| **other != qualifier).map(|(_, n)| n).sum();
            if function.reserved_concurrency.is_some_and(|reserved| others + count > reserved) {
                return Err(invalid(format!(
                    "Requested Provisioned Concurrency {count} should not be greater than the reservedConcurrentExecution \
                     for function"
                )));
            }
            function.provisioned.insert(qualifier.clone(), count);
            Ok(())
        })?;
        self.reconcile_provisioned(&function);
        Ok((202, self.describe_provisioned(&function, &qualifier, count)))
    }

    pub(super) fn get_provisioned(&self, call: &Call) -> Answer {
        let target = call.target()?;
        let function = self.find(&target)?;
        if call.query.get("List").is_some_and(|list| list == "ALL") {
            let configurations: Vec<Value> = function
                .provisioned
                .iter()
                .map(|(qualifier, count)| {
                    let mut one = self.describe_provisioned(&function, qualifier, *count);
                    one["FunctionArn"] = function.arn(self.region(), Some(qualifier)).into();
                    one
                })
                .collect();
            return Ok((200, json!({ "ProvisionedConcurrencyConfigs": configurations })));
        }
        let qualifier = qualifier(&target)?;
        let count = *function.provisioned.get(&qualifier).ok_or_else(none)?;
        Ok((200, self.describe_provisioned(&function, &qualifier, count)))
    }

    pub(super) fn delete_provisioned(self: &Arc<Self>, call: &Call) -> Answer {
        let target = call.target()?;
        let qualifier = qualifier(&target)?;
        let (_, function) = self.change(&target, |function| function.provisioned.remove(&qualifier).ok_or_else(none))?;
        self.reconcile_provisioned(&function);
        Ok((204, Value::Null))
    }

    fn describe_provisioned(&self, function: &Function, qualifier: &str, count: u32) -> Value {
        let version = function.aliases.get(qualifier).map_or(qualifier, |alias| alias.version.as_str());
        let running = {
            let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
            pools.get(&(function.name.clone(), version.to_owned())).map_or(0, |pool| pool.running())
        };
        let ready = (running as u32).min(count);
        json!({
            "RequestedProvisionedConcurrentExecutions": count,
            "AvailableProvisionedConcurrentExecutions": ready,
            "AllocatedProvisionedConcurrentExecutions": ready,
            "Status": if ready == count { "READY" } else { "IN_PROGRESS" },
            "LastModified": function.latest.last_modified,
        })
    }
}

fn qualifier(target: &Qualified) -> Result<String, AwsError> {
    match target.qualifier.as_deref() {
        None => Err(invalid("Qualifier must not be null")),
        Some(LATEST) => Err(invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")),
        Some(qualifier) => Ok(qualifier.to_owned()),
    }
}

fn none() -> AwsError {
    AwsError::new(404, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function")
}
