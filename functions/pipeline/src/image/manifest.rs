//! The image configuration and manifest: a base image and layers become one image.
//!
//! Documents: OCI image specification 1.1 (`config.md`, `manifest.md`); Docker's image manifest version 2, schema 2, for
//! bases that are still in that form. What comes out is always OCI, as canonical JSON (sorted keys, no spaces), so that
//! the same base and layers give the same digests.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use oci_spec::image::{Arch, Descriptor, Digest, HistoryBuilder, ImageConfiguration, ImageManifest, ImageManifestBuilder, MediaType, Os};
use serde::Serialize;
use serde_json::Value;

use super::layer::Layer;
use super::{ImageError, digest};

/// The media type of the manifests that this module writes.
pub const MANIFEST_MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// What registries take as a manifest at most.
const LARGEST_DOCUMENT: usize = 4 << 20;
/// The most layers that container engines mount.
const MOST_LAYERS: usize = 127;

/// What a base image's tag or digest led to.
#[derive(Debug)]
pub enum BaseDocument {
    /// One image: fetch the blob with this digest, its configuration, and give both to [`BaseImage::read`].
    Image {
        /// The digest of the configuration blob.
        configuration: String,
    },
    /// A list of images: fetch the manifest with this digest instead, the one for the wanted architecture.
    Index {
        /// The digest of that manifest.
        manifest: String,
    },
}

/// Reads what a registry gave for the base image; `architecture` (`amd64`, `arm64`) chooses from a list of images.
pub fn read_base(document: &[u8], architecture: &str) -> Result<BaseDocument, ImageError> {
    let value: Value = parse(document, "its manifest")?;
    if value.get("manifests").is_some() {
        let of_platform = |entry: &&Value| {
            let platform = &entry["platform"];
            platform["os"] == "linux" && platform["architecture"] == architecture
        };
        let manifests = value["manifests"].as_array().map(Vec::as_slice).unwrap_or_default();
        let chosen = manifests.iter().find(of_platform).and_then(|entry| entry["digest"].as_str());
        let manifest = chosen
            .filter(|text| digest::is_digest(text))
            .ok_or_else(|| ImageError::Base(format!("it has no image for linux/{architecture} among its {}", manifests.len())))?;
        return Ok(BaseDocument::Index { manifest: manifest.to_owned() });
    }
    Ok(BaseDocument::Image { configuration: image_manifest(document)?.config().digest().to_string() })
}

/// A base image, read and checked: something that layers can be put upon.
#[derive(Debug, Clone)]
pub struct BaseImage {
    layers: Vec<Descriptor>,
    configuration: ImageConfiguration,
}

impl BaseImage {
    /// Reads a base image from its manifest and the configuration that the manifest names.
    ///
    /// Accepts OCI and Docker schema 2; refuses what Lambda or a container engine would refuse later: other systems
    /// than Linux, layers that are neither plain nor gzip archives, layers that the registry may not distribute,
    /// documents that do not agree with each other.
    pub fn read(manifest: &[u8], configuration: &[u8]) -> Result<Self, ImageError> {
        let manifest = image_manifest(manifest)?;
        let found = digest::sha256(configuration);
        if manifest.config().digest().as_ref() != found {
            return refuse(format!("its manifest names the configuration {}, not {found}", manifest.config().digest()));
        }
        let configuration: ImageConfiguration = parse(configuration, "its configuration")?;
        if *configuration.os() != Os::Linux {
            return refuse(format!("its system is {}, not linux", configuration.os()));
        }
        if !matches!(configuration.architecture(), Arch::Amd64 | Arch::ARM64) {
            return refuse(format!("its architecture is {}; Lambda runs amd64 and arm64", configuration.architecture()));
        }
        let diff_ids = configuration.rootfs().diff_ids();
        if diff_ids.len() != manifest.layers().len() {
            return refuse(format!("its manifest has {} layers and its configuration {}", manifest.layers().len(), diff_ids.len()));
        }
        if let Some(wrong) = diff_ids.iter().find(|diff_id| !digest::is_digest(diff_id)) {
            return refuse(format!("its configuration names a layer \"{wrong}\", which is no SHA-256 digest"));
        }
        let layers = manifest.layers().iter().map(converted).collect::<Result<_, _>>()?;
        Ok(Self { layers, configuration })
    }

    /// `amd64` or `arm64`.
    pub fn architecture(&self) -> String {
        self.configuration.architecture().to_string()
    }

    /// The value of an environment variable that the base image sets.
    pub fn environment_variable(&self, name: &str) -> Option<&str> {
        let lines = self.configuration.config().as_ref()?.env().as_ref()?;
        lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    }

    /// The value of one of the base image's labels.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.configuration.get_config_annotation(name)
    }
}

/// A layer with the line that tells, in the image's history, what it is.
#[derive(Debug, Clone)]
pub struct NamedLayer {
    /// The layer.
    pub layer: Layer,
    /// For example `model iris version 3`.
    pub created_by: String,
}

/// What an image adds to its base.
#[derive(Debug, Clone)]
pub struct ImageSpecification {
    /// When the image's content came to be (RFC 3339, UTC): the model version's creation, not the build's, so that a
    /// second build gives the same image.
    pub created: String,
    /// The layers, the lowest first.
    pub layers: Vec<NamedLayer>,
    /// The program and its arguments; replaces the base's entry point and its default arguments.
    pub entrypoint: Vec<String>,
    /// Environment variables beyond the base's; one of the same name replaces the base's.
    pub environment: BTreeMap<String, String>,
    /// Labels beyond the base's; one of the same name replaces the base's.
    pub labels: BTreeMap<String, String>,
    /// The folder in which the program starts.
    pub working_folder: String,
}

/// A finished image: two documents to upload beside the layers.
#[derive(Debug, Clone)]
pub struct Image {
    /// The manifest, of media type [`MANIFEST_MEDIA_TYPE`].
    pub manifest: Vec<u8>,
    /// The manifest's digest: the image's name.
    pub manifest_digest: String,
    /// The configuration, a blob like the layers.
    pub configuration: Vec<u8>,
    /// The configuration's digest.
    pub configuration_digest: String,
    /// The digests of all layers, the base's first: the registry must hold each before it takes the manifest.
    pub layer_digests: Vec<String>,
    /// Bytes of all blobs, the manifest excepted.
    pub size: u64,
}

/// Puts layers upon a base image.
pub fn build(base: &BaseImage, specification: &ImageSpecification) -> Result<Image, ImageError> {
    check(base, specification)?;
    let configuration = canonical(&configuration(base, specification)?)?;
    let configuration_digest = digest::sha256(&configuration);
    let mut layers = base.layers.clone();
    for named in &specification.layers {
        let descriptor = descriptor(MediaType::ImageLayerGzip, named.layer.size, &named.layer.digest)?;
        layers.push(descriptor);
    }
    let size = layers.iter().map(Descriptor::size).sum::<u64>() + configuration.len() as u64;
    let layer_digests = layers.iter().map(|layer| layer.digest().to_string()).collect();
    let manifest = ImageManifestBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageManifest)
        .config(descriptor(MediaType::ImageConfig, configuration.len() as u64, &configuration_digest)?)
        .layers(layers)
        .build()
        .map_err(|error| ImageError::Base(error.to_string()))?;
    let manifest = canonical(&manifest)?;
    Ok(Image { manifest_digest: digest::sha256(&manifest), manifest, configuration, configuration_digest, layer_digests, size })
}

fn check(base: &BaseImage, specification: &ImageSpecification) -> Result<(), ImageError> {
    let count = base.layers.len() + specification.layers.len();
    if count > MOST_LAYERS {
        return refuse(format!("with it the image would have {count} layers; {MOST_LAYERS} are possible"));
    }
    if !is_utc_time(&specification.created) {
        return Err(ImageError::Refused(format!(
            "The image's time \"{}\" is not a time in UTC such as 2025-01-31T12:00:00Z.",
            specification.created
        )));
    }
    let wrong_name = |name: &&String| name.is_empty() || name.contains(['=', '\0']);
    if let Some(name) = specification.environment.keys().find(wrong_name) {
        return Err(ImageError::Refused(format!("\"{name}\" cannot be the name of an environment variable.")));
    }
    Ok(())
}

fn configuration(base: &BaseImage, specification: &ImageSpecification) -> Result<ImageConfiguration, ImageError> {
    let mut configuration = base.configuration.clone();
    configuration.set_created(Some(specification.created.clone()));

    let mut config = configuration.config().clone().unwrap_or_default();
    config.set_entrypoint(Some(specification.entrypoint.clone()));
    // The base's default arguments belong to the base's entry point.
    config.set_cmd(None);
    config.set_env(Some(environment(config.env().as_deref().unwrap_or_default(), &specification.environment)));
    config.set_working_dir(Some(specification.working_folder.clone()));
    let mut labels: HashMap<String, String> = config.labels().clone().unwrap_or_default();
    labels.extend(specification.labels.clone());
    config.set_labels((!labels.is_empty()).then_some(labels));
    configuration.set_config(Some(config));

    let mut history = configuration.history().clone().unwrap_or_default();
    let told = history.iter().filter(|entry| entry.empty_layer() != Some(true)).count();
    if told != base.layers.len() {
        // A history that does not fit its layers makes some tools refuse the image; what is known is their number.
        let entry = HistoryBuilder::default().created_by("base image".to_owned()).build();
        let entry = entry.map_err(|error| ImageError::Base(error.to_string()))?;
        history = vec![entry; base.layers.len()];
    }
    for named in &specification.layers {
        let entry = HistoryBuilder::default()
            .created(specification.created.clone())
            .created_by(named.created_by.clone())
            .build()
            .map_err(|error| ImageError::Base(error.to_string()))?;
        history.push(entry);
        configuration.rootfs_mut().diff_ids_mut().push(named.layer.diff_id.clone());
    }
    configuration.set_history(Some(history));
    Ok(configuration)
}

/// The base's variables in their order, replaced where given anew, then the new ones.
fn environment(base: &[String], added: &BTreeMap<String, String>) -> Vec<String> {
    let name = |line: &String| line.split_once('=').map_or(line.clone(), |(name, _)| name.to_owned());
    let kept = base.iter().filter(|line| !added.contains_key(&name(line))).cloned();
    kept.chain(added.iter().map(|(name, value)| format!("{name}={value}"))).collect()
}

fn image_manifest(document: &[u8]) -> Result<ImageManifest, ImageError> {
    let value: Value = parse(document, "its manifest")?;
    if value["schemaVersion"] != 2 {
        return refuse(format!("its manifest has schema version {}; push it anew with a current tool", value["schemaVersion"]));
    }
    if value.get("config").is_none() {
        return refuse("its manifest is not one of an image (it has no configuration)".to_owned());
    }
    parse(document, "its manifest")
}

/// A base's layer under its OCI media type.
fn converted(layer: &Descriptor) -> Result<Descriptor, ImageError> {
    let media_type = match layer.media_type().as_ref() {
        "application/vnd.oci.image.layer.v1.tar+gzip" | "application/vnd.docker.image.rootfs.diff.tar.gzip" => MediaType::ImageLayerGzip,
        "application/vnd.oci.image.layer.v1.tar" | "application/vnd.docker.image.rootfs.diff.tar" => MediaType::ImageLayer,
        other => {
            return refuse(format!("its layer {} is of type {other}; Lambda takes plain and gzip archives", layer.digest()));
        }
    };
    descriptor(media_type, layer.size(), layer.digest().as_ref())
}

fn descriptor(media_type: MediaType, size: u64, digest: &str) -> Result<Descriptor, ImageError> {
    if !digest::is_digest(digest) {
        return refuse(format!("\"{digest}\" is no SHA-256 digest"));
    }
    let digest = Digest::from_str(digest).map_err(|error| ImageError::Base(error.to_string()))?;
    Ok(Descriptor::new(media_type, size, digest))
}

fn refuse<T>(reason: String) -> Result<T, ImageError> {
    Err(ImageError::Base(reason))
}

fn parse<T: serde::de::DeserializeOwned>(document: &[u8], what: &str) -> Result<T, ImageError> {
    if document.len() > LARGEST_DOCUMENT {
        return refuse(format!("{what} is larger than 4 MiB"));
    }
    serde_json::from_slice(document).map_err(|error| ImageError::Base(format!("{what} is not readable: {error}")))
}

/// JSON with sorted keys and no spaces: the types hold hash maps, whose order differs from run to run.
fn canonical(document: &impl Serialize) -> Result<Vec<u8>, ImageError> {
    fn sorted(value: Value) -> Value {
        match value {
            Value::Object(fields) => {
                let fields: BTreeMap<String, Value> = fields.into_iter().map(|(name, value)| (name, sorted(value))).collect();
                Value::Object(fields.into_iter().collect())
            }
            Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
            other => other,
        }
    }
    let unreadable = |error: serde_json::Error| ImageError::Base(error.to_string());
    let value = serde_json::to_value(document).map_err(unreadable)?;
    serde_json::to_vec(&sorted(value)).map_err(unreadable)
}

/// Whether a text is a time as image configurations write it: `2025-01-31T12:00:00Z`, with or without a fraction.
fn is_utc_time(text: &str) -> bool {
    let Some((seconds, fraction)) = text.strip_suffix('Z').and_then(|time| time.split_at_checked(19)) else {
        return false;
    };
    let shape = seconds.bytes().zip(b"0000-00-00T00:00:00").all(|(byte, like)| match like {
        b'0' => byte.is_ascii_digit(),
        _ => byte == *like,
    });
    let digits = |fraction: &str| (1..=9).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    shape && (fraction.is_empty() || fraction.strip_prefix('.').is_some_and(digits))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn base(docker: bool) -> (Vec<u8>, Vec<u8>) {
        let configuration = json!({
            "architecture": "amd64",
            "os": "linux",
            "created": "2024-05-01T00:00:00Z",
            "config": {
                "Env": ["PATH=/var/lang/bin:/usr/bin", "LANG=en_US.UTF-8", "SERVEML_PYTHON=/var/lang/bin/python3.11"],
                "Entrypoint": ["/lambda-entrypoint.sh"],
                "Cmd": ["handler"],
                "WorkingDir": "/var/task",
                "Labels": {"serveml.python-version": "3.11", "b": "2", "a": "1", "c": "3"},
                "Volumes": null,
                "OnBuild": null,
            },
            "rootfs": {"type": "layers", "diff_ids": [digest::sha256(b"tar")]},
            "history": [
                {"created": "2024-05-01T00:00:00Z", "created_by": "COPY / /"},
                {"created": "2024-05-01T00:00:00Z", "created_by": "ENTRYPOINT", "empty_layer": true},
            ],
            "container_config": {"Hostname": "build"},
        });
        let configuration = serde_json::to_vec(&configuration).unwrap();
        let (manifest, config, layer) = if docker {
            (
                "application/vnd.docker.distribution.manifest.v2+json",
                "application/vnd.docker.container.image.v1+json",
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
            )
        } else {
            (
                "application/vnd.oci.image.manifest.v1+json",
                "application/vnd.oci.image.config.v1+json",
                "application/vnd.oci.image.layer.v1.tar+gzip",
            )
        };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": manifest,
            "config": {"mediaType": config, "digest": digest::sha256(&configuration), "size": configuration.len()},
            "layers": [{"mediaType": layer, "digest": digest::sha256(b"gzip"), "size": 4}],
        });
        (serde_json::to_vec(&manifest).unwrap(), configuration)
    }

    fn specification() -> ImageSpecification {
        let layer = |name: &str, size| NamedLayer {
            layer: Layer {
                digest: digest::sha256(name.as_bytes()),
                diff_id: digest::sha256(format!("{name} tar").as_bytes()),
                size,
                uncompressed_size: size * 3,
            },
            created_by: name.to_owned(),
        };
        ImageSpecification {
            created: "2025-01-31T12:00:00.123Z".into(),
            layers: vec![layer("server", 10), layer("dependencies", 20), layer("model", 30)],
            entrypoint: vec!["/opt/serveml/bin/model-server".into()],
            environment: BTreeMap::from([("LANG".into(), "C.UTF-8".into())]),
            labels: BTreeMap::from([("serveml.model-name".into(), "iris".into())]),
            working_folder: "/".into(),
        }
    }

    #[test]
    fn the_image_is_its_base_and_its_layers() {
        let (manifest, configuration) = base(false);
        let base = BaseImage::read(&manifest, &configuration).unwrap();
        assert_eq!(base.environment_variable("SERVEML_PYTHON"), Some("/var/lang/bin/python3.11"));
        assert_eq!(base.environment_variable("SERVEML"), None);
        assert_eq!(base.label("serveml.python-version"), Some("3.11"));
        assert_eq!(base.architecture(), "amd64");
        let image = build(&base, &specification()).unwrap();

        let manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
        assert_eq!(manifest["mediaType"], MANIFEST_MEDIA_TYPE);
        assert_eq!(manifest["config"]["digest"], image.configuration_digest);
        assert_eq!(manifest["config"]["size"], image.configuration.len());
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 4);
        assert_eq!(manifest["layers"][3]["digest"], digest::sha256(b"model"));
        assert_eq!(image.layer_digests.len(), 4);
        assert_eq!(image.size, 64 + image.configuration.len() as u64);
        assert_eq!(image.manifest_digest, digest::sha256(&image.manifest));

        let configuration: Value = serde_json::from_slice(&image.configuration).unwrap();
        assert_eq!(configuration["created"], "2025-01-31T12:00:00.123Z");
        let config = &configuration["config"];
        assert_eq!(config["Entrypoint"], json!(["/opt/serveml/bin/model-server"]));
        assert_eq!(config.get("Cmd"), None);
        assert_eq!(config["WorkingDir"], "/");
        assert_eq!(config["Env"], json!(["PATH=/var/lang/bin:/usr/bin", "SERVEML_PYTHON=/var/lang/bin/python3.11", "LANG=C.UTF-8"]));
        assert_eq!(config["Labels"]["serveml.model-name"], "iris");
        assert_eq!(config["Labels"]["serveml.python-version"], "3.11");
        assert_eq!(configuration["rootfs"]["diff_ids"].as_array().unwrap().len(), 4);
        assert_eq!(configuration["rootfs"]["diff_ids"][1], digest::sha256(b"server tar"));
        assert_eq!(configuration["history"].as_array().unwrap().len(), 5);
    }

    #[test]
    fn docker_and_oci_bases_give_the_same_image_every_time() {
        let mut digests: Vec<String> = (0..20)
            .map(|round| {
                let (manifest, configuration) = base(round % 2 == 0);
                let base = BaseImage::read(&manifest, &configuration).unwrap();
                build(&base, &specification()).unwrap().manifest_digest
            })
            .collect();
        digests.dedup();
        assert_eq!(digests.len(), 1, "hash maps must not show");
    }

    #[test]
    fn a_history_that_does_not_fit_is_replaced() {
        let (manifest, configuration) = base(false);
        let mut configuration: Value = serde_json::from_slice(&configuration).unwrap();
        let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
        configuration["history"] = json!([]);
        let configuration = serde_json::to_vec(&configuration).unwrap();
        manifest["config"]["digest"] = digest::sha256(&configuration).into();
        let base = BaseImage::read(&serde_json::to_vec(&manifest).unwrap(), &configuration).unwrap();
        let image = build(&base, &specification()).unwrap();
        let configuration: Value = serde_json::from_slice(&image.configuration).unwrap();
        assert_eq!(configuration["history"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn an_index_leads_to_the_image_of_the_architecture() {
        let index = json!({
            "schemaVersion": 2,
            "manifests": [
                {"digest": digest::sha256(b"arm"), "platform": {"os": "linux", "architecture": "arm64"}},
                {"digest": digest::sha256(b"intel"), "platform": {"os": "linux", "architecture": "amd64"}},
            ],
        });
        let index = serde_json::to_vec(&index).unwrap();
        let BaseDocument::Index { manifest } = read_base(&index, "amd64").unwrap() else { panic!("an image") };
        assert_eq!(manifest, digest::sha256(b"intel"));
        assert!(read_base(&index, "s390x").unwrap_err().to_string().contains("linux/s390x"));
        let (manifest, bytes) = base(true);
        let BaseDocument::Image { configuration } = read_base(&manifest, "amd64").unwrap() else { panic!("an index") };
        assert_eq!(configuration, digest::sha256(&bytes));
    }

    #[test]
    fn a_base_that_cannot_be_built_upon_is_refused() {
        let refusal = |change: &dyn Fn(&mut Value, &mut Value)| {
            let (manifest, configuration) = base(false);
            let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
            let mut configuration: Value = serde_json::from_slice(&configuration).unwrap();
            change(&mut manifest, &mut configuration);
            let configuration = serde_json::to_vec(&configuration).unwrap();
            if manifest["config"]["digest"] != "kept" {
                manifest["config"]["digest"] = digest::sha256(&configuration).into();
            } else {
                manifest["config"]["digest"] = digest::sha256(b"other").into();
            }
            BaseImage::read(&serde_json::to_vec(&manifest).unwrap(), &configuration).unwrap_err().to_string()
        };
        assert!(refusal(&|manifest, _| manifest["config"]["digest"] = "kept".into()).contains("names the configuration"));
        assert!(refusal(&|_, configuration| configuration["os"] = "windows".into()).contains("windows"));
        assert!(refusal(&|_, configuration| configuration["architecture"] = "s390x".into()).contains("s390x"));
        assert!(refusal(&|_, configuration| configuration["rootfs"]["diff_ids"] = json!([])).contains("1 layers"));
        assert!(refusal(&|_, configuration| configuration["rootfs"]["diff_ids"] = json!(["x"])).contains("no SHA-256"));
        assert!(refusal(&|manifest, _| manifest["schemaVersion"] = 1.into()).contains("schema version 1"));
        let zstd = refusal(&|manifest, _| {
            manifest["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+zstd".into();
        });
        assert!(zstd.contains("zstd"), "{zstd}");
        assert!(BaseImage::read(b"not json", b"{}").is_err());
        assert!(BaseImage::read(&vec![b' '; 5 << 20], b"{}").unwrap_err().to_string().contains("4 MiB"));
    }

    #[test]
    fn times_and_names_are_checked() {
        for right in ["2025-01-31T12:00:00Z", "2025-01-31T12:00:00.123456Z"] {
            assert!(is_utc_time(right), "{right}");
        }
        for wrong in ["", "2025-01-31", "2025-01-31T12:00:00", "2025-01-31T12:00:00+01:00", "2025-01-31T12:00:00.Z", "äää"] {
            assert!(!is_utc_time(wrong), "{wrong}");
        }
        let (manifest, configuration) = base(false);
        let base = BaseImage::read(&manifest, &configuration).unwrap();
        let mut wrong = specification();
        wrong.environment.insert("A=B".into(), "x".into());
        assert!(build(&base, &wrong).unwrap_err().is_users());
        let mut many = specification();
        many.layers = vec![many.layers[0].clone(); 127];
        assert!(build(&base, &many).unwrap_err().to_string().contains("128 layers"));
    }
}
