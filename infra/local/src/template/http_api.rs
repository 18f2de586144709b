//! `AWS::Serverless::HttpApi`: the front of the template's routes.

use std::time::Duration;

use super::error::Refusal;
use super::function::{Route, expect, read_method};
use super::node::{Data, Key, Node};
use super::properties::Properties;

/// The HTTP API of the template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpApi {
    /// The routes of its definition, each with the name of the function that answers it. Functions may bring more, by their
    /// own events.
    pub routes: Vec<(Route, String)>,
    /// What pages of other origins may do, if anything.
    pub cors: Option<Cors>,
}

/// API Gateway's and function URLs' cross-origin configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins, or `*`.
    pub allow_origins: Vec<String>,
    /// Methods, or `*`.
    pub allow_methods: Vec<String>,
    /// Request headers, or `*`.
    pub allow_headers: Vec<String>,
    /// Response headers that a page may read.
    pub expose_headers: Vec<String>,
    /// Whether cookies and the like may travel.
    pub allow_credentials: bool,
    /// Seconds that a browser may remember the answer.
    pub max_age: Option<u64>,
}

impl HttpApi {
    /// Reads the API from its resolved properties; `integration_timeout` bounds each route.
    pub fn read(properties: Properties, integration_timeout: Duration) -> Result<Self, Refusal> {
        properties.accept(&[
            "Name",
            "Description",
            "Tags",
            "DefaultRouteSettings",
            "RouteSettings",
            "AccessLogSettings",
            "FailOnWarnings",
            "PropagateTags",
            "DisableExecuteApiEndpoint",
        ]);
        expect(&properties, "StageName", &["$default"], "$default")?;
        let cors = match properties.node("CorsConfiguration") {
            None => None,
            Some(Node { data: Data::Mapping(_), .. }) => match properties.inner("CorsConfiguration")? {
                None => None,
                Some(inner) => {
                    let cors = Cors {
                        allow_origins: inner.texts("AllowOrigins")?.unwrap_or_default(),
                        allow_methods: inner.texts("AllowMethods")?.unwrap_or_default(),
                        allow_headers: inner.texts("AllowHeaders")?.unwrap_or_default(),
                        expose_headers: inner.texts("ExposeHeaders")?.unwrap_or_default(),
                        allow_credentials: inner.truth("AllowCredentials")?.unwrap_or(false),
                        max_age: inner.number("MaxAge", 0, 86_400)?,
                    };
                    inner.finish()?;
                    Some(cors)
                }
            },
            // SAM: `true` allows every origin, a text names the one.
            Some(node) => match node.scalar() {
                Some("false") => None,
                Some("true") => Some(Cors { allow_origins: vec!["*".into()], ..Cors::default() }),
                Some(origin) => Some(Cors { allow_origins: vec![origin.to_owned()], ..Cors::default() }),
                None => return Err(Refusal::new(node.line, "CorsConfiguration must be a mapping, an origin or true")),
            },
        };
        let routes = match properties.inner("DefinitionBody")? {
            None => Vec::new(),
            Some(definition) => read_definition(definition, integration_timeout)?,
        };
        properties.finish()?;
        Ok(Self { routes, cors })
    }
}

/// The routes of an OpenAPI definition: paths, their methods, and of each the integration.
fn read_definition(definition: Properties, integration_timeout: Duration) -> Result<Vec<(Route, String)>, Refusal> {
    definition.accept(&["info"]);
    expect(&definition, "openapi", &["3.0.1"], "")?;
    let mut routes = Vec::new();
    for (path, methods) in entries(definition.node("paths"), "paths")? {
        if path.name != "$default" && !path.name.starts_with('/') {
            return Err(Refusal::new(path.line, format!("the path {} must start with a slash", path.name)));
        }
        for (method, operation) in entries(Some(methods), &path.name)? {
            let owner = format!("{} {}", method.name, path.name);
            let operation = Properties::new(Some(operation), owner.clone(), method.line)?;
            let integration = operation
                .inner("x-amazon-apigateway-integration")?
                .ok_or_else(|| Refusal::new(method.line, format!("{owner} has no x-amazon-apigateway-integration")))?;
            let role = integration.required_text("credentials")?;
            expect(&integration, "type", &["aws_proxy"], "")?;
            expect(&integration, "httpMethod", &["POST"], "")?;
            expect(&integration, "payloadFormatVersion", &["2.0"], "")?;
            let timeout = integration.number("timeoutInMillis", 50, 30_000)?.map(Duration::from_millis);
            let function = function_of(&integration.required_text("uri")?).ok_or_else(|| {
                Refusal::new(method.line, format!("the uri of {owner} is not …/functions/<a function's ARN>/invocations"))
            })?;
            integration.finish()?;
            operation.finish()?;
            let route = Route {
                method: read_method(&method.name, method.line)?,
                path: path.name.clone(),
                timeout: timeout.unwrap_or(integration_timeout).min(integration_timeout),
                line: method.line,
                role: Some(role),
            };
            routes.push((route, function));
        }
    }
    definition.finish()?;
    Ok(routes)
}

fn entries<'a>(node: Option<&'a Node>, name: &str) -> Result<&'a [(Key, Node)], Refusal> {
    match node {
        Some(Node { data: Data::Mapping(entries), .. }) => Ok(entries),
        Some(node) => Err(Refusal::new(node.line, format!("{name} must be a mapping"))),
        None => Ok(&[]),
    }
}

/// The function's name in the address at which API Gateway calls it.
fn function_of(uri: &str) -> Option<String> {
    let (_, arn) = uri.split_once(":lambda:path/2015-03-31/functions/")?;
    let (_, name) = arn.strip_suffix("/invocations")?.split_once(":function:")?;
    (!name.is_empty() && !name.contains([':', '/'])).then(|| name.to_owned())
}
