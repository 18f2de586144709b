//! Lambda's API, spoken to with the AWS SDK: container functions, versions, aliases, URLs, limits.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    AliasRoutingConfiguration, Environment, FunctionCode, FunctionUrlAuthType, InvocationType, LastUpdateStatus, PackageType,
    ProvisionedConcurrencyStatusEnum, State,
};
use futures::future::BoxFuture;
use local::account;
use local::console::Console;
use local::lambda::{Common, Images, Lambda, Layers, Parts, PreparedImage};
use local::logs::Logs;
use local::options::Options;
use local::rights::{Guard, Rights};
use local::template::Template;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::http::{get, send};
use crate::sandbox::{eventually, is_alive};

crate::tests![
    a_container_function_is_created_invoked_and_deleted,
    versions_and_aliases_move_without_a_failed_request,
    alias_weights_divide_the_calls,
    provisioned_concurrency_keeps_processes_ready,
    slow_calls_get_containers_of_their_own,
    errors_have_lambdas_codes,
    function_urls_check_permission_and_concurrency,
    functions_survive_a_restart,
    queued_events_are_tried_again_and_survive_a_restart,
];

/// Images named after a handler of the tests: `repository:handler`, or one that does not exist (`repository:missing`).
struct HandlerImages;

impl Images for HandlerImages {
    fn resolve(&self, uri: &str) -> Result<String, String> {
        if uri.contains('@') {
            return Ok(uri.to_owned());
        }
        match uri.rsplit_once(':') {
            Some((repository, tag)) if tag != "missing" => Ok(format!("{repository}@sha256:{tag}")),
            _ => Err(format!("Source image {uri} does not exist. Provide a valid source image.")),
        }
    }

    fn prepare(&self, uri: &str) -> BoxFuture<'static, Result<PreparedImage, String>> {
        let resolved = self.resolve(uri);
        Box::pin(async move {
            let resolved_uri = resolved?;
            let handler = resolved_uri.rsplit_once("sha256:").unwrap().1.to_owned();
            if handler == "broken" {
                return Err("the image has no entry point".into());
            }
            Ok(PreparedImage {
                resolved_uri,
                program: std::env::current_exe().unwrap(),
                arguments: vec![handler],
                environment: vec![("FROM_IMAGE".into(), "yes".into())],
                folder: PathBuf::from("/"),
            })
        })
    }
}

struct Service {
    folder: Arc<TempDir>,
    lambda: Arc<Lambda>,
    client: Client,
    stop: CancellationToken,
}

impl Service {
    async fn start() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap())).await
    }

    async fn start_in(folder: Arc<TempDir>) -> Self {
        let mut options = Options::new(folder.path().join("template.yaml")).unwrap();
        options.data = folder.path().to_owned();
        options.event_retry_delays = [std::time::Duration::from_millis(20); 2];
        let console = Console::start(false, true);
        let parts = Parts {
            callers: local::gateway::Callers::default(),
            console: console.clone(),
            logs: Arc::new(Logs::open(folder.path().join("logs"), console).unwrap()),
            common: Common {
                region: "us-east-1".into(),
                rights: Arc::new(Rights::unrestricted(account::Credentials::load_or_create(folder.path()).unwrap())),
                endpoint: "http://127.0.0.1:9".into(),
                temporary: folder.path().join("tmp"),
                cache: folder.path().join("cache"),
            },
            layers: Arc::new(Layers::default()),
            images: Arc::new(HandlerImages),
        };
        let lambda = Lambda::open(&Template::default(), &options, parts).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let served = Arc::clone(&lambda);
        tokio::spawn(local::http_server::serve(listener, stop.clone(), move |request, _| {
            let lambda = Arc::clone(&served);
            async move { lambda.handle(request, &Guard::open()).await }
        }));
        let configuration = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(endpoint)
            .credentials_provider(Credentials::new("KEY", "SECRET", None, None, "test"))
            .retry_config(aws_sdk_lambda::config::retry::RetryConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Self { folder, lambda, client: Client::from_conf(configuration), stop }
    }

    async fn stop(self) -> Arc<TempDir> {
        self.stop.cancel();
        self.lambda.shutdown().await;
        self.folder
    }

    async fn create(&self, name: &str, handler: &str) {
        self.client
            .create_function()
            .function_name(name)
            .role("arn:aws:iam::000000000000:role/r")
            .package_type(PackageType::Image)
            .code(FunctionCode::builder().image_uri(image(handler)).build())
            .timeout(10)
            .send()
            .await
            .unwrap();
        self.settled(name).await;
    }

    async fn settled(&self, name: &str) {
        eventually("the function's settling", async || {
            let function = self.client.get_function_configuration().function_name(name).send().await.unwrap();
            function.state() != Some(&State::Pending) && function.last_update_status() != Some(&LastUpdateStatus::InProgress)
        })
        .await;
    }

    async fn update(&self, name: &str, handler: &str) -> String {
        self.client.update_function_code().function_name(name).image_uri(image(handler)).send().await.unwrap();
        self.settled(name).await;
        self.client.publish_version().function_name(name).send().await.unwrap().version.unwrap()
    }

    async fn call(&self, name: &str, payload: Value) -> Value {
        let output = self.client.invoke().function_name(name).payload(Blob::new(payload.to_string())).send().await.unwrap();
        serde_json::from_slice(output.payload.unwrap().as_ref()).unwrap()
    }
}

fn image(handler: &str) -> String {
    format!("000000000000.dkr.ecr.us-east-1.amazonaws.com/models:{handler}")
}

async fn a_container_function_is_created_invoked_and_deleted() {
    let service = Service::start().await;
    let client = &service.client;
    let created = client
        .create_function()
        .function_name("model")
        .role("arn:aws:iam::000000000000:role/r")
        .package_type(PackageType::Image)
        .code(FunctionCode::builder().image_uri(image("information")).build())
        .memory_size(1024)
        .environment(Environment::builder().variables("MODEL_NAME", "iris").build())
        .tags("kind", "model")
        .send()
        .await
        .unwrap();
    assert_eq!(created.state(), Some(&State::Pending));
    assert_eq!(created.function_arn(), Some("arn:aws:lambda:us-east-1:000000000000:function:model"));
    service.settled("model").await;
    let function = client.get_function().function_name("model").send().await.unwrap();
    assert_eq!(function.configuration().unwrap().state(), Some(&State::Active));
    assert_eq!(function.configuration().unwrap().code_sha256(), Some("information"));
    assert!(function.code().unwrap().resolved_image_uri().unwrap().contains("@sha256:information"));
    assert_eq!(function.tags().unwrap()["kind"], "model");

    let answer = service.call("model", json!({})).await;
    assert_eq!(answer["variables"]["MODEL_NAME"], "iris");
    assert_eq!(answer["variables"]["FROM_IMAGE"], "yes");
    for secret in ["AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL", "_HANDLER"] {
        assert_eq!(answer["variables"].get(secret), None, "{secret}");
    }
    let all = client.list_functions().send().await.unwrap();
    assert_eq!(all.functions().len(), 1);
    client.delete_function().function_name("model").send().await.unwrap();
    let pid = answer["pid"].as_i64().unwrap();
    eventually("the process's end", async || !is_alive(pid)).await;
    let error = client.get_function().function_name("model").send().await.unwrap_err();
    assert_eq!(error.code(), Some("ResourceNotFoundException"));
    service.stop().await;
}

async fn versions_and_aliases_move_without_a_failed_request() {
    let service = Service::start().await;
    let client = &service.client;
    service.create("model", "version1").await;
    let first = client.publish_version().function_name("model").send().await.unwrap();
    assert_eq!(first.version(), Some("1"));
    // Nothing changed: the same version.
    let same = client.publish_version().function_name("model").send().await.unwrap();
    assert_eq!(same.version(), Some("1"));
    client.create_alias().function_name("model").name("live").function_version("1").send().await.unwrap();
    let url = client.create_function_url_config().function_name("model").qualifier("live").auth_type(FunctionUrlAuthType::None);
    let url = url.send().await.unwrap().function_url;
    allow(client, "model", "live").await;

    let stop = CancellationToken::new();
    let hammer = {
        let (url, stop) = (url.clone(), stop.clone());
        tokio::spawn(async move {
            let mut seen: BTreeMap<String, u32> = BTreeMap::new();
            while !stop.is_cancelled() {
                let answer = get(&url).await;
                assert_eq!(answer.status, 200, "{}", answer.text());
                *seen.entry(answer.text().to_owned()).or_default() += 1;
            }
            seen
        })
    };
    for round in 2..=4 {
        let version = service.update("model", &format!("version{round}")).await;
        assert_eq!(version, round.to_string());
        let moved = client.update_alias().function_name("model").name("live").function_version(&version).send().await.unwrap();
        assert_eq!(moved.function_version(), Some(version.as_str()));
        assert_eq!(get(&url).await.text(), format!("version{round}"));
    }
    stop.cancel();
    let seen = hammer.await.unwrap();
    assert!(seen.values().sum::<u32>() > 10, "{seen:?}");
    // The address is told by the alias, not by the function.
    assert_eq!(client.get_function_url_config().function_name("model").qualifier("live").send().await.unwrap().function_url(), url);
    let wrong = client.publish_version().function_name("model").code_sha256("other").send().await.unwrap_err();
    assert_eq!(wrong.code(), Some("InvalidParameterValueException"));
    let used = client.delete_function().function_name("model").qualifier("4").send().await.unwrap_err();
    assert_eq!(used.code(), Some("ResourceConflictException"));
    client.delete_function().function_name("model").qualifier("1").send().await.unwrap();
    assert_eq!(client.list_versions_by_function().function_name("model").send().await.unwrap().versions().len(), 4);
    service.stop().await;
}

async fn alias_weights_divide_the_calls() {
    let service = Service::start().await;
    let client = &service.client;
    service.create("model", "version1").await;
    client.publish_version().function_name("model").send().await.unwrap();
    service.update("model", "version2").await;
    let routing = AliasRoutingConfiguration::builder().additional_version_weights("2", 0.5).build();
    let alias = client.create_alias().function_name("model").name("live").function_version("1").routing_config(routing);
    alias.send().await.unwrap();
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..60 {
        let output = client.invoke().function_name("model").qualifier("live").send().await.unwrap();
        let answer: Value = serde_json::from_slice(output.payload().unwrap().as_ref()).unwrap();
        let version = output.executed_version().unwrap();
        assert_eq!(answer["body"], format!("version{version}"));
        *counts.entry(version.to_owned()).or_default() += 1;
    }
    // Sixty throws of a coin: fewer than ten of a side would be once in a hundred million runs.
    assert!(counts["1"] >= 10 && counts["2"] >= 10, "{counts:?}");
    service.stop().await;
}

async fn provisioned_concurrency_keeps_processes_ready() {
    let service = Service::start().await;
    let client = &service.client;
    service.create("model", "information").await;
    client.publish_version().function_name("model").send().await.unwrap();
    client.create_alias().function_name("model").name("live").function_version("1").send().await.unwrap();
    let put = client.put_provisioned_concurrency_config().function_name("model").qualifier("live");
    put.provisioned_concurrent_executions(2).send().await.unwrap();
    eventually("the readiness", async || {
        let get = client.get_provisioned_concurrency_config().function_name("model").qualifier("live").send().await.unwrap();
        get.status() == Some(&ProvisionedConcurrencyStatusEnum::Ready)
    })
    .await;
    let answer = service.call("model:live", json!({})).await;
    assert_eq!(answer["variables"]["AWS_LAMBDA_INITIALIZATION_TYPE"], "provisioned-concurrency");
    // One that ends is replaced.
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(answer["pid"].as_i64().unwrap() as i32), nix::sys::signal::Signal::SIGKILL).unwrap();
    eventually("the loss", async || service.lambda.running_environments("model") == 1).await;
    eventually("the replacement", async || service.lambda.running_environments("model") == 2).await;
    client.delete_provisioned_concurrency_config().function_name("model").qualifier("live").send().await.unwrap();
    let gone = client.get_provisioned_concurrency_config().function_name("model").qualifier("live").send().await.unwrap_err();
    assert_eq!(gone.code(), Some("ProvisionedConcurrencyConfigNotFoundException"));
    service.stop().await;
}

async fn slow_calls_get_containers_of_their_own() {
    let service = Service::start().await;
    service.create("model", "sleep").await;
    service.call("model", json!({ "ms": 0 })).await;
    let pids = futures::future::join_all((0..3).map(|_| service.call("model", json!({ "ms": 3000 })))).await;
    let pids: std::collections::BTreeSet<String> = pids.iter().map(ToString::to_string).collect();
    assert_eq!(pids.len(), 3, "{pids:?}");
    service.stop().await;
}

async fn errors_have_lambdas_codes() {
    let service = Service::start().await;
    let client = &service.client;
    let create = |handler: &str| {
        client
            .create_function()
            .function_name("model")
            .role("arn:aws:iam::000000000000:role/r")
            .package_type(PackageType::Image)
            .code(FunctionCode::builder().image_uri(image(handler)).build())
    };
    let missing = create("missing").send().await.unwrap_err();
    assert_eq!(missing.code(), Some("InvalidParameterValueException"));
    create("broken").send().await.unwrap();
    service.settled("model").await;
    let failed = client.get_function_configuration().function_name("model").send().await.unwrap();
    assert_eq!((failed.state(), failed.state_reason()), (Some(&State::Failed), Some("the image has no entry point")));
    let not_run = client.invoke().function_name("model").send().await.unwrap_err();
    assert_eq!(not_run.code(), Some("ResourceConflictException"));
    let again = create("version1").send().await.unwrap_err();
    assert_eq!(again.code(), Some("ResourceConflictException"));
    let reserved = client.update_function_configuration().function_name("model");
    let reserved = reserved.environment(Environment::builder().variables("AWS_LAMBDA_RUNTIME_API", "x").build()).send().await;
    assert_eq!(reserved.unwrap_err().code(), Some("InvalidParameterValueException"));
    let stale = client.update_function_code().function_name("model").image_uri(image("version1")).revision_id("old").send().await;
    assert_eq!(stale.unwrap_err().code(), Some("PreconditionFailedException"));
    client.update_function_code().function_name("model").image_uri(image("error")).send().await.unwrap();
    service.settled("model").await;
    let outcome = client.invoke().function_name("model").log_type(aws_sdk_lambda::types::LogType::Tail).send().await.unwrap();
    assert_eq!(outcome.function_error(), Some("Unhandled"));
    assert!(outcome.log_result().is_some());
    let nobody = client.invoke().function_name("nobody").send().await.unwrap_err();
    assert_eq!(nobody.code(), Some("ResourceNotFoundException"));
    let no_alias = client.get_alias().function_name("model").name("live").send().await.unwrap_err();
    assert_eq!(no_alias.code(), Some("ResourceNotFoundException"));
    let large = client.invoke().function_name("model").payload(Blob::new(vec![b' '; 7 * 1024 * 1024])).send().await.unwrap_err();
    assert_eq!(large.code(), Some("RequestTooLargeException"));
    client.put_function_concurrency().function_name("model").reserved_concurrent_executions(0).send().await.unwrap();
    let throttled = client.invoke().function_name("model").send().await.unwrap_err();
    assert_eq!(throttled.code(), Some("TooManyRequestsException"));
    let throttled = throttled.into_service_error();
    let aws_sdk_lambda::operation::invoke::InvokeError::TooManyRequestsException(throttled) = throttled else { panic!("{throttled}") };
    assert_eq!(throttled.reason().unwrap().as_str(), "ReservedFunctionConcurrentInvocationLimitExceeded");
    service.stop().await;
}

async fn function_urls_check_permission_and_concurrency() {
    let service = Service::start().await;
    let client = &service.client;
    service.create("model", "echo").await;
    let create = client.create_function_url_config().function_name("model").auth_type(FunctionUrlAuthType::None);
    let cors = aws_sdk_lambda::types::Cors::builder().allow_origins("*").allow_methods("*").allow_headers("*").build();
    let url = create.cors(cors).send().await.unwrap().function_url;
    let forbidden = get(&url).await;
    assert_eq!((forbidden.status, forbidden.json()), (403, json!({ "Message": "Forbidden" })));
    client
        .add_permission()
        .function_name("model")
        .statement_id("public")
        .action("lambda:InvokeFunctionUrl")
        .principal("*")
        .function_url_auth_type(FunctionUrlAuthType::None)
        .send()
        .await
        .unwrap();
    let event =
        send("POST", &format!("{url}a%20b?x=1"), &[("content-type", "application/json"), ("origin", "https://p.example")], "{}").await;
    assert_eq!(event.headers["access-control-allow-origin"], "*");
    let event = event.json();
    assert_eq!((&event["routeKey"], &event["rawPath"]), (&json!("$default"), &json!("/a%20b")));
    assert_eq!(event["requestContext"]["stage"], "$default");
    let preflight = send(
        "OPTIONS",
        &url,
        &[("origin", "https://p.example"), ("access-control-request-method", "POST"), ("access-control-request-headers", "content-type")],
        "",
    )
    .await;
    assert_eq!((preflight.status, &preflight.headers["access-control-allow-headers"]), (204, &"content-type".parse().unwrap()));
    let large = send("POST", &url, &[("content-type", "text/plain")], vec![b'x'; 6 * 1024 * 1024 + 1]).await;
    assert_eq!(large.status, 413);
    client.put_function_concurrency().function_name("model").reserved_concurrent_executions(0).send().await.unwrap();
    let throttled = get(&url).await;
    assert_eq!((throttled.status, throttled.json()), (429, json!({ "Message": "Rate Exceeded." })));
    client.update_function_url_config().function_name("model").auth_type(FunctionUrlAuthType::AwsIam).send().await.unwrap();
    assert_eq!(get(&url).await.status, 403);
    client.delete_function_url_config().function_name("model").send().await.unwrap();
    eventually("the address's end", async || crate::http::try_send("GET", &url, &[], "").await.is_err()).await;
    service.stop().await;
}

async fn functions_survive_a_restart() {
    let service = Service::start().await;
    service.create("model", "version1").await;
    let client = &service.client;
    client.publish_version().function_name("model").send().await.unwrap();
    client.create_alias().function_name("model").name("live").function_version("1").send().await.unwrap();
    let url = client.create_function_url_config().function_name("model").qualifier("live").auth_type(FunctionUrlAuthType::None);
    let url = url.send().await.unwrap().function_url;
    allow(client, "model", "live").await;
    assert_eq!(get(&url).await.text(), "version1");
    let folder = service.stop().await;
    let service = Service::start_in(folder).await;
    assert_eq!(get(&url).await.text(), "version1");
    let alias = service.client.get_alias().function_name("model").name("live").send().await.unwrap();
    assert_eq!(alias.function_version(), Some("1"));
    service.stop().await;
}

async fn queued_events_are_tried_again_and_survive_a_restart() {
    let service = Service::start().await;
    service.create("flaky", "flaky").await;
    let path = service.folder.path().join("calls");
    let event = |failures: u32| Blob::new(json!({ "path": path, "failures": failures }).to_string());
    let queue = |service: &Service, payload: Blob| {
        service.client.invoke().function_name("flaky").invocation_type(InvocationType::Event).payload(payload).send()
    };
    let accepted = queue(&service, event(2)).await.unwrap();
    assert_eq!(accepted.status_code(), 202);
    let calls = || std::fs::read_to_string(&path).unwrap_or_default().len();
    let waiting = || std::fs::read_dir(service.folder.path().join("lambda/events")).unwrap().count();
    eventually("two retries", async || calls() == 3 && waiting() == 0).await;
    // No room for it now: it waits, over the end of the cloud.
    service.client.put_function_concurrency().function_name("flaky").reserved_concurrent_executions(0).send().await.unwrap();
    queue(&service, event(0)).await.unwrap();
    let folder = service.stop().await;
    assert_eq!(calls(), 3);
    let service = Service::start_in(folder).await;
    service.client.delete_function_concurrency().function_name("flaky").send().await.unwrap();
    eventually("the waiting event", async || calls() == 4).await;
    service.stop().await;
}

async fn allow(client: &Client, function: &str, qualifier: &str) {
    client
        .add_permission()
        .function_name(function)
        .qualifier(qualifier)
        .statement_id("public")
        .action("lambda:InvokeFunctionUrl")
        .principal("*")
        .function_url_auth_type(FunctionUrlAuthType::None)
        .send()
        .await
        .unwrap();
}
