//! Artifacts.

use http::Method;
use serde_json::json;
use testing::{request, with_body, with_header};

use crate::Server;

const ROOT: &str = "/api/2.0/mlflow-artifacts";

impl Server {
    async fn file(&self, method: Method, path: &str, body: Vec<u8>) -> shared::Response {
        let mut request = with_body(request(method, path), body);
        if let Some(token) = &self.token {
            request = with_header(request, "authorization", &format!("Bearer {token}"));
        }
        self.test.send(tracking::FUNCTIONS, request).await
    }
}

#[tokio::test]
async fn files_go_up_and_down() {
    let server = Server::start().await;
    let run = server.run().await;
    let root = format!("{ROOT}/artifacts/0/{run}/artifacts");
    for (name, body) in
        [("a.txt", b"text".to_vec()), ("model/model.pkl", vec![0, 159, 146, 150]), ("model/MLmodel", b"flavors: {}".to_vec())]
    {
        let response = server.file(Method::PUT, &format!("{root}/{name}"), body.clone()).await;
        assert_eq!(response.status(), 200);
        let read = server.file(Method::GET, &format!("{root}/{name}"), Vec::new()).await;
        assert_eq!((read.status().as_u16(), read.body().as_ref()), (200, body.as_slice()));
        assert!(read.headers()["content-disposition"].to_str().unwrap().starts_with("attachment; filename="));
    }
    let listing = server.get(&format!("{ROOT}/artifacts?path=0/{run}/artifacts")).await;
    let files = json!([{ "path": "a.txt", "is_dir": false, "file_size": 4 }, { "path": "model", "is_dir": true }]);
    assert_eq!(listing["files"], files);
    let listing = server.get(&format!("artifacts/list?run_id={run}&path=model")).await;
    assert_eq!(listing["root_uri"], format!("mlflow-artifacts:/0/{run}/artifacts"));
    assert_eq!(listing["files"][0], json!({ "path": "model/MLmodel", "is_dir": false, "file_size": 11 }));
    assert_eq!(server.file(Method::GET, &format!("{root}/none"), Vec::new()).await.status(), 404);
    server.file(Method::DELETE, &format!("{root}/model"), Vec::new()).await;
    assert_eq!(server.file(Method::GET, &format!("{root}/model/MLmodel"), Vec::new()).await.status(), 404);
    assert_eq!(server.file(Method::GET, &format!("{root}/a.txt"), Vec::new()).await.status(), 200);
}

#[tokio::test]
async fn large_files_take_the_direct_way() {
    let server = Server::start().await;
    let response = server.file(Method::PUT, &format!("{ROOT}/artifacts/0/a/artifacts/big"), vec![0; 4 * 1024 * 1024 + 1]).await;
    assert_eq!(response.status(), 413);
    assert!(String::from_utf8_lossy(response.body()).contains("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"));

    let created = server.post(&format!("{ROOT}/mpu/create/0/a/artifacts"), json!({ "path": "/tmp/x/big", "num_parts": 2 })).await;
    let credentials = created["credentials"].as_array().unwrap();
    assert_eq!((credentials.len(), credentials[1]["part_number"].as_i64()), (2, Some(2)));
    assert!(credentials[0]["url"].as_str().unwrap().contains("artifacts/0/a/artifacts/big"));
    let upload_id = created["upload_id"].as_str().unwrap();
    let objects = server.test.platform.objects().unwrap();
    let mut parts = Vec::new();
    for number in 1..=2 {
        let body = vec![u8::try_from(number).unwrap(); 5 * 1024 * 1024];
        let tag = objects.put_part("artifacts/0/a/artifacts/big", upload_id, number, body.into()).await.unwrap();
        parts.push(json!({ "part_number": number, "etag": tag }));
    }
    let complete = json!({ "path": "/tmp/x/big", "upload_id": upload_id, "parts": parts });
    server.post(&format!("{ROOT}/mpu/complete/0/a/artifacts"), complete).await;
    let redirect = server.file(Method::GET, &format!("{ROOT}/artifacts/0/a/artifacts/big"), Vec::new()).await;
    assert_eq!(redirect.status(), 302);
    assert!(redirect.headers()["location"].to_str().unwrap().contains("X-Amz-Signature"));
    let presigned = server.get(&format!("{ROOT}/presigned/0/a/artifacts/big")).await;
    assert_eq!(presigned["file_size"], 10 * 1024 * 1024);

    let created = server.post(&format!("{ROOT}/mpu/create/0/a/artifacts"), json!({ "path": "other" })).await;
    let abort = json!({ "path": "other", "upload_id": created["upload_id"] });
    server.post(&format!("{ROOT}/mpu/abort/0/a/artifacts"), abort).await;
    for parts in [0, 100_000] {
        let body = json!({ "path": "x", "num_parts": parts });
        assert_eq!(server.refused(Method::POST, &format!("{ROOT}/mpu/create/0/a"), Some(body)).await.0, 400);
    }
}

#[tokio::test]
async fn paths_do_not_lead_out() {
    let server = Server::start().await;
    for path in ["../x", "a/../../x", "a//b", "a/./b", "a\\b", "a#b"] {
        let response = server.file(Method::PUT, &format!("{ROOT}/artifacts/{path}"), b"x".to_vec()).await;
        assert_eq!(response.status(), 400, "{path}");
    }
    assert_eq!(server.refused(Method::GET, &format!("{ROOT}/artifacts?path=../jobs"), None).await.0, 400);
}

#[tokio::test]
async fn the_server_says_what_it_is() {
    let server = Server::start().await;
    for (path, text) in [("/health", "OK"), ("/version", "3.")] {
        let response = server.file(Method::GET, path, Vec::new()).await;
        assert!(response.status() == 200 && response.body().starts_with(text.as_bytes()), "{path}");
    }
    assert_eq!(server.get("/api/3.0/mlflow/server-info").await["multipart_uploads_enabled"], true);
    let (status, _, _) = server.refused(Method::GET, "/other/2.0/mlflow/experiments/get?experiment_id=0", None).await;
    assert_eq!(status, 404);
}
