//! `CreateFunction`, `GetFunction`, `UpdateFunctionCode`, `UpdateFunctionConfiguration`, `DeleteFunction` and their kin.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Answer, Call, check_revision, check_settled, conflict, invalid};
use crate::aws_error::AwsError;
use crate::lambda::model::{Code, Configuration, Function, LATEST, State, Update, Version, now, revision};
use crate::lambda::{Lambda, Qualified, variables};

/// The most variables' bytes that a function may have.
const ENVIRONMENT_LIMIT: usize = 4096;

impl Lambda {
    pub(super) fn create_function(self: &Arc<Self>, call: &Call) -> Answer {
        let name = call.required("FunctionName")?.to_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            return Err(invalid(format!("{name:?} is not a function's name: up to 64 letters, digits, - and _")));
        }
        let role = call.required("Role")?.to_owned();
        if call.text("PackageType").unwrap_or("Zip") != "Image" {
            return Err(invalid("The laptop cloud creates functions from container images only (PackageType Image)."));
        }
        let uri = call.body["Code"]["ImageUri"].as_str().ok_or_else(|| invalid("Code.ImageUri must not be null"))?;
        let resolved = self.images.resolve(uri).map_err(invalid)?;
        let mut configuration = Configuration {
            description: String::new(),
            role,
            code: Code::Image { uri: uri.to_owned(), resolved_uri: resolved },
            handler: None,
            memory_size: 128,
            timeout: 3,
            ephemeral_storage: 512,
            architecture: call.body["Architectures"][0].as_str().unwrap_or("x86_64").to_owned(),
            environment: BTreeMap::new(),
            layers: Vec::new(),
            log_group: format!("/aws/lambda/{name}"),
        };
        apply(&mut configuration, call)?;
        let latest = Version {
            version: LATEST.into(),
            configuration,
            revision_id: revision(),
            last_modified: now(),
            state: State::Pending,
            last_update: Update::Successful,
        };
        let mut function = Function {
            name: name.clone(),
            from_template: false,
            latest,
            versions: BTreeMap::new(),
            next_version: 1,
            aliases: BTreeMap::new(),
            urls: BTreeMap::new(),
            permissions: BTreeMap::new(),
            reserved_concurrency: None,
            provisioned: BTreeMap::new(),
            tags: text_map(&call.body["Tags"]),
            maximum_retry_attempts: 2,
        };
        let mut shown = LATEST.to_owned();
        if call.body["Publish"] == true {
            shown = "1".into();
            function.versions.insert(1, Version { version: shown.clone(), ..function.latest.clone() });
            function.next_version = 2;
        }
        let answer = function.version(&shown).map(|version| self.describe(&function, version, None)).unwrap_or_default();
        if !self.registry.insert(function)? {
            return Err(conflict(format!("Function already exist: {name}")));
        }
        if let Some(function) = self.function(&name) {
            self.finish_preparing(&function);
        }
        Ok((201, answer))
    }

    pub(super) fn list_functions(&self, call: &Call) -> Answer {
        let count = call.query.get("MaxItems").and_then(|text| text.parse().ok()).unwrap_or(50usize).clamp(1, 50);
        let marker = call.query.get("Marker").map(String::as_str).unwrap_or_default();
        let all = self.registry.all();
        let mut rest = all.iter().filter(|function| function.name.as_str() > marker);
        let page: Vec<&Arc<Function>> = rest.by_ref().take(count).collect();
        let next = rest.next().and(page.last()).map(|function| function.name.clone());
        let functions: Vec<Value> = page.iter().map(|function| self.describe(function, &function.latest, None)).collect();
        Ok((200, json!({ "Functions": functions, "NextMarker": next })))
    }

    pub(super) fn get_function(&self, call: &Call) -> Answer {
        let target = call.target()?;
        let function = self.find(&target)?;
        let version = self.fixed_version(&function, &target)?;
        let code = match &version.configuration.code {
            Code::Folder { task_root, .. } => json!({ "RepositoryType": "Folder", "Location": task_root }),
            Code::Image { uri, resolved_uri } => {
                json!({ "RepositoryType": "ECR", "ImageUri": uri, "ResolvedImageUri": resolved_uri })
            }
        };
        let mut answer = json!({
            "Configuration": self.describe(&function, version, target.qualifier.as_deref()),
            "Code": code,
            "Tags": function.tags,
        });
        if let Some(reserved) = function.reserved_concurrency {
            answer["Concurrency"] = json!({ "ReservedConcurrentExecutions": reserved });
        }
        Ok((200, answer))
    }

    pub(super) fn get_function_configuration(&self, call: &Call) -> Answer {
        let target = call.target()?;
        let function = self.find(&target)?;
        let version = self.fixed_version(&function, &target)?;
        Ok((200, self.describe(&function, version, target.qualifier.as_deref())))
    }

    pub(super) fn update_function_code(self: &Arc<Self>, call: &Call) -> Answer {
        let target = call.target()?;
        let uri = call.text("ImageUri").ok_or_else(|| invalid("ImageUri must not be null"))?;
        self.find(&target)?;
        let resolved = self.images.resolve(uri).map_err(invalid)?;
        let arn = self.find(&target)?.arn(self.region(), None);
        let dry_run = call.body["DryRun"] == true;
        let (version, function) = self.change(&target, |function| {
            check_settled(function, &arn)?;
            check_revision(call.text("RevisionId"), &function.latest.revision_id)?;
            if function.from_template {
                return Err(invalid("The template made this function; change its code there."));
            }
            let code = Code::Image { uri: uri.to_owned(), resolved_uri: resolved };
            if dry_run {
                return Ok(function.latest.clone());
            }
            let latest = &mut function.latest;
            latest.configuration.code = code;
            latest.revision_id = revision();
            latest.last_modified = now();
            latest.last_update = Update::InProgress;
            // A function whose image could not be used gets another chance with the new one.
            if matches!(latest.state, State::Failed(..)) {
                latest.state = State::Pending;
            }
            if call.body["Publish"] == true {
                let number = function.next_version;
                function.next_version += 1;
                let version = Version { version: number.to_string(), state: State::Pending, ..function.latest.clone() };
                function.versions.insert(number, version.clone());
                return Ok(version);
            }
            Ok(function.latest.clone())
        })?;
        if !dry_run {
            self.finish_preparing(&function);
        }
        Ok((200, self.describe(&function, &version, None)))
    }

    pub(super) fn update_function_configuration(self: &Arc<Self>, call: &Call) -> Answer {
        let target = call.target()?;
        let arn = self.find(&target)?.arn(self.region(), None);
        let ((), function) = self.change(&target, |function| {
            check_settled(function, &arn)?;
            check_revision(call.text("RevisionId"), &function.latest.revision_id)?;
            let configuration = &mut function.latest.configuration;
            apply(configuration, call)?;
            if let Some(role) = call.text("Role").filter(|role| !role.is_empty()) {
                configuration.role = role.to_owned();
            }
            function.latest.revision_id = revision();
            function.latest.last_modified = now();
            function.latest.last_update = Update::InProgress;
            Ok(())
        })?;
        self.finish_preparing(&function);
        Ok((200, self.describe(&function, &function.latest, None)))
    }

    pub(super) fn delete_function(&self, call: &Call) -> Answer {
        let target = call.target()?;
        if let Some(qualifier) = &target.qualifier {
            let number: u64 = qualifier
                .parse()
                .map_err(|_| invalid(format!("{qualifier} cannot be deleted: only a published version, or the whole function")))?;
            self.change(&target, |function| {
                let users: Vec<&String> = function
                    .aliases
                    .iter()
                    .filter(|(_, alias)| alias.version == *qualifier || alias.weights.contains_key(qualifier))
                    .map(|(name, _)| name)
                    .collect();
                if !users.is_empty() {
                    let message = format!("Version {qualifier} is named by the aliases {users:?} and cannot be deleted");
                    return Err(conflict(message));
                }
                function.provisioned.remove(qualifier);
                function.versions.remove(&number);
                Ok(())
            })?;
            self.close_pools(&target.name, Some(qualifier));
            return Ok((204, Value::Null));
        }
        let function = self.find(&target)?;
        if function.from_template {
            return Err(invalid("The template made this function; remove it there."));
        }
        let function = self.registry.remove(&target.name)?.ok_or_else(|| self.not_found(&target))?;
        for qualifier in function.urls.keys() {
            self.close_url(&function.name, qualifier);
        }
        self.close_pools(&function.name, None);
        Ok((204, Value::Null))
    }

    pub(super) fn tag(&self, call: &Call, arn: &str) -> Answer {
        let target = Qualified::parse(arn, None)?;
        let tags = text_map(&call.body["Tags"]);
        self.change(&target, |function| {
            function.tags.extend(tags);
            Ok(())
        })?;
        Ok((204, Value::Null))
    }

    pub(super) fn tags(&self, arn: &str) -> Answer {
        let function = self.find(&Qualified::parse(arn, None)?)?;
        Ok((200, json!({ "Tags": function.tags })))
    }

    pub(super) fn untag(&self, call: &Call, arn: &str) -> Answer {
        let target = Qualified::parse(arn, None)?;
        self.change(&target, |function| {
            function.tags.retain(|key, _| call.query.get("tagKeys") != Some(key));
            Ok(())
        })?;
        Ok((204, Value::Null))
    }

    /// The version that a call names, an alias counting as its main version.
    pub(super) fn fixed_version<'a>(&self, function: &'a Function, target: &Qualified) -> Result<&'a Version, AwsError> {
        let label = target.label();
        let label = function.aliases.get(label).map_or(label, |alias| alias.version.as_str());
        function.version(label).ok_or_else(|| self.not_found(target))
    }

    /// A version as Lambda describes it (`FunctionConfiguration`).
    pub(super) fn describe(&self, function: &Function, version: &Version, qualifier: Option<&str>) -> Value {
        let configuration = &version.configuration;
        let published = (version.version != LATEST).then_some(version.version.as_str());
        let mut answer = json!({
            "FunctionName": function.name,
            "FunctionArn": function.arn(self.region(), qualifier.or(published)),
            "Role": configuration.role,
            "CodeSize": 0,
            "Description": configuration.description,
            "Timeout": configuration.timeout,
            "MemorySize": configuration.memory_size,
            "LastModified": version.last_modified,
            "CodeSha256": configuration.code.sha256(),
            "Version": version.version,
            "Environment": { "Variables": configuration.environment },
            "TracingConfig": { "Mode": "PassThrough" },
            "RevisionId": version.revision_id,
            "PackageType": configuration.code.package_type(),
            "Architectures": [configuration.architecture],
            "EphemeralStorage": { "Size": configuration.ephemeral_storage },
            "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
            "LoggingConfig": { "LogFormat": "Text", "LogGroup": configuration.log_group },
        });
        match &configuration.code {
            Code::Folder { .. } => {
                answer["Runtime"] = "provided.al2023".into();
                answer["Handler"] = configuration.handler.clone().into();
            }
            Code::Image { .. } => {}
        }
        if !configuration.layers.is_empty() {
            answer["Layers"] = configuration.layers.iter().map(|arn| json!({ "Arn": arn })).collect();
        }
        match &version.state {
            State::Active => answer["State"] = "Active".into(),
            State::Pending => {
                answer["State"] = "Pending".into();
                answer["StateReason"] = "The function is being created.".into();
                answer["StateReasonCode"] = "Creating".into();
            }
            State::Failed(code, reason) => {
                answer["State"] = "Failed".into();
                answer["StateReasonCode"] = code.clone().into();
                answer["StateReason"] = reason.clone().into();
            }
        }
        match &version.last_update {
            Update::Successful => answer["LastUpdateStatus"] = "Successful".into(),
            Update::InProgress => {
                answer["LastUpdateStatus"] = "InProgress".into();
                answer["LastUpdateStatusReason"] = "The function is being updated.".into();
                answer["LastUpdateStatusReasonCode"] = "Updating".into();
            }
            Update::Failed(code, reason) => {
                answer["LastUpdateStatus"] = "Failed".into();
                answer["LastUpdateStatusReasonCode"] = code.clone().into();
                answer["LastUpdateStatusReason"] = reason.clone().into();
            }
        }
        answer
    }

    /// Unpacks the images of versions that wait for it, in the background, and settles their state.
    pub(in crate::lambda) fn finish_preparing(self: &Arc<Self>, function: &Function) {
        let waits = |version: &Version| version.state == State::Pending || version.last_update == Update::InProgress;
        for version in std::iter::once(&function.latest).chain(function.versions.values()).filter(|version| waits(version)) {
            let lambda = Arc::clone(self);
            let (name, label, revision_id) = (function.name.clone(), version.version.clone(), version.revision_id.clone());
            let prepared = match &version.configuration.code {
                Code::Folder { .. } => None,
                Code::Image { resolved_uri, .. } => Some(self.images.prepare(resolved_uri)),
            };
            self.tasks.spawn(async move {
                let stop = lambda.stop.clone();
                let outcome = match prepared {
                    None => Ok(()),
                    Some(prepared) => tokio::select! {
                        prepared = prepared => prepared.map(|_| ()),
                        // The next start takes it up again.
                        () = stop.cancelled() => return,
                    },
                };
                let settled = tokio::task::spawn_blocking(move || {
                    let result = lambda.registry.update(&name, |function| {
                        settle(function, &label, &revision_id, outcome);
                        Ok(())
                    });
                    if let Err(error) = result {
                        lambda.console.problem(format!("the state of {name} could not be stored: {error}"));
                    }
                });
                let _ = settled.await;
            });
        }
    }
}

/// Ends the waiting of a version, unless something newer came in between.
fn settle(function: &mut Function, label: &str, revision_id: &str, outcome: Result<(), String>) {
    let version = if label == LATEST {
        Some(&mut function.latest)
    } else {
        label.parse().ok().and_then(|number: u64| function.versions.get_mut(&number))
    };
    let Some(version) = version.filter(|version| version.revision_id == revision_id) else { return };
    let failure = outcome.err().map(|reason| ("InvalidImage".to_owned(), reason));
    if version.state == State::Pending {
        version.state = match &failure {
            None => State::Active,
            Some((code, reason)) => State::Failed(code.clone(), reason.clone()),
        };
    }
    version.last_update = match failure {
        None => Update::Successful,
        Some((code, reason)) => Update::Failed(code, reason),
    };
}

/// What `CreateFunction` and `UpdateFunctionConfiguration` have in common.
fn apply(configuration: &mut Configuration, call: &Call) -> Result<(), AwsError> {
    for name in ["VpcConfig", "DeadLetterConfig", "FileSystemConfigs", "KMSKeyArn", "ImageConfig", "Layers"] {
        let set = match call.body.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(fields)) => fields.values().any(|field| field.as_array().is_none_or(|items| !items.is_empty())),
            Some(Value::String(text)) => !text.is_empty(),
            Some(_) => true,
        };
        if set {
            return Err(invalid(format!("The laptop cloud cannot honour {name}.")));
        }
    }
    if let Some(text) = call.text("Description") {
        configuration.description = text.to_owned();
    }
    if let Some(number) = call.number("Timeout", 1, 900)? {
        configuration.timeout = number;
    }
    if let Some(number) = call.number("MemorySize", 128, 10240)? {
        configuration.memory_size = number;
    }
    if let Some(size) = call.body["EphemeralStorage"]["Size"].as_u64() {
        configuration.ephemeral_storage = size.clamp(512, 10240) as u32;
    }
    if let Some(group) = call.body["LoggingConfig"]["LogGroup"].as_str() {
        configuration.log_group = group.to_owned();
    }
    if let Some(Value::Object(values)) = call.body.get("Environment").and_then(|environment| environment.get("Variables")) {
        if let Some(name) = values.keys().find(|name| !variables::allowed(name)) {
            return Err(invalid(format!(
                "Lambda was unable to configure your environment variables because the environment variable {name} is \
                 reserved or not a valid name."
            )));
        }
        configuration.environment = text_map(&call.body["Environment"]["Variables"]);
        let size: usize = configuration.environment.iter().map(|(name, value)| name.len() + value.len()).sum();
        if size > ENVIRONMENT_LIMIT {
            return Err(invalid(
                "Lambda was unable to configure your environment variables because the environment \
                                variables you have provided exceeded the 4KB limit.",
            ));
        }
    }
    Ok(())
}

fn text_map(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}
