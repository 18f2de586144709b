#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_body_util::BodyExt;
use serde_json::json;

use super::*;
use crate::aws_api::Downloads;

const NAME: &str = "team/models";

fn open(folder: &Path) -> Ecr {
    Ecr::open(folder, "http://127.0.0.1:1/", "us-east-1").unwrap()
}

fn registry() -> (tempfile::TempDir, Ecr) {
    let folder = tempfile::tempdir().unwrap();
    let ecr = open(folder.path());
    call(&ecr, "CreateRepository", json!({ "repositoryName": NAME }));
    (folder, ecr)
}

fn call(ecr: &Ecr, operation: &str, body: Value) -> Value {
    ecr.handle(operation, body).unwrap()
}

fn refusal(ecr: &Ecr, operation: &str, body: Value) -> AwsError {
    let error = ecr.handle(operation, body).unwrap_err();
    assert_eq!(error.status, 400, "{error}");
    error
}

fn part(upload: &str, first: usize, bytes: &[u8]) -> Value {
    json!({
        "repositoryName": NAME, "uploadId": upload, "partFirstByte": first, "partLastByte": first + bytes.len() - 1,
        "layerPartBlob": BASE64.encode(bytes),
    })
}

fn start(ecr: &Ecr) -> String {
    let started = call(ecr, "InitiateLayerUpload", json!({ "repositoryName": NAME }));
    assert!(started["partSize"].as_u64().unwrap() <= 20 << 20);
    started["uploadId"].as_str().unwrap().to_owned()
}

fn complete(upload: &str, digest: &str) -> Value {
    json!({ "repositoryName": NAME, "uploadId": upload, "layerDigests": [digest] })
}

fn upload(ecr: &Ecr, bytes: &[u8]) -> String {
    let id = start(ecr);
    for (index, piece) in bytes.chunks(5 << 20).enumerate() {
        call(ecr, "UploadLayerPart", part(&id, index * (5 << 20), piece));
    }
    let digest = document::digest(bytes);
    assert_eq!(call(ecr, "CompleteLayerUpload", complete(&id, &digest))["layerDigest"], digest);
    digest
}

fn manifest(ecr: &Ecr, configuration: &str, layers: &[&[u8]]) -> String {
    let descriptor = |digest: String, bytes: &[u8]| json!({ "mediaType": "application/x", "digest": digest, "size": bytes.len() });
    for bytes in layers.iter().copied().chain([configuration.as_bytes()]) {
        if ecr.blob_path(NAME, &document::digest(bytes)).is_none() {
            upload(ecr, bytes);
        }
    }
    let layers: Vec<Value> = layers.iter().map(|bytes| descriptor(document::digest(bytes), bytes)).collect();
    json!({
        "schemaVersion": 2, "mediaType": document::OCI_MANIFEST,
        "config": descriptor(document::digest(configuration.as_bytes()), configuration.as_bytes()), "layers": layers,
    })
    .to_string()
}

fn put(ecr: &Ecr, manifest: &str, tag: &str) -> String {
    let put = call(ecr, "PutImage", json!({ "repositoryName": NAME, "imageManifest": manifest, "imageTag": tag }));
    assert_eq!(put["image"]["imageId"]["imageTag"], tag);
    put["image"]["imageId"]["imageDigest"].as_str().unwrap().to_owned()
}

#[test]
fn repositories_are_made_described_and_deleted() {
    let (folder, ecr) = registry();
    let described = call(&ecr, "DescribeRepositories", json!({ "repositoryNames": [NAME] }));
    let repository = &described["repositories"][0];
    assert_eq!(repository["repositoryUri"], "000000000000.dkr.ecr.us-east-1.amazonaws.com/team/models");
    assert_eq!(repository["repositoryArn"], "arn:aws:ecr:us-east-1:000000000000:repository/team/models");
    assert_eq!(repository["imageTagMutability"], "MUTABLE");

    let again = refusal(&ecr, "CreateRepository", json!({ "repositoryName": NAME }));
    assert_eq!(again.code, "RepositoryAlreadyExistsException");
    ecr.ensure_repository(NAME, None).unwrap();
    for name in ["", "a", "Upper", "../etc", "a//b", "/a", "a/", "a..b", "-a", "a~b", ".a", &"a".repeat(257)] {
        let error = refusal(&ecr, "CreateRepository", json!({ "repositoryName": name }));
        assert_eq!(error.code, "InvalidParameterException", "{name}");
    }
    for name in ["models", "a/blobs/sha256", "team"] {
        ecr.ensure_repository(name, Some("IMMUTABLE")).unwrap();
    }
    let first = call(&ecr, "DescribeRepositories", json!({ "maxResults": 3 }));
    let rest = call(&ecr, "DescribeRepositories", json!({ "maxResults": 3, "nextToken": first["nextToken"] }));
    let names = |page: &Value| {
        page["repositories"]
            .as_array()
            .unwrap()
            .iter()
            .map(|found| found["repositoryName"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!([names(&first), names(&rest)].concat(), ["a/blobs/sha256", "models", "team", "team/models"]);
    assert_eq!(rest.get("nextToken"), None);

    put(&ecr, &manifest(&ecr, "{}", &[b"layer"]), "one");
    let full = refusal(&ecr, "DeleteRepository", json!({ "repositoryName": NAME }));
    assert_eq!(full.code, "RepositoryNotEmptyException");
    call(&ecr, "DeleteRepository", json!({ "repositoryName": NAME, "force": true }));
    let gone = refusal(&ecr, "DescribeRepositories", json!({ "repositoryNames": [NAME] }));
    assert_eq!(gone.code, "RepositoryNotFoundException");
    assert!(!folder.path().join("team~models").exists());
    assert_eq!(open(folder.path()).repositories().len(), 3);
}

#[test]
fn a_layer_goes_up_in_parts() {
    let (_folder, ecr) = registry();
    let bytes: Vec<u8> = (0..(5 << 20) * 2 + 17).map(|index: usize| (index / 7) as u8).collect();
    let digest = upload(&ecr, &bytes);
    assert!(fs::read(ecr.blob_path(NAME, &digest).unwrap()).unwrap() == bytes);
    let missing = document::digest(b"missing");
    let request = json!({ "repositoryName": NAME, "layerDigests": [digest, missing, "sha256:../x"] });
    let checked = call(&ecr, "BatchCheckLayerAvailability", request);
    assert_eq!(checked["layers"][0]["layerAvailability"], "AVAILABLE");
    assert_eq!(checked["layers"][0]["layerSize"], bytes.len());
    assert_eq!(checked["layers"][1]["layerAvailability"], "UNAVAILABLE");
    assert_eq!(checked["failures"][0]["failureCode"], "InvalidLayerDigest");

    let again = start(&ecr);
    call(&ecr, "UploadLayerPart", part(&again, 0, &bytes[..6 << 20]));
    let received = call(&ecr, "UploadLayerPart", part(&again, 6 << 20, &bytes[6 << 20..]));
    assert_eq!(received["lastByteReceived"], bytes.len() - 1);
    assert_eq!(refusal(&ecr, "CompleteLayerUpload", complete(&again, &digest)).code, "LayerAlreadyExistsException");
    assert_eq!(refusal(&ecr, "CompleteLayerUpload", complete(&again, &digest)).code, "UploadNotFoundException");
}

#[test]
fn uploads_that_go_wrong_are_refused_by_name() {
    let (folder, ecr) = registry();
    let digest = document::digest(b"hello");
    let id = start(&ecr);
    assert_eq!(refusal(&ecr, "CompleteLayerUpload", complete(&id, &digest)).code, "EmptyUploadException");
    assert_eq!(refusal(&ecr, "UploadLayerPart", part(&id, 1, b"ello")).code, "InvalidLayerPartException");
    let mut short = part(&id, 0, b"hello");
    short["partLastByte"] = 7.into();
    assert_eq!(refusal(&ecr, "UploadLayerPart", short).code, "InvalidLayerPartException");
    let mut text = part(&id, 0, b"hello");
    text["layerPartBlob"] = "not base64!".into();
    assert_eq!(refusal(&ecr, "UploadLayerPart", text).code, "InvalidParameterException");
    let large = refusal(&ecr, "UploadLayerPart", part(&id, 0, &vec![0; (20 << 20) + 1]));
    assert_eq!(large.code, "InvalidLayerPartException");
    call(&ecr, "UploadLayerPart", part(&id, 0, b"hel"));
    assert_eq!(refusal(&ecr, "UploadLayerPart", part(&id, 2, b"lo")).code, "InvalidLayerPartException");
    call(&ecr, "UploadLayerPart", part(&id, 3, b"lo"));
    assert_eq!(refusal(&ecr, "CompleteLayerUpload", complete(&id, &digest)).code, "LayerPartTooSmallException");

    let wrong = start(&ecr);
    call(&ecr, "UploadLayerPart", part(&wrong, 0, b"other"));
    assert_eq!(refusal(&ecr, "CompleteLayerUpload", complete(&wrong, "latest")).code, "InvalidParameterException");
    assert_eq!(refusal(&ecr, "CompleteLayerUpload", complete(&wrong, &digest)).code, "InvalidLayerException");
    assert_eq!(refusal(&ecr, "UploadLayerPart", part("../x", 0, b"x")).code, "UploadNotFoundException");
    let body = json!({ "repositoryName": "other" });
    assert_eq!(refusal(&ecr, "InitiateLayerUpload", body).code, "RepositoryNotFoundException");
    assert_eq!(refusal(&ecr, "InitiateLayerUpload", json!({})).code, "InvalidParameterException");
    assert_eq!(ecr.handle("StartImageScan", json!({})).unwrap_err().code, "UnsupportedOperation");
    assert_eq!(fs::read_dir(folder.path().join("team~models/uploads")).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn uploads_at_once_do_not_mix() {
    let (_folder, ecr) = registry();
    upload(&ecr, b"{}");
    std::thread::scope(|scope| {
        for worker in 0..8_u8 {
            let ecr = &ecr;
            scope.spawn(move || {
                for round in 0..4_u8 {
                    // Two workers each upload the same bytes: one of them finds the layer there.
                    let bytes = vec![worker / 2 * 16 + round; 300_000];
                    let id = start(ecr);
                    call(ecr, "UploadLayerPart", part(&id, 0, &bytes));
                    if let Err(error) = ecr.handle("CompleteLayerUpload", complete(&id, &document::digest(&bytes))) {
                        assert_eq!(error.code, "LayerAlreadyExistsException");
                    }
                    assert!(fs::read(ecr.blob_path(NAME, &document::digest(&bytes)).unwrap()).unwrap() == bytes);
                    let text = manifest(ecr, "{}", &[&bytes]);
                    put(ecr, &text, &format!("w{worker}-{round}"));
                }
            });
        }
    });
    let listed = call(&ecr, "ListImages", json!({ "repositoryName": NAME, "maxResults": 1000 }));
    assert_eq!(listed["imageIds"].as_array().unwrap().len(), 32);
    let described = call(&ecr, "DescribeImages", json!({ "repositoryName": NAME }));
    assert_eq!(described["imageDetails"].as_array().unwrap().len(), 16);
}

#[test]
fn an_image_needs_its_blobs_and_its_digest() {
    let (_folder, ecr) = registry();
    let text = manifest(&ecr, "{}", &[b"layer"]);
    let digest = document::digest(text.as_bytes());
    let mut missing: Value = serde_json::from_str(&text).unwrap();
    missing["layers"][0]["digest"] = document::digest(b"nowhere").into();
    let request = |manifest: &str| json!({ "repositoryName": NAME, "imageManifest": manifest, "imageTag": "v1" });
    let error = refusal(&ecr, "PutImage", request(&missing.to_string()));
    assert_eq!(error.code, "LayersNotFoundException");
    assert!(error.message.contains(&document::digest(b"nowhere")), "{error}");
    let mut size: Value = serde_json::from_str(&text).unwrap();
    size["layers"][0]["size"] = 1.into();
    assert_eq!(refusal(&ecr, "PutImage", request(&size.to_string())).code, "InvalidParameterException");
    for wrong in [
        "not json",
        "{}",
        "{\"schemaVersion\":2}",
        &text.replace("\"schemaVersion\":2", "\"schemaVersion\":1"),
        &text.replace("image.manifest", "image.index"),
    ] {
        assert_eq!(refusal(&ecr, "PutImage", request(wrong)).code, "InvalidParameterException", "{wrong}");
    }
    let mut other = request(&text);
    other["imageDigest"] = document::digest(b"other").into();
    assert_eq!(refusal(&ecr, "PutImage", other).code, "ImageDigestDoesNotMatchException");
    let mut tag = request(&text);
    tag["imageTag"] = "../x".into();
    assert_eq!(refusal(&ecr, "PutImage", tag).code, "InvalidParameterException");

    assert_eq!(put(&ecr, &text, "v1"), digest);
    assert_eq!(refusal(&ecr, "PutImage", request(&text)).code, "ImageAlreadyExistsException");
    put(&ecr, &text, "v2");
    let untagged = json!({ "repositoryName": NAME, "imageManifest": text });
    assert_eq!(refusal(&ecr, "PutImage", untagged).code, "ImageAlreadyExistsException");
}

#[test]
fn images_are_read_by_tag_and_by_digest() {
    let (folder, ecr) = registry();
    let (one, two) = (manifest(&ecr, "{}", &[b"one"]), manifest(&ecr, "{}", &[b"one", b"second"]));
    let (first, second) = (put(&ecr, &one, "live"), put(&ecr, &two, "next"));
    let ids = json!([{ "imageTag": "live" }, { "imageDigest": second }, { "imageTag": "none" }, { "imageDigest": "x" }, {}, { "imageDigest": first, "imageTag": "next" }]);
    let check = |ecr: &Ecr| {
        let got = call(ecr, "BatchGetImage", json!({ "repositoryName": NAME, "imageIds": ids }));
        assert_eq!(got["images"][0]["imageManifest"], one);
        assert_eq!(got["images"][0]["imageId"], json!({ "imageDigest": first, "imageTag": "live" }));
        assert_eq!(got["images"][1]["imageManifest"], two);
        let codes: Vec<_> = got["failures"].as_array().unwrap().iter().map(|failure| failure["failureCode"].as_str().unwrap()).collect();
        assert_eq!(codes, ["ImageNotFound", "InvalidImageDigest", "MissingDigestAndTag", "ImageTagDoesNotMatchDigest"]);
    };
    check(&ecr);
    check(&open(folder.path()));
    let accepted =
        json!({ "repositoryName": NAME, "imageIds": [{ "imageTag": "live" }], "acceptedMediaTypes": [document::DOCKER_MANIFEST] });
    assert_eq!(call(&ecr, "BatchGetImage", accepted)["failures"][0]["failureCode"], "ImageNotFound");

    let described = call(&ecr, "DescribeImages", json!({ "repositoryName": NAME, "imageIds": [{ "imageTag": "next" }] }));
    let detail = &described["imageDetails"][0];
    assert_eq!((&detail["imageDigest"], &detail["imageTags"]), (&json!(second), &json!(["next"])));
    assert_eq!(detail["imageSizeInBytes"], 9);
    let error = refusal(&ecr, "DescribeImages", json!({ "repositoryName": NAME, "imageIds": [{ "imageTag": "none" }] }));
    assert_eq!(error.code, "ImageNotFoundException");
    assert!(error.message.contains("imageTag:'none'"), "{error}");
    assert_eq!(ecr.resolve(NAME, "live").unwrap(), first);
    assert_eq!(ecr.resolve(NAME, &second).unwrap(), second);
    assert!(ecr.resolve(NAME, "none").unwrap_err().contains("'none'"));
    assert_eq!(ecr.parse_uri("000000000000.dkr.ecr.us-east-1.amazonaws.com/team/models@sha256:0").unwrap(), (NAME, "sha256:0"));
    assert_eq!(ecr.parse_uri("000000000000.dkr.ecr.us-east-1.amazonaws.com/a:b").unwrap(), ("a", "b"));
    assert!(ecr.parse_uri("docker.io/a:b").is_err());
    assert!(ecr.parse_uri("000000000000.dkr.ecr.us-east-1.amazonaws.com/a").is_err());
}

#[test]
fn tags_move_unless_they_may_not() {
    let (_folder, ecr) = registry();
    let (one, two) = (manifest(&ecr, "{}", &[b"one"]), manifest(&ecr, "{}", &[b"two"]));
    let first = put(&ecr, &one, "live");
    let second = put(&ecr, &two, "live");
    assert_eq!(ecr.resolve(NAME, "live").unwrap(), second);
    let untagged = call(&ecr, "ListImages", json!({ "repositoryName": NAME, "filter": { "tagStatus": "UNTAGGED" } }));
    assert_eq!(untagged["imageIds"], json!([{ "imageDigest": first }]));
    let wrong = json!({ "repositoryName": NAME, "filter": { "tagStatus": "SOME" } });
    assert_eq!(refusal(&ecr, "ListImages", wrong).code, "InvalidParameterException");

    ecr.ensure_repository("fixed", Some("IMMUTABLE")).unwrap();
    let file = |text: &str| BaseImage {
        tag: "base".into(),
        environment: BTreeMap::new(),
        labels: BTreeMap::new(),
        file: ("etc/base".into(), text.into()),
    };
    ecr.seed_base_image("fixed", &file("one")).unwrap();
    let error = ecr.seed_base_image("fixed", &file("two")).unwrap_err();
    assert_eq!(error.code, "ImageTagAlreadyExistsException");
}

#[test]
fn lists_come_in_pages() {
    let (_folder, ecr) = registry();
    for number in 0..7 {
        let text = manifest(&ecr, &format!("{{\"n\":{number}}}"), &[b"layer"]);
        put(&ecr, &text, &format!("a{number}"));
        put(&ecr, &text, &format!("b{number}"));
    }
    for (operation, field, expected) in [("ListImages", "imageIds", 14), ("DescribeImages", "imageDetails", 7)] {
        let mut seen = Vec::new();
        let mut token = Value::Null;
        loop {
            let page = call(&ecr, operation, json!({ "repositoryName": NAME, "maxResults": 3, "nextToken": token }));
            let items = page[field].as_array().unwrap();
            assert!((1..=3).contains(&items.len()));
            seen.extend(items.iter().map(Value::to_string));
            token = page["nextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), expected, "{operation}");
    }
}

#[test]
fn deleted_images_leave_no_blobs_behind() {
    let (_folder, ecr) = registry();
    let (one, two) = (manifest(&ecr, "{}", &[b"shared", b"one"]), manifest(&ecr, "{}", &[b"shared", b"two"]));
    let (first, second) = (put(&ecr, &one, "one"), put(&ecr, &two, "two"));
    put(&ecr, &one, "also");
    let waiting = upload(&ecr, b"for an image that is not put yet");
    for bytes in [&b"shared"[..], b"one", b"two", b"{}", one.as_bytes(), two.as_bytes()] {
        let path = ecr.blob_path(NAME, &document::digest(bytes)).unwrap();
        fs::File::open(path).unwrap().set_modified(SystemTime::now() - garbage::GRACE - Duration::from_secs(5)).unwrap();
    }
    let delete = |ids: Value| call(&ecr, "BatchDeleteImage", json!({ "repositoryName": NAME, "imageIds": ids }));
    let tag = delete(json!([{ "imageTag": "also" }, { "imageTag": "none" }]));
    assert_eq!(tag["imageIds"], json!([{ "imageDigest": first, "imageTag": "also" }]));
    assert_eq!(tag["failures"][0]["failureCode"], "ImageNotFound");
    assert!(ecr.blob_path(NAME, &document::digest(b"one")).is_some(), "the image has another tag");
    delete(json!([{ "imageDigest": first }]));
    assert!(ecr.blob_path(NAME, &document::digest(b"one")).is_none());
    assert!(ecr.blob_path(NAME, &first).is_none());
    assert!(ecr.blob_path(NAME, &document::digest(b"shared")).is_some(), "another image has it");
    assert!(ecr.blob_path(NAME, &waiting).is_some(), "a push may be under way");
    assert_eq!(ecr.resolve(NAME, "two").unwrap(), second);
    delete(json!([{ "imageTag": "two" }]));
    assert!(ecr.blob_path(NAME, &document::digest(b"shared")).is_none());
}

#[test]
fn what_a_killed_process_left_is_cleaned_up() {
    let (folder, ecr) = registry();
    let digest = put(&ecr, &manifest(&ecr, "{}", &[b"layer"]), "live");
    let id = start(&ecr);
    call(&ecr, "UploadLayerPart", part(&id, 0, b"half"));
    fs::create_dir(folder.path().join(".new-1234")).unwrap();
    fs::create_dir_all(folder.path().join(".deleted-1234/blobs")).unwrap();
    drop(ecr);
    let ecr = open(folder.path());
    assert_eq!(refusal(&ecr, "CompleteLayerUpload", complete(&id, &digest)).code, "UploadNotFoundException");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(fs::read_dir(folder.path().join("team~models/uploads")).unwrap().count(), 0);
    assert_eq!(ecr.resolve(NAME, "live").unwrap(), digest);
}

#[tokio::test]
async fn layers_are_downloaded_from_a_secret_address() {
    let (_folder, ecr) = registry();
    let digest = upload(&ecr, b"0123456789");
    let answer = call(&ecr, "GetDownloadUrlForLayer", json!({ "repositoryName": NAME, "layerDigest": digest }));
    let path = answer["downloadUrl"].as_str().unwrap().strip_prefix("http://127.0.0.1:1").unwrap().to_owned();
    let body = |response: http::Response<crate::http_server::Body>| async { response.into_body().collect().await.unwrap().to_bytes() };
    let whole = Downloads::get(&ecr, &path, None).await.unwrap();
    assert_eq!(whole.headers()["content-length"], "10");
    assert_eq!(&body(whole).await[..], b"0123456789");
    let some = Downloads::get(&ecr, &path, Some("bytes=2-4")).await.unwrap();
    assert_eq!((some.status().as_u16(), some.headers()["content-range"].to_str().unwrap()), (206, "bytes 2-4/10"));
    assert_eq!(&body(some).await[..], b"234");
    assert_eq!(Downloads::get(&ecr, &path, Some("bytes=20-")).await.unwrap().status().as_u16(), 416);
    let guessed = path.replacen(&ecr.inner.token, &"0".repeat(32), 1);
    assert!(Downloads::get(&ecr, &guessed, None).await.is_none());
    assert!(Downloads::get(&ecr, &path.replace("sha256:", "sha256:../"), None).await.is_none());
    let missing = json!({ "repositoryName": NAME, "layerDigest": document::digest(b"nowhere") });
    assert_eq!(refusal(&ecr, "GetDownloadUrlForLayer", missing).code, "LayersNotFoundException");
}

#[test]
fn a_base_image_is_put_once_and_read_by_other_tools() {
    let (folder, ecr) = registry();
    let image = BaseImage {
        tag: "base".into(),
        environment: BTreeMap::from([("LANG".into(), "C.UTF-8".into()), ("PYTHON".into(), "/usr/bin/python3".into())]),
        labels: BTreeMap::from([("python-version".into(), "3.11".into())]),
        file: ("etc/base".into(), "this machine\n".into()),
    };
    let digest = ecr.seed_base_image(NAME, &image).unwrap();
    assert_eq!(ecr.seed_base_image(NAME, &image).unwrap(), digest);
    assert_eq!(ecr.resolve(NAME, "base").unwrap(), digest);
    let layout = format!("oci:{}:base", folder.path().join("team~models").display());
    match Command::new("skopeo").args(["inspect", &layout]).output() {
        Err(_) => eprintln!("skopeo is not installed: the layout was not read with it"),
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let inspected: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(inspected["Digest"], digest);
            assert_eq!(inspected["Labels"]["python-version"], "3.11");
            assert_eq!(inspected["Env"], json!(["LANG=C.UTF-8", "PYTHON=/usr/bin/python3"]));
        }
    }
}

#[test]
fn a_login_is_given_though_nothing_asks_for_it() {
    let (_folder, ecr) = registry();
    let answer = call(&ecr, "GetAuthorizationToken", json!({}));
    let token = BASE64.decode(answer["authorizationData"][0]["authorizationToken"].as_str().unwrap()).unwrap();
    assert!(token.starts_with(b"AWS:"));
}
