//! Images in the registry that nobody needs any more. What makes and pushes them is the pipeline's.

use std::collections::BTreeSet;

use aws_sdk_ecr::error::{DisplayErrorContext, ProvideErrorMetadata as _};
use aws_sdk_ecr::types::ImageIdentifier;

use crate::{Error, Platform, Result, config};

/// The registry deletes at most this many images at once.
const AT_ONCE: usize = 100;

/// Deletes images, `<repository>@sha256:…`; one that is not there is no error.
///
/// # Errors
/// `Internal` when the registry does not answer.
pub async fn delete(platform: &Platform, images: &BTreeSet<String>) -> Result<()> {
    let digests: Vec<&str> = images.iter().filter_map(|image| image.rsplit_once('@')).map(|(_, digest)| digest).collect();
    if digests.is_empty() {
        return Ok(());
    }
    let repository = platform.config.get(config::REPOSITORY_NAME)?;
    for some in digests.chunks(AT_ONCE) {
        let ids = some.iter().map(|digest| ImageIdentifier::builder().image_digest(*digest).build()).collect();
        let request = platform.image_registry().batch_delete_image().repository_name(&repository).set_image_ids(Some(ids));
        match request.send().await {
            Ok(_) => {}
            Err(error) if error.code() == Some("ImageNotFoundException") => {}
            Err(error) => return Err(Error::internal("deleting images", DisplayErrorContext(error).to_string())),
        }
    }
    Ok(())
}
