//! From a URL to addresses that may be sent to: the name is looked up once, every address is checked, and the connection goes
//! to those and no others. A name that leads elsewhere the next time changes nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use shared::domain::network::Networks;

/// How long a name may take to be looked up.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many of a name's addresses are tried at the most.
const MOST_ADDRESSES: usize = 8;

/// The addresses of a URL's host, all of them allowed.
///
/// # Errors
/// A sentence for the webhook's owner.
pub async fn addresses(url: &Url, networks: Networks) -> Result<Vec<SocketAddr>, String> {
    let port = url.port_or_known_default().ok_or("The URL has no port.")?;
    let host = url.host_str().ok_or("The URL names no host.")?;
    let found: Vec<SocketAddr> = match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => {
            let looked_up = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host, port))).await;
            let looked_up = looked_up.map_err(|_| format!("{host} could not be looked up within {} seconds.", PATIENCE.as_secs()))?;
            looked_up.map_err(|_| format!("{host} could not be looked up."))?.take(4 * MOST_ADDRESSES).collect()
        }
    };
    check(host, found, networks)
}

fn check(host: &str, mut found: Vec<SocketAddr>, networks: Networks) -> Result<Vec<SocketAddr>, String> {
    if found.is_empty() {
        return Err(format!("{host} has no address."));
    }
    // One that is not allowed is reason enough: a name that leads both ways is one that somebody plays with.
    if found.iter().any(|address| !networks.allow(address.ip())) {
        return Err(format!("{host} leads to an address to which the platform does not send."));
    }
    found.truncate(MOST_ADDRESSES);
    Ok(found)
}

/// Answers every question for an address with those that were checked.
#[derive(Debug, Clone)]
pub struct Pinned(pub Arc<[SocketAddr]>);

impl Resolve for Pinned {
    fn resolve(&self, _name: Name) -> Resolving {
        let addresses = self.0.to_vec();
        let answer: Addrs = Box::new(addresses.into_iter());
        Box::pin(std::future::ready(Ok(answer)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_forbidden_address_is_reason_enough() {
        let address = |text: &str| SocketAddr::new(text.parse().unwrap(), 443);
        let public = vec![address("8.8.8.8"), address("2606:4700::1111")];
        assert_eq!(check("x", public.clone(), Networks::Public).unwrap(), public);
        for other in ["10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"] {
            let mut mixed = public.clone();
            mixed.push(address(other));
            assert!(check("x", mixed, Networks::Public).unwrap_err().contains("does not send"), "{other}");
        }
        assert!(check("x", Vec::new(), Networks::Any).is_err());
    }

    #[tokio::test]
    async fn a_name_is_judged_by_where_it_leads() {
        let url: Url = "http://localhost:9/".parse().unwrap();
        assert!(addresses(&url, Networks::Public).await.unwrap_err().contains("does not send"));
        assert!(addresses(&url, Networks::Any).await.unwrap().iter().all(|address| address.ip().is_loopback() && address.port() == 9));
        let url: Url = "http://[::ffff:a9fe:a9fe]/".parse().unwrap();
        assert!(addresses(&url, Networks::Any).await.is_err());
    }
}
