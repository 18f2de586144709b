//! Which route of the HTTP API a request takes: the most specific one, as API Gateway chooses it.

use std::borrow::Cow;
use std::time::Duration;

/// A route and who answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The route as the template has it: `GET /models/{name}`, or `$default`.
    pub route_key: String,
    /// The function's physical name.
    pub function: String,
    /// How long the answer may take.
    pub timeout: Duration,
}

/// All routes of an API.
#[derive(Debug, Default)]
pub struct Routes {
    routes: Vec<Entry>,
    default: Option<Target>,
}

#[derive(Debug)]
struct Entry {
    /// `None` for `ANY`.
    method: Option<String>,
    segments: Vec<Segment>,
    target: Target,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    // In the order of preference.
    Literal(String),
    Parameter(String),
    Greedy(String),
}

/// A request's route and the values of its path parameters.
#[derive(Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// The route.
    pub target: &'a Target,
    /// The parameters by name, decoded.
    pub parameters: Vec<(&'a str, String)>,
}

impl Routes {
    /// Adds a route: a method or `ANY`, and a path, or `$default`.
    pub fn add(&mut self, method: &str, path: &str, function: &str, timeout: Duration) -> Result<(), String> {
        let route_key = if path == "$default" { path.to_owned() } else { format!("{method} {path}") };
        let target = Target { route_key, function: function.to_owned(), timeout };
        if path == "$default" {
            self.default = Some(target);
            return Ok(());
        }
        let method = (method != "ANY").then(|| method.to_owned());
        self.routes.push(Entry { method, segments: parse(path)?, target });
        // With the most specific path first, and a named method before ANY, the first match is the right one.
        self.routes.sort_by(|left, right| {
            let kinds = |entry: &Entry| -> Vec<u8> { entry.segments.iter().map(Segment::rank).collect() };
            kinds(left).cmp(&kinds(right)).then(left.method.is_none().cmp(&right.method.is_none()))
        });
        Ok(())
    }

    /// The route of a request, by its method and its path as it was sent.
    pub fn find(&self, method: &str, raw_path: &str) -> Option<Match<'_>> {
        let segments: Vec<Cow<str>> = raw_path.strip_prefix('/').unwrap_or(raw_path).split('/').map(decode).collect();
        for entry in &self.routes {
            if entry.method.as_deref().is_none_or(|own| own == method)
                && let Some(parameters) = entry.matches(&segments)
            {
                return Some(Match { target: &entry.target, parameters });
            }
        }
        self.default.as_ref().map(|target| Match { target, parameters: Vec::new() })
    }
}

impl Segment {
    fn rank(&self) -> u8 {
        match self {
            Self::Literal(_) => 0,
            Self::Parameter(_) => 1,
            Self::Greedy(_) => 2,
        }
    }
}

impl Entry {
    fn matches<'a>(&'a self, segments: &[Cow<str>]) -> Option<Vec<(&'a str, String)>> {
        let mut parameters = Vec::new();
        for (index, own) in self.segments.iter().enumerate() {
            match own {
                Segment::Literal(text) => {
                    if segments.get(index)? != text {
                        return None;
                    }
                }
                Segment::Parameter(name) => {
                    let value = segments.get(index).filter(|value| !value.is_empty())?;
                    parameters.push((name.as_str(), value.to_string()));
                }
                Segment::Greedy(name) => {
                    let rest = segments.get(index..).filter(|rest| rest.iter().any(|segment| !segment.is_empty()))?;
                    parameters.push((name.as_str(), rest.join("/")));
                    return Some(parameters);
                }
            }
        }
        (segments.len() == self.segments.len()).then_some(parameters)
    }
}

/// A path with its parameters' names left out: two routes with the same shape cannot both exist. The error says what is
/// wrong with the path.
pub fn route_shape(path: &str) -> Result<String, String> {
    if path == "$default" {
        return Ok(path.to_owned());
    }
    let segments = parse(path)?;
    Ok(segments
        .iter()
        .map(|segment| match segment {
            Segment::Literal(text) => format!("/{text}"),
            Segment::Parameter(_) => "/{}".to_owned(),
            Segment::Greedy(_) => "/{+}".to_owned(),
        })
        .collect())
}

fn parse(path: &str) -> Result<Vec<Segment>, String> {
    let inner = path.strip_prefix('/').ok_or_else(|| format!("the path {path} must start with a slash"))?;
    let parts: Vec<&str> = inner.split('/').collect();
    let mut segments = Vec::with_capacity(parts.len());
    for (index, part) in parts.iter().enumerate() {
        let Some(name) = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            if part.contains(['{', '}']) {
                return Err(format!("in the path {path}, a parameter must be a whole segment"));
            }
            segments.push(Segment::Literal((*part).to_owned()));
            continue;
        };
        let (name, greedy) = match name.strip_suffix('+') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let allowed = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
        if name.is_empty() || !name.chars().all(allowed) {
            return Err(format!("the path {path} has a parameter without a proper name"));
        }
        if greedy && index + 1 < parts.len() {
            return Err(format!("in the path {path}, {{{name}+}} must come last"));
        }
        let name = name.to_owned();
        segments.push(if greedy { Segment::Greedy(name) } else { Segment::Parameter(name) });
    }
    Ok(segments)
}

/// Undoes percent-encoding; bytes that are no text become replacement characters.
pub fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let pair = (bytes[index] == b'%').then(|| bytes.get(index + 1..index + 3)).flatten();
        match pair.and_then(|pair| hex::decode(pair).ok()) {
            Some(byte) => {
                decoded.extend(byte);
                index += 3;
            }
            None => {
                decoded.push(bytes[index]);
                index += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn routes(list: &[(&str, &str)]) -> Routes {
        let mut routes = Routes::default();
        for (method, path) in list {
            routes.add(method, path, "f", Duration::from_secs(30)).unwrap();
        }
        routes
    }

    fn key<'a>(routes: &'a Routes, method: &str, path: &str) -> Option<&'a str> {
        routes.find(method, path).map(|found| found.target.route_key.as_str())
    }

    #[test]
    fn the_most_specific_route_wins() {
        let routes =
            routes(&[("ANY", "/{proxy+}"), ("GET", "/pets/{proxy+}"), ("GET", "/pets/{id}"), ("ANY", "/pets/{id}"), ("GET", "/pets/dog")]);
        assert_eq!(key(&routes, "GET", "/pets/dog"), Some("GET /pets/dog"));
        assert_eq!(key(&routes, "GET", "/pets/cat"), Some("GET /pets/{id}"));
        assert_eq!(key(&routes, "POST", "/pets/cat"), Some("ANY /pets/{id}"));
        assert_eq!(key(&routes, "GET", "/pets/cat/1"), Some("GET /pets/{proxy+}"));
        assert_eq!(key(&routes, "POST", "/pets/cat/1"), Some("ANY /{proxy+}"));
        assert_eq!(key(&routes, "GET", "/"), None);
    }

    #[test]
    fn a_method_without_a_route_falls_to_the_default_or_to_nothing() {
        let without = routes(&[("GET", "/a")]);
        assert_eq!(key(&without, "POST", "/a"), None);
        assert_eq!(key(&without, "GET", "/a/"), None);
        let with = routes(&[("GET", "/a"), ("ANY", "$default")]);
        assert_eq!(key(&with, "POST", "/a"), Some("$default"));
    }

    #[test]
    fn parameters_are_decoded_after_the_path_is_split() {
        let routes = routes(&[("GET", "/a/{x}/b/{rest+}")]);
        let found = routes.find("GET", "/a/m%2Fn%20o/b/p/q%C3%A9").unwrap();
        assert_eq!(found.parameters, [("x", "m/n o".to_owned()), ("rest", "p/qé".to_owned())]);
    }

    #[test]
    fn broken_encoding_is_left_as_it_is() {
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("a%zzb"), "a%zzb");
    }

    #[test]
    fn paths_that_make_no_sense_are_refused() {
        for path in ["a", "/{x+}/b", "/a{x}", "/{}"] {
            assert!(route_shape(path).is_err(), "{path}");
        }
        assert_eq!(route_shape("/a/{x}").unwrap(), route_shape("/a/{y}").unwrap());
    }
}
