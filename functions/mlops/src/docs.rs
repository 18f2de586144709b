//! `GET /docs`: Swagger UI over `GET /openapi.json`. Document: mlops-api-v5 ("API Docs (Swagger)").

use http::{HeaderValue, StatusCode, header};
use shared::http::response;
use shared::{Platform, Request, Response, Result};

/// The version of Swagger UI in `assets/`; part of its files' URLs, so that a new one is fetched at once.
const VERSION: &str = "5.35.0";

const PAGE: &str = r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ServeML API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css?v=VERSION">
</head>
<body>
<div id="swagger-ui"><noscript>This page needs JavaScript; the API is described in <a href="openapi.json">openapi.json</a>.</noscript></div>
<script src="docs/swagger-ui-bundle.js?v=VERSION"></script>
<script>
SwaggerUIBundle({ url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, tryItOutEnabled: true });
</script>
</body>
</html>
"##;

/// Answers with the page.
pub async fn handle(_platform: &Platform, _request: Request) -> Result<Response> {
    let mut answer = response::with_type(StatusCode::OK, "text/html; charset=utf-8", PAGE.replace("VERSION", VERSION));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(answer)
}
