//! Thrift's compact protocol, as far as the descriptions in a Parquet file need it.

const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// A struct that is written field by field, in the order of the fields' numbers.
#[derive(Debug, Default)]
pub struct Struct {
    bytes: Vec<u8>,
    last: u8,
}

fn variable(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Signs at the low end, so that small numbers are short.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn text_bytes(bytes: &mut Vec<u8>, text: &str) {
    variable(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

impl Struct {
    fn header(&mut self, field: u8, kind: u8) {
        self.bytes.push(((field - self.last) << 4) | kind);
        self.last = field;
    }

    fn list_header(&mut self, field: u8, kind: u8, length: usize) {
        self.header(field, LIST);
        match u8::try_from(length).ok().filter(|length| *length < 15) {
            Some(length) => self.bytes.push((length << 4) | kind),
            None => {
                self.bytes.push(0xf0 | kind);
                variable(&mut self.bytes, length as u64);
            }
        }
    }

    /// A number of 32 bits.
    pub fn number(mut self, field: u8, number: i32) -> Self {
        self.header(field, I32);
        variable(&mut self.bytes, zigzag(i64::from(number)));
        self
    }

    /// A number of 64 bits.
    pub fn long(mut self, field: u8, number: u64) -> Self {
        self.header(field, I64);
        variable(&mut self.bytes, zigzag(i64::try_from(number).unwrap_or(i64::MAX)));
        self
    }

    /// A text.
    pub fn text(mut self, field: u8, text: &str) -> Self {
        self.header(field, BINARY);
        text_bytes(&mut self.bytes, text);
        self
    }

    /// A struct.
    pub fn inner(mut self, field: u8, inner: Struct) -> Self {
        self.header(field, STRUCT);
        self.bytes.extend(inner.finish());
        self
    }

    /// A list of structs.
    pub fn list(mut self, field: u8, items: Vec<Struct>) -> Self {
        self.list_header(field, STRUCT, items.len());
        for item in items {
            self.bytes.extend(item.finish());
        }
        self
    }

    /// A list of numbers of 32 bits.
    pub fn numbers(mut self, field: u8, numbers: &[i32]) -> Self {
        self.list_header(field, I32, numbers.len());
        for number in numbers {
            variable(&mut self.bytes, zigzag(i64::from(*number)));
        }
        self
    }

    /// A list of one text.
    pub fn texts_of_one(mut self, field: u8, text: &str) -> Self {
        self.list_header(field, BINARY, 1);
        text_bytes(&mut self.bytes, text);
        self
    }

    /// The struct's bytes.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

/// A run of one value in the encoding of levels: how often, and the value.
pub fn run(bytes: &mut Vec<u8>, count: usize, value: u8) {
    variable(bytes, (count as u64) << 1);
    bytes.push(value);
}
