//! Making an installed folder of Python packages the same on every machine, and free of what a container never needs.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::ImageError;

/// Files of a package's `*.dist-info` that tell how and where it was installed.
const OF_THE_INSTALLATION: [&str; 5] = ["direct_url.json", "REQUESTED", "uv_build.json", "uv_cache.json", "pylock.toml"];

/// Removes scripts (their first line names this machine's Python), byte code (it is compiled anew) and traces of the
/// installation. Folders with tests stay: some packages import from their own.
///
/// Files are replaced, never changed in place: the installer links them to its cache.
pub fn clean(folder: &Path) -> Result<(), ImageError> {
    remove_folder(&folder.join("bin"))?;
    remove_file(&folder.join(".lock"))?;
    for entry in list(folder)? {
        let path = entry.path();
        if entry.file_name().to_string_lossy().ends_with(".dist-info") && is_folder(&entry)? {
            for name in OF_THE_INSTALLATION {
                remove_file(&path.join(name))?;
            }
            let record = path.join("RECORD");
            if record.is_file() {
                rewrite_record(&record)?;
            }
        }
    }
    remove_byte_code(folder)
}

fn remove_byte_code(folder: &Path) -> Result<(), ImageError> {
    for entry in list(folder)? {
        if is_folder(&entry)? {
            if entry.file_name() == "__pycache__" {
                remove_folder(&entry.path())?;
            } else {
                remove_byte_code(&entry.path())?;
            }
        }
    }
    Ok(())
}

/// Leaves out of a package's list of files those that were removed, and sorts it.
fn rewrite_record(record: &Path) -> Result<(), ImageError> {
    let text = fs::read_to_string(record).map_err(ImageError::io("reading", record))?;
    let mut lines: Vec<&str> = text.lines().filter(|line| is_kept(line)).collect();
    lines.sort_unstable();
    let mut replacement = lines.join("\n");
    replacement.push('\n');
    let beside = record.with_file_name("RECORD.new");
    let mut file = fs::File::create(&beside).map_err(ImageError::io("creating", &beside))?;
    file.write_all(replacement.as_bytes()).map_err(ImageError::io("writing", &beside))?;
    fs::rename(&beside, record).map_err(ImageError::io("replacing", record))
}

/// Whether a line of `RECORD` (`path,hash,size`) names a file that is still there.
fn is_kept(line: &str) -> bool {
    let path = line.strip_prefix('"').unwrap_or(line);
    let path = path.split(['"', ',']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let removed = path.starts_with("bin/")
        || path.starts_with("../")
        || path.split('/').any(|part| part == "__pycache__")
        || (path.contains(".dist-info/") && OF_THE_INSTALLATION.contains(&name));
    !removed
}

fn list(folder: &Path) -> Result<Vec<fs::DirEntry>, ImageError> {
    let entries = fs::read_dir(folder).map_err(ImageError::io("listing", folder))?;
    entries.collect::<Result<_, _>>().map_err(ImageError::io("listing", folder))
}

fn is_folder(entry: &fs::DirEntry) -> Result<bool, ImageError> {
    // A link to a folder is no folder here: nothing is removed through it.
    Ok(entry.file_type().map_err(ImageError::io("reading", &entry.path()))?.is_dir())
}

fn remove_folder(path: &Path) -> Result<(), ImageError> {
    missing_is_fine(fs::remove_dir_all(path)).map_err(ImageError::io("removing", path))
}

fn remove_file(path: &Path) -> Result<(), ImageError> {
    missing_is_fine(fs::remove_file(path)).map_err(ImageError::io("removing", path))
}

fn missing_is_fine(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_differs_between_machines_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("target");
        let info = root.join("demo-1.0.dist-info");
        for path in ["bin", "demo/__pycache__", "demo/tests/__pycache__", "demo-1.0.dist-info"] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        for path in ["bin/demo", "demo/__init__.py", "demo/__pycache__/x.pyc", "demo/tests/test_demo.py", ".lock"] {
            fs::write(root.join(path), "x").unwrap();
        }
        for name in OF_THE_INSTALLATION {
            fs::write(info.join(name), "x").unwrap();
        }
        // As the installer does it: the file is also in its cache.
        let cache = folder.path().join("cache-RECORD");
        let record = "demo/__init__.py,sha256=1,1\nbin/demo,sha256=2,1\ndemo-1.0.dist-info/REQUESTED,,\n\"demo/a,b.py\",sha256=3,1\ndemo/__pycache__/x.pyc,,\ndemo-1.0.dist-info/RECORD,,\n../../etc/x,,\n";
        fs::write(&cache, record).unwrap();
        fs::hard_link(&cache, info.join("RECORD")).unwrap();

        clean(&root).unwrap();

        assert!(!root.join("bin").exists() && !root.join(".lock").exists());
        assert!(!root.join("demo/__pycache__").exists() && !root.join("demo/tests/__pycache__").exists());
        assert!(root.join("demo/tests/test_demo.py").exists(), "tests stay");
        let left: Vec<_> = fs::read_dir(&info).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["RECORD"]);
        assert_eq!(
            fs::read_to_string(info.join("RECORD")).unwrap(),
            "\"demo/a,b.py\",sha256=3,1\ndemo-1.0.dist-info/RECORD,,\ndemo/__init__.py,sha256=1,1\n"
        );
        assert_eq!(fs::read_to_string(cache).unwrap(), record, "the installer's cache is untouched");
        clean(&root).unwrap();
    }
}
