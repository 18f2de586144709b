//! The files that hold objects' bytes. A file is written once, under a name of its own, and never changed.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use s3s::StdError;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum, Md5};
use s3s::dto::StreamingBlob;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::index::{Index, Piece};

/// How much is read or written at once.
const CHUNK: usize = 256 * 1024;

/// The folder of the files.
#[derive(Debug, Clone)]
pub struct Files {
    folder: PathBuf,
}

/// What was written of a request's body.
pub struct Written {
    /// The file; it is removed unless [`Written::keep`] is called.
    piece: Piece,
    path: Option<PathBuf>,
    /// The MD5 of the bytes.
    pub md5: [u8; 16],
    /// The checksums that were asked for.
    pub checksums: s3s::dto::Checksum,
}

impl Written {
    /// The file, which stays from now on.
    pub fn keep(mut self) -> Piece {
        self.path = None;
        self.piece.clone()
    }

    /// How many bytes were written.
    pub fn size(&self) -> u64 {
        self.piece.size
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Files {
    /// Opens the folder, which is made if it is not there.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.join(&file[..2]).join(file)
    }

    /// Writes a body into a new file.
    pub async fn write(&self, body: StreamingBlob, hasher: ChecksumHasher) -> Result<Written, StdError> {
        let file = crate::account::random_hex(16);
        let path = self.path(&file);
        tokio::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).await?;
        let mut written =
            Written { piece: Piece { file, size: 0 }, path: Some(path.clone()), md5: [0; 16], checksums: s3s::dto::Checksum::default() };
        let mut output = tokio::io::BufWriter::with_capacity(CHUNK, tokio::fs::File::create_new(&path).await?);
        let (mut md5, mut hasher) = (Md5::new(), hasher);
        let mut body = std::pin::pin!(body);
        while let Some(chunk) = body.next().await {
            let chunk = chunk?;
            md5.update(&chunk);
            hasher.update(&chunk);
            output.write_all(&chunk).await?;
            written.piece.size += chunk.len() as u64;
        }
        output.flush().await?;
        written.md5 = md5.finalize();
        written.checksums = hasher.finalize();
        Ok(written)
    }

    /// Reads a range of the bytes that pieces hold together.
    pub fn read(&self, pieces: &[Piece], range: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + use<> {
        let mut sections = Vec::new();
        let mut start = 0;
        for piece in pieces {
            let end = start + piece.size;
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                sections.push((self.path(&piece.file), from - start, to - from));
            }
            start = end;
        }
        let (sender, mut receiver) = mpsc::channel(4);
        tokio::task::spawn_blocking(move || {
            for (path, offset, length) in sections {
                if let Err(error) = read_section(&path, offset, length, &sender) {
                    let _ = sender.blocking_send(Err(error));
                    return;
                }
            }
        });
        futures::stream::poll_fn(move |context| receiver.poll_recv(context))
    }

    /// Removes files that nothing needs any more.
    pub async fn remove(&self, pieces: Vec<Piece>) {
        for piece in pieces {
            // One that stays behind costs space, and is found at the next start.
            let _ = tokio::fs::remove_file(self.path(&piece.file)).await;
        }
    }

    /// Removes the files from before `start` that no object and no upload needs: an earlier run was killed over them.
    pub fn sweep(&self, index: &Index, start: SystemTime) -> io::Result<()> {
        let needed = index.files()?;
        for folder in std::fs::read_dir(&self.folder)? {
            for entry in std::fs::read_dir(folder?.path())? {
                let entry = entry?;
                let old = entry.metadata()?.modified()? < start;
                if old && !needed.contains(entry.file_name().to_string_lossy().as_ref()) {
                    std::fs::remove_file(entry.path())?;
                }
            }
        }
        Ok(())
    }
}

fn read_section(path: &Path, offset: u64, length: u64, sender: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut left = length;
    while left > 0 {
        let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
        file.read_exact(&mut chunk)?;
        left -= chunk.len() as u64;
        if sender.blocking_send(Ok(chunk.into())).is_err() {
            // The reader went away.
            return Ok(());
        }
    }
    Ok(())
}
