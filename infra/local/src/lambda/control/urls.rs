//! Function URLs' configuration.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Answer, Call, conflict, invalid};
use crate::aws_error::AwsError;
use crate::lambda::model::{Function, FunctionUrl, StoredCors, now};
use crate::lambda::{Lambda, Qualified};

impl Lambda {
    pub(super) fn create_url(self: &Arc<Self>, call: &Call) -> Answer {
        let target = call.target()?;
        let auth_type = auth_type(call)?.ok_or_else(|| invalid("AuthType must not be null"))?;
        check_mode(call)?;
        let cors = cors(call)?;
        self.find(&target)?;
        let fault = |error: std::io::Error| AwsError::new(500, "ServiceException", format!("No port for the function URL: {error}"));
        // The port is taken before it is promised.
        let listener = Self::take_url_port().map_err(fault)?;
        let port = listener.local_addr().map_err(fault)?.port();
        listener.set_nonblocking(true).map_err(fault)?;
        let listener = TcpListener::from_std(listener).map_err(fault)?;
        let arn = self.find(&target)?.arn(self.region(), target.qualifier.as_deref());
        let (url, function) = self.change(&target, |function| {
            check_qualifier(function, &target)?;
            if function.urls.contains_key(target.label()) {
                return Err(conflict(format!(
                    "Failed to create function url config for [functionArn = {arn}]. Error message: \
                     FunctionUrlConfig exists for this Lambda function"
                )));
            }
            let url = FunctionUrl { port, auth_type, cors, creation_time: now(), last_modified_time: now() };
            function.urls.insert(target.label().to_owned(), url.clone());
            Ok(url)
        })?;
        self.serve_url(&target.name, target.label(), listener);
        Ok((201, self.describe_url(&function, &target, &url)))
    }

    pub(super) fn get_url(&self, call: &Call) -> Answer {
        let target = call.target()?;
        let function = self.find(&target)?;
        let url = function.urls.get(target.label()).ok_or_else(no_url)?;
        Ok((200, self.describe_url(&function, &target, url)))
    }

    pub(super) fn update_url(&self, call: &Call) -> Answer {
        let target = call.target()?;
        let auth_type = auth_type(call)?;
        check_mode(call)?;
        let cors = cors(call)?;
        let (url, function) = self.change(&target, |function| {
            let url = function.urls.get_mut(target.label()).ok_or_else(no_url)?;
            if let Some(auth_type) = auth_type {
                url.auth_type = auth_type;
            }
            if cors.is_some() {
                url.cors = cors;
            }
            url.last_modified_time = now();
            Ok(url.clone())
        })?;
        Ok((200, self.describe_url(&function, &target, &url)))
    }

    pub(super) fn delete_url(&self, call: &Call) -> Answer {
        let target = call.target()?;
        self.change(&target, |function| function.urls.remove(target.label()).ok_or_else(no_url))?;
        self.close_url(&target.name, target.label());
        Ok((204, Value::Null))
    }

    pub(super) fn list_urls(&self, call: &Call) -> Answer {
        let target = call.target()?;
        let function = self.find(&target)?;
        let urls: Vec<Value> = function
            .urls
            .iter()
            .map(|(qualifier, url)| {
                let target = Qualified { name: function.name.clone(), qualifier: Some(qualifier.clone()) };
                self.describe_url(&function, &target, url)
            })
            .collect();
        Ok((200, json!({ "FunctionUrlConfigs": urls })))
    }

    fn describe_url(&self, function: &Function, target: &Qualified, url: &FunctionUrl) -> Value {
        let qualifier = target.qualifier.as_deref().filter(|qualifier| *qualifier != crate::lambda::model::LATEST);
        let mut answer = json!({
            "FunctionUrl": format!("http://localhost:{}/", url.port),
            "FunctionArn": function.arn(self.region(), qualifier),
            "AuthType": url.auth_type,
            "CreationTime": url.creation_time,
            "LastModifiedTime": url.last_modified_time,
            "InvokeMode": "BUFFERED",
        });
        if let Some(cors) = &url.cors {
            answer["Cors"] = json!(cors);
        }
        answer
    }
}

/// A URL is an alias's or the function's own; a published version has none.
fn check_qualifier(function: &Function, target: &Qualified) -> Result<(), AwsError> {
    match &target.qualifier {
        None => Ok(()),
        Some(qualifier) if function.aliases.contains_key(qualifier) => Ok(()),
        Some(qualifier) => {
            Err(AwsError::new(404, "ResourceNotFoundException", format!("Function {} has no alias {qualifier}", function.name)))
        }
    }
}

fn auth_type(call: &Call) -> Result<Option<String>, AwsError> {
    match call.text("AuthType") {
        None => Ok(None),
        Some(kind @ ("NONE" | "AWS_IAM")) => Ok(Some(kind.to_owned())),
        Some(other) => Err(invalid(format!("{other} is not an AuthType: NONE or AWS_IAM"))),
    }
}

fn check_mode(call: &Call) -> Result<(), AwsError> {
    match call.text("InvokeMode") {
        None | Some("BUFFERED") => Ok(()),
        Some(other) => Err(invalid(format!("The laptop cloud cannot honour InvokeMode {other}; it has BUFFERED."))),
    }
}

fn cors(call: &Call) -> Result<Option<StoredCors>, AwsError> {
    match call.body.get("Cors") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            serde_json::from_value(value.clone()).map(Some).map_err(|error| invalid(format!("Cors is not a configuration: {error}")))
        }
    }
}

fn no_url() -> AwsError {
    AwsError::new(404, "ResourceNotFoundException", "The resource you requested does not exist.")
}
