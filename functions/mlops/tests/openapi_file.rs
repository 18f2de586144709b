//! Makes `openapi.json`, the description of every API of the platform, and tells when the committed file is stale.
//!
//! To make it anew: `UPDATE_OPENAPI=1 cargo test -p mlops --test openapi_file`, then build again, since `GET /openapi.json`
//! holds the file.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use utoipa::openapi::OpenApi;

/// The whole description. Every API crate exports `openapi()`; this is the one place where they meet.
fn document() -> OpenApi {
    let apis = [serving::openapi(), deployments::openapi(), ml_development::openapi()];
    let mut whole = mlops::openapi();
    for api in apis {
        whole.merge(api);
    }
    whole
}

#[test]
fn openapi_file_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
    let generated = format!("{}\n", document().to_pretty_json().unwrap());
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(
        committed == generated,
        "openapi.json is not what the handlers say; make it anew with UPDATE_OPENAPI=1 cargo test -p mlops --test openapi_file"
    );
}
