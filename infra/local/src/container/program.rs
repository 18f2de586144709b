//! What an image starts, found within its root file system.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use oci_spec::image::ImageConfiguration;

use super::Container;

/// Where programs are looked for when the image does not say.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The container of an image whose root file system is put together.
///
/// # Errors
/// For a person: why it cannot be started.
pub fn container(digest: &str, rootfs: &Path, configuration: &ImageConfiguration) -> Result<Container, String> {
    let config = configuration.config().as_ref();
    let list = |list: Option<&Option<Vec<String>>>| list.and_then(Option::as_deref).unwrap_or_default().to_vec();
    let environment: Vec<(String, String)> = list(config.map(|config| config.env()))
        .iter()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut words = list(config.map(|config| config.entrypoint()));
    words.extend(list(config.map(|config| config.cmd())));
    let mut words = words.into_iter();
    let first = words.next().filter(|word| !word.is_empty()).ok_or("it has no entry point")?;

    let folder = config.and_then(|config| config.working_dir().as_deref()).filter(|folder| !folder.is_empty()).unwrap_or("/");
    let folder = within(rootfs, Path::new(folder)).map_err(|reason| format!("its working folder {folder} {reason}"))?;
    let path = environment.iter().find(|(name, _)| name == "PATH").map_or(DEFAULT_PATH, |(_, value)| value);
    let program = find(rootfs, &folder, path, &first)?;
    Ok(Container { digest: digest.to_owned(), rootfs: rootfs.to_owned(), program, arguments: words.collect(), environment, folder })
}

fn find(rootfs: &Path, folder: &Path, path: &str, word: &str) -> Result<PathBuf, String> {
    if word.contains('/') {
        let place = if word.starts_with('/') { PathBuf::from(word) } else { inside(rootfs, folder).join(word) };
        let program = within(rootfs, &place).map_err(|reason| format!("its entry point {word} {reason}"))?;
        return if is_program(&program) { Ok(program) } else { Err(format!("its entry point {word} is not an executable file")) };
    }
    let places = path.split(':').filter(|folder| folder.starts_with('/'));
    let found = places.filter_map(|place| within(rootfs, &Path::new(place).join(word)).ok()).find(|file| is_program(file));
    found.ok_or_else(|| format!("its entry point {word} is in no folder of its PATH, {path}"))
}

/// A path within the root file system as the image's own programs would write it.
fn inside(rootfs: &Path, place: &Path) -> PathBuf {
    Path::new("/").join(place.strip_prefix(rootfs).unwrap_or(place))
}

/// The real place of an image's absolute path. Links are followed, and must not lead out.
fn within(rootfs: &Path, path: &Path) -> Result<PathBuf, &'static str> {
    let mut place = rootfs.to_owned();
    for part in path.components() {
        match part {
            Component::Normal(name) => place.push(name),
            Component::ParentDir => return Err("climbs"),
            _ => {}
        }
    }
    let real = fs::canonicalize(&place).map_err(|_| "is not in the image")?;
    if real.starts_with(rootfs) { Ok(real) } else { Err("leads out of the image") }
}

fn is_program(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
