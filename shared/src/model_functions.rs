//! The deployed models' functions: each a container function with an alias that takes the traffic and a URL of its own.
//! Every call can be made twice and does no harm the second time.

use std::collections::HashMap;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    AliasRoutingConfiguration, Environment, FunctionCode, FunctionConfiguration, FunctionUrlAuthType, InvocationType, LastUpdateStatus,
    LoggingConfig, PackageType, State,
};
use serde_json::{Value, json};

use crate::domain::project::AliasPlan;
use crate::{Error, ErrorKind, Result};

/// The alias that takes a deployment's traffic; its URL is the deployment's.
pub const LIVE_ALIAS: &str = "live";

/// What a model's container sees as the caller's address when the platform itself asks, to check a version: such a request
/// is nobody's prediction, and is not counted.
const PLATFORM: &str = "platform-check";

/// The deployed models' functions.
#[derive(Debug, Clone)]
pub struct ModelFunctions {
    client: Client,
}

/// What a model's function is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Specification {
    /// The function's name.
    pub function_name: String,
    /// The image, `<repository>@sha256:…`.
    pub image_uri: String,
    /// Its role: one that may write its log and nothing else.
    pub role_arn: String,
    /// Its memory in megabytes.
    pub memory_mb: i32,
    /// The longest time for one request, in seconds.
    pub timeout_seconds: i32,
    /// The log group to which it writes.
    pub log_group: String,
    /// Its environment.
    pub environment: HashMap<String, String>,
}

/// A request to a model's container that is handed to it directly.
#[derive(Debug, Clone, Copy)]
pub struct ModelRequest<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The path.
    pub path: &'a str,
    /// The JSON body.
    pub body: Option<&'a Value>,
    /// Who asks, an opaque text; absent where the platform itself checks a version.
    pub caller: Option<&'a str>,
    /// What the platform, and nobody else, may ask of the container besides, as JSON: see [`OPTIONS_HEADER`].
    pub options: Option<&'a str>,
}

/// The header with the platform's options. A model's public URL does not let it through to the model.
pub const OPTIONS_HEADER: &str = "x-serveml-options";

/// A response of a model's container to a request that was handed to it directly.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelResponse {
    /// The HTTP status.
    pub status: u16,
    /// The body, as JSON where it is JSON, else as text.
    pub body: Value,
    /// The id of the prediction, where it is one.
    pub prediction_id: Option<String>,
    /// The version of the function that answered.
    pub executed_version: Option<String>,
}

fn failed<E, R>(doing: &str, error: SdkError<E, R>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let code = error.code().unwrap_or_default().to_owned();
    let message = error.message().unwrap_or_default().to_owned();
    match code.as_str() {
        "TooManyRequestsException" => Error::new(ErrorKind::TooManyRequests, format!("{doing}: {message}")),
        "ResourceConflictException" => Error::conflict(format!("{doing}: {message}")),
        "RequestTooLargeException" => Error::new(
            ErrorKind::PayloadTooLarge,
            "The request is longer than the 6 MB that a function takes; send fewer examples at once.",
        ),
        "InvalidParameterValueException" => Error::bad_request(format!("{doing}: {message}")),
        _ => Error::internal(doing, DisplayErrorContext(error).to_string()),
    }
}

impl ModelFunctions {
    /// The functions that the client reaches.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// That the service which runs the functions answers at all, for health checks.
    ///
    /// # Errors
    /// `Internal` when it does not.
    pub async fn check(&self) -> Result<()> {
        self.client.list_functions().max_items(1).send().await.map(drop).map_err(|error| failed("listing functions", error))
    }

    /// Brings the unpublished function one step nearer to its specification. `true` once it is as specified and
    /// settled; until then call it again after a pause.
    ///
    /// # Errors
    /// `BadRequest` when Lambda refuses the specification or the image; `Internal` when it does not answer.
    pub async fn converge(&self, wanted: &Specification) -> Result<bool> {
        let Some(function) = self.get(&wanted.function_name, None).await? else {
            self.create(wanted).await?;
            return Ok(false);
        };
        let configuration =
            function.configuration.as_ref().ok_or_else(|| Error::broken("Lambda described a function without its configuration"))?;
        if !settled(configuration)? {
            return Ok(false);
        }
        if !self.configured(configuration, wanted) {
            return match self.configure(wanted).await {
                Err(error) if error.kind() != ErrorKind::Conflict => Err(error),
                _ => Ok(false),
            };
        }
        let digest = |uri: &str| uri.rsplit_once('@').map(|(_, digest)| digest.to_owned());
        let code = function.code.as_ref();
        let running = code.and_then(|code| code.resolved_image_uri().or(code.image_uri())).and_then(digest);
        if running.is_some() && running == digest(&wanted.image_uri) {
            return Ok(true);
        }
        let update = self.client.update_function_code().function_name(&wanted.function_name).image_uri(&wanted.image_uri);
        match update.send().await {
            Ok(_) => Ok(false),
            Err(error) if error.code() == Some("ResourceConflictException") => Ok(false),
            Err(error) => Err(failed("updating the model's function", error)),
        }
    }

    async fn create(&self, wanted: &Specification) -> Result<()> {
        let request = self
            .client
            .create_function()
            .function_name(&wanted.function_name)
            .package_type(PackageType::Image)
            .code(FunctionCode::builder().image_uri(&wanted.image_uri).build())
            .role(&wanted.role_arn)
            .memory_size(wanted.memory_mb)
            .timeout(wanted.timeout_seconds)
            .environment(Environment::builder().set_variables(Some(wanted.environment.clone())).build())
            .logging_config(LoggingConfig::builder().log_group(&wanted.log_group).build());
        match request.send().await {
            Ok(_) => Ok(()),
            // Somebody created it in between: the next step finds it.
            Err(error) if error.code() == Some("ResourceConflictException") => Ok(()),
            Err(error) => Err(failed("creating the model's function", error)),
        }
    }

    fn configured(&self, has: &FunctionConfiguration, wanted: &Specification) -> bool {
        let environment = has.environment().and_then(|environment| environment.variables());
        has.memory_size() == Some(wanted.memory_mb)
            && has.timeout() == Some(wanted.timeout_seconds)
            && environment.map_or(wanted.environment.is_empty(), |variables| *variables == wanted.environment)
    }

    async fn configure(&self, wanted: &Specification) -> Result<()> {
        let request = self
            .client
            .update_function_configuration()
            .function_name(&wanted.function_name)
            .memory_size(wanted.memory_mb)
            .timeout(wanted.timeout_seconds)
            .environment(Environment::builder().set_variables(Some(wanted.environment.clone())).build());
        request.send().await.map(drop).map_err(|error| failed("configuring the model's function", error))
    }

    async fn get(&self, function_name: &str, qualifier: Option<&str>) -> Result<Option<GetFunctionOutput>> {
        let request = self.client.get_function().function_name(function_name).set_qualifier(qualifier.map(str::to_owned));
        match request.send().await {
            Ok(output) => Ok(Some(output)),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(failed("describing the model's function", error)),
        }
    }

    /// Publishes what the function is now as a version and returns its number; the same code and configuration give
    /// the same version again.
    ///
    /// # Errors
    /// `Conflict` when an update is still under way; `Internal` when Lambda does not answer.
    pub async fn publish(&self, function_name: &str) -> Result<String> {
        let output = self.client.publish_version().function_name(function_name).send().await;
        let output = output.map_err(|error| failed("publishing a version of the model's function", error))?;
        output.version.ok_or_else(|| Error::broken("Lambda published a version without a number"))
    }

    /// True once a published version can be invoked.
    ///
    /// # Errors
    /// `BadRequest` when it can never be, with Lambda's reason; `NotFound` when there is none.
    pub async fn version_is_ready(&self, function_name: &str, version: &str) -> Result<bool> {
        let function = self.get(function_name, Some(version)).await?;
        let configuration = function.and_then(|function| function.configuration);
        settled(&configuration.ok_or_else(|| Error::not_found(format!("{function_name} has no version {version}")))?)
    }

    /// Hands a request to one version or alias of a function directly, as its URL would. `payload` is the JSON body.
    ///
    /// # Errors
    /// `Unavailable` when the function failed, with what it said; `TooManyRequests` when it is at its limit.
    pub async fn request(
        &self,
        function_name: &str,
        qualifier: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<ModelResponse> {
        self.request_for(None, function_name, qualifier, method, path, body).await
    }

    /// As [`ModelFunctions::request`], on behalf of a caller: an opaque text, which stands where callers of the function's own
    /// URL have their address. There nobody can put anything of their own.
    ///
    /// # Errors
    /// As [`ModelFunctions::request`].
    pub async fn request_for(
        &self,
        caller: Option<&str>,
        function_name: &str,
        qualifier: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<ModelResponse> {
        self.ask(function_name, qualifier, &ModelRequest { method, path, body, caller, options: None }).await
    }

    /// Hands a request to one version or alias of a function directly.
    ///
    /// # Errors
    /// As [`ModelFunctions::request`].
    pub async fn ask(&self, function_name: &str, qualifier: &str, asked: &ModelRequest<'_>) -> Result<ModelResponse> {
        let ModelRequest { method, path, body, caller, options } = *asked;
        let mut headers = json!({ "content-type": "application/json", "host": "localhost", "x-forwarded-proto": "https" });
        if let Some(options) = options {
            headers[OPTIONS_HEADER] = json!(options);
        }
        let event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": "",
            "headers": headers,
            "requestContext": {
                "accountId": "anonymous", "apiId": function_name, "domainName": "localhost", "domainPrefix": function_name,
                "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": caller.unwrap_or(PLATFORM), "userAgent": "serveml" },
                "requestId": crate::id::new_id(), "routeKey": "$default", "stage": "$default",
                "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": crate::Timestamp::now().milliseconds(),
            },
            "body": body.map(Value::to_string),
            "isBase64Encoded": false,
        });
        let request =
            self.client.invoke().function_name(function_name).qualifier(qualifier).invocation_type(InvocationType::RequestResponse);
        let output =
            request.payload(Blob::new(event.to_string())).send().await.map_err(|error| failed("invoking the model's function", error))?;
        let answer: Value = output.payload().and_then(|payload| serde_json::from_slice(payload.as_ref()).ok()).unwrap_or(Value::Null);
        if output.function_error().is_some() {
            let reason = answer["errorMessage"].as_str().unwrap_or("it ended without saying why").to_owned();
            return Err(Error::new(ErrorKind::Unavailable, format!("the model's container failed: {reason}")));
        }
        let text = answer["body"].as_str().unwrap_or_default();
        Ok(ModelResponse {
            status: answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(500),
            body: serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
            prediction_id: answer["headers"]["x-prediction-id"].as_str().map(str::to_owned),
            executed_version: output.executed_version().map(str::to_owned),
        })
    }

    /// Sets how many instances of the live alias wait for requests at all times, and the most that there may be at once;
    /// `None` leaves that to the account's own limit.
    ///
    /// # Errors
    /// `BadRequest` when the account cannot reserve so many; `Internal` when Lambda does not answer.
    pub async fn set_instances(&self, function_name: &str, least: u32, most: Option<u32>) -> Result<()> {
        // Neither step may ask for more waiting instances than there may be: fewer of them first, more of them last.
        let waiting = self.waiting_instances(function_name).await?;
        if least < waiting {
            self.keep_waiting(function_name, least).await?;
        }
        self.limit_instances(function_name, most).await?;
        if least > waiting {
            self.keep_waiting(function_name, least).await?;
        }
        Ok(())
    }

    async fn waiting_instances(&self, function_name: &str) -> Result<u32> {
        let request = self.client.get_provisioned_concurrency_config().function_name(function_name).qualifier(LIVE_ALIAS);
        match request.send().await {
            Ok(output) => Ok(u32::try_from(output.requested_provisioned_concurrent_executions().unwrap_or_default()).unwrap_or_default()),
            Err(error) if matches!(error.code(), Some("ProvisionedConcurrencyConfigNotFoundException" | "ResourceNotFoundException")) => {
                Ok(0)
            }
            Err(error) => Err(failed("describing the model's waiting instances", error)),
        }
    }

    async fn keep_waiting(&self, function_name: &str, least: u32) -> Result<()> {
        let doing = "keeping instances of the model waiting (\"min_instances\")";
        if least == 0 {
            let request = self.client.delete_provisioned_concurrency_config().function_name(function_name).qualifier(LIVE_ALIAS);
            return match request.send().await {
                Ok(_) => Ok(()),
                Err(error) if error.code() == Some("ProvisionedConcurrencyConfigNotFoundException") => Ok(()),
                Err(error) => Err(failed(doing, error)),
            };
        }
        let least = i32::try_from(least).unwrap_or(i32::MAX);
        let request = self.client.put_provisioned_concurrency_config().function_name(function_name).qualifier(LIVE_ALIAS);
        request.provisioned_concurrent_executions(least).send().await.map(drop).map_err(|error| failed(doing, error))
    }

    /// Sets the most instances that a function may have at once; `None` leaves it to the account's own limit.
    async fn limit_instances(&self, function_name: &str, most: Option<u32>) -> Result<()> {
        match most {
            Some(most) => {
                let most = i32::try_from(most).unwrap_or(i32::MAX);
                let request = self.client.put_function_concurrency().function_name(function_name).reserved_concurrent_executions(most);
                request.send().await.map(drop).map_err(|error| failed("limiting the model's instances (\"replicas\")", error))
            }
            None => {
                let request = self.client.delete_function_concurrency().function_name(function_name);
                request.send().await.map(drop).map_err(|error| failed("lifting the limit of the model's instances", error))
            }
        }
    }

    /// Moves all traffic to a version. Requests under way end where they began.
    ///
    /// # Errors
    /// `Internal` when Lambda does not answer.
    pub async fn move_traffic(&self, function_name: &str, version: &str) -> Result<()> {
        let update = self.client.update_alias().function_name(function_name).name(LIVE_ALIAS).function_version(version);
        match update.routing_config(AliasRoutingConfiguration::builder().build()).send().await {
            Ok(_) => return Ok(()),
            Err(error) if error.code() == Some("ResourceNotFoundException") => {}
            Err(error) => return Err(failed("moving the traffic", error)),
        }
        let create = self.client.create_alias().function_name(function_name).name(LIVE_ALIAS).function_version(version);
        create.send().await.map(drop).map_err(|error| failed("creating the alias", error))
    }

    /// The revision of an alias; `None` where there is no such alias.
    ///
    /// # Errors
    /// `Internal` when Lambda does not answer.
    pub async fn alias_revision(&self, function_name: &str, alias: &str) -> Result<Option<String>> {
        match self.client.get_alias().function_name(function_name).name(alias).send().await {
            Ok(output) => Ok(output.revision_id),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(failed("describing an alias", error)),
        }
    }

    /// Has an alias send its traffic to a version, and a part of it (from 0 to 1) to another one, if the alias is still at
    /// that revision; `false` where somebody else changed it. Requests under way end where they began.
    ///
    /// # Errors
    /// `Internal` when Lambda does not answer.
    pub async fn split_traffic(&self, function_name: &str, alias: &str, plan: &AliasPlan, revision: Option<String>) -> Result<bool> {
        let weights = plan.canary.iter().cloned().collect();
        let routing = AliasRoutingConfiguration::builder().set_additional_version_weights(Some(weights)).build();
        let Some(revision) = revision else {
            let create = self.client.create_alias().function_name(function_name).name(alias).function_version(&plan.version);
            return match create.routing_config(routing).send().await {
                Ok(_) => Ok(true),
                Err(error) if error.code() == Some("ResourceConflictException") => Ok(false),
                Err(error) => Err(failed("creating the alias", error)),
            };
        };
        let update = self.client.update_alias().function_name(function_name).name(alias).function_version(&plan.version);
        match update.routing_config(routing).revision_id(revision).send().await {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.code(), Some("PreconditionFailedException" | "ResourceNotFoundException")) => Ok(false),
            Err(error) => Err(failed("moving the traffic", error)),
        }
    }

    /// The public URL of the function's live alias, made where there is none; no slash at the end.
    ///
    /// # Errors
    /// `Internal` when Lambda does not answer.
    pub async fn public_url(&self, function_name: &str) -> Result<String> {
        let url = match self.url(function_name).await? {
            Some(url) => url,
            None => {
                let request = self.client.create_function_url_config().function_name(function_name).qualifier(LIVE_ALIAS);
                match request.auth_type(FunctionUrlAuthType::None).send().await {
                    Ok(output) => output.function_url,
                    Err(error) if error.code() == Some("ResourceConflictException") => {
                        self.url(function_name).await?.ok_or_else(|| Error::broken("the function's URL was deleted meanwhile"))?
                    }
                    Err(error) => return Err(failed("creating the model's URL", error)),
                }
            }
        };
        // A public URL needs both: the right to call the URL, and the right to invoke the function through it.
        self.permit(function_name, "PublicUrl", "lambda:InvokeFunctionUrl").await?;
        self.permit(function_name, "PublicUrlInvoke", "lambda:InvokeFunction").await?;
        Ok(url.trim_end_matches('/').to_owned())
    }

    async fn url(&self, function_name: &str) -> Result<Option<String>> {
        match self.client.get_function_url_config().function_name(function_name).qualifier(LIVE_ALIAS).send().await {
            Ok(output) => Ok(Some(output.function_url)),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(failed("describing the model's URL", error)),
        }
    }

    async fn permit(&self, function_name: &str, statement: &str, action: &str) -> Result<()> {
        let request = self
            .client
            .add_permission()
            .function_name(function_name)
            .qualifier(LIVE_ALIAS)
            .statement_id(statement)
            .action(action)
            .principal("*");
        let request = if action == "lambda:InvokeFunctionUrl" {
            request.function_url_auth_type(FunctionUrlAuthType::None)
        } else {
            request.invoked_via_function_url(true)
        };
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ResourceConflictException") => Ok(()),
            Err(error) => Err(failed("opening the model's URL", error)),
        }
    }

    /// Deletes a function with its versions, alias and URL; there being none is no error.
    ///
    /// # Errors
    /// `Internal` when Lambda does not answer.
    pub async fn delete(&self, function_name: &str) -> Result<()> {
        match self.client.delete_function().function_name(function_name).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(()),
            Err(error) => Err(failed("deleting the model's function", error)),
        }
    }
}

/// True when a function or version is active and no update is under way.
fn settled(configuration: &FunctionConfiguration) -> Result<bool> {
    let reason = |text: Option<&str>| text.unwrap_or("Lambda gave no reason").to_owned();
    if configuration.state() == Some(&State::Failed) {
        return Err(Error::bad_request(format!("the model's function cannot start: {}", reason(configuration.state_reason()))));
    }
    if configuration.last_update_status() == Some(&LastUpdateStatus::Failed) {
        return Err(Error::bad_request(format!(
            "the model's function cannot be updated: {}",
            reason(configuration.last_update_status_reason())
        )));
    }
    let active = matches!(configuration.state(), Some(State::Active | State::Inactive) | None);
    let updated = matches!(configuration.last_update_status(), Some(LastUpdateStatus::Successful) | None);
    Ok(active && updated)
}
