//! Who asks, without a name: a hash that tells one deployment's callers apart. An address itself is never written anywhere.

use lambda_http::request::RequestContext;
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// How much of the hash is kept, in bytes.
const LENGTH: usize = 8;

/// What the platform gives as address when it asks a new version for a prediction before anybody else can: no address has it.
const PLATFORM: &str = "platform-check";

/// True for a request by which the platform checks this version; it is nobody's prediction.
pub fn is_check(extensions: &http::Extensions) -> bool {
    address(extensions).is_some_and(|(address, _)| address == PLATFORM)
}

/// True for a request that the platform handed to this function directly. Whoever comes through the function's own URL has his
/// address there, which Lambda writes; the platform has a text that is none.
pub fn is_platform(extensions: &http::Extensions) -> bool {
    address(extensions).is_some_and(|(address, _)| !address.is_empty() && address.parse::<IpAddr>().is_err())
}

/// The caller of a request that Lambda passed on: a hash of the deployment, the address and the program that asked. The
/// platform's own routes put an opaque name of the user in the address's place. `None` outside Lambda.
pub fn of(extensions: &http::Extensions, deployment_id: &str) -> Option<String> {
    address(extensions).map(|(address, program)| hash(deployment_id, address, program))
}

/// The address and the program that asked.
fn address(extensions: &http::Extensions) -> Option<(&str, &str)> {
    match extensions.get::<RequestContext>()? {
        RequestContext::ApiGatewayV2(context) => {
            Some((context.http.source_ip.as_deref()?, context.http.user_agent.as_deref().unwrap_or_default()))
        }
        _ => None,
    }
}

fn hash(deployment_id: &str, address: &str, program: &str) -> String {
    let mut hash = Sha256::new();
    for part in [deployment_id, address, program] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()[..LENGTH].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn a_caller_is_the_same_to_one_deployment_and_another_to_the_next() {
        let caller = hash("d", "203.0.113.7", "curl");
        assert_eq!(caller, hash("d", "203.0.113.7", "curl"));
        assert_eq!(caller.len(), 16);
        for other in [hash("e", "203.0.113.7", "curl"), hash("d", "203.0.113.8", "curl"), hash("d", "203.0.113.7c", "url")] {
            assert_ne!(caller, other);
        }
    }
}
