//! A training script as it is uploaded: its name, and its text, plain or base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Error, Result};

/// The longest script, in bytes.
pub const LONGEST_SCRIPT: usize = 1024 * 1024;

/// A script's file name, checked: it becomes a file in the job's work folder and nothing else.
///
/// # Errors
/// `Unprocessable`, naming `script_name`, when it is not a plain file name that ends in `.py`.
pub fn check_name(name: &str) -> Result<()> {
    let plain = name.chars().all(|character| character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | ' '));
    if name.len() > 128 || !plain || name.starts_with('.') || !name.ends_with(".py") || name.len() < 4 {
        return Err(Error::field("script_name", "must be a file name of at most 128 bytes that ends in .py, without any folder"));
    }
    Ok(())
}

/// The script's text from `script_content`, which is the text itself or its base64.
///
/// # Errors
/// `Unprocessable`, naming `script_content`, when it is empty, too long, or base64 of something that is not UTF-8 text.
pub fn decode(content: &str) -> Result<String> {
    if content.trim().is_empty() {
        return Err(Error::field("script_content", "must not be empty"));
    }
    let script = match decode_base64(content) {
        None => content.to_owned(),
        Some(bytes) => {
            String::from_utf8(bytes).map_err(|_| Error::field("script_content", "is base64 of something that is not UTF-8 text"))?
        }
    };
    if script.trim().is_empty() {
        return Err(Error::field("script_content", "must not be empty"));
    }
    if script.len() > LONGEST_SCRIPT {
        return Err(Error::field("script_content", format!("must have at most {LONGEST_SCRIPT} bytes, not {}", script.len())));
    }
    if script.contains('\0') {
        return Err(Error::field("script_content", "must not contain NUL characters"));
    }
    Ok(script)
}

/// The bytes, where the content can only be base64: nothing but its alphabet, of a length that it can have. A plain
/// script of that kind would be a single name, which trains nothing.
fn decode_base64(content: &str) -> Option<Vec<u8>> {
    let compact: String = content.split_ascii_whitespace().collect();
    let alphabet = compact.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
    if !alphabet || compact.len() < 8 {
        return None;
    }
    STANDARD.decode(compact).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn plain_and_base64_are_told_apart() {
        let script = "import mlflow\nprint('é')\n";
        assert_eq!(decode(script).unwrap(), script);
        assert_eq!(decode(&STANDARD.encode(script)).unwrap(), script);
        assert_eq!(decode("...").unwrap(), "...");
        assert!(decode("").is_err());
        assert!(decode(&STANDARD.encode([0xff, 0xfe, 0x00, 0x01, 0x02, 0x03])).is_err());
    }

    #[test]
    fn a_name_is_a_file_name() {
        for good in ["train.py", "my training-1.py", "modèle.py"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", ".py", "../train.py", "a/b.py", "train.sh", "train.py\0", "..\\x.py"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
