//! Zip archives, read strictly: where readers could disagree about an archive's content, it is refused.

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom};

use flate2::read::DeflateDecoder;

use crate::error::InspectionError;
use crate::imports::shown;
use crate::source::{Decompressed, Source, Window, decompressed_limit};

const PART: &str = "the zip archive";
const ENTRIES: u64 = 100_000;
const DIRECTORY_BYTES: u64 = 32 << 20;
const LONGEST_NAME: usize = 1024;
const END_BYTES: u64 = 22;
const LOCATOR_BYTES: u64 = 20;
const END64_BYTES: u64 = 56;

#[derive(Debug)]
struct Entry {
    name: String,
    method: u16,
    compressed: u64,
    bytes: u64,
    header: u64,
    /// Where the next entry or the directory begins.
    limit: u64,
}

/// The list of an archive's members.
#[derive(Debug)]
pub(crate) struct Archive {
    entries: Vec<Entry>,
}

impl Archive {
    /// Reads the directory of an archive that fills the whole file.
    pub(crate) fn open(file: &mut (impl Read + Seek), size: u64) -> Result<Self, InspectionError> {
        let end_position = size.checked_sub(END_BYTES).ok_or_else(|| damaged(0, "it is too short for an archive"))?;
        let end = read_at(file, end_position, END_BYTES, size)?;
        if !end.starts_with(b"PK\x05\x06") || u16_at(&end, 20) != 0 {
            return Err(damaged(end_position, "its directory does not end where the file ends: was it uploaded whole?"));
        }
        let mut count = u64::from(u16_at(&end, 10));
        let mut length = u64::from(u32_at(&end, 12));
        let mut start = u64::from(u32_at(&end, 16));
        let mut directory_end = end_position;
        if let Some(locator_position) = end_position.checked_sub(LOCATOR_BYTES) {
            let locator = read_at(file, locator_position, LOCATOR_BYTES, size)?;
            if locator.starts_with(b"PK\x06\x07") {
                let end64_position = u64_at(&locator, 8);
                if end64_position.checked_add(END64_BYTES) != Some(locator_position) {
                    return Err(damaged(locator_position, "its 64-bit directory end is misplaced"));
                }
                let end64 = read_at(file, end64_position, END64_BYTES, size)?;
                if !end64.starts_with(b"PK\x06\x06") {
                    return Err(damaged(end64_position, "its 64-bit directory end is missing"));
                }
                for (short, saturated, long) in [
                    (&mut count, u64::from(u16::MAX), u64_at(&end64, 32)),
                    (&mut length, u64::from(u32::MAX), u64_at(&end64, 40)),
                    (&mut start, u64::from(u32::MAX), u64_at(&end64, 48)),
                ] {
                    if *short != saturated && *short != long {
                        return Err(damaged(end64_position, "its two directory ends disagree"));
                    }
                    *short = long;
                }
                directory_end = end64_position;
            }
        }
        if start.checked_add(length) != Some(directory_end) {
            return Err(damaged(end_position, "its directory is not where its end says"));
        }
        if count > ENTRIES || length > DIRECTORY_BYTES {
            return Err(InspectionError::TooLarge(format!("its zip archive lists more than {ENTRIES} files")));
        }
        let directory = read_at(file, start, length, size)?;
        let entries = read_directory(&directory, count, start)?;
        let total = entries.iter().fold(0u64, |total, entry| total.saturating_add(entry.bytes));
        if total > decompressed_limit(size) {
            return Err(InspectionError::TooLarge(format!("its zip archive of {size} bytes claims to hold {total} bytes")));
        }
        Ok(Self { entries })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.names().any(|entry| entry == name)
    }

    /// Lets `read` read a member that is in the archive.
    pub(crate) fn with_member<R: Read + Seek, T>(
        &self,
        file: &mut R,
        name: &str,
        read: impl FnOnce(&mut dyn Source) -> Result<T, InspectionError>,
    ) -> Result<T, InspectionError> {
        let entry = self.entries.iter().find(|entry| entry.name == name).ok_or_else(|| damaged(0, format!("{name} is missing in it")))?;
        let start = data_start(file, entry)?;
        let mut window = Window::new(file, start, start + entry.compressed);
        if entry.method == 0 { read(&mut window) } else { read(&mut Decompressed::new(DeflateDecoder::new(window), entry.bytes)) }
    }

    /// The whole content of a member of at most `limit` bytes.
    pub(crate) fn member(&self, file: &mut (impl Read + Seek), name: &str, limit: u64) -> Result<Vec<u8>, InspectionError> {
        self.with_member(file, name, |source| {
            let mut content = Vec::new();
            source.take(limit + 1).read_to_end(&mut content).map_err(|error| InspectionError::from_reader(name, 0, error))?;
            if content.len() as u64 > limit {
                return Err(InspectionError::TooLarge(format!("its {name} has more than {limit} bytes")));
            }
            Ok(content)
        })
    }
}

fn damaged(position: u64, reason: impl Into<String>) -> InspectionError {
    InspectionError::damaged(PART, position, reason)
}

fn u16_at(bytes: &[u8], position: usize) -> u16 {
    u16::from_le_bytes([bytes[position], bytes[position + 1]])
}

fn u32_at(bytes: &[u8], position: usize) -> u32 {
    u32::from(u16_at(bytes, position)) | u32::from(u16_at(bytes, position + 2)) << 16
}

fn u64_at(bytes: &[u8], position: usize) -> u64 {
    u64::from(u32_at(bytes, position)) | u64::from(u32_at(bytes, position + 4)) << 32
}

/// Exactly `length` bytes, which the caller has bounded.
fn read_at(file: &mut (impl Read + Seek), position: u64, length: u64, size: u64) -> Result<Vec<u8>, InspectionError> {
    if position.checked_add(length).is_none_or(|end| end > size) {
        return Err(damaged(position, "it points beyond the file's end"));
    }
    let failed = |error| InspectionError::from_reader(PART, position, error);
    file.seek(SeekFrom::Start(position)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 != length {
        return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(bytes)
}

fn read_directory(directory: &[u8], count: u64, start: u64) -> Result<Vec<Entry>, InspectionError> {
    let mut entries = Vec::new();
    let mut rest = directory;
    while !rest.is_empty() {
        let position = start + (directory.len() - rest.len()) as u64;
        let broken = || damaged(position, "an entry of its directory is broken");
        if rest.len() < 46 || !rest.starts_with(b"PK\x01\x02") {
            return Err(broken());
        }
        let name_end = 46 + usize::from(u16_at(rest, 28));
        let extra_end = name_end + usize::from(u16_at(rest, 30));
        let entry_end = extra_end + usize::from(u16_at(rest, 32));
        if entry_end > rest.len() {
            return Err(broken());
        }
        let name = std::str::from_utf8(&rest[46..name_end]).map_err(|_| broken())?;
        check_name(name, position)?;
        if u16_at(rest, 8) & 1 == 1 {
            return Err(InspectionError::Unsupported("the archive is encrypted; save the model without a password".to_owned()));
        }
        let method = u16_at(rest, 10);
        if method != 0 && method != 8 {
            return Err(InspectionError::Unsupported(format!(
                "the archive's file {name:?} is compressed with method {method}; only stored and deflated files are read"
            )));
        }
        let mut sizes = [u64::from(u32_at(rest, 24)), u64::from(u32_at(rest, 20)), u64::from(u32_at(rest, 42))];
        long_sizes(&rest[name_end..extra_end], &mut sizes).ok_or_else(broken)?;
        let [bytes, compressed, header] = sizes;
        if method == 0 && bytes != compressed {
            return Err(broken());
        }
        entries.push(Entry { name: name.to_owned(), method, compressed, bytes, header, limit: start });
        rest = &rest[entry_end..];
    }
    if entries.len() as u64 != count {
        return Err(damaged(start, "its directory has another number of entries than its end says"));
    }
    let mut names = HashSet::new();
    if let Some(twice) = entries.iter().find(|entry| !names.insert(entry.name.as_str())) {
        return Err(damaged(start, format!("it holds {:?} twice", twice.name)));
    }
    separate(&mut entries, start)?;
    Ok(entries)
}

/// Holds that the entries' bytes do not overlap, and that nothing stands before the first of them.
fn separate(entries: &mut [Entry], end: u64) -> Result<(), InspectionError> {
    entries.sort_by_key(|entry| entry.header);
    if entries.first().is_some_and(|first| first.header != 0) {
        return Err(damaged(0, "something stands before its first file"));
    }
    let mut limit = end;
    for entry in entries.iter_mut().rev() {
        entry.limit = limit;
        let least = entry.compressed.saturating_add(30 + entry.name.len() as u64);
        if entry.header.checked_add(least).is_none_or(|entry_end| entry_end > limit) {
            return Err(damaged(entry.header, format!("its file {:?} overlaps another", entry.name)));
        }
        limit = entry.header;
    }
    Ok(())
}

fn check_name(name: &str, position: u64) -> Result<(), InspectionError> {
    let outside = name.is_empty()
        || name.len() > LONGEST_NAME
        || name.starts_with('/')
        || name.contains(['\\', '\0', ':'])
        || name.split('/').any(|part| part == "..");
    if outside {
        return Err(damaged(position, format!("it holds a file with the name {:?}", shown(name))));
    }
    Ok(())
}

/// Replaces the sizes (content, compressed, header's place) that do not fit 32 bits by those of the extra field.
fn long_sizes(mut extra: &[u8], sizes: &mut [u64; 3]) -> Option<()> {
    let saturated = u64::from(u32::MAX);
    while extra.len() >= 4 {
        let kind = u16_at(extra, 0);
        let end = 4 + usize::from(u16_at(extra, 2));
        let mut field = extra.get(4..end)?;
        if kind == 1 {
            for size in sizes.iter_mut().filter(|size| **size == saturated) {
                *size = u64_at(field.get(..8)?, 0);
                field = &field[8..];
            }
        }
        extra = &extra[end..];
    }
    sizes.iter().all(|size| *size != saturated).then_some(())
}

/// Where a member's data begins, after its own header, which must agree with the directory.
fn data_start(file: &mut (impl Read + Seek), entry: &Entry) -> Result<u64, InspectionError> {
    let header = read_at(file, entry.header, 30, entry.limit)?;
    let name_length = u64::from(u16_at(&header, 26));
    let name = read_at(file, entry.header + 30, name_length, entry.limit)?;
    let start = entry.header + 30 + name_length + u64::from(u16_at(&header, 28));
    let agrees = header.starts_with(b"PK\x03\x04")
        && name == entry.name.as_bytes()
        && u16_at(&header, 8) == entry.method
        && u16_at(&header, 6) & 1 == 0;
    if !agrees || start.checked_add(entry.compressed).is_none_or(|end| end > entry.limit) {
        return Err(damaged(entry.header, format!("the header of its file {:?} disagrees with its directory", entry.name)));
    }
    Ok(start)
}
