//! `deploy`: a script to a URL that predicts, with everything that happens on the way on the screen.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Value, json};

use crate::follow::Platform;
use crate::options::{Cloud as CloudOptions, Deploy};
use crate::{display, follow, serve};

/// Deploys the script on the platform named, the one that runs here, or one that is started for it.
pub async fn run(cloud_options: &CloudOptions, deploy: &Deploy) -> Result<(), String> {
    let request = request(deploy)?;
    let client = client()?;
    let mut started = None;
    let url = match &deploy.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => {
            if let Some(running) = serve::running(cloud_options)? {
                display::step("using", &format!("the platform that runs at {}", running.url));
                running.url
            } else {
                let begun = Instant::now();
                let cloud = serve::start(cloud_options, true).await?;
                serve::announce(&cloud, begun.elapsed());
                let url = cloud.url().to_owned();
                started = Some(cloud);
                url
            }
        }
    };
    let platform = Platform { url, api_key: deploy.api_key.clone() };
    let outcome = tokio::select! {
        outcome = deploy_on(&client, &platform, &request) => outcome,
        stopped = serve::stop_signal() => stopped.and(Err("stopped before the deployment ended; it goes on when the platform is started again".to_owned())),
    };
    match started {
        None => outcome,
        Some(cloud) => match outcome {
            Ok(()) => {
                display::line("\n           Serving until Ctrl-C.");
                serve::until_stopped(cloud).await
            }
            Err(message) => {
                cloud.shutdown().await;
                Err(message)
            }
        },
    }
}

fn client() -> Result<reqwest::Client, String> {
    pipeline::http_client().map_err(|error| error.to_string())
}

fn request(deploy: &Deploy) -> Result<Value, String> {
    let script = std::fs::read_to_string(&deploy.script).map_err(|error| format!("cannot read {}: {error}", deploy.script.display()))?;
    let name = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned()).unwrap_or_default();
    let model = deploy.model.clone().unwrap_or_else(|| name(deploy.script.file_stem()));
    let mut request = json!({
        "script_name": name(deploy.script.file_name()),
        "script_content": script,
        "experiment_name": deploy.experiment.clone().unwrap_or_else(|| model.clone()),
        "model_name": model,
        "environment_vars": deploy.environment.iter().cloned().collect::<BTreeMap<_, _>>(),
        "timeout": deploy.timeout,
    });
    if !deploy.requirements.is_empty() {
        request["requirements"] = json!(deploy.requirements);
    }
    if let Some(replicas) = deploy.replicas {
        request["replicas"] = json!(replicas);
    }
    Ok(request)
}

async fn deploy_on(client: &reqwest::Client, platform: &Platform, request: &Value) -> Result<(), String> {
    let answer = follow::json(platform.request(client, reqwest::Method::POST, "/mlops/deploy").json(request)).await?;
    let job_id = answer["job_id"].as_str().ok_or("the platform's answer has no job_id")?.to_owned();
    display::step(
        "deploying",
        &format!("{} as {} (job {job_id})", request["script_name"].as_str().unwrap_or_default(), request["model_name"]),
    );
    let deployed = follow::job(client, platform, &job_id).await?;
    let deployment_url = deployed["deployment_url"].as_str().ok_or("the deployed job has no URL")?;
    display::success("deployed", &format!("{} version {}", request["model_name"], deployed["model_version"].as_str().unwrap_or_default()));
    display::line(&format!("\ndeployment_url: {deployment_url}\n"));
    display::line(&follow::curl_line(client, deployment_url).await?);
    Ok(())
}
