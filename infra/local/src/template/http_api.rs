//! `AWS::Serverless::HttpApi`: the front of the template's routes.

use super::error::Refusal;
use super::function::expect;
use super::node::{Data, Node};
use super::properties::Properties;

/// The HTTP API of the template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpApi {
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
    /// Reads the API from its resolved properties.
    pub fn read(properties: Properties) -> Result<Self, Refusal> {
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
        properties.finish()?;
        Ok(Self { cors })
    }
}
