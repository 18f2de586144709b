//! `GET /docs/{asset}`: the files of Swagger UI, so that the page of `GET /docs` needs no other server.

use std::io::Read as _;

use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

/// A file, compressed.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    compressed: &'static [u8],
}

const ASSETS: [Asset; 2] = [
    Asset {
        name: "swagger-ui-bundle.js",
        content_type: "text/javascript; charset=utf-8",
        compressed: include_bytes!("../assets/swagger-ui-bundle.js.gz"),
    },
    Asset {
        name: "swagger-ui.css",
        content_type: "text/css; charset=utf-8",
        compressed: include_bytes!("../assets/swagger-ui.css.gz"),
    },
];

/// Answers with a file, compressed where the client takes that.
pub async fn handle(_platform: &Platform, request: Request) -> Result<Response> {
    let name = request.path_parameter("asset")?;
    let asset = ASSETS.iter().find(|asset| asset.name == name).ok_or_else(|| Error::not_found("There is no such page"))?;
    let mut answer = if takes_gzip(&request.headers) {
        let mut answer = response::with_type(StatusCode::OK, asset.content_type, asset.compressed);
        answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        answer
    } else {
        let mut text = Vec::new();
        GzDecoder::new(asset.compressed).read_to_end(&mut text).map_err(|error| Error::internal("unpacking a file of Swagger UI", error))?;
        response::with_type(StatusCode::OK, asset.content_type, text)
    };
    // The page names each file with its version.
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    Ok(answer)
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    accepted.map(str::trim).any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = quality.trim().strip_prefix("q=").is_some_and(|quality| quality.parse() == Ok(0.0));
        matches!(name.trim(), "gzip" | "*") && !refused
    })
}
