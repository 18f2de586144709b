#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

use super::*;

const NAME: &str = "models";

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// One entry of an archive: kind, path, content or target.
type Item<'a> = (EntryType, &'a str, &'a str);

const PROGRAM: EntryType = EntryType::Continuous;

/// An archive with exactly these paths, however wrong they are.
fn archive(items: &[Item]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, path, text) in items {
        let mut header = Header::new_ustar();
        let fields = header.as_ustar_mut().unwrap();
        fields.name[..path.len()].copy_from_slice(path.as_bytes());
        let is_file = matches!(*kind, EntryType::Regular | EntryType::Continuous);
        if !is_file {
            fields.linkname[..text.len()].copy_from_slice(text.as_bytes());
        }
        let content = if is_file { text.as_bytes() } else { b"" };
        header.set_entry_type(if *kind == PROGRAM { EntryType::Regular } else { *kind });
        header.set_mode(if *kind == PROGRAM { 0o755 } else { 0o640 });
        header.set_size(content.len() as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Two members, as parallel compressors write them.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let (first, second) = bytes.split_at(bytes.len() / 3);
    let mut whole = Vec::new();
    for part in [first, second] {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(part).unwrap();
        whole.extend(encoder.finish().unwrap());
    }
    whole
}

struct Store {
    _folder: tempfile::TempDir,
    ecr: Ecr,
    containers: Containers,
    folder: PathBuf,
}

fn store() -> Store {
    let folder = tempfile::tempdir().unwrap();
    let ecr = Ecr::open(&folder.path().join("ecr"), "http://127.0.0.1:1", "us-east-1").unwrap();
    ecr.ensure_repository(NAME, None).unwrap();
    let containers = Containers::open(&folder.path().join("rootfs"), ecr.clone()).unwrap();
    Store { folder: folder.path().join("rootfs").canonicalize().unwrap(), _folder: folder, ecr, containers }
}

impl Store {
    fn upload(&self, bytes: &[u8]) {
        let id = self.ecr.handle("InitiateLayerUpload", json!({ "repositoryName": NAME })).unwrap()["uploadId"].clone();
        for (index, piece) in bytes.chunks(10 << 20).enumerate() {
            let first = index * (10 << 20);
            let part = json!({
                "repositoryName": NAME, "uploadId": id, "partFirstByte": first, "partLastByte": first + piece.len() - 1,
                "layerPartBlob": BASE64.encode(piece),
            });
            self.ecr.handle("UploadLayerPart", part).unwrap();
        }
        let complete = json!({ "repositoryName": NAME, "uploadId": id, "layerDigests": [digest(bytes)] });
        match self.ecr.handle("CompleteLayerUpload", complete) {
            Err(error) if error.code != "LayerAlreadyExistsException" => panic!("{error}"),
            _ => {}
        }
    }

    /// Puts an image of these archives; gives its URI with its digest.
    fn image(&self, layers: &[Vec<u8>], config: Value) -> String {
        self.image_with(layers, config, |_, _| {})
    }

    fn image_with(&self, layers: &[Vec<u8>], config: Value, change: impl Fn(&mut Value, &mut Value)) -> String {
        let mut configuration = json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }, "os": "linux", "config": config,
            "rootfs": { "type": "layers", "diff_ids": layers.iter().map(|layer| digest(layer)).collect::<Vec<_>>() },
        });
        let blobs: Vec<Vec<u8>> = layers.iter().map(|layer| gzip(layer)).collect();
        let descriptor = |bytes: &[u8], kind: &str| json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest(bytes), "size": bytes.len() });
        let mut manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "layers": blobs.iter().map(|blob| descriptor(blob, "layer.v1.tar+gzip")).collect::<Vec<_>>(),
        });
        change(&mut manifest, &mut configuration);
        let configuration = configuration.to_string();
        manifest["config"] = descriptor(configuration.as_bytes(), "config.v1+json");
        for blob in blobs.iter().map(Vec::as_slice).chain([configuration.as_bytes()]) {
            self.upload(blob);
        }
        let manifest = manifest.to_string();
        let put = json!({ "repositoryName": NAME, "imageManifest": manifest, "imageTag": "latest" });
        if let Err(error) = self.ecr.handle("PutImage", put) {
            assert_eq!(error.code, "ImageAlreadyExistsException");
        }
        format!("{}@{}", self.ecr.repository_uri(NAME), digest(manifest.as_bytes()))
    }

    fn refusal(&self, items: &[Item]) -> String {
        let uri = self.image(&[archive(items)], json!({ "Entrypoint": ["/bin/run"] }));
        let error = self.containers.prepare(&uri).unwrap_err();
        assert_eq!(fs::read_dir(self.folder.join("unfinished")).unwrap().count(), 0, "nothing is left behind");
        error
    }

    fn read(&self, container: &Container, path: &str) -> Option<String> {
        fs::read_to_string(container.rootfs.join(path)).ok()
    }
}

use EntryType::{Directory, Link, Regular, Symlink};

#[test]
fn an_image_becomes_a_program_that_runs() {
    let store = store();
    let script = "#!/bin/sh\necho $0 $1 $GREETING\n";
    let layers = [
        archive(&[(Directory, "opt/", ""), (Regular, "opt/model.json", "{}"), (Regular, "etc/base", "base")]),
        archive(&[(Directory, "opt/bin/", ""), (PROGRAM, "./opt/bin/run", script), (Symlink, "usr/bin/tool", "/opt/bin/run")]),
    ];
    let config =
        json!({ "Entrypoint": ["/opt/bin/run", "one"], "Cmd": ["two"], "Env": ["GREETING=a=b", "PATH=/usr/bin"], "WorkingDir": "/opt" });
    let uri = store.image(&layers, config);
    let container = store.containers.prepare(&uri).unwrap();
    assert_eq!(container.program, container.rootfs.join("opt/bin/run"));
    assert!(!fs::symlink_metadata(&container.program).unwrap().is_symlink());
    assert_eq!(container.arguments, ["one", "two"]);
    assert_eq!(container.environment, [("GREETING".to_owned(), "a=b".to_owned()), ("PATH".to_owned(), "/usr/bin".to_owned())]);
    assert_eq!(container.folder, container.rootfs.join("opt"));
    assert!(uri.ends_with(&container.digest));
    assert_eq!(store.read(&container, "etc/base").as_deref(), Some("base"));
    let mode = |path: &str| fs::metadata(container.rootfs.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("opt/bin/run"), mode("opt/model.json")), (0o555, 0o444), "files are shared, hence read-only");

    let run = Command::new(&container.program).args(&container.arguments).envs(container.environment.clone()).output().unwrap();
    assert_eq!(String::from_utf8(run.stdout).unwrap(), format!("{} one a=b\n", container.program.display()));

    let tag = format!("{}:latest", store.ecr.repository_uri(NAME));
    assert_eq!(store.containers.prepare(&tag).unwrap(), container);
    assert_eq!(Images::resolve(&store.containers, &tag).unwrap(), uri);
    let reopened = Containers::open(&store.folder, store.ecr.clone()).unwrap();
    assert_eq!(reopened.prepare(&uri).unwrap(), container);
}

#[tokio::test]
async fn lambda_gets_its_images_here() {
    let store = store();
    let uri = store.image(&[archive(&[(PROGRAM, "bin/run", "#!/bin/sh\n")])], json!({ "Entrypoint": ["/bin/run"] }));
    let prepared = Images::prepare(&store.containers, &format!("{}:latest", store.ecr.repository_uri(NAME))).await.unwrap();
    assert_eq!(prepared.resolved_uri, uri);
    assert!(prepared.program.ends_with("rootfs/bin/run") && prepared.folder.ends_with("rootfs"));
    let error = Images::prepare(&store.containers, &format!("{}:none", store.ecr.repository_uri(NAME))).await.unwrap_err();
    assert!(error.contains("does not exist") && error.contains("'none'"), "{error}");
}

#[test]
fn a_layer_is_unpacked_once_and_shared() {
    let store = store();
    let base = archive(&[(PROGRAM, "bin/run", "#!/bin/sh\n")]);
    let config = json!({ "Entrypoint": ["/bin/run"] });
    let first = store.image(&[base.clone(), archive(&[(Regular, "model", "one")])], config.clone());
    let second = store.image(&[base, archive(&[(Regular, "model", "two")])], config);
    let found: Vec<Container> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|worker| {
                let (store, uri) = (&store, if worker % 2 == 0 { &first } else { &second });
                scope.spawn(move || store.containers.prepare(uri).unwrap())
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    assert_eq!(found[0], found[2]);
    let inode = |container: &Container| fs::metadata(&container.program).unwrap().ino();
    assert_eq!(inode(&found[0]), inode(&found[1]));
    assert_eq!(store.read(&found[0], "model").as_deref(), Some("one"));
    assert_eq!(store.read(&found[1], "model").as_deref(), Some("two"));
    assert_eq!(fs::read_dir(store.folder.join("layers")).unwrap().count(), 3);
    assert_eq!(fs::read_dir(store.folder.join("images")).unwrap().count(), 2);
}

#[test]
fn upper_layers_replace_and_delete() {
    let store = store();
    let lower = archive(&[
        (PROGRAM, "bin/run", "#!/bin/sh\n"),
        (Regular, "data/gone", "x"),
        (Regular, "data/kept", "x"),
        (Regular, "cache/old/a", "x"),
        (Regular, "cache/b", "x"),
        (Regular, "was-file", "x"),
        (Regular, "was-folder/inner", "x"),
        (Symlink, "was-link", "data"),
        (Regular, "text", "lower"),
    ]);
    let upper = archive(&[
        (Regular, "data/.wh.gone", ""),
        (Regular, "cache/new", "y"),
        (Regular, "cache/.wh..wh..opq", ""),
        (Regular, "was-file/inner", "y"),
        (Regular, "was-folder", "y"),
        (Regular, "was-link/inner", "y"),
        (Regular, "text", "upper"),
        (Regular, ".wh.missing", ""),
        (Regular, "nowhere/.wh.missing", ""),
        (Regular, ".wh..wh.plnk", ""),
    ]);
    let uri = store.image(&[lower.clone(), upper], json!({ "Entrypoint": ["/bin/run"] }));
    let container = store.containers.prepare(&uri).unwrap();
    let read = |path: &str| store.read(&container, path);
    assert_eq!(read("data/gone"), None);
    assert_eq!(read("data/kept").as_deref(), Some("x"));
    assert_eq!((read("cache/old/a"), read("cache/b"), read("cache/new").as_deref()), (None, None, Some("y")));
    assert_eq!(read("was-file/inner").as_deref(), Some("y"));
    assert_eq!(read("was-folder").as_deref(), Some("y"));
    assert_eq!(read("was-link/inner").as_deref(), Some("y"));
    assert_eq!(read("data/inner"), None, "nothing is written through a link of the layer below");
    assert_eq!(read("text").as_deref(), Some("upper"));
    assert!(!container.rootfs.join("data/.wh.gone").exists());
    // The layer below is as it was, for the next image.
    let alone = store.containers.prepare(&store.image(&[lower], json!({ "Entrypoint": ["/bin/run"] }))).unwrap();
    assert_eq!(store.read(&alone, "text").as_deref(), Some("lower"));
    assert_eq!(store.read(&alone, "data/gone").as_deref(), Some("x"));
}

#[test]
fn links_stay_within_the_image() {
    let store = store();
    let layer = archive(&[
        (PROGRAM, "opt/bin/run", "#!/bin/sh\n"),
        (Symlink, "usr/lib/deep/absolute", "/opt/bin"),
        (Symlink, "root", "/"),
        (Symlink, "relative", "opt/../opt/bin"),
        (Link, "hard", "opt/bin/run"),
        (EntryType::Char, "dev/null", ""),
    ]);
    let container = store.containers.prepare(&store.image(&[layer], json!({ "Entrypoint": ["/usr/lib/deep/absolute/run"] }))).unwrap();
    assert_eq!(container.program, container.rootfs.join("opt/bin/run"), "the real file");
    assert_eq!(fs::read_link(container.rootfs.join("usr/lib/deep/absolute")).unwrap(), Path::new("../../../opt/bin"));
    assert_eq!(fs::canonicalize(container.rootfs.join("root")).unwrap(), container.rootfs);
    assert!(container.rootfs.join("relative/run").is_file());
    assert_eq!(fs::metadata(container.rootfs.join("hard")).unwrap().ino(), fs::metadata(&container.program).unwrap().ino());
    assert!(!container.rootfs.join("dev/null").exists());
}

#[test]
fn hostile_archives_are_refused() {
    let store = store();
    let outside = store.folder.parent().unwrap().join("outside");
    let run = (PROGRAM, "bin/run", "#!/bin/sh\n");
    assert!(store.refusal(&[run, (Regular, "../../outside", "x")]).contains("climbs"));
    assert!(store.refusal(&[run, (Regular, "a/../../x", "x")]).contains("climbs"));
    assert!(store.refusal(&[run, (Regular, "/etc/outside", "x")]).contains("absolute"));
    assert!(store.refusal(&[run, (Symlink, "a", "../x")]).contains("climbs"));
    assert!(store.refusal(&[run, (Symlink, "a", "/../x")]).contains("climbs"));
    assert!(store.refusal(&[run, (Symlink, "d", "bin"), (Regular, "d/x", "x")]).contains("no folder"));
    assert!(store.refusal(&[run, (Symlink, "d", "bin"), (Link, "h", "d/run")]).contains("no folder"));
    assert!(store.refusal(&[run, (Link, "h", "../../outside")]).contains("climbs"));
    assert!(store.refusal(&[run, (Link, "h", "/etc/passwd")]).contains("absolute"));
    assert!(store.refusal(&[run, (Link, "h", "missing")]).contains("h:"));
    assert!(store.refusal(&[run, (Symlink, "s", "bin/run"), (Link, "h", "s")]).contains("no file"));
    assert!(store.refusal(&[run, (Regular, ".wh...", "x")]).contains("deletes no name"));
    assert!(!outside.exists());
}

#[test]
fn damaged_images_are_refused() {
    let store = store();
    let layer = archive(&[(PROGRAM, "bin/run", "#!/bin/sh\n")]);
    let start = json!({ "Entrypoint": ["/bin/run"] });
    let refusal = |uri: &str| store.containers.prepare(uri).unwrap_err();
    let other = store.image_with(std::slice::from_ref(&layer), start.clone(), |_, configuration| {
        configuration["rootfs"]["diff_ids"][0] = digest(b"other").into();
    });
    assert!(refusal(&other).contains("holds the archive"), "{}", refusal(&other));
    let machine =
        store.image_with(std::slice::from_ref(&layer), start.clone(), |_, configuration| configuration["architecture"] = "s390x".into());
    assert!(refusal(&machine).contains("s390x"));
    let kind = store.image_with(std::slice::from_ref(&layer), start.clone(), |manifest, _| {
        manifest["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+zstd".into();
    });
    assert!(refusal(&kind).contains("zstd"));
    for (config, reason) in [
        (json!({}), "no entry point"),
        (json!({ "Entrypoint": ["/bin/other"] }), "not in the image"),
        (json!({ "Entrypoint": ["/bin"] }), "not an executable file"),
        (json!({ "Entrypoint": ["other"] }), "in no folder of its PATH"),
        (json!({ "Entrypoint": ["/../../bin/sh"] }), "climbs"),
        (json!({ "Entrypoint": ["/bin/run"], "WorkingDir": "/none" }), "working folder /none"),
    ] {
        let error = refusal(&store.image(std::slice::from_ref(&layer), config));
        assert!(error.contains(reason), "{error}");
    }
    let found = store.containers.prepare(&store.image(std::slice::from_ref(&layer), json!({ "Cmd": ["run", "x"] }))).unwrap();
    assert!(found.program.ends_with("bin/run"));

    let changed = archive(&[(PROGRAM, "bin/run", "#!/bin/sh\nexit 1\n")]);
    let uri = store.image(std::slice::from_ref(&changed), start);
    let blob = store.ecr.blob_path(NAME, &digest(&gzip(&changed))).unwrap();
    let mut bytes = fs::read(&blob).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&blob, &bytes).unwrap();
    assert!(refusal(&uri).starts_with("The layer sha256:"), "{}", refusal(&uri));
    fs::write(&blob, &gzip(&changed)[..middle]).unwrap();
    assert!(refusal(&uri).contains("could not be unpacked"), "{}", refusal(&uri));
    fs::remove_file(&blob).unwrap();
    assert!(refusal(&uri).contains("lacks the layer"));
    assert!(refusal("docker.io/library/alpine:3").contains("not in this registry"));
}

#[test]
fn what_is_not_in_use_is_pruned() {
    let store = store();
    let base = archive(&[(PROGRAM, "bin/run", "#!/bin/sh\n")]);
    let config = json!({ "Entrypoint": ["/bin/run"] });
    let uris = ["one", "two"].map(|text| store.image(&[base.clone(), archive(&[(Regular, "model", text)])], config.clone()));
    let [first, second] = uris.clone().map(|uri| store.containers.prepare(&uri).unwrap());
    let nothing = HashSet::new();
    assert_eq!(store.containers.prune(&nothing).unwrap(), Pruned { images: 0, layers: 0 }, "they were made just now");
    let long_ago = |container: &Container| {
        let folder = container.rootfs.parent().unwrap();
        File::open(folder).unwrap().set_modified(SystemTime::now() - GRACE - Duration::from_secs(5)).unwrap();
    };
    long_ago(&first);
    long_ago(&second);
    let in_use = HashSet::from([second.digest.clone()]);
    assert_eq!(store.containers.prune(&in_use).unwrap(), Pruned { images: 1, layers: 1 });
    assert!(!first.rootfs.exists());
    assert_eq!(store.read(&second, "model").as_deref(), Some("two"));
    assert!(second.program.is_file(), "the shared layer is still there");
    assert_eq!(store.containers.prepare(&uris[0]).unwrap(), first, "and the other image can come back");
    assert_eq!(store.containers.prune(&nothing).unwrap(), Pruned { images: 1, layers: 1 }, "the other was asked for again");
    long_ago(&first);
    assert_eq!(store.containers.prune(&nothing).unwrap(), Pruned { images: 1, layers: 2 });
    assert_eq!(fs::read_dir(store.folder.join("layers")).unwrap().count(), 0);
}

#[test]
fn what_a_killed_process_left_is_cleaned_up() {
    let store = store();
    fs::create_dir_all(store.folder.join("unfinished/1234/files/deep")).unwrap();
    fs::write(store.folder.join("unfinished/1234/files/deep/file"), "x").unwrap();
    Containers::open(&store.folder, store.ecr.clone()).unwrap();
    assert_eq!(fs::read_dir(store.folder.join("unfinished")).unwrap().count(), 0);
}

#[test]
fn a_seeded_base_image_unpacks() {
    let store = store();
    let image = crate::ecr::BaseImage {
        tag: "base".into(),
        environment: BTreeMap::new(),
        labels: BTreeMap::new(),
        file: ("etc/base".into(), "this machine\n".into()),
    };
    let digest = store.ecr.seed_base_image(NAME, &image).unwrap();
    let documents = ImageDocuments::read(&store.ecr, NAME, &digest).unwrap();
    let target = tempfile::tempdir().unwrap();
    let blob = store.ecr.blob_path(NAME, &documents.layers[0].digest).unwrap();
    unpack::layer(&blob, &documents.layers[0], target.path()).unwrap();
    assert_eq!(fs::read_to_string(target.path().join("files/etc/base")).unwrap(), "this machine\n");
}
