//! One layer's archive into a folder: `files/`, and `deleted.json` with what it takes away from the layers below.
//!
//! An archive is not trusted: nothing is written outside of `files/`, whatever its names and links say. Files are made
//! read-only, since every root file system that has the layer shares them.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tar::{Archive, Entry, EntryType};

use super::document::LayerDocument;

/// The most bytes that a layer unpacks to: what Lambda takes as a whole image.
const LARGEST: u64 = 10 << 30;
/// The most entries of a layer.
const MOST_ENTRIES: usize = 1_000_000;
/// How much is unpacked ahead, in pieces of this size.
const PIECE: usize = 1 << 20;
const PIECES_AHEAD: usize = 8;

/// What a layer deletes of those below it. Paths are relative to the root.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    /// Entries that are gone.
    pub entries: Vec<PathBuf>,
    /// Folders whose content is gone.
    pub contents: Vec<PathBuf>,
}

/// Unpacks a layer's blob into the empty folder `target`, and checks both its digests.
///
/// # Errors
/// For a person, as the end of a sentence: what is wrong with the layer.
pub fn layer(blob: &Path, layer: &LayerDocument, target: &Path) -> Result<(), String> {
    let failed = |error: io::Error| format!("could not be unpacked: {error}");
    let file = File::open(blob).map_err(failed)?;
    let files = target.join("files");
    fs::create_dir(&files).map_err(failed)?;
    let gzip = layer.gzip;
    let (pieces, received) = sync_channel(PIECES_AHEAD);
    // One thread reads, hashes and decompresses; this one hashes the archive and writes files.
    let (unpacked, digest) = thread::scope(|scope| {
        let reading = scope.spawn(move || decompress(file, gzip, &pieces));
        let mut archive = Pieces { received, current: Vec::new(), taken: 0, hash: Sha256::new(), size: 0 };
        let unpacked = unpack(&mut archive, &files).and_then(|deleted| {
            // What follows the archive's end belongs to its digest.
            io::copy(&mut archive, &mut io::sink())?;
            Ok((deleted, written(archive.hash.clone())))
        });
        drop(archive);
        let digest = reading.join().unwrap_or_else(|_| Err(io::Error::other("the reading thread failed")));
        (unpacked, digest)
    });
    let (deleted, diff_id) = unpacked.map_err(failed)?;
    let digest = digest.map_err(failed)?;
    if digest != layer.digest {
        return Err(format!("is damaged: its digest is {digest}"));
    }
    if diff_id != layer.diff_id {
        return Err(format!("holds the archive {diff_id}, not {}", layer.diff_id));
    }
    let deleted = serde_json::to_vec(&deleted).map_err(|error| failed(error.into()))?;
    fs::write(target.join("deleted.json"), deleted).map_err(failed)
}

fn written(hash: Sha256) -> String {
    format!("sha256:{}", hex::encode(hash.finalize()))
}

/// Reads the blob to its end and sends what is in it; gives the blob's digest.
fn decompress(file: File, gzip: bool, pieces: &SyncSender<io::Result<Vec<u8>>>) -> io::Result<String> {
    let mut blob = Hashing { file, hash: Sha256::new() };
    if gzip {
        send(MultiGzDecoder::new(io::BufReader::with_capacity(PIECE, &mut blob)), pieces);
    } else {
        send(&mut blob, pieces);
    }
    io::copy(&mut blob, &mut io::sink())?;
    Ok(written(blob.hash))
}

fn send(mut content: impl Read, pieces: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        let read = content.by_ref().take(PIECE as u64).read_to_end(&mut piece);
        let (ended, message) = match read {
            Ok(count) => (count == 0, Ok(piece)),
            Err(error) => (true, Err(error)),
        };
        // A receiver that has given up has its own error to tell.
        if pieces.send(message).is_err() || ended {
            return;
        }
    }
}

struct Hashing {
    file: File,
    hash: Sha256,
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

/// The archive's bytes, as they come from the other thread.
struct Pieces {
    received: Receiver<io::Result<Vec<u8>>>,
    current: Vec<u8>,
    taken: usize,
    hash: Sha256,
    size: u64,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.current.len() {
            // The channel closes after the end, which may be read more than once.
            self.current = self.received.recv().unwrap_or_else(|_| Ok(Vec::new()))?;
            self.taken = 0;
            self.hash.update(&self.current);
            self.size += self.current.len() as u64;
            if self.size > LARGEST {
                return Err(io::Error::other("it is larger than 10 GiB"));
            }
        }
        let count = buffer.len().min(self.current.len() - self.taken);
        buffer[..count].copy_from_slice(&self.current[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}

fn unpack(content: &mut Pieces, files: &Path) -> io::Result<Deleted> {
    let mut archive = Archive::new(content);
    let mut unpacker = Unpacker { files, deleted: Deleted::default(), folder: PathBuf::new(), buffer: vec![0; 256 << 10] };
    for (count, entry) in archive.entries()?.enumerate() {
        if count == MOST_ENTRIES {
            return Err(io::Error::other(format!("it has more than {MOST_ENTRIES} entries")));
        }
        let mut entry = entry?;
        let path = entry.path_bytes().into_owned();
        let named = |error: io::Error| io::Error::other(format!("{}: {error}", String::from_utf8_lossy(&path).escape_debug()));
        unpacker.entry(&path, &mut entry).map_err(named)?;
    }
    Ok(unpacker.deleted)
}

struct Unpacker<'a> {
    files: &'a Path,
    deleted: Deleted,
    /// The folder that was checked last: most entries lie in the same one as the entry before.
    folder: PathBuf,
    buffer: Vec<u8>,
}

impl Unpacker<'_> {
    fn entry(&mut self, path: &[u8], entry: &mut Entry<'_, &mut Pieces>) -> io::Result<()> {
        let path = relative(path)?;
        let Some(name) = path.file_name() else {
            return Ok(()); // The root itself.
        };
        let parent = path.parent().unwrap_or(Path::new("")).to_owned();
        if let Some(deleted) = name.as_bytes().strip_prefix(b".wh.") {
            match deleted {
                b".wh..opq" => self.deleted.contents.push(parent),
                b"" | b"." | b".." => return Err(io::Error::other("it deletes no name")),
                // Other names of this kind are a union file system's own notes.
                other if other.starts_with(b".wh.") => {}
                other => self.deleted.entries.push(parent.join(OsStr::from_bytes(other))),
            }
            return Ok(());
        }
        self.enter(&parent)?;
        let place = self.files.join(&path);
        match entry.header().entry_type() {
            EntryType::Directory => self.make_folder(&place),
            EntryType::Regular | EntryType::Continuous => {
                let executable = entry.header().mode()? & 0o111 != 0;
                self.write(&place, executable, entry)
            }
            EntryType::Symlink => {
                let target = entry.link_name_bytes().ok_or_else(|| io::Error::other("the link has no target"))?;
                let target = link_target(&path, &target)?;
                self.clear(&place)?;
                symlink(target, &place)
            }
            EntryType::Link => {
                let target = entry.link_name_bytes().ok_or_else(|| io::Error::other("the link has no target"))?;
                let target = relative(&target)?;
                self.enter(target.parent().unwrap_or(Path::new("")))?;
                let target = self.files.join(target);
                if !fs::symlink_metadata(&target)?.is_file() {
                    return Err(io::Error::other("it is a hard link to what is no file of its layer"));
                }
                if target != place {
                    self.clear(&place)?;
                    fs::hard_link(&target, &place)?;
                }
                Ok(())
            }
            // A process on this machine sees the machine's own devices.
            EntryType::Char | EntryType::Block | EntryType::Fifo => Ok(()),
            EntryType::XGlobalHeader => Ok(()),
            other => Err(io::Error::other(format!("entries of type {other:?} are not unpacked"))),
        }
    }

    /// Makes sure that a folder is one, with all above it: nothing is written through a link.
    fn enter(&mut self, folder: &Path) -> io::Result<()> {
        if self.folder == folder {
            return Ok(());
        }
        let mut place = self.files.to_owned();
        for part in folder.components() {
            place.push(part);
            match fs::symlink_metadata(&place) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(_) => return Err(io::Error::other("it lies in what is no folder")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(&place)?,
                Err(error) => return Err(error),
            }
        }
        folder.clone_into(&mut self.folder);
        Ok(())
    }

    fn make_folder(&self, place: &Path) -> io::Result<()> {
        match fs::symlink_metadata(place) {
            Ok(metadata) if metadata.is_dir() => Ok(()),
            Ok(_) => fs::remove_file(place).and_then(|()| fs::create_dir(place)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(place),
            Err(error) => Err(error),
        }
    }

    /// Removes what an earlier entry of the same name made.
    fn clear(&mut self, place: &Path) -> io::Result<()> {
        match fs::symlink_metadata(place) {
            Ok(metadata) if metadata.is_dir() => {
                self.folder = PathBuf::new();
                super::remove::tree(place)
            }
            Ok(_) => fs::remove_file(place),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, place: &Path, executable: bool, content: &mut impl Read) -> io::Result<()> {
        let mode = if executable { 0o555 } else { 0o444 };
        let open = || OpenOptions::new().write(true).create_new(true).mode(mode).open(place);
        let mut file = match open() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.clear(place)?;
                open()?
            }
            other => other?,
        };
        loop {
            let count = content.read(&mut self.buffer)?;
            if count == 0 {
                break;
            }
            file.write_all(&self.buffer[..count])?;
        }
        // Whatever the process's own mask: a program must be one for everybody.
        file.set_permissions(Permissions::from_mode(mode))
    }
}

/// An entry's path as a plain relative one: `./a/b/` is `a/b`. Absolute ones and ones that climb are refused.
fn relative(path: &[u8]) -> io::Result<PathBuf> {
    let mut plain = PathBuf::new();
    if path.contains(&0) {
        return Err(io::Error::other("its path holds a zero byte"));
    }
    for part in Path::new(OsStr::from_bytes(path)).components() {
        match part {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return Err(io::Error::other("its path is absolute")),
            Component::ParentDir => return Err(io::Error::other("its path climbs out of its folder")),
        }
    }
    Ok(plain)
}

/// A symbolic link's target, as it must read in a root file system that is no process's root: absolute ones become
/// relative to the link; ones that climb above the root are refused.
fn link_target(link: &Path, target: &[u8]) -> io::Result<PathBuf> {
    if target.is_empty() || target.contains(&0) {
        return Err(io::Error::other("its target is no path"));
    }
    let target = Path::new(OsStr::from_bytes(target));
    // The link's own folder, as a number of steps below the root.
    let depth = link.components().count() - 1;
    let mut level = if target.is_absolute() { 0 } else { depth };
    for part in target.components() {
        match part {
            Component::ParentDir if level == 0 => return Err(io::Error::other("its target climbs out of the root")),
            Component::ParentDir => level -= 1,
            Component::Normal(_) => level += 1,
            _ => {}
        }
    }
    let Ok(from_root) = target.strip_prefix("/") else { return Ok(target.to_owned()) };
    let mut from_link: PathBuf = std::iter::repeat_n("..", depth).collect();
    from_link.push(from_root);
    Ok(if from_link.as_os_str().is_empty() { PathBuf::from(".") } else { from_link })
}
