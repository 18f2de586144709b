//! The whole way, from folders to an image that standard tools accept, and from wheels to a layer.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::dependencies::{Loader, ServingRequirements};
use super::install::Installation;
use super::layer::LayerContent;
use super::manifest::{BaseImage, Image, ImageSpecification, NamedLayer, build};
use super::{ImageError, command, digest};

/// An OCI layout with an image over a small base, in the Docker form that a public base may have.
fn layout(root: &Path) -> Image {
    let blobs = root.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8]| {
        let digest = digest::sha256(bytes);
        fs::write(blobs.join(&digest["sha256:".len()..]), bytes).unwrap();
        digest
    };
    let written = |content: &LayerContent, created_by: &str| {
        let mut bytes = Vec::new();
        let layer = content.write(&mut bytes).unwrap();
        assert_eq!(put(&bytes), layer.digest);
        NamedLayer { layer, created_by: created_by.to_owned() }
    };
    let base = written(&LayerContent::new().bytes("etc/base", "base").unwrap(), "base").layer;
    let configuration = json!({
        "architecture": "amd64", "os": "linux", "config": { "Env": ["PATH=/usr/bin"], "Cmd": ["x"] },
        "rootfs": { "type": "layers", "diff_ids": [base.diff_id] },
    });
    let configuration = configuration.to_string().into_bytes();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": { "mediaType": "application/vnd.docker.container.image.v1+json", "digest": digest::sha256(&configuration), "size": configuration.len() },
        "layers": [{ "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "digest": base.digest, "size": base.size }],
    });
    let base = BaseImage::read(manifest.to_string().as_bytes(), &configuration).unwrap();

    let packages = tempfile::tempdir().unwrap();
    let long = ["a-rather-long-folder-name"; 12].join("/");
    for path in ["numpy/core/__init__.py", "größe/模型.txt", &format!("{long}/deep.py")] {
        let path = packages.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![b'x'; 1_500_000]).unwrap();
    }
    symlink("../numpy/core", packages.path().join("größe/link")).unwrap();
    let program = packages.path().join("numpy/core/__init__.py");
    let layers = vec![
        written(&LayerContent::new().file("/opt/serveml/bin/model-server", &program, true).unwrap(), "server"),
        written(&LayerContent::new().folder("/opt/serveml/python", packages.path()).unwrap(), "dependencies"),
        written(&LayerContent::new().bytes("/opt/serveml/model.json", "{}").unwrap(), "model"),
    ];
    let specification = ImageSpecification {
        created: "2025-01-31T12:00:00Z".into(),
        layers,
        entrypoint: vec!["/opt/serveml/bin/model-server".into()],
        environment: BTreeMap::new(),
        labels: BTreeMap::from([("serveml.model-name".into(), "iris".into())]),
        working_folder: "/".into(),
    };
    let image = build(&base, &specification).unwrap();
    assert_eq!(put(&image.configuration), image.configuration_digest);
    assert_eq!(put(&image.manifest), image.manifest_digest);
    let index = json!({
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": super::manifest::MANIFEST_MEDIA_TYPE, "digest": image.manifest_digest, "size": image.manifest.len(),
            "annotations": { "org.opencontainers.image.ref.name": "latest" },
        }],
    });
    fs::write(root.join("index.json"), index.to_string()).unwrap();
    fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    image
}

/// What a tool says; nothing, and a word about it, where it is not installed.
fn said_by(tool: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let Ok(output) = Command::new(tool).args(arguments).output() else {
        eprintln!("{tool} is not installed: the image was not tried with it");
        return None;
    };
    assert!(output.status.success(), "{tool} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

#[test]
fn the_same_content_makes_the_same_image() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(layout(first.path()).manifest_digest, layout(second.path()).manifest_digest);
}

#[test]
fn skopeo_accepts_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let image = layout(folder.path());
    let name = format!("oci:{}:latest", folder.path().display());
    let Some(inspected) = said_by("skopeo", &["inspect", &name]) else { return };
    let inspected: Value = serde_json::from_slice(&inspected).unwrap();
    assert_eq!(inspected["Digest"], image.manifest_digest);
    assert_eq!(inspected["Labels"]["serveml.model-name"], "iris");
    assert_eq!(inspected["Layers"], json!(image.layer_digests));
    // A copy reads every blob and checks every digest, the uncompressed ones too.
    let copy = folder.path().join("copy");
    said_by("skopeo", &["--insecure-policy", "copy", &name, &format!("dir:{}", copy.display())]);
    let docker = folder.path().join("image.tar");
    said_by("skopeo", &["--insecure-policy", "copy", &name, &format!("docker-archive:{}", docker.display())]);
}

#[test]
fn umoci_unpacks_the_image() {
    let folder = tempfile::tempdir().unwrap();
    layout(folder.path());
    let name = format!("{}:latest", folder.path().display());
    let bundle = folder.path().join("bundle");
    let bundle_name = bundle.display().to_string();
    let Some(_) = said_by("umoci", &["unpack", "--rootless", "--image", &name, &bundle_name]) else { return };
    let root = bundle.join("rootfs");
    assert_eq!(fs::read(root.join("etc/base")).unwrap(), b"base");
    assert_eq!(fs::read(root.join("opt/serveml/model.json")).unwrap(), b"{}");
    for path in ["größe/模型.txt", "größe/link/__init__.py", "a-rather-long-folder-name"] {
        assert!(root.join("opt/serveml/python").join(path).exists(), "{path}");
    }
    let program = fs::metadata(root.join("opt/serveml/bin/model-server")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&program) & 0o777, 0o755);
    let configuration: Value = serde_json::from_slice(&fs::read(bundle.join("config.json")).unwrap()).unwrap();
    assert_eq!(configuration["process"]["args"], json!(["/opt/serveml/bin/model-server"]));
}

/// A folder of wheels in place of the package index.
fn wheels(folder: &Path) {
    for (name, requires) in [("serveml_test_demo", "serveml-test-helper>=1"), ("serveml_test_helper", "")] {
        let info = format!("{name}-1.0.dist-info");
        let mut metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n");
        if !requires.is_empty() {
            metadata.push_str(&format!("Requires-Dist: {requires}\n"));
        }
        let files = [
            (format!("{name}/__init__.py"), format!("def of():\n    return {{'{name}', 'x'}}\n")),
            (format!("{info}/METADATA"), metadata),
            (format!("{info}/WHEEL"), "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned()),
            (format!("{info}/entry_points.txt"), format!("[console_scripts]\n{name} = {name}:of\n")),
        ];
        let record: String = files.iter().map(|(path, _)| format!("{path},,\n")).collect();
        let mut all: Vec<(String, String)> = files.to_vec();
        all.push((format!("{info}/RECORD"), format!("{record}{info}/RECORD,,\n")));
        let mut wheel = fs::File::create(folder.join(format!("{name}-1.0-py3-none-any.whl"))).unwrap();
        wheel.write_all(&zip(&all)).unwrap();
    }
}

/// A zip archive of stored files.
fn zip(files: &[(String, String)]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (path, text) in files {
        let mut checksum = flate2::Crc::new();
        checksum.update(text.as_bytes());
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        common.extend(checksum.sum().to_le_bytes());
        common.extend([(text.len() as u32).to_le_bytes(), (text.len() as u32).to_le_bytes()].concat());
        common.extend((path.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend((archive.len() as u32).to_le_bytes());
        directory.extend(path.as_bytes());
        archive.extend(b"PK\x03\x04");
        archive.extend(&common);
        archive.extend(path.as_bytes());
        archive.extend(text.as_bytes());
    }
    let count = (files.len() as u16).to_le_bytes();
    let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
    end.extend([count, count].concat());
    end.extend((directory.len() as u32).to_le_bytes());
    end.extend((archive.len() as u32).to_le_bytes());
    end.extend([0, 0]);
    [archive, directory, end].concat()
}

/// An installation that needs no network; none where uv is not installed.
fn installation(wheels: &Path, cache: &Path) -> Option<Installation> {
    let Ok(uv) = Installation::find_uv() else {
        eprintln!("uv is not installed: nothing was installed with it");
        return None;
    };
    let python = command::find("python3").expect("python3 is on PATH: the product needs it");
    let asked = Command::new(python)
        .args(["-c", "import sys, os; print(os.path.realpath(sys.executable)); print('%d.%d' % sys.version_info[:2])"])
        .output()
        .unwrap();
    let answer = String::from_utf8(asked.stdout).unwrap();
    let (python, version) = answer.trim().split_once('\n').unwrap();
    let mut environment = command::package_environment();
    environment.retain(|(name, _)| !name.to_string_lossy().starts_with("UV_"));
    for (name, value) in [("UV_OFFLINE", "1".into()), ("UV_FIND_LINKS", wheels.into()), ("UV_CACHE_DIR", OsString::from(cache))] {
        environment.push((name.into(), value));
    }
    Some(Installation {
        uv,
        python: python.to_owned(),
        python_version: version.to_owned(),
        platform: None,
        torch_backend: None,
        final_folder: "/opt/serveml/python".into(),
        environment,
        limit: Duration::from_secs(120),
    })
}

#[tokio::test]
async fn requirements_become_the_same_layer_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    fs::create_dir(place("wheels")).unwrap();
    wheels(&place("wheels"));
    let requirements = ServingRequirements { lines: vec!["serveml-test-demo==1.0".into()] };
    let mut digests = Vec::new();
    for (target, cache) in [("first", "cache"), ("second", "other-cache"), ("third", "cache")] {
        let Some(installation) = installation(&place("wheels"), &place(cache)) else { return };
        let installed = installation.install(&requirements, &place(target)).await.unwrap();
        assert_eq!(installed.packages, ["serveml-test-demo==1.0", "serveml-test-helper==1.0"]);
        assert_eq!(installed.compiled.files, 2);
        assert!(!place(target).join("bin").exists());
        let content = LayerContent::new().folder("/opt/serveml/python", &place(target)).unwrap();
        digests.push(content.write(std::io::sink()).unwrap().digest);
    }
    digests.dedup();
    assert_eq!(digests.len(), 1);
}

#[tokio::test]
async fn requirements_that_cannot_be_met_are_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    wheels(folder.path());
    let Some(mut installation) = installation(folder.path(), &folder.path().join("cache")) else { return };
    let target: PathBuf = folder.path().join("target");
    let loader = Loader::Direct(vec![]);
    let mut requirements = ServingRequirements::new("serveml-test-demo==99", &loader).unwrap();
    requirements.lines.retain(|line| line.starts_with("serveml"));
    let error = installation.install(&requirements, &target).await.unwrap_err();
    assert!(matches!(error, ImageError::Dependencies(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("serveml-test-demo") && text.contains("99") && !text.contains("we can conclude"), "{text}");
    assert!(!target.exists(), "a failed installation leaves no folder");

    installation.python_version = "2.7".into();
    let error = installation.install(&requirements, &target).await.unwrap_err();
    assert!(matches!(error, ImageError::Tool(_)) && error.to_string().contains("2.7"), "{error}");
}
