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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{Field, deploy, form_as, get_as, go_live, model_file, of_nobody, register, user_id};

    const PATH: &str = "/api/v1/deploy";

    #[tokio::test]
    async fn the_documents_form_begins_a_deployment() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        let file = model_file("forest_protocol_4.pkl");
        let form: [Field<'_>; 3] = [
            ("model_file", Some("model.pkl"), &file),
            ("requirements_file", Some("requirements.txt"), b"scikit-learn==1.9.1\n# done\n"),
            ("name", None, b"iris-classifier"),
        ];
        let (status, answer, headers) = form_as(&test, PATH, &token, &form, None).await;
        assert_eq!((status, &answer["name"], &answer["status"]), (202, &json!("iris-classifier"), &json!("building")), "{answer}");
        assert_eq!(answer["model_metadata"]["framework"], "sklearn");
        assert_eq!(answer["model_metadata"]["model_type"], "RandomForestClassifier");
        assert!(answer["model_metadata"]["size_mb"].as_f64().unwrap() > 0.0);
        assert_eq!((&answer["configuration"]["memory_mb"], &answer["configuration"]["timeout_seconds"]), (&json!(1024), &json!(30)));
        assert!(answer["id"].as_str().unwrap().starts_with("dep-") && headers.contains_key("x-ratelimit-remaining"));
        let started = test.calls().pop().unwrap();
        assert!(started.body["input"].as_str().unwrap().contains("\"train\":false"), "{started:?}");

        let store = test.platform.store().unwrap();
        let deployment = store.deployment(answer["id"].as_str().unwrap().trim_start_matches("dep-")).await.unwrap().unwrap();
        assert!(!deployment.public && deployment.owner == Some(user_id(&test, &token).await));
        let version = store.model_version("iris-classifier", 1).await.unwrap().unwrap();
        let read = async |file: &str| {
            let key = format!("artifacts/{}/{file}", version.artifact_path.as_ref().unwrap());
            test.platform.objects().unwrap().get(&key).await.unwrap().unwrap()
        };
        assert_eq!(read("model.pkl").await, file);
        assert_eq!(read("requirements.txt").await, "scikit-learn==1.9.1\n");
        let description: serde_json::Value = serde_json::from_slice(&read("MLmodel").await).unwrap();
        assert_eq!(description["flavors"]["model_file"]["format"], "pickle");
        assert_eq!(get_as(&test, "/api/v1/auth/me", &token).await.1["deployment_count"], 1);
    }

    #[tokio::test]
    async fn a_wrong_form_is_told_what_is_wrong() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        let file = model_file("forest.onnx");
        let model: Field<'_> = ("model_file", Some("m.onnx"), &file);
        let long = vec![b'x'; 70_000];
        let cases: &[(&[Field<'_>], &str)] = &[
            (&[], "model_file"),
            (&[("model_file", None, &file)], "model_file"),
            (&[("model_file", Some(""), &file)], "model_file"),
            (&[("model_file", Some("../m.onnx"), &file)], "model_file"),
            (&[("model_file", Some("m.exe"), &file)], "model_file"),
            (&[model, ("nmae", None, b"x")], "nmae"),
            (&[model, ("memory", None, b"127")], "memory"),
            (&[model, ("memory", None, b"10241")], "memory"),
            (&[model, ("memory", None, b"much")], "memory"),
            (&[model, ("timeout", None, b"0")], "timeout"),
            (&[model, ("timeout", None, b"901")], "timeout"),
            (&[model, ("timeout", None, b"99999999999999999999")], "timeout"),
            (&[model, ("name", None, b"a/b")], "name"),
            (&[model, ("name", None, b"\xff")], "name"),
            (&[model, ("name", None, &long)], "name"),
            (&[model, ("trusted", None, b"yes")], "trusted"),
            (&[model, ("changes", None, &long[..3000])], "changes"),
            (&[model, ("requirements_file", Some("r.txt"), b"-r x")], "requirements_file"),
            (&[model, ("upload_id", None, b"x")], "upload_id"),
            (&[("upload_id", None, b"x")], "upload_id"),
            (&[model, model], "model_file"),
        ];
        for (form, field) in cases {
            let (status, answer, _) = form_as(&test, PATH, &token, form, None).await;
            let seen = (status, answer["error"]["code"].as_str(), answer["error"]["details"]["field"].as_str());
            assert_eq!(seen, (422, Some("VALIDATION_ERROR"), Some(*field)), "{answer}");
        }
        assert_eq!(test.calls(), []);
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_served_is_refused_with_the_reason() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        for (name, fixture, reason) in [
            ("m.pkl", "attack_protocol_4.pkl", "posix.system"),
            ("m.pkl", "forest.onnx", "is not a pickle"),
            ("m.pt", "state.pt", "weights without the model"),
            ("m.h5", "only.weights.h5", ""),
        ] {
            let file = model_file(fixture);
            let (status, answer, _) = form_as(&test, PATH, &token, &[("model_file", Some(name), &file)], None).await;
            assert_eq!((status, answer["error"]["code"].as_str()), (400, Some("DEPLOYMENT_FAILED")), "{answer}");
            assert!(answer["error"]["message"].as_str().unwrap().contains(reason), "{answer}");
        }
        let file = model_file("attack_protocol_4.pkl");
        let trusted: [Field<'_>; 2] = [("model_file", Some("m.pkl"), &file), ("trusted", None, b"true")];
        assert_eq!(form_as(&test, PATH, &token, &trusted, None).await.0, 202);
    }

    #[tokio::test]
    async fn a_form_that_is_too_long_leads_to_an_upload() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        let file = vec![0; 5 * 1024 * 1024];
        let (status, answer, _) = form_as(&test, PATH, &token, &[("model_file", Some("m.pkl"), &file)], None).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (413, Some("INVALID_INPUT")));
        assert!(answer["error"]["message"].as_str().unwrap().contains("POST /api/v1/uploads"), "{answer}");
    }

    #[tokio::test]
    async fn a_key_begins_one_deployment_whatever_the_forms_boundary() {
        let test = TestPlatform::start().await;
        let (token, other) = (register(&test, "johndoe").await, register(&test, "janedoe").await);
        let file = model_file("forest.onnx");
        let form: [Field<'_>; 1] = [("model_file", Some("forest.onnx"), &file)];
        let (_, first, _) = form_as(&test, PATH, &token, &form, Some("key")).await;
        let (status, again, headers) = form_as(&test, PATH, &token, &form, Some("key")).await;
        assert_eq!((status, &again["id"], &headers["idempotency-replayed"]), (202, &first["id"], &"true".parse().unwrap()));
        let (status, _, _) = form_as(&test, PATH, &token, &[form[0], ("name", None, b"x")], Some("key")).await;
        assert_eq!(status, 400, "the key was used for another form");
        let (status, theirs, _) = form_as(&test, PATH, &other, &form, Some("key")).await;
        assert!(status == 202 && theirs["id"] != first["id"], "keys belong to users: {theirs}");
    }

    #[tokio::test]
    async fn a_new_version_joins_its_deployment_and_nobody_elses() {
        let test = TestPlatform::start().await;
        let (token, other) = (register(&test, "johndoe").await, register(&test, "janedoe").await);
        let id = deploy(&test, &token, &[("name", None, b"first")]).await;
        go_live(&test, &id).await;
        let file = model_file("forest.onnx");
        let form: [Field<'_>; 4] = [
            ("model_file", Some("forest.onnx"), &file),
            ("deployment_id", None, id.as_bytes()),
            ("changes", None, b"Fixed prediction bug"),
            ("memory", None, b"2048"),
        ];
        assert_eq!(form_as(&test, PATH, &other, &form, None).await.0, 404);
        let (status, answer, _) = form_as(&test, PATH, &token, &form, None).await;
        assert_eq!((status, &answer["id"], &answer["status"]), (202, &json!(id), &json!("updating")), "{answer}");
        let deployment = go_live(&test, &id).await;
        assert_eq!((deployment.live_version, deployment.configuration.memory_mb), (Some(2), Some(2048)));
        let (_, versions) = get_as(&test, &format!("/api/v1/deployments/{id}/versions"), &token).await;
        let seen: Vec<_> =
            versions["versions"].as_array().unwrap().iter().map(|one| (&one["version"], &one["is_current"], &one["changes"])).collect();
        let expected = [(&json!("v2"), &json!(true), &json!("Fixed prediction bug")), (&json!("v1"), &json!(false), &json!(null))];
        assert_eq!(seen, expected);
        // What nobody in particular made is everybody's, and stays so.
        let anyones = of_nobody(&test, "anyones").await;
        let form: [Field<'_>; 2] = [form[0], ("deployment_id", None, anyones.as_bytes())];
        assert_eq!(form_as(&test, PATH, &other, &form, None).await.0, 202);
    }

    #[tokio::test]
    async fn two_deployments_may_have_the_same_name() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        let one = deploy(&test, &token, &[("name", None, b"same")]).await;
        let two = deploy(&test, &token, &[("name", None, b"same")]).await;
        assert_ne!(one, two);
        let (_, list) = get_as(&test, "/api/v1/deployments?search=SAM", &token).await;
        assert_eq!(list["total"], 2);
    }
}
