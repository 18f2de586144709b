//! The instructions' bytes, with the limits of frames and lengths kept.

use std::io;

use crate::error::InspectionError;
use crate::source::Source;

const WINDOW: usize = 64 << 10;

/// How much of a long value is kept from its beginning, and of bytes also from their end.
const KEPT: usize = 16 << 10;

/// What is kept of a value of which only the length is bounded by the file.
#[derive(Debug, Default)]
pub(crate) struct Blob {
    pub(crate) head: Vec<u8>,
    /// The last bytes, where `head` does not hold all.
    pub(crate) tail: Vec<u8>,
    pub(crate) length: u64,
}

impl Blob {
    /// All of the bytes, where they were few enough to be kept.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        (self.head.len() as u64 == self.length).then_some(&self.head)
    }
}

pub(crate) struct Input<'a> {
    source: &'a mut dyn Source,
    part: &'a str,
    buffer: Vec<u8>,
    next: usize,
    position: u64,
    frame_end: Option<u64>,
}

impl<'a> Input<'a> {
    pub(crate) fn new(source: &'a mut dyn Source, part: &'a str) -> Self {
        Self { source, part, buffer: Vec::new(), next: 0, position: 0, frame_end: None }
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn damaged(&self, reason: impl Into<String>) -> InspectionError {
        InspectionError::damaged(self.part, self.position, reason)
    }

    fn failed(&self, error: io::Error) -> InspectionError {
        InspectionError::from_reader(self.part, self.position, error)
    }

    fn ended(&self) -> InspectionError {
        self.failed(io::ErrorKind::UnexpectedEof.into())
    }

    /// The bytes at hand; empty only at the end.
    fn window(&mut self) -> Result<&[u8], InspectionError> {
        if self.next == self.buffer.len() {
            self.buffer.resize(WINDOW, 0);
            self.next = 0;
            let count = loop {
                match self.source.read(&mut self.buffer) {
                    Ok(count) => break count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        self.buffer.clear();
                        return Err(self.failed(error));
                    }
                }
            };
            self.buffer.truncate(count);
        }
        Ok(&self.buffer[self.next..])
    }

    fn consume(&mut self, count: usize) {
        self.next += count;
        self.position += count as u64;
    }

    /// Refuses to read over a frame's end: readers differ in what they then do.
    fn within_frame(&mut self, count: u64) -> Result<(), InspectionError> {
        if let Some(end) = self.frame_end {
            if self.position >= end {
                self.frame_end = None;
            } else if count > end - self.position {
                return Err(self.damaged("an instruction reaches over the end of its frame"));
            }
        }
        Ok(())
    }

    pub(crate) fn enter_frame(&mut self, length: u64) -> Result<(), InspectionError> {
        self.leave_frame()?;
        self.frame_end = Some(self.position.saturating_add(length));
        Ok(())
    }

    /// Holds that no frame is open here.
    pub(crate) fn leave_frame(&mut self) -> Result<(), InspectionError> {
        match self.frame_end.take() {
            Some(end) if self.position < end => Err(self.damaged("a frame is left before its end")),
            _ => Ok(()),
        }
    }

    pub(crate) fn at_end(&mut self) -> Result<bool, InspectionError> {
        Ok(self.window()?.is_empty())
    }

    pub(crate) fn peek(&mut self) -> Result<Option<u8>, InspectionError> {
        Ok(self.window()?.first().copied())
    }

    pub(crate) fn byte(&mut self) -> Result<u8, InspectionError> {
        self.within_frame(1)?;
        let Some(byte) = self.window()?.first().copied() else {
            return Err(self.ended());
        };
        self.consume(1);
        Ok(byte)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], InspectionError> {
        self.within_frame(N as u64)?;
        let mut bytes = [0; N];
        let mut filled = 0;
        while filled < N {
            let window = self.window()?;
            if window.is_empty() {
                return Err(self.ended());
            }
            let count = window.len().min(N - filled);
            bytes[filled..filled + count].copy_from_slice(&window[..count]);
            filled += count;
            self.consume(count);
        }
        Ok(bytes)
    }

    /// Reads `length` bytes and keeps the first and the last of them.
    pub(crate) fn blob(&mut self, length: u64) -> Result<Blob, InspectionError> {
        self.within_frame(length)?;
        let mut blob = Blob { length, ..Blob::default() };
        self.append(&mut blob.head, length.min(KEPT as u64))?;
        let left = length - blob.head.len() as u64;
        let kept = left.min(KEPT as u64);
        self.skip_bytes(left - kept)?;
        self.append(&mut blob.tail, kept)?;
        Ok(blob)
    }

    fn append(&mut self, bytes: &mut Vec<u8>, length: u64) -> Result<(), InspectionError> {
        let mut left = length as usize;
        while left > 0 {
            let window = self.window()?;
            if window.is_empty() {
                return Err(self.ended());
            }
            let count = window.len().min(left);
            bytes.extend_from_slice(&window[..count]);
            left -= count;
            self.consume(count);
        }
        Ok(())
    }

    /// Skips `count` bytes that are no instructions.
    pub(crate) fn skip_bytes(&mut self, count: u64) -> Result<(), InspectionError> {
        let buffered = ((self.buffer.len() - self.next) as u64).min(count);
        self.consume(buffered as usize);
        let left = count - buffered;
        if left > 0 {
            let skipped = self.source.skip(left).map_err(|error| self.failed(error))?;
            self.position += skipped;
            if skipped < left {
                return Err(self.ended());
            }
        }
        Ok(())
    }

    /// A line without its line feed; `limit` bytes at most.
    pub(crate) fn line(&mut self, limit: usize) -> Result<Vec<u8>, InspectionError> {
        match self.long_line(limit)? {
            (line, true) => Ok(line),
            _ => Err(self.damaged(format!("a line has more than {limit} bytes"))),
        }
    }

    /// The first `kept` bytes of a line without its line feed, and whether that is all of it.
    pub(crate) fn long_line(&mut self, kept: usize) -> Result<(Vec<u8>, bool), InspectionError> {
        self.within_frame(1)?;
        let mut line = Vec::new();
        let mut whole = true;
        loop {
            let window = self.window()?;
            if window.is_empty() {
                return Err(self.ended());
            }
            let end = window.iter().position(|byte| *byte == b'\n');
            let count = end.unwrap_or(window.len());
            let room = kept - line.len();
            whole &= count <= room;
            line.extend_from_slice(&window[..count.min(room)]);
            self.consume(count + usize::from(end.is_some()));
            if let Some(frame_end) = self.frame_end
                && self.position > frame_end
            {
                return Err(self.damaged("a line reaches over the end of its frame"));
            }
            if end.is_some() {
                return Ok((line, whole));
            }
        }
    }
}
