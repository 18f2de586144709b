//! Layers: folders, files and bytes as one reproducible, compressed tar archive.
//!
//! Entries are sorted by path; owner, group and time are the same for all; of the modes only "executable" is kept. So a
//! layer's digest depends on names and contents alone.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use super::ImageError;
use super::gzip;
use super::tree::{self, Node};

/// Every entry's modification time: 1980-01-01T00:00:00Z, the earliest that zip archives can tell, since programs in
/// the image may put the files into one.
const MODIFIED: u64 = 315_532_800;
/// What Lambda takes as a whole image, uncompressed: 10 GiB. Nothing larger needs to be built to be refused.
const LARGEST_LAYER: u64 = 10 << 30;
/// The largest file whose size a plain tar header can tell.
const LARGEST_FILE: u64 = (8 << 30) - 1;

/// A layer that was written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Layer {
    /// SHA-256 of the compressed archive: the blob's name in a registry.
    pub digest: String,
    /// SHA-256 of the archive itself: the layer's name in the image configuration.
    pub diff_id: String,
    /// Bytes of the compressed archive.
    pub size: u64,
    /// Bytes of the archive itself.
    pub uncompressed_size: u64,
}

/// A layer in a file beside its digests: what a task uploads.
#[derive(Debug, Clone)]
pub struct LayerFile {
    /// The digests and sizes.
    pub layer: Layer,
    /// The compressed archive.
    pub path: PathBuf,
}

/// What a layer will hold. Paths are absolute paths in the image, with or without the leading `/`.
#[derive(Debug, Default)]
pub struct LayerContent {
    entries: BTreeMap<String, Source>,
}

#[derive(Debug)]
enum Source {
    Node(Node),
    Bytes(Vec<u8>),
}

impl LayerContent {
    /// An empty layer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds everything in a folder under `path`. Refuses what [`tree::read`] refuses, and a path that is taken.
    pub fn folder(mut self, path: &str, folder: &Path) -> Result<Self, ImageError> {
        let root = self.place(path, Source::Node(Node::Folder))?;
        for (relative, node) in tree::read(folder)? {
            self.place(&format!("{root}/{relative}"), Source::Node(node))?;
        }
        Ok(self)
    }

    /// Adds one file from disk, executable in the image when `executable`, whatever it is on disk.
    pub fn file(mut self, path: &str, file: &Path, executable: bool) -> Result<Self, ImageError> {
        let file = std::fs::canonicalize(file).map_err(ImageError::io("opening", file))?;
        self.place(path, Source::Node(Node::File { path: file, executable }))?;
        Ok(self)
    }

    /// Adds one file with this content.
    pub fn bytes(mut self, path: &str, content: impl Into<Vec<u8>>) -> Result<Self, ImageError> {
        self.place(path, Source::Bytes(content.into()))?;
        Ok(self)
    }

    /// Writes the layer, gzip-compressed with all cores, in bounded memory; gives its digests and sizes.
    ///
    /// Blocks until done: call it where blocking is allowed. `output` gets a complete archive or the call fails.
    pub fn write(&self, output: impl Write + Send) -> Result<Layer, ImageError> {
        self.write_with(output, gzip::workers())
    }

    /// Writes the layer into a new file; an existing one is replaced, a failed write leaves none.
    pub fn write_file(&self, path: &Path) -> Result<LayerFile, ImageError> {
        let file = File::create(path).map_err(ImageError::io("creating", path))?;
        match self.write(file) {
            Ok(layer) => Ok(LayerFile { layer, path: path.to_owned() }),
            Err(error) => {
                // The write's own error is the one to tell.
                let _ = std::fs::remove_file(path);
                Err(error)
            }
        }
    }

    fn write_with(&self, output: impl Write + Send, workers: usize) -> Result<Layer, ImageError> {
        let ((), compressed) = gzip::compress(output, workers, |sink| self.archive(sink))?;
        Ok(Layer {
            digest: compressed.digest,
            diff_id: compressed.uncompressed_digest,
            size: compressed.size,
            uncompressed_size: compressed.uncompressed_size,
        })
    }

    /// Takes a place in the layer, and makes the folders above it; gives the path without its leading `/`.
    fn place(&mut self, path: &str, source: Source) -> Result<String, ImageError> {
        let path = path.strip_prefix('/').unwrap_or(path).to_owned();
        tree::check_path(&path)?;
        for (end, _) in path.match_indices('/') {
            match self.entries.entry(path[..end].to_owned()) {
                Entry::Vacant(place) => drop(place.insert(Source::Node(Node::Folder))),
                Entry::Occupied(taken) if matches!(taken.get(), Source::Node(Node::Folder)) => {}
                Entry::Occupied(taken) => {
                    return Err(ImageError::Refused(format!("/{path} cannot be added to the image: /{} is not a folder.", taken.key())));
                }
            }
        }
        match self.entries.entry(path.clone()) {
            Entry::Vacant(place) => drop(place.insert(source)),
            Entry::Occupied(taken) if matches!((taken.get(), &source), (Source::Node(Node::Folder), Source::Node(Node::Folder))) => {}
            Entry::Occupied(_) => {
                return Err(ImageError::Refused(format!("/{path} would be in the image's layer twice.")));
            }
        }
        Ok(path)
    }

    fn archive(&self, sink: &mut dyn Write) -> Result<(), ImageError> {
        let mut archive = Archive { builder: Builder::new(sink), size: 0 };
        for (path, source) in &self.entries {
            match source {
                Source::Node(Node::Folder) => archive.folder(path)?,
                Source::Node(Node::File { path: file, executable }) => archive.file(path, file, *executable)?,
                Source::Node(Node::Link { target }) => archive.link(path, target)?,
                Source::Bytes(content) => archive.bytes(path, content)?,
            }
        }
        archive.builder.finish().map_err(writing)
    }
}

struct Archive<'a> {
    builder: Builder<&'a mut dyn Write>,
    size: u64,
}

impl Archive<'_> {
    fn folder(&mut self, path: &str) -> Result<(), ImageError> {
        self.append(EntryType::Directory, &format!("{path}/"), None, 0o755, 0, io::empty())
    }

    fn link(&mut self, path: &str, target: &str) -> Result<(), ImageError> {
        self.append(EntryType::Symlink, path, Some(target), 0o777, 0, io::empty())
    }

    fn bytes(&mut self, path: &str, content: &[u8]) -> Result<(), ImageError> {
        self.append(EntryType::Regular, path, None, 0o644, content.len() as u64, content)
    }

    fn file(&mut self, path: &str, location: &Path, executable: bool) -> Result<(), ImageError> {
        // A file that became a link since the folder was read is not followed.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_CLOEXEC)
            .open(location)
            .map_err(ImageError::io("opening", location))?;
        let size = file.metadata().map_err(ImageError::io("reading", location))?.size();
        if size > LARGEST_FILE {
            return Err(ImageError::Refused(format!("/{path} is larger than 8 GiB; an image cannot hold it.")));
        }
        let mode = if executable { 0o755 } else { 0o644 };
        let mut content = Exactly { file, rest: size, location };
        self.append(EntryType::Regular, path, None, mode, size, &mut content)?;
        content.ended()
    }

    fn append(
        &mut self,
        kind: EntryType,
        path: &str,
        target: Option<&str>,
        mode: u32,
        size: u64,
        content: impl Read,
    ) -> Result<(), ImageError> {
        self.size += size;
        if self.size > LARGEST_LAYER {
            return Err(ImageError::Refused("The layer would be larger than 10 GiB, which Lambda does not take.".into()));
        }
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(MODIFIED);
        header.set_size(size);
        // What the old header cannot say (long or non-ASCII names) stands in extended records before it; readers that
        // know them ignore the header's own, shortened name.
        let fields = header.as_ustar_mut().ok_or_else(|| writing(io::Error::other("not a ustar header")))?;
        let mut records: Vec<(&str, &[u8])> = Vec::new();
        if !fill(&mut fields.name, path) {
            records.push(("path", path.as_bytes()));
        }
        if let Some(target) = target
            && !fill(&mut fields.linkname, target)
        {
            records.push(("linkpath", target.as_bytes()));
        }
        header.set_cksum();
        self.builder.append_pax_extensions(records).map_err(writing)?;
        self.builder.append(&header, content).map_err(|error| match error.downcast::<ImageError>() {
            Ok(reading) => reading,
            Err(error) => writing(error),
        })
    }
}

fn writing(source: io::Error) -> ImageError {
    ImageError::Io { context: "writing the layer".into(), source }
}

/// Puts a text into a header field, with what is not ASCII replaced; whether the field holds it exactly.
fn fill(field: &mut [u8; 100], text: &str) -> bool {
    let plain = text.bytes().map(|byte| if byte.is_ascii() { byte } else { b'_' });
    for (place, byte) in field.iter_mut().zip(plain) {
        *place = byte;
    }
    text.is_ascii() && text.len() <= field.len()
}

/// A file that must give as many bytes as it had when it was opened.
struct Exactly<'a> {
    file: File,
    rest: u64,
    location: &'a Path,
}

impl Exactly<'_> {
    fn changed(&self) -> ImageError {
        ImageError::Io {
            context: format!("reading {}", self.location.display()),
            source: io::Error::other("the file changed while the image was built"),
        }
    }

    /// Checks that nothing follows.
    fn ended(&mut self) -> Result<(), ImageError> {
        match self.file.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.changed()),
            Err(error) => Err(ImageError::io("reading", self.location)(error)),
        }
    }
}

impl Read for Exactly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.rest).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let read =
            self.file.read(&mut buffer[..wanted]).map_err(|error| io::Error::other(ImageError::io("reading", self.location)(error)))?;
        if read == 0 {
            return Err(io::Error::other(self.changed()));
        }
        self.rest -= read as u64;
        Ok(read)
    }
}

impl From<io::Error> for ImageError {
    /// The compressor's own failures; everything else names its path.
    fn from(source: io::Error) -> Self {
        writing(source)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::{Duration, SystemTime};

    use flate2::read::GzDecoder;

    use super::*;

    const CONTENT: &[(&str, &[u8])] = &[
        ("numpy/__init__.py", b"import core"),
        ("numpy/core/multiarray.so", &[0, 159, 146, 150]),
        ("pandas/__init__.py", b""),
        ("pandas.libs/lib.so", b"\x7fELF"),
        ("ünïcode/模型.txt", "größe".as_bytes()),
        ("with space/a file.txt", b"x"),
    ];

    /// A folder with the same content, made in another order, at another time, with other modes.
    fn folder(reversed: bool, mode: u32, days_ago: u64) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut content: Vec<_> = CONTENT.iter().collect();
        if reversed {
            content.reverse();
        }
        for (path, bytes) in content {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let time = SystemTime::now() - Duration::from_secs(86_400 * days_ago);
            File::open(&path).unwrap().set_modified(time).unwrap();
        }
        let program = folder.path().join("numpy/tool");
        fs::write(&program, "#!/bin/sh").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(mode | 0o100)).unwrap();
        symlink("../numpy/tool", folder.path().join("pandas/tool")).unwrap();
        folder
    }

    fn write(content: &LayerContent) -> (Vec<u8>, Layer) {
        let mut output = Vec::new();
        let layer = content.write(&mut output).unwrap();
        (output, layer)
    }

    #[derive(Debug, PartialEq)]
    struct Found {
        kind: EntryType,
        mode: u32,
        link: Option<String>,
        content: Vec<u8>,
    }

    fn read(gzip: &[u8]) -> BTreeMap<String, Found> {
        let mut archive = tar::Archive::new(GzDecoder::new(gzip));
        let mut found = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            assert_eq!(header.mtime().unwrap(), MODIFIED);
            let (kind, mode) = (header.entry_type(), header.mode().unwrap());
            let path = entry.path().unwrap().to_str().unwrap().trim_end_matches('/').to_owned();
            let link = entry.link_name().unwrap().map(|link| link.to_str().unwrap().to_owned());
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            assert!(found.insert(path, Found { kind, mode, link, content }).is_none());
        }
        found
    }

    #[test]
    fn the_same_content_has_the_same_digest() {
        let first = folder(false, 0o644, 0);
        let second = folder(true, 0o600, 400);
        // A tool that hard-links what another copies makes no difference.
        let copy = second.path().join("pandas/__init__.py");
        fs::remove_file(&copy).unwrap();
        fs::write(second.path().join("empty"), "").unwrap();
        fs::hard_link(second.path().join("empty"), &copy).unwrap();
        fs::remove_file(second.path().join("empty")).unwrap();
        let layer = |folder: &tempfile::TempDir, workers| {
            let content =
                LayerContent::new().bytes("opt/serveml/model.json", "{}").unwrap().folder("/opt/serveml/python", folder.path()).unwrap();
            content.write_with(io::sink(), workers).unwrap()
        };
        let expected = layer(&first, 1);
        for workers in [1, 2, 5] {
            assert_eq!(layer(&second, workers), expected);
        }
        fs::write(second.path().join("numpy/__init__.py"), "import Core").unwrap();
        assert_ne!(layer(&second, 1), expected);
    }

    #[test]
    fn the_archive_holds_what_the_folder_held() {
        let folder = folder(false, 0o640, 1);
        let program = folder.path().join("numpy/__init__.py");
        let content = LayerContent::new()
            .folder("/opt/python", folder.path())
            .unwrap()
            .file("/opt/bin/program", &program, true)
            .unwrap()
            .bytes("/opt/model.json", "{\"engine\":\"python\"}")
            .unwrap();
        let (gzip, layer) = write(&content);
        assert_eq!(layer.size, gzip.len() as u64);
        let found = read(&gzip);
        for (path, bytes) in CONTENT {
            let file = &found[&format!("opt/python/{path}")];
            assert_eq!((file.kind, file.mode, &file.content[..]), (EntryType::Regular, 0o644, *bytes), "{path}");
        }
        assert_eq!(found["opt/python/numpy/tool"].mode, 0o755);
        assert_eq!(found["opt/bin/program"].mode, 0o755);
        assert_eq!(found["opt/python/pandas/tool"].link.as_deref(), Some("../numpy/tool"));
        assert_eq!(found["opt/model.json"].content, b"{\"engine\":\"python\"}");
        for folder in ["opt", "opt/python", "opt/python/pandas.libs", "opt/bin"] {
            assert_eq!((found[folder].kind, found[folder].mode), (EntryType::Directory, 0o755), "{folder}");
        }
    }

    #[test]
    fn long_names_survive() {
        let folder = tempfile::tempdir().unwrap();
        for length in 95..=105 {
            fs::write(folder.path().join("n".repeat(length)), length.to_string()).unwrap();
        }
        let deep = vec!["ä".repeat(60); 8].join("/");
        fs::create_dir_all(folder.path().join(&deep)).unwrap();
        fs::write(folder.path().join(&deep).join("file"), "deep").unwrap();
        symlink(format!("{deep}/file"), folder.path().join("link")).unwrap();
        let (gzip, _) = write(&LayerContent::new().folder("p", folder.path()).unwrap());
        let found = read(&gzip);
        for length in 95..=105_usize {
            assert_eq!(found[&format!("p/{}", "n".repeat(length))].content, length.to_string().as_bytes());
        }
        assert_eq!(found[&format!("p/{deep}/file")].content, b"deep");
        assert_eq!(found["p/link"].link, Some(format!("{deep}/file")));
    }

    #[test]
    fn a_big_file_streams_through() {
        let folder = tempfile::tempdir().unwrap();
        let big = folder.path().join("weights.bin");
        // Sparse on disk: 300 MB of zeros with a mark at the end.
        let file = File::create(&big).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"end", 300_000_000).unwrap();
        let mut gzip = Vec::new();
        let layer = LayerContent::new().folder("model", folder.path()).unwrap().write(&mut gzip).unwrap();
        assert!(layer.uncompressed_size > 300_000_000 && layer.size < 3_000_000, "{layer:?}");
        let mut archive = tar::Archive::new(GzDecoder::new(&gzip[..]));
        let mut entry = archive.entries().unwrap().nth(1).unwrap().unwrap();
        assert_eq!(entry.size(), 300_000_003);
        assert_eq!(io::copy(&mut entry, &mut io::sink()).unwrap(), 300_000_003);
    }

    #[test]
    fn places_that_are_taken_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("model.json"), "{}").unwrap();
        let twice = LayerContent::new().bytes("m/model.json", "x").unwrap().folder("m", folder.path()).unwrap_err();
        assert!(twice.to_string().contains("twice"), "{twice}");
        let below = LayerContent::new().bytes("m", "x").unwrap().folder("m/python", folder.path()).unwrap_err();
        assert!(below.to_string().contains("/m is not a folder"), "{below}");
        assert!(LayerContent::new().bytes("../m", "x").is_err());
        assert!(LayerContent::new().folder("m", &folder.path().join("missing")).is_err());
    }

    #[test]
    fn a_file_that_changes_underneath_fails_the_layer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "four").unwrap();
        let mut content = Exactly { file: File::open(&path).unwrap(), rest: 5, location: &path };
        assert!(io::copy(&mut content, &mut io::sink()).is_err(), "shorter than it was");
        let mut content = Exactly { file: File::open(&path).unwrap(), rest: 3, location: &path };
        io::copy(&mut content, &mut io::sink()).unwrap();
        assert!(content.ended().is_err(), "longer than it was");
    }

    #[test]
    fn a_failed_write_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("gone"), "x").unwrap();
        let content = LayerContent::new().folder("p", &source).unwrap();
        fs::remove_file(source.join("gone")).unwrap();
        let target = folder.path().join("layer.tar.gz");
        let error = content.write_file(&target).unwrap_err();
        assert!(error.to_string().contains("gone"), "{error}");
        assert!(!target.exists());
    }
}
