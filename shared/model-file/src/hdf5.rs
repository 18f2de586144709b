//! As much of HDF5 as the attributes of a file's root group need: superblock versions 0 to 3, object headers 1 and 2,
//! attributes that lie in the header, strings of fixed length and those in a global heap. Datasets are never read.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use crate::error::InspectionError;

pub(crate) const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";

const PART: &str = "the HDF5 file";
const HEADER_BYTES: u64 = 4 << 20;
const BLOCKS: usize = 1000;
const HEAP_OBJECTS: usize = 100_000;
const TEXT_BYTES: u64 = 16 << 20;

const ATTRIBUTE: u16 = 0x0c;
const CONTINUATION: u16 = 0x10;
const ATTRIBUTE_INFORMATION: u16 = 0x15;

/// The strings that the root group has as attributes, of those in `names`.
pub(crate) fn root_attributes(
    file: &mut (impl Read + Seek),
    size: u64,
    names: &[&str],
) -> Result<BTreeMap<String, Vec<u8>>, InspectionError> {
    let mut reader = Reader { file, size, offset_bytes: 8, length_bytes: 8 };
    let root = reader.root()?;
    let mut attributes = BTreeMap::new();
    for message in reader.attribute_messages(root)? {
        if let Some((name, value)) = reader.attribute(&message, names)?
            && attributes.insert(name.clone(), value).is_some()
        {
            return Err(damaged(root, format!("it has the attribute {name} twice")));
        }
    }
    Ok(attributes)
}

fn damaged(position: u64, reason: impl Into<String>) -> InspectionError {
    InspectionError::damaged(PART, position, reason)
}

/// Bytes at hand, taken from their beginning; a shortage is damage.
struct Fields<'a> {
    bytes: &'a [u8],
    position: u64,
}

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], InspectionError> {
        let (taken, rest) =
            self.bytes.split_at_checked(count).ok_or_else(|| damaged(self.position, "a structure is shorter than its parts"))?;
        self.bytes = rest;
        self.position += count as u64;
        Ok(taken)
    }

    /// A little-endian number of up to 8 bytes.
    fn number(&mut self, bytes: usize) -> Result<u64, InspectionError> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn length(&mut self) -> Result<usize, InspectionError> {
        Ok(self.number(2)? as usize)
    }
}

struct Reader<'a, R> {
    file: &'a mut R,
    size: u64,
    offset_bytes: usize,
    length_bytes: usize,
}

impl<R: Read + Seek> Reader<'_, R> {
    /// Exactly `length` bytes, which the caller has bounded.
    fn read(&mut self, position: u64, length: u64) -> Result<Vec<u8>, InspectionError> {
        if position.checked_add(length).is_none_or(|end| end > self.size) {
            return Err(damaged(position, "it points beyond the file's end: was it uploaded whole?"));
        }
        let failed = |error| InspectionError::from_reader(PART, position, error);
        self.file.seek(SeekFrom::Start(position)).map_err(failed)?;
        let mut bytes = Vec::new();
        (&mut *self.file).take(length).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 != length {
            return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(bytes)
    }

    /// The place of the root group's object header.
    fn root(&mut self) -> Result<u64, InspectionError> {
        let bytes = self.read(0, self.size.min(128))?;
        let mut fields = Fields { bytes: &bytes, position: 0 };
        if fields.take(8)? != SIGNATURE {
            return Err(damaged(0, "its signature is missing"));
        }
        let version = fields.number(1)?;
        match version {
            0 | 1 => {
                fields.take(4)?;
                self.set_widths(&mut fields)?;
                // Reserved, two ranks of trees, flags; version 1 has another rank.
                fields.take(if version == 0 { 9 } else { 13 })?;
                self.check_base(&mut fields)?;
                // Free space, end of file, driver; then the root's entry: its name, its header.
                fields.take(self.offset_bytes)?;
                self.check_end(&mut fields)?;
                fields.take(2 * self.offset_bytes)?;
                fields.number(self.offset_bytes)
            }
            2 | 3 => {
                self.set_widths(&mut fields)?;
                fields.take(1)?;
                self.check_base(&mut fields)?;
                fields.take(self.offset_bytes)?;
                self.check_end(&mut fields)?;
                fields.number(self.offset_bytes)
            }
            other => Err(InspectionError::Unsupported(format!(
                "HDF5 files with superblock version {other} are not read; save the model as .keras"
            ))),
        }
    }

    fn set_widths(&mut self, fields: &mut Fields<'_>) -> Result<(), InspectionError> {
        let widths = [fields.number(1)?, fields.number(1)?];
        if !widths.iter().all(|width| matches!(width, 2 | 4 | 8)) {
            return Err(damaged(fields.position, "its offsets have an impossible size"));
        }
        self.offset_bytes = widths[0] as usize;
        self.length_bytes = widths[1] as usize;
        Ok(())
    }

    fn check_base(&self, fields: &mut Fields<'_>) -> Result<(), InspectionError> {
        match fields.number(self.offset_bytes)? {
            0 => Ok(()),
            _ => Err(damaged(fields.position, "its addresses do not count from its beginning")),
        }
    }

    fn check_end(&self, fields: &mut Fields<'_>) -> Result<(), InspectionError> {
        match fields.number(self.offset_bytes)? {
            end if end <= self.size => Ok(()),
            end => Err(damaged(self.size, format!("it should have {end} bytes: was it uploaded whole?"))),
        }
    }

    /// The bodies of the attribute messages in an object header and its continuations, with their places.
    fn attribute_messages(&mut self, root: u64) -> Result<Vec<(u64, Vec<u8>)>, InspectionError> {
        let start = self.read(root, 16.min(self.size.saturating_sub(root)))?;
        let modern = start.starts_with(b"OHDR");
        let mut flags = 0;
        let mut blocks = Vec::new();
        if modern {
            let bytes = self.read(root, 64.min(self.size.saturating_sub(root)))?;
            let mut fields = Fields { bytes: &bytes[4..], position: root + 4 };
            if fields.number(1)? != 2 {
                return Err(damaged(root, "its root has an unknown kind of header"));
            }
            flags = fields.number(1)?;
            fields.take(if flags & 0x20 == 0 { 0 } else { 16 })?;
            fields.take(if flags & 0x10 == 0 { 0 } else { 4 })?;
            let length = fields.number(1 << (flags & 3))?;
            blocks.push((fields.position, length));
        } else {
            let mut fields = Fields { bytes: &start, position: root };
            if fields.number(1)? != 1 {
                return Err(damaged(root, "its root has an unknown kind of header"));
            }
            fields.take(7)?;
            let length = fields.number(4)?;
            blocks.push((root + 16, length));
        }
        let mut messages = Vec::new();
        let mut total = 0u64;
        let mut next = 0;
        while let Some((position, length)) = blocks.get(next).copied() {
            next += 1;
            total = total.saturating_add(length);
            if total > HEADER_BYTES || blocks.len() > BLOCKS {
                return Err(InspectionError::TooLarge("the header of its HDF5 root".to_owned()));
            }
            let bytes = self.read(position, length)?;
            let mut fields = Fields { bytes: &bytes, position };
            if modern && next > 1 {
                // A continuation has a signature and a checksum around its messages.
                if fields.take(4)? != b"OCHK" || fields.bytes.len() < 4 {
                    return Err(damaged(position, "a continuation of its root's header is missing"));
                }
                fields.bytes = &fields.bytes[..fields.bytes.len() - 4];
            }
            let least = if modern { 4 } else { 8 };
            while fields.bytes.len() >= least {
                let (kind, size, message_flags) = if modern {
                    let kind = fields.number(1)? as u16;
                    let size = fields.length()?;
                    let message_flags = fields.number(1)?;
                    fields.take(if flags & 4 == 0 { 0 } else { 2 })?;
                    (kind, size, message_flags)
                } else {
                    let kind = fields.length()? as u16;
                    let size = fields.length()?;
                    let message_flags = fields.number(1)?;
                    fields.take(3)?;
                    (kind, size, message_flags)
                };
                let place = fields.position;
                let body = fields.take(size)?;
                match kind {
                    ATTRIBUTE if message_flags & 2 != 0 => {
                        return Err(InspectionError::Unsupported(
                            "the HDF5 file shares its attributes between objects; save the model as .keras".to_owned(),
                        ));
                    }
                    ATTRIBUTE => messages.push((place, body.to_vec())),
                    CONTINUATION => {
                        let mut continuation = Fields { bytes: body, position: place };
                        let target = continuation.number(self.offset_bytes)?;
                        blocks.push((target, continuation.number(self.length_bytes)?));
                    }
                    ATTRIBUTE_INFORMATION => self.check_not_dense(body, place)?,
                    _ => {}
                }
            }
        }
        Ok(messages)
    }

    fn check_not_dense(&self, body: &[u8], position: u64) -> Result<(), InspectionError> {
        let mut fields = Fields { bytes: body, position };
        fields.take(1)?;
        let flags = fields.number(1)?;
        fields.take(if flags & 1 == 0 { 0 } else { 2 })?;
        if fields.take(self.offset_bytes)?.iter().all(|byte| *byte == 0xff) {
            return Ok(());
        }
        Err(InspectionError::Unsupported(
            "the HDF5 file keeps its attributes apart from its root's header; save the model as .keras".to_owned(),
        ))
    }

    /// The name and the content of an attribute, if it is one of `names`, which must hold one string.
    fn attribute(&mut self, (position, body): &(u64, Vec<u8>), names: &[&str]) -> Result<Option<(String, Vec<u8>)>, InspectionError> {
        let mut fields = Fields { bytes: body, position: *position };
        let version = fields.number(1)?;
        fields.take(1)?;
        let lengths = [fields.length()?, fields.length()?, fields.length()?];
        if !(1..=3).contains(&version) {
            return Err(damaged(*position, "an attribute has an unknown version"));
        }
        fields.take(if version == 3 { 1 } else { 0 })?;
        let mut parts = [&[][..]; 3];
        for (part, length) in parts.iter_mut().zip(lengths) {
            *part = fields.take(length)?;
            // Version 1 fills each part up to a multiple of 8 bytes.
            fields.take(if version == 1 { length.next_multiple_of(8) - length } else { 0 })?;
        }
        let [name, data_type, space] = parts;
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let Some(name) = names.iter().find(|wanted| wanted.as_bytes() == name) else {
            return Ok(None);
        };
        let unusual = || damaged(*position, format!("its attribute {name} is not one string"));
        if !is_one(space).unwrap_or(false) {
            return Err(unusual());
        }
        let mut data_type = Fields { bytes: data_type, position: *position };
        let class = data_type.number(1)? & 0x0f;
        let class_flags = data_type.number(3)?;
        let size = data_type.number(4)? as usize;
        let text = match class {
            3 => fields.take(size)?.to_vec(),
            // Of variable length, and a string.
            9 if class_flags & 0x0f == 1 => {
                let length = fields.number(4)?;
                let collection = fields.number(self.offset_bytes)?;
                let index = fields.number(4)?;
                self.heap_object(collection, index, length)?
            }
            _ => return Err(unusual()),
        };
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        Ok(Some(((*name).to_owned(), text[..end].to_vec())))
    }

    /// An object of a global heap.
    fn heap_object(&mut self, collection: u64, wanted: u64, length: u64) -> Result<Vec<u8>, InspectionError> {
        let prefix = 8 + self.length_bytes as u64;
        let header = self.read(collection, prefix)?;
        let mut fields = Fields { bytes: &header, position: collection };
        if fields.take(4)? != b"GCOL" {
            return Err(damaged(collection, "its heap of strings is missing"));
        }
        fields.take(4)?;
        let size = fields.number(self.length_bytes)?;
        let end = collection.saturating_add(size).min(self.size);
        let mut position = collection + prefix;
        for _ in 0..HEAP_OBJECTS {
            let object_prefix = 8 + self.length_bytes as u64;
            if position.saturating_add(object_prefix) > end {
                break;
            }
            let header = self.read(position, object_prefix)?;
            let mut fields = Fields { bytes: &header, position };
            let index = fields.number(2)?;
            fields.take(6)?;
            let object = fields.number(self.length_bytes)?;
            if index == 0 {
                break;
            }
            if index == wanted {
                if length > object {
                    return Err(damaged(position, "a string is longer than its place"));
                }
                if length > TEXT_BYTES {
                    return Err(InspectionError::TooLarge(format!("an attribute has more than {TEXT_BYTES} bytes")));
                }
                return self.read(position + object_prefix, length);
            }
            position = object
                .checked_next_multiple_of(8)
                .and_then(|object| position.checked_add(object_prefix)?.checked_add(object))
                .ok_or_else(|| damaged(position, "an object of its heap is too long"))?;
        }
        Err(damaged(collection, "a string is missing in its heap"))
    }
}

/// Whether a dataspace has one element.
fn is_one(space: &[u8]) -> Option<bool> {
    let (version, rank) = (*space.first()?, usize::from(*space.get(1)?));
    let (start, null) = match version {
        1 => (8, false),
        2 => (4, *space.get(3)? == 2),
        _ => return None,
    };
    // Lengths are little-endian whatever their width: each must be 1.
    let bytes = space.get(start..)?;
    if null {
        return Some(false);
    }
    if rank == 0 {
        return Some(true);
    }
    let width = [8, 4, 2].into_iter().find(|width| bytes.len() == rank * width || bytes.len() == 2 * rank * width)?;
    Some(bytes.chunks_exact(width).take(rank).all(|length| length[0] == 1 && length[1..].iter().all(|byte| *byte == 0)))
}
