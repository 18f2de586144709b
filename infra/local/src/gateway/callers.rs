//! Who may ask: a page of another site can make its visitor's browser send requests to this machine, and a domain name of
//! its own can be made to point here. Neither is answered.

use http::HeaderMap;
use http::header::{HOST, HeaderValue, ORIGIN};

use crate::template::Cors;

/// The names under which the cloud is asked.
#[derive(Debug, Clone, Default)]
pub struct Callers {
    allowed_hosts: Vec<String>,
}

impl Callers {
    /// This machine's own names, and those given: host names without a port, as a proxy or a tunnel forwards them.
    pub fn new(allowed_hosts: &[String]) -> Self {
        Self { allowed_hosts: allowed_hosts.iter().map(|host| host.to_ascii_lowercase()).collect() }
    }

    /// Why a request is refused because of the host that it names, if it is.
    pub fn refuse_host(&self, headers: &HeaderMap) -> Option<String> {
        let host = headers.get(HOST)?;
        let name = host.to_str().ok().map(host_name);
        if name.is_some_and(|name| self.is_own(name)) {
            return None;
        }
        let host = String::from_utf8_lossy(host.as_bytes());
        Some(format!("This platform is not served under the host {host}. Start it with --allow-host to serve it under another name."))
    }

    /// Why a request is refused because of the page that sent it, if it is: pages of this machine, and of the origins that
    /// the template's CORS configuration allows, may ask.
    pub fn refuse_origin(&self, headers: &HeaderMap, cors: Option<&Cors>) -> Option<String> {
        let origin = headers.get(ORIGIN)?;
        let own = origin.to_str().ok().and_then(|origin| origin.split_once("://")).is_some_and(|(_, host)| self.is_own(host_name(host)));
        if own || cors.is_some_and(|cors| allows(cors, origin)) {
            return None;
        }
        Some(format!("Pages of {} may not ask this platform.", String::from_utf8_lossy(origin.as_bytes())))
    }

    fn is_own(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        name == "localhost"
            || name.ends_with(".localhost")
            || address.is_ok_and(|address| address.to_canonical().is_loopback())
            || self.allowed_hosts.contains(&name)
    }
}

fn allows(cors: &Cors, origin: &HeaderValue) -> bool {
    cors.allow_origins.iter().any(|allowed| allowed == "*" || allowed.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
}

/// A host without its port.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(host: &str, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        headers
    }

    #[test]
    fn only_this_machines_names_and_the_allowed_are_served() {
        let callers = Callers::new(&["Tunnel.example".to_owned()]);
        for own in ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]", "LOCALHOST", "models.localhost:1", "tunnel.example"] {
            assert_eq!(callers.refuse_host(&headers(own, None)), None, "{own}");
        }
        for foreign in ["evil.example:8000", "localhost.evil.example", "10.0.0.1", "127.0.0.1.evil.example", ""] {
            assert!(callers.refuse_host(&headers(foreign, None)).is_some(), "{foreign}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_refused_unless_the_template_allows_them() {
        let callers = Callers::default();
        let refused = |origin, cors: Option<&Cors>| callers.refuse_origin(&headers("localhost", Some(origin)), cors).is_some();
        assert!(!refused("http://localhost:8000", None));
        assert!(!refused("http://127.0.0.1:3000", None));
        assert!(refused("https://evil.example", None));
        assert!(refused("null", None));
        let cors = Cors { allow_origins: vec!["https://app.example".into()], ..Cors::default() };
        assert!(!refused("https://app.example", Some(&cors)));
        assert!(refused("https://evil.example", Some(&cors)));
        assert_eq!(callers.refuse_origin(&headers("localhost", None), None), None);
    }
}
