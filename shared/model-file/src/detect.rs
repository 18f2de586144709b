//! What a file's first bytes say it is.

use crate::hdf5;
use crate::torch;

/// What a file begins like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// A pickle of protocol 2 or later.
    Pickle,
    /// The pickles of an old `torch.save`.
    LegacyTorch,
    Gzip,
    Zlib,
    Zip,
    Hdf5,
    /// Something else that can be told, as the end of "it begins like …".
    Other(&'static str),
    /// Printable text, which may yet be a pickle of protocol 0.
    Text,
    Unknown,
}

impl Beginning {
    /// The end of "it begins like …".
    pub(crate) fn described(self) -> Option<&'static str> {
        match self {
            Self::Pickle => Some("a pickle"),
            Self::LegacyTorch => Some("a file of torch.save"),
            Self::Gzip => Some("gzip-compressed data"),
            Self::Zlib => Some("zlib-compressed data"),
            Self::Zip => Some("a zip archive"),
            Self::Hdf5 => Some("an HDF5 file"),
            Self::Other(what) => Some(what),
            Self::Text => Some("text"),
            Self::Unknown => None,
        }
    }
}

/// Tells a file by its first 512 bytes, or all of them where it has fewer.
pub(crate) fn beginning(head: &[u8]) -> Beginning {
    const OTHERS: [(&[u8], &str); 18] = [
        (b"BZh", "bzip2-compressed data"),
        (b"\xfd7zXZ\x00", "xz-compressed data"),
        (b"\x5d\x00\x00", "lzma-compressed data"),
        (b"\x04\x22\x4d\x18", "lz4-compressed data"),
        (b"\x28\xb5\x2f\xfd", "zstd-compressed data"),
        (b"ZF0x", "a file of joblib before version 0.10"),
        (b"\x93NUMPY", "a NumPy array"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"Rar!", "a RAR archive"),
        (b"\x7fELF", "a program"),
        (b"MZ", "a Windows program"),
        (b"%PDF", "a PDF document"),
        (b"\x89PNG", "a PNG picture"),
        (b"\xff\xd8\xff", "a JPEG picture"),
        (b"GGUF", "a GGUF model"),
        (b"PAR1", "a Parquet file"),
        (b"SQLite format 3\x00", "an SQLite database"),
        (b"CBM1", "a CatBoost model"),
    ];
    if is_tar(head) {
        return Beginning::Other("a tar archive");
    }
    if torch::is_legacy(head) {
        return Beginning::LegacyTorch;
    }
    match head {
        [0x80, 0..=5, ..] => return Beginning::Pickle,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => return Beginning::Zip,
        [0x1f, 0x8b, ..] => return Beginning::Gzip,
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => return Beginning::Zlib,
        _ if head.starts_with(hdf5::SIGNATURE) => return Beginning::Hdf5,
        _ => {}
    }
    if let Some((_, what)) = OTHERS.iter().find(|(signature, _)| head.starts_with(signature)) {
        return Beginning::Other(what);
    }
    let text = head.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace() || *byte >= 0x80);
    match text && !head.is_empty() {
        true => Beginning::Text,
        false => Beginning::Unknown,
    }
}

/// Whether readers take it for a tar archive, which they tell by a checksum alone: old versions of `torch.load` try
/// that before they read a pickle.
fn is_tar(head: &[u8]) -> bool {
    let Some(block) = head.get(..512) else {
        return false;
    };
    let field = &block[148..156];
    let claimed = if field[0] >= 0x80 {
        field[1..].iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte))
    } else {
        let digits = field.split(|byte| *byte == 0).next().unwrap_or_default().trim_ascii();
        match std::str::from_utf8(digits).map(|digits| u64::from_str_radix(digits, 8)) {
            Ok(Ok(number)) => number,
            _ => return false,
        }
    };
    let others = || block[..148].iter().chain(&block[156..]);
    let unsigned: u64 = 256 + others().map(|byte| u64::from(*byte)).sum::<u64>();
    let signed: i64 = 256 + others().map(|byte| i64::from(*byte as i8)).sum::<i64>();
    claimed == unsigned || i64::try_from(claimed) == Ok(signed)
}
