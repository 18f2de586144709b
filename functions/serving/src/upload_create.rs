//! `POST /api/v1/uploads`: a URL for a model file that is too large for a form.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::domain::upload::{LARGEST_FILE, Upload, VALID_SECONDS};
use shared::http::response;
use shared::objects::keys;
use shared::{Platform, Request, Response, Result, Timestamp};
use utoipa::ToSchema;

use crate::body;
use crate::views::problem::Problem;

/// The file that is to be uploaded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadRequest {
    /// Its name, whose ending tells its format.
    #[schema(example = "model.pt", max_length = 255)]
    pub file_name: String,
    /// Its size in bytes, exactly.
    #[schema(minimum = 1, maximum = 1073741824, example = 52428800)]
    pub size_bytes: i64,
}

/// Where the file goes.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadAccepted {
    /// What to deploy with, as the field `upload_id`.
    pub upload_id: String,
    /// Where to send the file's bytes.
    pub upload_url: String,
    /// The method to send them with.
    #[schema(example = "PUT")]
    pub method: &'static str,
    /// Headers to send with them.
    pub headers: BTreeMap<String, String>,
    /// Until when the file can be sent and deployed.
    pub expires_at: Timestamp,
    /// The largest file that is taken.
    pub max_size_bytes: u64,
}

/// Begin an upload
///
/// `PUT` the file to `upload_url`, then `POST /api/v1/deploy` with `upload_id`.
#[utoipa::path(
    post,
    path = "/api/v1/uploads",
    operation_id = "upload_create",
    tag = "Deployments",
    request_body = UploadRequest,
    responses(
        (status = 201, description = "Where to send the file", body = UploadAccepted),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 422, description = "The name or size cannot be a model file's", body = Problem),
        (status = 429, description = "Too many requests", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let asked: UploadRequest = body::read(&request)?;
    let upload = Upload::new(request.caller.user_id().map(str::to_owned), asked.file_name, asked.size_bytes)?;
    let valid = Duration::from_secs(VALID_SECONDS.unsigned_abs());
    let upload_url = platform.objects()?.presign_sized_put(&keys::upload(&upload.id), upload.size_bytes, valid).await?;
    platform.store()?.create_upload(&upload).await?;
    let answer = UploadAccepted {
        expires_at: upload.expires_at(),
        upload_id: upload.id,
        upload_url,
        method: "PUT",
        headers: BTreeMap::new(),
        max_size_bytes: LARGEST_FILE,
    };
    response::json(StatusCode::CREATED, &answer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{Field, form_as, model_file, post_as, register};

    #[tokio::test]
    async fn a_file_is_uploaded_by_itself_and_deployed_by_its_owner() {
        let test = TestPlatform::start().await;
        let (token, other) = (register(&test, "johndoe").await, register(&test, "janedoe").await);
        let file = model_file("forest.onnx");
        let asked = json!({ "file_name": "forest.onnx", "size_bytes": file.len() });
        let (status, upload) = post_as(&test, "/api/v1/uploads", &token, &asked).await;
        assert_eq!((status, &upload["method"]), (201, &json!("PUT")), "{upload}");
        assert!(upload["upload_url"].as_str().unwrap().contains("X-Amz-Signature="));
        let id = upload["upload_id"].as_str().unwrap();
        let form: [Field<'_>; 1] = [("upload_id", None, id.as_bytes())];
        let deploy = async |token: &str| form_as(&test, "/api/v1/deploy", token, &form, None).await;
        let (status, answer, _) = deploy(&token).await;
        assert!(status == 422 && answer["error"]["message"].as_str().unwrap().contains("not uploaded yet"), "{answer}");

        let objects = test.platform.objects().unwrap();
        objects.put(&format!("uploads/{id}"), file[..100].to_vec()).await.unwrap();
        let (status, answer, _) = deploy(&token).await;
        assert!(status == 422 && answer["error"]["message"].as_str().unwrap().contains("has 100 bytes"), "{answer}");

        objects.put(&format!("uploads/{id}"), file).await.unwrap();
        let (status, answer, _) = deploy(&other).await;
        assert!(status == 422 && answer["error"]["message"].as_str().unwrap().contains("no such upload"), "{answer}");
        let (status, answer, _) = deploy(&token).await;
        assert_eq!((status, &answer["model_metadata"]["framework"]), (202, &json!("onnx")), "{answer}");
    }

    #[tokio::test]
    async fn name_and_size_are_checked() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        for (asked, field) in [
            (json!({ "file_name": "", "size_bytes": 1 }), "file_name"),
            (json!({ "file_name": "a/b.pkl", "size_bytes": 1 }), "file_name"),
            (json!({ "file_name": "m.pkl", "size_bytes": 0 }), "size_bytes"),
            (json!({ "file_name": "m.pkl", "size_bytes": -5 }), "size_bytes"),
            (json!({ "file_name": "m.pkl", "size_bytes": 2_000_000_000_000u64 }), "size_bytes"),
            (json!({ "file_name": "m.pkl" }), "size_bytes"),
            (json!({ "file_name": 1, "size_bytes": 1 }), "file_name"),
            (json!({ "file_name": "m.pkl", "size_bytes": 1, "size": 1 }), "size"),
        ] {
            let (status, answer) = post_as(&test, "/api/v1/uploads", &token, &asked).await;
            assert_eq!((status, answer["error"]["details"]["field"].as_str()), (422, Some(field)), "{asked}: {answer}");
        }
    }
}
