//! An object of the bucket as something that can be read and sought, a window at a time.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};

use bytes::Bytes;
use tokio::runtime::Handle;

use crate::objects::Objects;

/// How much is fetched at once, in bytes.
const WINDOW: u64 = 2 * 1024 * 1024;
/// How many windows are kept: an archive's reader goes back and forth between its end and its members.
const WINDOWS: usize = 4;

/// Reads an object by ranges. It blocks, so it belongs on a thread of its own.
#[derive(Debug)]
pub struct ObjectReader {
    objects: Objects,
    key: String,
    size: u64,
    runtime: Handle,
    position: u64,
    windows: VecDeque<(u64, Bytes)>,
}

impl ObjectReader {
    /// A reader of the object under that key, which has `size` bytes. To be made within the runtime that will fetch.
    pub fn new(objects: Objects, key: String, size: u64) -> Self {
        Self { objects, key, size, runtime: Handle::current(), position: 0, windows: VecDeque::new() }
    }

    /// The window that holds a position within the object.
    fn window(&mut self, position: u64) -> Result<(u64, Bytes)> {
        let start = position - position % WINDOW;
        if let Some(at) = self.windows.iter().position(|(known, _)| *known == start)
            && let Some(window) = self.windows.remove(at)
        {
            self.windows.push_back(window.clone());
            return Ok(window);
        }
        let end = (start + WINDOW).min(self.size);
        let bytes = self.runtime.block_on(self.objects.range(&self.key, start, end)).map_err(Error::other)?;
        if bytes.len() as u64 != end - start {
            return Err(Error::other(format!("{} changed while it was read", self.key)));
        }
        if self.windows.len() == WINDOWS {
            self.windows.pop_front();
        }
        self.windows.push_back((start, bytes.clone()));
        Ok((start, bytes))
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if self.position >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        let (start, bytes) = self.window(self.position)?;
        let offset = usize::try_from(self.position - start).map_err(Error::other)?;
        let rest = bytes.get(offset..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "sought before the beginning"))?;
        Ok(self.position)
    }
}
