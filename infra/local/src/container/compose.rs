//! Layers into one root file system, by hard links: thousands of files in a fraction of a second, and no copy of any.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::remove;
use super::unpack::Deleted;

/// Puts unpacked layers, the lowest first, over each other in the new folder `target`.
pub fn rootfs(layers: &[impl AsRef<Path>], target: &Path) -> io::Result<()> {
    fs::create_dir(target)?;
    for layer in layers {
        let layer = layer.as_ref();
        let deleted: Deleted = serde_json::from_slice(&fs::read(layer.join("deleted.json"))?)?;
        delete(&deleted, target)?;
        add(&layer.join("files"), target)?;
    }
    Ok(())
}

/// Takes away what a layer deletes of those below it.
fn delete(deleted: &Deleted, target: &Path) -> io::Result<()> {
    for path in &deleted.entries {
        if has_folders(target, path.parent().unwrap_or(Path::new(""))) {
            remove_if_there(&target.join(path))?;
        }
    }
    for path in &deleted.contents {
        if has_folders(target, path) {
            for entry in fs::read_dir(target.join(path))? {
                remove::tree(&entry?.path())?;
            }
        }
    }
    Ok(())
}

/// Whether a path leads through folders alone: nothing is deleted through a link.
fn has_folders(root: &Path, path: &Path) -> bool {
    let mut place = root.to_owned();
    path.components().all(|part| {
        place.push(part);
        fs::symlink_metadata(&place).is_ok_and(|metadata| metadata.is_dir())
    })
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match remove::tree(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn add(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, place) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            match fs::create_dir(&place) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if !fs::symlink_metadata(&place)?.is_dir() {
                        fs::remove_file(&place)?;
                        fs::create_dir(&place)?;
                    }
                }
                other => other?,
            }
            add(&source, &place)?;
        } else if kind.is_symlink() {
            let target = fs::read_link(&source)?;
            or_after_removing(&place, || symlink(&target, &place))?;
        } else {
            or_after_removing(&place, || link(&source, &place))?;
        }
    }
    Ok(())
}

/// Does `make`; where something is in its place, after that is removed.
fn or_after_removing(place: &Path, make: impl Fn() -> io::Result<()>) -> io::Result<()> {
    match make() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            remove::tree(place)?;
            make()
        }
        other => other,
    }
}

fn link(source: &Path, place: &Path) -> io::Result<()> {
    match fs::hard_link(source, place) {
        // A file system has a most number of names for one file: the next image gets its own copy.
        Err(error) if error.kind() == io::ErrorKind::TooManyLinks => fs::copy(source, place).map(drop),
        other => other,
    }
}
