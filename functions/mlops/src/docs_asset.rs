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
    Asset { name: "swagger-ui.css", content_type: "text/css; charset=utf-8", compressed: include_bytes!("../assets/swagger-ui.css.gz") },
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
        GzDecoder::new(asset.compressed)
            .read_to_end(&mut text)
            .map_err(|error| Error::internal("unpacking a file of Swagger UI", error))?;
        response::with_type(StatusCode::OK, asset.content_type, text)
    };
    // The page names each file with its version.
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    Ok(answer)
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted =
        headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    accepted.map(str::trim).any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = quality.trim().strip_prefix("q=").is_some_and(|quality| quality.parse() == Ok(0.0));
        matches!(name.trim(), "gzip" | "*") && !refused
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Method;
    use testing::{TestPlatform, request, with_header};

    #[tokio::test]
    async fn the_page_finds_its_files() {
        let test = TestPlatform::start().await;
        let page = test.send(crate::FUNCTIONS, request(Method::GET, "/docs")).await;
        let page = String::from_utf8(page.body().to_vec()).unwrap();
        for name in ["swagger-ui-bundle.js", "swagger-ui.css"] {
            assert!(page.contains(&format!("\"docs/{name}?v=")), "{page}");
            let plain = test.send(crate::FUNCTIONS, request(Method::GET, &format!("/docs/{name}"))).await;
            assert!(plain.status() == 200 && plain.body().len() > 100_000 && std::str::from_utf8(plain.body()).is_ok());
            let accepting = with_header(request(Method::GET, &format!("/docs/{name}")), "accept-encoding", "br;q=1.0, gzip;q=0.8");
            let compressed = test.send(crate::FUNCTIONS, accepting).await;
            assert_eq!(compressed.headers()["content-encoding"], "gzip");
            assert!(compressed.body().starts_with(&[0x1f, 0x8b]));
            let refusing = with_header(request(Method::GET, &format!("/docs/{name}")), "accept-encoding", "gzip;q=0, br");
            assert_eq!(test.send(crate::FUNCTIONS, refusing).await.body(), plain.body());
        }
        assert_eq!(test.send(crate::FUNCTIONS, request(Method::GET, "/docs/other.js")).await.status(), 404);
    }

    #[tokio::test]
    async fn the_document_is_served() {
        let test = TestPlatform::start().await;
        let answer = test.send(crate::FUNCTIONS, request(Method::GET, "/openapi.json")).await;
        assert_eq!(testing::json_of(&answer)["info"]["title"], "ServeML");
    }
}
