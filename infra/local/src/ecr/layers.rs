//! `BatchCheckLayerAvailability`, `GetDownloadUrlForLayer`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::errors::{error, invalid};
use super::{Ecr, document, repository};
use crate::account::ACCOUNT_ID;
use crate::aws_error::AwsError;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchCheckLayerAvailability {
    repository_name: String,
    layer_digests: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetDownloadUrlForLayer {
    repository_name: String,
    layer_digest: String,
}

impl Ecr {
    pub(super) fn batch_check_layer_availability(&self, request: BatchCheckLayerAvailability) -> Result<Value, AwsError> {
        let repository = self.repository(&request.repository_name)?;
        if !(1..=100).contains(&request.layer_digests.len()) {
            return Err(invalid("Invalid parameter at 'layerDigests' failed to satisfy constraint: '1 to 100 digests'"));
        }
        let (mut layers, mut failures) = (Vec::new(), Vec::new());
        // Held against the garbage collection: what is answered here to be there stays for a while.
        let _images = repository.images();
        for digest in request.layer_digests {
            if document::hexadecimal(&digest).is_none() {
                failures.push(json!({
                    "layerDigest": digest,
                    "failureCode": "InvalidLayerDigest",
                    "failureReason": "The layer digest is not valid",
                }));
                continue;
            }
            let mut layer = json!({ "layerDigest": digest, "layerAvailability": "UNAVAILABLE" });
            if let (Some(size), Some(path)) = (repository.blob_size(&digest), repository.blob_path(&digest))
                && repository::touch(&path).is_ok()
            {
                layer["layerAvailability"] = "AVAILABLE".into();
                layer["layerSize"] = size.into();
            }
            layers.push(layer);
        }
        Ok(json!({ "layers": layers, "failures": failures }))
    }

    pub(super) fn get_download_url_for_layer(&self, request: GetDownloadUrlForLayer) -> Result<Value, AwsError> {
        let (name, digest) = (&request.repository_name, &request.layer_digest);
        let repository = self.repository(name)?;
        if repository.blob_size(digest).is_none() {
            return Err(error(
                "LayersNotFoundException",
                format!(
                    "The layer with digest '{digest}' does not exist in the repository with name '{name}' in the registry with id '{ACCOUNT_ID}'"
                ),
            ));
        }
        Ok(json!({ "downloadUrl": self.download_url(name, digest), "layerDigest": digest }))
    }
}
