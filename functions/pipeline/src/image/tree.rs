//! Reading a folder for a layer: every entry found, named safely and checked.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::ImageError;

/// The most entries that one folder may hold.
pub const MOST_ENTRIES: usize = 500_000;
/// The longest path in an image, in bytes (Linux's own limit).
const LONGEST_PATH: usize = 4096;
/// The longest name of one entry, in bytes (Linux's own limit).
const LONGEST_NAME: usize = 255;
/// The deepest nesting of folders.
const DEEPEST: usize = 128;

/// One thing in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A folder.
    Folder,
    /// A regular file on disk; `executable` when its owner may run it.
    File { path: PathBuf, executable: bool },
    /// A symbolic link with its target as written: relative, to something within the same folder.
    Link { target: String },
}

/// Every entry below `root`, as (path relative to it with `/`, node), in no particular order.
///
/// Refuses, naming the entry: names that an image cannot hold or that mean something else in one, links that leave the
/// folder or lead nowhere, sockets, pipes and devices. Hard links are regular files: whether a tool linked or copied a
/// file must not show in the layer.
pub fn read(root: &Path) -> Result<Vec<(String, Node)>, ImageError> {
    let canonical = fs::canonicalize(root).map_err(ImageError::io("opening the folder", root))?;
    let mut found = Vec::new();
    let mut open = vec![(canonical.clone(), String::new(), 0_usize)];
    while let Some((folder, prefix, depth)) = open.pop() {
        for entry in fs::read_dir(&folder).map_err(ImageError::io("listing", &folder))? {
            let entry = entry.map_err(ImageError::io("listing", &folder))?;
            let name = entry.file_name();
            let name = name
                .to_str()
                .ok_or_else(|| ImageError::Refused(format!("The name of {} is not UTF-8; rename the file.", entry.path().display())))?;
            let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            check_path(&path)?;
            let metadata = entry.metadata().map_err(ImageError::io("reading", &entry.path()))?;
            let node = node(&canonical, &entry.path(), &path, &metadata)?;
            if node == Node::Folder {
                if depth == DEEPEST {
                    return Err(ImageError::Refused(format!("{path} is nested more than {DEEPEST} folders deep.")));
                }
                open.push((entry.path(), path.clone(), depth + 1));
            }
            found.push((path, node));
            if found.len() > MOST_ENTRIES {
                return Err(ImageError::Refused(format!("The folder {} holds more than {MOST_ENTRIES} entries.", root.display())));
            }
        }
    }
    Ok(found)
}

fn node(root: &Path, location: &Path, path: &str, metadata: &Metadata) -> Result<Node, ImageError> {
    let kind = metadata.file_type();
    if kind.is_dir() {
        Ok(Node::Folder)
    } else if kind.is_file() {
        Ok(Node::File { path: location.to_owned(), executable: metadata.mode() & 0o100 != 0 })
    } else if kind.is_symlink() {
        Ok(Node::Link { target: link_target(root, location, path)? })
    } else {
        Err(ImageError::Refused(format!("{path} is neither a file, a folder nor a link; an image cannot hold it.")))
    }
}

/// A link's target, when it is relative and leads to something within `root`.
///
/// The system resolves it, since `a/..` is not where it looks to be when `a` is itself a link.
fn link_target(root: &Path, location: &Path, path: &str) -> Result<String, ImageError> {
    let target = fs::read_link(location).map_err(ImageError::io("reading the link", location))?;
    let refused = |reason: &str| Err(ImageError::Refused(format!("The link {path} -> {} {reason}.", target.display())));
    if target.is_absolute() {
        return refused("is absolute and would lead elsewhere in the image");
    }
    let Some(text) = target.to_str() else { return refused("is not UTF-8") };
    if text.len() > LONGEST_PATH || text.chars().any(char::is_control) {
        return refused("has a target that an image cannot hold");
    }
    match fs::canonicalize(location) {
        Err(_) => refused("leads nowhere"),
        Ok(reached) if !reached.starts_with(root) => refused("leaves its folder"),
        Ok(_) if leaves(path, &target) => refused("leaves its folder on its way"),
        Ok(_) => Ok(text.to_owned()),
    }
}

/// Whether a relative target, read from the link's own folder, climbs above the root on its way.
fn leaves(path: &str, target: &Path) -> bool {
    let mut depth = path.matches('/').count();
    for component in target.components() {
        match component {
            Component::ParentDir if depth == 0 => return true,
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            _ => {}
        }
    }
    false
}

/// Whether an image may hold this relative path; an error names what is wrong with it.
///
/// Besides paths that climb or start at the root, it refuses control characters and `.wh.` names, which in a layer
/// mean "delete this from the layers below".
pub fn check_path(path: &str) -> Result<(), ImageError> {
    let shown: String = path.chars().take(200).flat_map(char::escape_debug).collect();
    let refused = |reason: &str| Err(ImageError::Refused(format!("An image cannot hold \"{shown}\": {reason}.")));
    if path.len() > LONGEST_PATH {
        return refused("the path is longer than 4096 bytes");
    }
    if path.chars().any(char::is_control) {
        return refused("its name has control characters");
    }
    for name in path.split('/') {
        match name {
            "" | "." | ".." => return refused("it is not a plain relative path"),
            _ if name.len() > LONGEST_NAME => return refused("a name is longer than 255 bytes"),
            _ if name.starts_with(".wh.") => return refused("names that start with .wh. delete files in images"),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    fn refusal(prepare: impl FnOnce(&Path)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("inner/deep")).unwrap();
        fs::write(root.join("inner/file"), "x").unwrap();
        fs::write(folder.path().join("secret"), "x").unwrap();
        prepare(&root);
        let error = read(&root).unwrap_err();
        assert!(error.is_users(), "{error}");
        error.to_string()
    }

    #[test]
    fn links_within_the_folder_are_kept_as_written() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("inner/deep")).unwrap();
        fs::write(folder.path().join("inner/file"), "x").unwrap();
        symlink("../inner/file", folder.path().join("inner/up")).unwrap();
        symlink("inner", folder.path().join("folder")).unwrap();
        let found = read(folder.path()).unwrap();
        assert!(found.contains(&("inner/up".into(), Node::Link { target: "../inner/file".into() })));
        assert!(found.contains(&("folder".into(), Node::Link { target: "inner".into() })));
        assert_eq!(found.len(), 5, "what lies behind a link is not read twice: {found:?}");
    }

    #[test]
    fn links_that_leave_are_refused() {
        assert!(refusal(|root| symlink("/etc/passwd", root.join("a")).unwrap()).contains("absolute"));
        assert!(refusal(|root| symlink("../secret", root.join("a")).unwrap()).contains("leaves"));
        assert!(refusal(|root| symlink("missing", root.join("a")).unwrap()).contains("leads nowhere"));
        assert!(refusal(|root| symlink("../root/inner", root.join("a")).unwrap()).contains("on its way"));
        let through_a_link = refusal(|root| {
            symlink("../..", root.join("inner/deep/top")).unwrap();
            symlink("inner/deep/top/../secret", root.join("a")).unwrap();
        });
        assert!(through_a_link.contains("leaves"), "{through_a_link}");
    }

    #[test]
    fn names_and_kinds_that_no_image_holds_are_refused() {
        assert!(refusal(|root| fs::write(root.join(".wh.passwd"), "").unwrap()).contains("delete"));
        assert!(refusal(|root| fs::write(root.join("a\nb"), "").unwrap()).contains("control"));
        assert!(refusal(|root| fs::write(root.join(OsStr::from_bytes(b"\xff")), "").unwrap()).contains("UTF-8"));
        let pipe = refusal(|root| {
            nix::unistd::mkfifo(&root.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        });
        assert!(pipe.contains("neither a file"));
        let nested = refusal(|root| fs::create_dir_all(root.join(vec!["d"; 130].join("/"))).unwrap());
        assert!(nested.contains("nested"));
    }

    #[test]
    fn paths_given_by_hand_are_checked_alike() {
        for wrong in ["", "/etc/passwd", "../a", "a/../b", "a//b", "a/", "./a", "a/.wh..wh..opq", "a\0b"] {
            assert!(check_path(wrong).is_err(), "{wrong:?}");
        }
        assert!(check_path(&"n".repeat(256)).is_err());
        assert!(check_path(&vec!["n".repeat(200); 30].join("/")).is_err());
        for right in ["a", "opt/serveml/model.json", "ünïcode/模型", "with space/..dots"] {
            check_path(right).unwrap();
        }
    }
}
