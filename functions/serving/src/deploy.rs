//! `POST /api/v1/deploy`: from a model file to a deployment. Document: serveml-api, "Create Deployment".

use http::{HeaderValue, StatusCode};
use shared::http::response;
use shared::jobs::deploy_file::{FileDeployment, FileSource, deploy_file};
use shared::store::idempotency::Idempotency;
use shared::{Error, Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::deployment_id;
use crate::form::Form;
use crate::views::deployment::DeploymentView;
use crate::views::problem::Problem;

const FILES: [&str; 2] = ["model_file", "requirements_file"];
const TEXTS: [&str; 7] = ["upload_id", "name", "memory", "timeout", "deployment_id", "changes", "trusted"];

/// The form. It has a `model_file` or an `upload_id`; an unknown field is refused.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct DeployForm {
    /// The model: `.pkl`, `.pickle`, `.joblib`, `.pt`, `.pth`, `.h5`, `.keras` or `.onnx`. It is read here, never run.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    model_file: Option<String>,
    /// In place of a file: what `POST /api/v1/uploads` answered.
    upload_id: Option<String>,
    /// The packages that it needs, one a line; where absent, what the file itself tells.
    #[schema(format = Binary, content_media_type = "text/plain")]
    requirements_file: Option<String>,
    /// The deployment's name; the file's where absent.
    #[schema(example = "iris-classifier", max_length = 256)]
    name: Option<String>,
    /// Memory in megabytes.
    #[schema(minimum = 128, maximum = 10240, default = 1024)]
    memory: Option<i64>,
    /// The longest time of one request, in seconds.
    #[schema(minimum = 1, maximum = 900, default = 30)]
    timeout: Option<i64>,
    /// The deployment of which this is a new version; a new deployment where absent.
    deployment_id: Option<String>,
    /// What the version changes, for its list of versions.
    #[schema(example = "Updated model with new training data", max_length = 2000)]
    changes: Option<String>,
    /// `true` deploys a pickle that imports what no model needs. Its code then runs in the model's container, which has no
    /// rights.
    trusted: Option<bool>,
}

/// Deploy a model file
///
/// Framework, class and shapes are told from the file's bytes. It then joins the pipeline: an image is built and pushed, its
/// function is created and checked, and the deployment becomes `active`; poll `GET /api/v1/deployments/{deployment_id}`.
/// A request that is sent again with the same `Idempotency-Key` starts nothing a second time.
#[utoipa::path(
    post,
    path = "/api/v1/deploy",
    operation_id = "model_file_deploy",
    tag = "Deployments",
    params(("Idempotency-Key" = Option<String>, Header, description = "Any text of at most 255 characters; remembered for a day")),
    request_body(content = DeployForm, content_type = "multipart/form-data"),
    responses(
        (
            status = 202,
            description = "Deployment begun",
            body = DeploymentView,
            headers(("Idempotency-Replayed" = String, description = "`true` when an earlier request with the same key began it"))
        ),
        (status = 400, description = "The file cannot be served (`DEPLOYMENT_FAILED`), or the body is no form (`INVALID_INPUT`)", body = Problem),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 404, description = "The user has no such deployment", body = Problem),
        (status = 413, description = "The form is too long: upload the file by itself", body = Problem),
        (status = 422, description = "A field does not hold what it must", body = Problem),
        (status = 429, description = "Too many requests", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut form = Form::read(&request, &FILES, &TEXTS).await?;
    let idempotency = Idempotency::of(&request, "api/v1/deploy")?.map(|key| key.of_content(&form.content()));
    let asked = asked(&mut form)?;
    let submitted = deploy_file(platform, &request.caller, asked, idempotency.as_ref()).await?;
    let id = submitted.job.deployment_id.unwrap_or_default();
    let deployment = platform.store()?.deployment_even_deleted(&id).await?;
    let deployment = deployment.ok_or_else(|| Error::broken(format!("deployment {id} of job {} is not there", submitted.job.id)))?;
    let mut answer = response::json(StatusCode::ACCEPTED, &DeploymentView::new(platform, &request.base_url, deployment))?;
    if submitted.replayed {
        answer.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    Ok(answer)
}

fn asked(form: &mut Form) -> Result<FileDeployment> {
    let source = match (form.take("model_file"), form.text("upload_id")?) {
        (Some(_), Some(_)) => return Err(Error::field("upload_id", "does not go with model_file; leave one of the two out")),
        (None, None) => return Err(Error::field("model_file", "missing field; send the model file, or the upload_id of one")),
        (None, Some(id)) => FileSource::Upload(id),
        (Some(file), None) => {
            let file_name =
                file.file_name.ok_or_else(|| Error::field("model_file", "must be a file with a name (curl -F model_file=@…)"))?;
            FileSource::Content { file_name, content: file.content }
        }
    };
    Ok(FileDeployment {
        source,
        requirements: form.text("requirements_file")?,
        name: form.text("name")?,
        memory_mb: form.number("memory")?,
        timeout_seconds: form.number("timeout")?,
        deployment_id: form.text("deployment_id")?.map(|id| deployment_id::read(&id).to_owned()),
        changes: form.text("changes")?,
        trusted: form.flag("trusted")?,
    })
}
