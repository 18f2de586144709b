//! Bytes to read forward: a range of the file, or what such a range decompresses to.

use std::io::{self, Read, Seek, SeekFrom};

/// Bytes that can be read forward and skipped.
pub(crate) trait Source: Read {
    /// Skips up to `count` bytes; gives how many there were.
    fn skip(&mut self, count: u64) -> io::Result<u64>;
}

/// The bytes `position..end` of a file.
pub(crate) struct Window<'a, R> {
    file: &'a mut R,
    position: u64,
    end: u64,
    sought: bool,
}

impl<'a, R: Read + Seek> Window<'a, R> {
    pub(crate) fn new(file: &'a mut R, start: u64, end: u64) -> Self {
        Self { file, position: start.min(end), end, sought: false }
    }
}

impl<R: Read + Seek> Read for Window<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = (buffer.len() as u64).min(self.end - self.position) as usize;
        if wanted == 0 {
            return Ok(0);
        }
        if !self.sought {
            self.file.seek(SeekFrom::Start(self.position))?;
            self.sought = true;
        }
        let count = self.file.read(&mut buffer[..wanted])?;
        self.position += count as u64;
        Ok(count)
    }
}

impl<R: Read + Seek> Source for Window<'_, R> {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let skipped = count.min(self.end - self.position);
        self.position += skipped;
        self.sought = false;
        Ok(skipped)
    }
}

/// What a decompressor gives, up to a limit: past it, reading is an error.
pub(crate) struct Decompressed<D> {
    decoder: D,
    left: u64,
    limit: u64,
}

/// How many bytes `compressed` bytes may become: real models shrink far less than this, archive bombs far more.
pub(crate) fn decompressed_limit(compressed: u64) -> u64 {
    const FLOOR: u64 = 64 << 20;
    const CEILING: u64 = 8 << 30;
    compressed.saturating_mul(100).saturating_add(FLOOR).min(CEILING)
}

impl<D: Read> Decompressed<D> {
    pub(crate) fn new(decoder: D, limit: u64) -> Self {
        Self { decoder, left: limit, limit }
    }
}

impl<D: Read> Read for Decompressed<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer)?;
        if count as u64 > self.left {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("decompressed it has more than {} bytes", self.limit)));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

impl<D: Read> Source for Decompressed<D> {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        io::copy(&mut self.take(count), &mut io::sink())
    }
}

/// Fills as much of `buffer` as there is; gives how much that was.
pub(crate) fn read_up_to(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
