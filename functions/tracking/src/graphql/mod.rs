//! `POST /graphql`: what MLflow's web pages ask in GraphQL: experiments, runs, artifacts, metric histories, model versions and
//! datasets. Each root field is answered by the REST route of that name; here its answer is cut to what was selected.

mod answer;
mod arguments;
mod limits;
mod query;
mod schema;

use serde_json::{Map, Value, json};
use shared::http::response;
use shared::{Error, ErrorKind, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use query::Operation;

/// The longest query.
const LONGEST_QUERY: usize = 64 * 1024;

/// Takes `query`, `variables`, `operationName`; gives `data`, `errors` (a list of texts, or null).
///
/// # Errors
/// In MLflow's shape and codes, when the request carries no query. What is wrong with the query is told in `errors`.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let query = message.required("query")?;
    if query.len() > LONGEST_QUERY {
        return Err(Error::bad_request(format!("The query may have at most {LONGEST_QUERY} bytes.")));
    }
    let variables = message.object("variables")?.unwrap_or_default();
    let answered = match query::read(&query, message.text("operationName")?.as_deref(), &variables) {
        Ok((operation, arguments)) => operation.answer(platform, &request, arguments).await?,
        Err(message) => (Value::Null, vec![message]),
    };
    let (data, errors) = answered;
    let errors = if errors.is_empty() { Value::Null } else { json!(errors) };
    response::ok(&json!({ "data": data, "errors": errors }))
}

impl Operation {
    /// The data, and what went wrong with parts of it.
    ///
    /// # Errors
    /// `Internal` when the table or the bucket do not answer.
    async fn answer(&self, platform: &Platform, request: &Request, variables: Map<String, Value>) -> Result<(Value, Vec<String>)> {
        let selection = answer::Selection { platform, request, variables: &variables, fragments: &self.fragments };
        let fields = match selection.fields(&self.fields, schema::ROOT) {
            Ok(fields) => fields,
            Err(message) => return Ok((Value::Null, vec![message])),
        };
        let (mut data, mut errors) = (Map::new(), Vec::new());
        for field in fields {
            let name = field.alias.as_ref().unwrap_or(&field.name).clone();
            let value = match selection.root(field).await {
                Ok(value) => value,
                Err(error) if error.kind() == ErrorKind::Internal => return Err(error),
                Err(error) => {
                    errors.push(error.public_message().to_owned());
                    Value::Null
                }
            };
            data.insert(name, value);
        }
        Ok((Value::Object(data), errors))
    }
}
