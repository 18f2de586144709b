//! A training script as it is uploaded: its name, and its text, plain or base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

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

/// The packages that a script names itself, in a block of inline metadata (PEP 723):
///
/// ```text
/// # /// script
/// # dependencies = ["scikit-learn==1.7.0", "pandas"]
/// # ///
/// ```
///
/// `None` where the script has no such block, or the block names no dependencies. They are as written: whether they are
/// requirements is for [`super::requirement::check`] to say.
///
/// # Errors
/// `Unprocessable`, naming `script_content`, when there are two such blocks, or the block is not TOML, or its
/// `dependencies` are not a list of texts.
pub fn inline_requirements(script: &str) -> Result<Option<Vec<String>>> {
    let wrong = |message: String| Error::field("script_content", format!("the script's inline metadata (# /// script) {message}"));
    let mut blocks = inline_metadata(script).into_iter();
    let Some(block) = blocks.next() else { return Ok(None) };
    if blocks.next().is_some() {
        return Err(wrong("is there twice; keep one block".to_owned()));
    }
    let metadata: InlineMetadata =
        toml::from_str(&block).map_err(|error| wrong(format!("cannot be read: {}", error.to_string().trim_end().replace('\n', " "))))?;
    Ok(metadata.dependencies)
}

/// What matters here of a script's inline metadata.
#[derive(Debug, Deserialize)]
struct InlineMetadata {
    dependencies: Option<Vec<String>>,
}

/// The content of each `script` block, comment signs removed. As the specification has it, a block ends with the last
/// `# ///` of the comment lines that follow its beginning, and one that never ends is no block.
fn inline_metadata(script: &str) -> Vec<String> {
    let lines: Vec<&str> = script.lines().map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        if *line != "# /// script" {
            continue;
        }
        let comments = lines[at..].iter().take_while(|line| **line == "#" || line.starts_with("# ")).count();
        let Some(length) = lines[at..at + comments].iter().rposition(|line| *line == "# ///") else { continue };
        let content = lines[at..at + length].iter().map(|line| line.get(2..).unwrap_or_default());
        blocks.push(content.collect::<Vec<_>>().join("\n"));
        at += length + 1;
    }
    blocks
}

/// The bytes, where the content can only be base64: nothing but its alphabet, of a length that it can have. A plain
/// script of that kind would be a single name, which trains nothing.
fn decode_base64(content: &str) -> Option<Vec<u8>> {
    // Base64 may be wrapped into lines; a space within a line is a script's.
    if content.trim().contains([' ', '\t']) {
        return None;
    }
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
        assert_eq!(decode("import mlflow\n").unwrap(), "import mlflow\n");
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

    #[test]
    fn a_script_can_name_its_packages_itself() {
        let script = "#!/usr/bin/env python\n# /// script\n# requires-python = \">=3.10\"\n# dependencies = [\n#   \"scikit-learn==1.7.0\",  # the model\n#   'pandas',\n# ]\n#\n# [tool.x]\n# a = 1\n# ///\nimport mlflow\n";
        assert_eq!(inline_requirements(script).unwrap().unwrap(), ["scikit-learn==1.7.0", "pandas"]);
        assert_eq!(inline_requirements(&script.replace('\n', "\r\n")).unwrap().unwrap().len(), 2);
        for none in [
            "import mlflow\n",
            "# /// script\n# dependencies = [\"never ended\"]\n",
            "# /// script\n# dependencies = [\"a\"]\n\n# ///\n",
            "# /// script\n# requires-python = \">=3.10\"\n# ///\n",
            "# /// other\n# dependencies = 1\n# ///\n",
        ] {
            assert_eq!(inline_requirements(none).unwrap(), None, "{none}");
        }
        assert_eq!(inline_requirements("# /// script\n# dependencies = []\n# ///").unwrap(), Some(Vec::new()));
    }

    #[test]
    fn wrong_inline_metadata_is_told() {
        let block = "# /// script\n# dependencies = [\"a\"]\n# ///\n";
        for bad in [
            "# /// script\n# dependencies = [\"a\n# ///\n".to_owned(),
            "# /// script\n# dependencies = \"a\"\n# ///\n".to_owned(),
            "# /// script\n# dependencies = [1]\n# ///\n".to_owned(),
            format!("{block}\nimport mlflow\n{block}"),
        ] {
            let error = inline_requirements(&bad).unwrap_err();
            assert!(error.public_message().starts_with("script_content: the script's inline metadata"), "{error}");
        }
    }
}
