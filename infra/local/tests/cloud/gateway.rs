//! The HTTP API: routes, events, answers, limits.

use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::http::{get, send};
use crate::sandbox::Sandbox;

crate::tests![
    a_request_becomes_an_event_and_an_answer,
    path_parameters_and_encoding_arrive_decoded,
    binary_bodies_travel_both_ways,
    what_has_no_route_is_not_found,
    failures_of_a_function_are_told_from_those_of_the_cloud,
    limits_are_kept,
    a_slow_function_is_a_503_and_goes_on,
    preflights_are_answered_and_origins_checked,
    broken_clients_do_no_harm,
    a_second_cloud_on_the_same_folder_is_refused,
    a_template_that_cannot_be_honoured_is_refused_with_its_line,
];

async fn a_request_becomes_an_event_and_an_answer() {
    let sandbox = Sandbox::new(&[("echo", ""), ("plain", "")], "");
    let cloud = sandbox.start().await;
    let url = format!("{}/echo?a=1&a=2&b=x%20y", cloud.url());
    let answer = send("POST", &url, &[("content-type", "application/json"), ("cookie", "k=v"), ("x-one", "1")], r#"{"n":1}"#).await;
    assert_eq!(answer.status, 200);
    let event = answer.json();
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "ANY /echo");
    assert_eq!(event["rawPath"], "/echo");
    assert_eq!(event["rawQueryString"], "a=1&a=2&b=x%20y");
    assert_eq!(event["queryStringParameters"], json!({ "a": "1,2", "b": "x y" }));
    assert_eq!(event["cookies"], json!(["k=v"]));
    assert_eq!(event["headers"]["x-one"], "1");
    assert_eq!(event["body"], r#"{"n":1}"#);
    assert_eq!(event["isBase64Encoded"], false);
    let context = &event["requestContext"];
    assert_eq!((&context["stage"], &context["http"]["method"]), (&json!("$default"), &json!("POST")));
    assert_eq!(context["requestId"], answer.headers["apigw-requestid"].to_str().unwrap());
    let plain = get(&format!("{}/plain", cloud.url())).await;
    assert_eq!((plain.status, plain.json()), (200, json!({ "hello": "world" })));
    assert_eq!(plain.headers["content-type"], "application/json");
    // The second call finds the process of the first.
    assert_eq!(cloud.lambda().running_environments("echo"), 1);
    cloud.shutdown().await;
}

async fn path_parameters_and_encoding_arrive_decoded() {
    let more = "  Item:\n    Type: AWS::Serverless::Function\n    Properties:\n      Handler: echo\n      Events:\n        One: {Type: HttpApi, Properties: {Method: GET, Path: \"/items/{id}/parts/{rest+}\"}}\n";
    let cloud_of = Sandbox::new(&[], more);
    let cloud = cloud_of.start().await;
    let event = get(&format!("{}/items/a%20b%2Fc/parts/x/y%C3%A9", cloud.url())).await.json();
    assert_eq!(event["pathParameters"], json!({ "id": "a b/c", "rest": "x/yé" }));
    assert_eq!(event["routeKey"], "GET /items/{id}/parts/{rest+}");
    assert_eq!(event["rawPath"], "/items/a b/c/parts/x/yé");
    assert_eq!(event.get("body"), None);
    cloud.shutdown().await;
}

async fn binary_bodies_travel_both_ways() {
    let sandbox = Sandbox::new(&[("echo", ""), ("binary", "")], "");
    let cloud = sandbox.start().await;
    let echo = send("PUT", &format!("{}/echo", cloud.url()), &[("content-type", "image/png")], vec![0u8, 159, 146, 150]).await;
    assert_eq!(echo.json()["isBase64Encoded"], true);
    assert_eq!(echo.json()["body"], "AJ+Slg==");
    let binary = get(&format!("{}/binary", cloud.url())).await;
    assert_eq!(&binary.body[..], &[0, 255, 1]);
    cloud.shutdown().await;
}

async fn what_has_no_route_is_not_found() {
    let sandbox = Sandbox::new(&[("echo", "")], "");
    let cloud = sandbox.start().await;
    let missing = get(&format!("{}/nothing", cloud.url())).await;
    assert_eq!((missing.status, missing.json()), (404, json!({ "message": "Not Found" })));
    assert_eq!(get(&format!("{}/echo/", cloud.url())).await.status, 404);
    cloud.shutdown().await;
}

async fn failures_of_a_function_are_told_from_those_of_the_cloud() {
    let sandbox = Sandbox::new(&[("error", ""), ("exit", ""), ("crash", ""), ("malformed", ""), ("large", ""), ("no_start", "")], "");
    let cloud = sandbox.start().await;
    for name in ["error", "exit", "crash", "malformed", "large", "no_start"] {
        let answer = get(&format!("{}/{name}", cloud.url())).await;
        assert_eq!(answer.status, 502, "{name}: {}", answer.text());
        let body = answer.json();
        assert!(body["message"].as_str().unwrap().contains(body["requestId"].as_str().unwrap()), "{name}: {body}");
        assert!(body["message"].as_str().unwrap().contains(name), "{name}: {body}");
    }
    // What the start wrote is in the log.
    let events = cloud.logs().events("/aws/lambda/no_start");
    assert!(events.iter().any(|event| event.message == "this function cannot start"), "{events:?}");
    cloud.shutdown().await;
}

async fn limits_are_kept() {
    let sandbox = Sandbox::new(&[("echo", ""), ("sleep", "ReservedConcurrentExecutions: 1")], "");
    let cloud = sandbox.start().await;
    let echo = format!("{}/echo", cloud.url());
    let text = [("content-type", "text/plain")];
    let over = send("POST", &echo, &text, vec![b'x'; 10 * 1024 * 1024 + 1]).await;
    assert_eq!((over.status, over.json()), (413, json!({ "message": "Request Entity Too Large" })));
    // A client that reads only when it has sent everything gets its answer too.
    let address = cloud.url().replace("http://localhost", "127.0.0.1");
    for head in ["Content-Length: 41943040\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n2800000\r\n"] {
        let mut request = format!("POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{head}").into_bytes();
        request.resize(request.len() + 40 * 1024 * 1024, b'x');
        if head.contains("chunked") {
            request.extend(b"\r\n0\r\n\r\n");
        }
        let answer = raw(&address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
    // Within API Gateway's limit, over Lambda's.
    let event_over = send("POST", &echo, &text, vec![b'x'; 7 * 1024 * 1024]).await;
    assert_eq!(event_over.status, 413);
    let sleep = format!("{}/sleep?ms=1000", cloud.url());
    let (first, second) = tokio::join!(get(&sleep), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        get(&sleep).await
    });
    assert_eq!((first.status, second.status), (200, 429));
    assert_eq!(second.json(), json!({ "message": "Too Many Requests" }));
    cloud.shutdown().await;
}

async fn a_slow_function_is_a_503_and_goes_on() {
    let sandbox = Sandbox::new(&[("sleep", "")], "");
    let cloud = sandbox.start_with(|options| options.integration_timeout = Duration::from_millis(300)).await;
    let slow = get(&format!("{}/sleep?ms=900", cloud.url())).await;
    assert_eq!((slow.status, slow.json()), (503, json!({ "message": "Service Unavailable" })));
    // Its process is busy; the next call gets another one, and the first is still there afterwards.
    assert_eq!(get(&format!("{}/sleep?ms=0", cloud.url())).await.status, 200);
    assert_eq!(cloud.lambda().running_environments("sleep"), 2);
    cloud.shutdown().await;
}

async fn preflights_are_answered_and_origins_checked() {
    let sandbox = Sandbox::new(&[("echo", "")], "");
    let cloud = sandbox.start().await;
    let url = format!("{}/echo", cloud.url());
    let preflight = send("OPTIONS", &url, &[("origin", "https://page.example"), ("access-control-request-method", "GET")], "").await;
    assert_eq!((preflight.status, &preflight.headers["access-control-allow-origin"]), (204, &"https://page.example".parse().unwrap()));
    let page = send("GET", &url, &[("origin", "https://page.example")], "").await;
    assert_eq!(page.headers["access-control-allow-origin"], "https://page.example");
    let other = send("GET", &url, &[("origin", "https://other.example")], "").await;
    assert_eq!(other.status, 403, "a page of a site that the template does not name");
    assert!(other.headers.get("access-control-allow-origin").is_none());
    let address = cloud.url().replace("http://localhost", "127.0.0.1");
    let rebound = raw(&address, b"GET /echo HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").await;
    assert!(rebound.starts_with("HTTP/1.1 403") && rebound.contains("--allow-host"), "{rebound}");
    let head = send("HEAD", &url, &[], "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    cloud.shutdown().await;
}

/// Sends these bytes, all of them, then reads what comes until the end.
async fn raw(address: &str, request: &[u8]) -> String {
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    connection.write_all(request).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn broken_clients_do_no_harm() {
    let sandbox = Sandbox::new(&[("echo", "")], "");
    let cloud = sandbox.start().await;
    let address = cloud.url().replace("http://localhost", "127.0.0.1");
    // Half a request, then gone.
    let mut half = tokio::net::TcpStream::connect(&address).await.unwrap();
    half.write_all(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc").await.unwrap();
    drop(half);
    // No HTTP at all.
    let mut noise = tokio::net::TcpStream::connect(&address).await.unwrap();
    noise.write_all(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    noise.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(get(&format!("{}/echo", cloud.url())).await.status, 200);
    cloud.shutdown().await;
}

async fn a_second_cloud_on_the_same_folder_is_refused() {
    let sandbox = Sandbox::new(&[("echo", "")], "");
    let cloud = sandbox.start().await;
    let error = sandbox.try_start(|_| {}).await.err().unwrap().to_string();
    assert!(error.contains(&std::process::id().to_string()) && error.contains(cloud.url()), "{error}");
    let data = sandbox.path().join(".serveml");
    assert_eq!(local::cloud::find_running(&data).unwrap().url, cloud.url());
    cloud.shutdown().await;
    assert!(local::cloud::find_running(&data).is_none());
    sandbox.start().await.shutdown().await;
}

async fn a_template_that_cannot_be_honoured_is_refused_with_its_line() {
    let sandbox = Sandbox::new(&[], "  Queue:\n    Type: AWS::SQS::Queue\n");
    let error = sandbox.try_start(|_| {}).await.err().unwrap().to_string();
    assert!(error.contains("template.yaml:12:") && error.contains("AWS::SQS::Queue"), "{error}");
}
