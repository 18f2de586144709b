//! What the tests of this crate share.
#![allow(dead_code)]

use std::io::Cursor;
use std::path::PathBuf;

use model_file::{Inspection, InspectionError, inspect};

/// The bytes of a file that `fixtures/make.py` made.
pub fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn inspect_bytes(name: &str, bytes: &[u8]) -> Result<Inspection, InspectionError> {
    inspect(name, &mut Cursor::new(bytes), bytes.len() as u64)
}

pub fn inspect_fixture(name: &str) -> Inspection {
    inspect_bytes(name, &fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The error that a file gives, as text.
pub fn refusal(name: &str, bytes: &[u8]) -> String {
    match inspect_bytes(name, bytes) {
        Ok(inspection) => panic!("{name} was inspected: {inspection:?}"),
        Err(error) => error.to_string(),
    }
}

/// A zip archive with stored files.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for (name, content) in files {
        let header = archive.len() as u32;
        let mut checksum = flate2::Crc::new();
        checksum.update(content);
        let mut common = Vec::new();
        // Version needed, flags, method, time, date; checksum, sizes, lengths of name and extra field.
        common.extend([20, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        common.extend(checksum.sum().to_le_bytes());
        common.extend((content.len() as u32).to_le_bytes());
        common.extend((content.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        archive.extend(b"PK\x03\x04");
        archive.extend(&common);
        archive.extend(name.as_bytes());
        archive.extend(*content);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        // Comment's length, disk, attributes.
        directory.extend([0; 10]);
        directory.extend(header.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = archive.len() as u32;
    let count = (files.len() as u16).to_le_bytes();
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\x00\x00\x00\x00");
    archive.extend(count);
    archive.extend(count);
    archive.extend((directory.len() as u32).to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0, 0]);
    archive
}
