//! A Parquet file (<https://parquet.apache.org/docs/file-format/>) of flat columns: plain values, one compressed page for each
//! column of a row group, the description at the end.

use std::fs::File;
use std::io::{Seek as _, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use shared::{Error, Result};

use super::thrift::{Struct, run};

const MAGIC: &[u8] = b"PAR1";
const PLAIN: i32 = 0;
const RLE: i32 = 3;
const GZIP: i32 = 2;
const DATA_PAGE: i32 = 0;

/// What a column holds: its name, its values, and what the values mean.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// How its values are stored.
    pub kind: Kind,
    /// Whether a value may be missing.
    pub optional: bool,
}

/// How values are stored, and what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// JSON.
    Json,
    /// A number of 32 bits.
    Number,
    /// A number of 64 bits.
    Long,
    /// Milliseconds since 1970, in UTC.
    Moment,
    /// A floating-point number of 64 bits.
    Float,
}

impl Kind {
    /// The physical type's number in the format.
    fn physical(self) -> i32 {
        match self {
            Kind::Number => 1,
            Kind::Long | Kind::Moment => 2,
            Kind::Float => 5,
            Kind::Text | Kind::Json => 6,
        }
    }

    /// The converted type's number in the format.
    fn converted(self) -> Option<i32> {
        match self {
            Kind::Text => Some(0),
            Kind::Moment => Some(9),
            Kind::Json => Some(19),
            Kind::Number | Kind::Long | Kind::Float => None,
        }
    }
}

/// A value of a column; it has to be of the column's kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// None.
    Missing,
    /// Text or JSON.
    Text(String),
    /// A number of 32 bits.
    Number(i32),
    /// A number of 64 bits, or a moment.
    Long(i64),
    /// A floating-point number.
    Float(f64),
}

impl Cell {
    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Cell::Missing => {}
            Cell::Text(text) => {
                bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
            Cell::Number(number) => bytes.extend_from_slice(&number.to_le_bytes()),
            Cell::Long(number) => bytes.extend_from_slice(&number.to_le_bytes()),
            Cell::Float(number) => bytes.extend_from_slice(&number.to_le_bytes()),
        }
    }
}

/// A file that is being written.
#[derive(Debug)]
pub struct ParquetFile {
    columns: &'static [Column],
    file: File,
    position: u64,
    rows: u64,
    groups: Vec<Struct>,
}

fn failed(error: std::io::Error) -> Error {
    Error::internal("writing a Parquet file", error)
}

impl ParquetFile {
    /// An empty one, which goes with the process.
    ///
    /// # Errors
    /// `Internal` when the disk does not take it.
    pub fn create(columns: &'static [Column]) -> Result<Self> {
        let mut file = tempfile::tempfile().map_err(failed)?;
        file.write_all(MAGIC).map_err(failed)?;
        Ok(Self { columns, file, position: MAGIC.len() as u64, rows: 0, groups: Vec::new() })
    }

    /// Adds rows as a row group; each has a cell for each column.
    ///
    /// # Errors
    /// `Internal` when the disk does not take them.
    pub fn write(&mut self, rows: &[Vec<Cell>]) -> Result<()> {
        let mut chunks = Vec::with_capacity(self.columns.len());
        let mut total = 0;
        for (at, column) in self.columns.iter().enumerate() {
            let mut plain = Vec::new();
            if column.optional {
                let levels = levels(rows.iter().map(|row| row[at] != Cell::Missing));
                plain.extend_from_slice(&u32::try_from(levels.len()).unwrap_or(u32::MAX).to_le_bytes());
                plain.extend(levels);
            }
            rows.iter().for_each(|row| row[at].write(&mut plain));
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&plain).map_err(failed)?;
            let compressed = encoder.finish().map_err(failed)?;
            let length = |length: usize| i32::try_from(length).map_err(|error| Error::internal("a page is too long", error));
            let count = length(rows.len())?;
            let page = Struct::default().number(1, count).number(2, PLAIN).number(3, RLE).number(4, RLE);
            let header = Struct::default().number(1, DATA_PAGE).number(2, length(plain.len())?).number(3, length(compressed.len())?);
            let header = header.inner(5, page).finish();
            let begin = self.position;
            for bytes in [&header, &compressed] {
                self.file.write_all(bytes).map_err(failed)?;
                self.position += bytes.len() as u64;
            }
            let uncompressed = (header.len() + plain.len()) as u64;
            total += uncompressed;
            let description = Struct::default()
                .number(1, column.kind.physical())
                .numbers(2, &[PLAIN, RLE])
                .texts_of_one(3, column.name)
                .number(4, GZIP)
                .long(5, rows.len() as u64)
                .long(6, uncompressed)
                .long(7, self.position - begin)
                .long(9, begin);
            chunks.push(Struct::default().long(2, begin).inner(3, description));
        }
        self.rows += rows.len() as u64;
        self.groups.push(Struct::default().list(1, chunks).long(2, total).long(3, rows.len() as u64));
        Ok(())
    }

    /// How many bytes were written so far.
    pub fn bytes(&self) -> u64 {
        self.position
    }

    /// The whole file, at its beginning.
    ///
    /// # Errors
    /// `Internal` when the disk does not take its end.
    pub fn finish(mut self) -> Result<File> {
        let root = Struct::default().text(4, "schema").number(5, i32::try_from(self.columns.len()).unwrap_or(i32::MAX));
        let columns = self.columns.iter().map(|column| {
            let described = Struct::default().number(1, column.kind.physical()).number(3, i32::from(column.optional));
            let described = described.text(4, column.name);
            match column.kind.converted() {
                Some(converted) => described.number(6, converted),
                None => described,
            }
        });
        let schema: Vec<Struct> = std::iter::once(root).chain(columns).collect();
        let description = Struct::default().number(1, 1).list(2, schema).long(3, self.rows).list(4, self.groups).text(6, "ServeML");
        let description = description.finish();
        let length = u32::try_from(description.len()).map_err(|error| Error::internal("the description is too long", error))?;
        for bytes in [description.as_slice(), &length.to_le_bytes(), MAGIC] {
            self.file.write_all(bytes).map_err(failed)?;
        }
        self.file.rewind().map_err(failed)?;
        Ok(self.file)
    }
}

/// Which values are there, as runs.
fn levels(present: impl Iterator<Item = bool>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut open: Option<(bool, usize)> = None;
    for present in present {
        match &mut open {
            Some((value, count)) if *value == present => *count += 1,
            _ => {
                if let Some((value, count)) = open.replace((present, 1)) {
                    run(&mut bytes, count, u8::from(value));
                }
            }
        }
    }
    if let Some((value, count)) = open {
        run(&mut bytes, count, u8::from(value));
    }
    bytes
}
