//! The layer of the packages that a model needs: made once for each set of requirements, Python and machine.

use std::path::Path;
use std::time::Duration;

use shared::domain::image::Layer;
use shared::{Error, Platform, Result, config};

use super::model_description::ModelDescription;
use super::{ROOT, image_error, layer_store, tools};
use crate::base_image::Base;
use crate::image::command::package_environment;
use crate::image::dependencies::{ServingRequirements, loader};
use crate::image::install::Installation;
use crate::image::layer::LayerContent;
use crate::repository::Repository;

/// Installing may take this long; the function itself ends at 900 seconds.
const INSTALL_LIMIT: Duration = Duration::from_secs(600);
const LARGEST_REQUIREMENTS: u64 = 1024 * 1024;

/// The layer and what became of it.
#[derive(Debug, Clone)]
pub struct DependencyLayer {
    /// The layer.
    pub layer: Layer,
    /// True when it was made before.
    pub reused: bool,
    /// How many packages the model asks for.
    pub packages: usize,
}

/// The layer of the packages that the model in `folder` needs.
///
/// # Errors
/// `BadRequest` when its requirements cannot be installed, with the resolver's reason; `Internal` when a tool or AWS
/// fails.
pub async fn ensure(
    platform: &Platform,
    repository: &Repository,
    work: &Path,
    folder: &Path,
    description: &ModelDescription,
    base: &Base,
) -> Result<DependencyLayer> {
    let text = requirements_text(folder)?;
    let loader = loader(&description.flavors, description.mlflow_version.as_deref());
    let requirements = ServingRequirements::new(&text, &loader).map_err(image_error)?;
    let torch_backend = platform.config.optional(config::TORCH_BACKEND).filter(|backend| backend != "none");
    let torch = torch_backend.as_ref().map(|backend| format!("-torch-{backend}")).unwrap_or_default();
    let machine = format!("{}-{}{torch}", std::env::consts::ARCH, std::env::consts::OS);
    let cache_key = requirements.cache_key(&base.python_version, &machine);
    let packages = requirements.lines.len();
    if let Some(layer) = layer_store::known(platform, repository, &cache_key).await? {
        return Ok(DependencyLayer { layer, reused: true, packages });
    }
    let target = work.join("python");
    let final_folder = format!("{ROOT}/python");
    let installation = Installation {
        uv: Installation::find_uv().map_err(image_error)?,
        python: tools::find("python3")?.to_string_lossy().into_owned(),
        python_version: base.python_version.clone(),
        platform: None,
        torch_backend: torch_backend.clone(),
        final_folder: final_folder.clone(),
        environment: package_environment(),
        limit: INSTALL_LIMIT,
    };
    let installed = installation.install(&requirements, &target).await.map_err(image_error)?;
    tracing::info!(packages = installed.packages.len(), durations = ?installed.durations, "installed the model's packages");
    let content = LayerContent::new().folder(&final_folder, &target).map_err(image_error)?;
    let layer = layer_store::make(platform, repository, work, content, Some(&cache_key)).await?;
    Ok(DependencyLayer { layer, reused: false, packages })
}

/// The model's `requirements.txt`; empty where it has none, since then its flavor says what it needs.
fn requirements_text(folder: &Path) -> Result<String> {
    let path = folder.join("requirements.txt");
    match std::fs::metadata(&path) {
        Err(_) => Ok(String::new()),
        Ok(metadata) if metadata.len() > LARGEST_REQUIREMENTS => {
            Err(Error::bad_request(format!("the model's requirements.txt has {} bytes; that is no list of packages", metadata.len())))
        }
        Ok(_) => std::fs::read_to_string(&path)
            .map_err(|error| Error::bad_request(format!("the model's requirements.txt cannot be read: {error}"))),
    }
}
