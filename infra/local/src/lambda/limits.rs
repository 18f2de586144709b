//! How many invocations may run at once: of a function, and of all together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::aws_error::AwsError;

/// Counts what runs.
#[derive(Debug)]
pub struct Limits {
    account: u32,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    all: u32,
    functions: HashMap<String, u32>,
}

/// Leave for one invocation; it ends when this is dropped.
#[derive(Debug)]
pub struct Permit {
    limits: Arc<Limits>,
    function: String,
}

impl Limits {
    /// Limits with so many for the whole account.
    pub fn new(account: u32) -> Arc<Self> {
        Arc::new(Self { account, running: Mutex::default() })
    }

    /// Leave for an invocation of a function, or Lambda's `TooManyRequestsException`.
    pub fn enter(self: &Arc<Self>, function: &str, reserved: Option<u32>) -> Result<Permit, AwsError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let own = running.functions.get(function).copied().unwrap_or(0);
        if let Some(reserved) = reserved
            && own >= reserved
        {
            return Err(throttled("ReservedFunctionConcurrentInvocationLimitExceeded"));
        }
        if running.all >= self.account {
            return Err(throttled("ConcurrentInvocationLimitExceeded"));
        }
        running.all += 1;
        match running.functions.get_mut(function) {
            Some(count) => *count += 1,
            None => {
                running.functions.insert(function.to_owned(), 1);
            }
        }
        drop(running);
        Ok(Permit { limits: Arc::clone(self), function: function.to_owned() })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut running = self.limits.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.all -= 1;
        if let Some(count) = running.functions.get_mut(&self.function) {
            *count -= 1;
            if *count == 0 {
                running.functions.remove(&self.function);
            }
        }
    }
}

/// The reason is part of the exception's body; it travels in the message up to where that is written.
fn throttled(reason: &str) -> AwsError {
    AwsError::new(429, "TooManyRequestsException", format!("Rate Exceeded. ({reason})"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_function_and_the_account_are_bounded() {
        let limits = Limits::new(3);
        let first = limits.enter("a", Some(1)).unwrap();
        let error = limits.enter("a", Some(1)).unwrap_err();
        assert!(error.message.contains("ReservedFunctionConcurrentInvocationLimitExceeded"));
        drop(first);
        let _one = limits.enter("a", Some(1)).unwrap();
        let _two = limits.enter("b", None).unwrap();
        let _three = limits.enter("b", None).unwrap();
        let error = limits.enter("b", None).unwrap_err();
        assert_eq!((error.status, error.code.as_str()), (429, "TooManyRequestsException"));
        assert!(limits.enter("c", Some(0)).is_err());
    }
}
