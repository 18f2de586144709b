//! What was selected of a root field's answer.

use std::collections::BTreeMap;
use std::pin::Pin;

use http::{HeaderValue, header};
use serde_json::{Map, Value, json};
use shared::{Error, Platform, Request, Response, Result};

use super::arguments;
use super::query::{Directive, Field, Selected, SelectionSet};
use super::schema::{self, Kind, snake_case};
use crate::{artifacts, experiments, metrics, model_versions, runs};

/// How deep fragments may refer to others: a query's own depth is limited before.
const DEEPEST_FRAGMENT: usize = 10;
/// The most fields of one object, fragments put in.
const MOST_FIELDS: usize = 1000;

/// The fragments of a query by name.
pub type Fragments = BTreeMap<String, SelectionSet>;

/// What a query is answered with.
pub struct Selection<'a> {
    pub platform: &'a Platform,
    /// The request that carried the query: what answers its fields sees who asked.
    pub request: &'a Request,
    pub variables: &'a Map<String, Value>,
    pub fragments: &'a Fragments,
}

type Answered<'b, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'b>>;

impl<'a> Selection<'a> {
    /// The fields that a selection names of a type, its fragments put in.
    ///
    /// # Errors
    /// The field that the type does not have, or the fragment that is not there.
    pub fn fields(&self, set: &'a SelectionSet, type_name: &str) -> std::result::Result<Vec<&'a Field>, String> {
        let mut fields = Vec::new();
        self.collect(set, 0, &mut fields)?;
        for field in &fields {
            if field.name != "__typename" && schema::field(type_name, &snake_case(&field.name)).is_none() {
                return Err(format!("Cannot query field '{}' on type '{}'.", field.name, shown(type_name)));
            }
        }
        Ok(fields)
    }

    fn collect(&self, set: &'a SelectionSet, depth: usize, fields: &mut Vec<&'a Field>) -> std::result::Result<(), String> {
        if depth > DEEPEST_FRAGMENT || fields.len() > MOST_FIELDS {
            return Err("The query's fragments refer to too many others, or to themselves.".to_owned());
        }
        for selected in &set.items {
            match selected {
                Selected::Field(field) if self.included(&field.directives)? => fields.push(field),
                Selected::InlineFragment(fragment) if self.included(&fragment.directives)? => {
                    self.collect(&fragment.selection_set, depth + 1, fields)?;
                }
                Selected::FragmentSpread(spread) if self.included(&spread.directives)? => {
                    let name = &spread.fragment_name;
                    let fragment = self.fragments.get(name).ok_or_else(|| format!("Unknown fragment '{name}'."))?;
                    self.collect(fragment, depth + 1, fields)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether `@skip` and `@include` let a part be.
    fn included(&self, directives: &[Directive]) -> std::result::Result<bool, String> {
        for directive in directives {
            let condition = directive.arguments.iter().find(|(name, _)| name == "if");
            let condition = condition.map(|(_, value)| arguments::value_of(value, self.variables)).transpose()?;
            match (directive.name.as_str(), condition) {
                ("skip", Some(Value::Bool(true))) | ("include", Some(Value::Bool(false))) => return Ok(false),
                _ => {}
            }
        }
        Ok(true)
    }

    /// A root field's value.
    ///
    /// # Errors
    /// Those of the REST route that answers it; `BadRequest` when the query does not fit.
    pub async fn root(&self, field: &'a Field) -> Result<Value> {
        let name = snake_case(&field.name);
        let Some(Kind::One(type_name)) = schema::field(schema::ROOT, &name) else { return Ok(json!(schema::ROOT)) };
        let argument = |wanted: &str| {
            let found = field.arguments.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| arguments::value_of(value, self.variables)).transpose().map_err(Error::bad_request)
        };
        let input = arguments::message(&argument("input")?.unwrap_or_else(|| json!({})));
        let value = match name.as_str() {
            "mlflow_get_experiment" => self.ask(input, |request| experiments::get::handle(self.platform, request)).await?,
            "mlflow_get_metric_history_bulk_interval" => {
                self.ask(input, |request| metrics::get_history_bulk_interval::handle(self.platform, request)).await?
            }
            "mlflow_get_run" => self.ask(input, |request| runs::get::handle(self.platform, request)).await?,
            "mlflow_list_artifacts" => self.ask(input, |request| artifacts::list_of_run::handle(self.platform, request)).await?,
            "mlflow_search_model_versions" => self.ask(input, |request| model_versions::search::handle(self.platform, request)).await?,
            "mlflow_search_runs" => self.ask(input, |request| runs::search::handle(self.platform, request)).await?,
            "mlflow_search_datasets" => self.ask(input, |request| experiments::search_datasets::handle(self.platform, request)).await?,
            _ => json!({ "output": argument("inputString")? }),
        };
        self.object(&value, &field.selection_set, type_name).await
    }

    /// What a REST route answers to a message.
    async fn ask<F: Future<Output = Result<Response>>>(&self, message: Value, route: impl FnOnce(Request) -> F) -> Result<Value> {
        let mut request = Request { query: Vec::new(), body: message.to_string().into(), ..self.request.clone() };
        request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let response = route(request).await?;
        serde_json::from_slice(response.body()).map_err(|error| Error::internal("reading a route's answer", error))
    }

    /// The selected fields of an object of a type.
    fn object<'b>(&'b self, value: &'b Value, set: &'a SelectionSet, type_name: &'static str) -> Answered<'b, Value> {
        Box::pin(async move {
            let mut object = Map::new();
            for field in self.fields(set, type_name).map_err(Error::bad_request)? {
                let name = snake_case(&field.name);
                let held = match schema::field(type_name, &name) {
                    None => json!(shown(type_name)),
                    Some(kind) => self.held(value, &name, kind, field, type_name).await?,
                };
                object.insert(field.alias.as_ref().unwrap_or(&field.name).clone(), held);
            }
            Ok(Value::Object(object))
        })
    }

    /// What a field of an object holds. What is not set has protobuf's default.
    async fn held(&self, object: &Value, name: &str, kind: Kind, field: &'a Field, type_name: &str) -> Result<Value> {
        let related = match (type_name, name) {
            ("Run", "experiment") => {
                let input = json!({ "experiment_id": object["info"]["experiment_id"] });
                let answer = self.ask(input, |request| experiments::get::handle(self.platform, request)).await?;
                Some(answer["experiment"].clone())
            }
            ("Run", "model_versions") => {
                let run_id = object["info"]["run_id"].as_str().unwrap_or_default();
                let input = json!({ "filter": format!("run_id = '{run_id}'") });
                let answer = self.ask(input, |request| model_versions::search::handle(self.platform, request)).await?;
                Some(answer["model_versions"].clone())
            }
            _ => None,
        };
        let value = related.as_ref().unwrap_or(&object[name]);
        Ok(match kind {
            Kind::Text => json!(value.as_str().unwrap_or_default()),
            Kind::Long => json!(value.as_i64().unwrap_or_default().to_string()),
            Kind::Float if value.is_null() => json!(0.0),
            Kind::Float => json!(value.as_f64()),
            Kind::Flag => json!(value.as_bool().unwrap_or_default()),
            Kind::Texts => value.as_array().map_or_else(|| json!([]), |texts| json!(texts)),
            Kind::One("ApiError") => Value::Null,
            Kind::One(held) => self.object(value, &field.selection_set, held).await?,
            Kind::Many(held) => {
                let mut objects = Vec::new();
                for item in value.as_array().into_iter().flatten() {
                    objects.push(self.object(item, &field.selection_set, held).await?);
                }
                Value::Array(objects)
            }
        })
    }
}

/// A type's name as MLflow's schema has it.
fn shown(type_name: &str) -> String {
    match type_name {
        schema::ROOT | "ApiError" | "Test" => type_name.to_owned(),
        other => format!("Mlflow{other}"),
    }
}
