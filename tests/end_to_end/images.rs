//! The images that deployments leave in the registry are ones that standard tools accept.

use std::process::Command;

use crate::support::{Cloud, python, scripts};

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_tools_read_them() {
    if !has("skopeo") || !has("umoci") {
        assert!(std::env::var_os("CI").is_none(), "skopeo and umoci must be installed here");
        eprintln!("skopeo and umoci are not installed: the images were not checked with them");
        return;
    }
    let cloud = Cloud::start();
    let job = cloud.client.deployed(&scripts::request("inspected", &scripts::constant(1))).await;
    let image_uri = job["image_uri"].as_str().unwrap();
    let (repository, digest) = image_uri.rsplit_once('@').unwrap();
    let layout = cloud.data().join("ecr").join(repository.split_once('/').unwrap().1);
    let tag = format!("job-{}", job["job_id"].as_str().unwrap());
    let reference = format!("oci:{}:{tag}", layout.display());

    let inspected: serde_json::Value = serde_json::from_str(&python::run(Command::new("skopeo").args(["inspect", &reference]))).unwrap();
    assert_eq!(inspected["Digest"], digest, "{inspected:#}");
    assert!(inspected["Layers"].as_array().unwrap().len() >= 3, "{inspected:#}");

    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let bundle = folder.path().join("bundle");
    let image = format!("{}:{tag}", layout.display());
    python::run(Command::new("umoci").args(["unpack", "--rootless", "--image", &image]).arg(&bundle));
    for path in
        ["opt/serveml/bin/model-server", "opt/serveml/model/MLmodel", "opt/serveml/model.json", "opt/serveml/python/sklearn/__init__.py"]
    {
        assert!(bundle.join("rootfs").join(path).is_file(), "{path}");
    }
}
