//! Execution environments: what they are told, how many there are, how they end.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::http::get;
use crate::sandbox::{Sandbox, eventually, is_alive};

crate::tests![
    a_function_is_told_what_lambda_tells_it,
    concurrent_calls_get_processes_of_their_own,
    a_timeout_kills_the_process_and_all_that_came_of_it,
    a_process_that_ends_after_its_answer_loses_no_request,
    an_idle_process_is_stopped_and_comes_back,
    a_shutdown_leaves_no_process,
    an_error_of_the_start_is_told,
    a_warm_call_is_fast,
    a_layer_is_built_once_and_comes_first_on_the_path,
];

async fn a_function_is_told_what_lambda_tells_it() {
    let properties = "MemorySize: 512\nEnvironment: {Variables: {OWN: value}}";
    let sandbox = Sandbox::new(&[("information", properties)], "");
    let cloud = sandbox.start().await;
    let answer = get(&format!("{}/information", cloud.url())).await.json();
    let variables = &answer["variables"];
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_NAME", "information"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/information"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("_HANDLER", "information"),
        ("AWS_REGION", "us-east-1"),
        ("OWN", "value"),
        ("AWS_ENDPOINT_URL", &cloud.aws_endpoint()),
    ] {
        assert_eq!(variables[name], value, "{name}");
    }
    assert!(variables["LAMBDA_TASK_ROOT"].as_str().unwrap().ends_with("target/lambda/web"));
    assert!(variables["TMPDIR"].as_str().unwrap().ends_with("tmp/information"));
    assert_eq!(variables.get("CARGO_MANIFEST_DIR"), None, "the user's environment came through");
    assert_eq!(answer["program"], "web");
    assert_eq!(answer["arn"], "arn:aws:lambda:us-east-1:000000000000:function:information");
    let left: i64 = answer["deadline"].as_str().unwrap().parse::<i64>().unwrap() - jiff::Timestamp::now().as_millisecond();
    assert!((3000..=5000).contains(&left), "{left} ms left of 5 s");
    assert!(answer["trace"].as_str().unwrap().starts_with("Root=1-"));
    cloud.shutdown().await;
}

async fn concurrent_calls_get_processes_of_their_own() {
    let sandbox = Sandbox::new(&[("sleep", "")], "");
    let cloud = sandbox.start().await;
    let url = format!("{}/sleep?ms=1500", cloud.url());
    let answers = futures::future::join_all((0..4).map(|_| get(&url))).await;
    let pids: BTreeSet<String> = answers.iter().map(|answer| answer.text().to_owned()).collect();
    assert_eq!(pids.len(), 4, "{pids:?}");
    let again = get(&format!("{}/sleep?ms=0", cloud.url())).await;
    assert!(pids.contains(again.text()));
    cloud.shutdown().await;
}

async fn a_timeout_kills_the_process_and_all_that_came_of_it() {
    let sandbox = Sandbox::new(&[("grandchild", "Timeout: 20"), ("sleep", "Timeout: 1")], "");
    let cloud = sandbox.start().await;
    let url = format!("{}/sleep?ms=10", cloud.url());
    let pid: i64 = get(&url).await.text().parse().unwrap();
    let late = get(&format!("{}/sleep?ms=5000", cloud.url())).await;
    assert_eq!(late.status, 502);
    eventually("the end of the process", async || !is_alive(pid)).await;
    let log = cloud.logs().events("/aws/lambda/sleep");
    assert!(log.iter().any(|event| event.message.contains("Task timed out after 1.00 seconds")), "{log:?}");
    assert_ne!(get(&url).await.text().parse::<i64>().unwrap(), pid);
    let family = get(&format!("{}/grandchild", cloud.url())).await.json();
    let (parent, grandchild) = (family["pid"].as_i64().unwrap(), family["grandchild"].as_i64().unwrap());
    assert!(is_alive(parent) && is_alive(grandchild));
    cloud.shutdown().await;
    eventually("the end of the grandchild", async || !is_alive(parent) && !is_alive(grandchild)).await;
}

async fn a_process_that_ends_after_its_answer_loses_no_request() {
    let sandbox = Sandbox::new(&[("answer_then_exit", "")], "");
    let cloud = sandbox.start().await;
    let url = format!("{}/answer_then_exit", cloud.url());
    let mut pids = BTreeSet::new();
    for _ in 0..10 {
        let answer = get(&url).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        pids.insert(answer.json()["pid"].as_i64().unwrap());
    }
    assert_eq!(pids.len(), 10);
    cloud.shutdown().await;
}

async fn an_idle_process_is_stopped_and_comes_back() {
    let sandbox = Sandbox::new(&[("sleep", "")], "");
    let cloud = sandbox.start_with(|options| options.zip_idle = Duration::from_millis(200)).await;
    let url = format!("{}/sleep?ms=0", cloud.url());
    let first: i64 = get(&url).await.text().parse().unwrap();
    eventually("the idle process's end", async || !is_alive(first)).await;
    assert_eq!(cloud.lambda().running_environments("sleep"), 0);
    let second: i64 = get(&url).await.text().parse().unwrap();
    assert_ne!(first, second);
    cloud.shutdown().await;
}

async fn a_shutdown_leaves_no_process() {
    let sandbox = Sandbox::new(&[("sleep", "")], "");
    let cloud = sandbox.start().await;
    let pid: i64 = get(&format!("{}/sleep?ms=0", cloud.url())).await.text().parse().unwrap();
    let url = format!("{}/sleep?ms=4000", cloud.url());
    let busy = tokio::spawn(async move { crate::http::try_send("GET", &url, &[], "").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    cloud.shutdown().await;
    assert!(!is_alive(pid));
    let _ = busy.await;
}

async fn an_error_of_the_start_is_told() {
    let sandbox = Sandbox::new(&[("init_error", "")], "");
    let cloud = sandbox.start().await;
    let target = local::lambda::Qualified::latest("init_error");
    let outcome = cloud.lambda().invoke(&target, "{}".into()).await.unwrap();
    assert_eq!(outcome.function_error, Some("Unhandled"));
    let error: serde_json::Value = serde_json::from_slice(&outcome.payload).unwrap();
    assert_eq!(error["errorType"], "ConfigurationError");
    assert!(error["errorMessage"].as_str().unwrap().contains("no such handler"));
    cloud.shutdown().await;
}

/// Not a benchmark, but a guard against a call that waits for a clock: on a busy machine the best of many still shows it.
async fn a_warm_call_is_fast() {
    let sandbox = Sandbox::new(&[("plain", "")], "");
    let cloud = sandbox.start().await;
    let target = local::lambda::Qualified::latest("plain");
    let mut best = Duration::MAX;
    for _ in 0..200 {
        let start = std::time::Instant::now();
        cloud.lambda().invoke(&target, "{}".into()).await.unwrap();
        best = best.min(start.elapsed());
    }
    println!("  best warm invocation: {best:?}");
    assert!(best < Duration::from_millis(2), "{best:?}");
    cloud.shutdown().await;
}

async fn a_layer_is_built_once_and_comes_first_on_the_path() {
    let more = "  Tools: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: target/lambda/tools/}}\n";
    let sandbox = Sandbox::new(&[("information", "Layers: [!Ref Tools]")], more);
    let builder = sandbox.path().join("infra/tools/build.py");
    std::fs::create_dir_all(builder.parent().unwrap()).unwrap();
    let script = "import os, sys, time\ntime.sleep(0.3)\ntarget = sys.argv[1]\nos.makedirs(target + '/bin', exist_ok=True)\n\
                  open(target + '/built', 'a').write('x')\nassert sys.argv[2] == '--program'\n";
    std::fs::write(&builder, script).unwrap();
    let cloud = sandbox.start().await;
    let answer = get(&format!("{}/information", cloud.url())).await.json();
    let layer = sandbox.path().canonicalize().unwrap().join(".serveml/cache/layers/tools");
    let path = answer["variables"]["PATH"].as_str().unwrap();
    assert!(path.starts_with(&format!("{}/bin:", layer.display())), "{path}");
    cloud.shutdown().await;
    // A start with the layer there lets its builder look at it once more, in its place.
    let cloud = sandbox.start().await;
    get(&format!("{}/information", cloud.url())).await;
    assert_eq!(std::fs::read_to_string(layer.join("built")).unwrap(), "xx");
    cloud.shutdown().await;
    let broken = Sandbox::new(&[("information", "Layers: [!Ref Tools]")], more);
    let builder = broken.path().join("infra/tools/build.py");
    std::fs::create_dir_all(builder.parent().unwrap()).unwrap();
    std::fs::write(&builder, "raise SystemExit('no network')").unwrap();
    let cloud = broken.start().await;
    assert_eq!(get(&format!("{}/information", cloud.url())).await.status, 502);
    let log = cloud.logs().events("/aws/lambda/information");
    assert!(log.iter().any(|event| event.message.contains("no network")), "{log:?}");
    cloud.shutdown().await;
}
