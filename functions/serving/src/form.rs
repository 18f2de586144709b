//! A `multipart/form-data` body, read into its fields: each known, each once, each within its bound.

use std::collections::BTreeMap;
use std::convert::Infallible;

use bytes::Bytes;
use multer::{Constraints, Multipart, SizeLimit};
use shared::{Error, ErrorKind, Request, Result};

/// The longest form that travels through the gateway whole, in bytes: Lambda takes 6 MB, in which binary bytes are written
/// as Base64.
pub const LONGEST_FORM: usize = 4 * 1024 * 1024;

const LONGEST_TEXT: usize = 64 * 1024;

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The file's name, where the field is a file.
    pub file_name: Option<String>,
    /// What it holds.
    pub content: Bytes,
}

/// The fields of a form by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    fields: BTreeMap<String, Field>,
}

impl Form {
    /// Reads the form of a request. `files` and `texts` are the fields that it may have.
    ///
    /// # Errors
    /// `PayloadTooLarge` when the body is longer than [`LONGEST_FORM`]; `BadRequest` when it is no form or broken;
    /// `Unprocessable`, naming the field, when one is unknown, comes twice, is too long, or is a file where a text belongs.
    pub async fn read(request: &Request, files: &[&str], texts: &[&str]) -> Result<Self> {
        if request.body.len() > LONGEST_FORM {
            let message = format!(
                "The form has {} bytes, and at most {LONGEST_FORM} are taken at once. Ask POST /api/v1/uploads for a URL, PUT the model \
                 file there, then deploy with the field upload_id in place of model_file.",
                request.body.len()
            );
            return Err(Error::new(ErrorKind::PayloadTooLarge, message));
        }
        let content_type = request.header("content-type").unwrap_or_default();
        let boundary = multer::parse_boundary(content_type)
            .map_err(|_| Error::bad_request("Send a form: Content-Type: multipart/form-data with its boundary (curl -F)."))?;
        let body = request.body.clone();
        let stream = futures::stream::once(async move { Ok::<_, Infallible>(body) });
        let limit = SizeLimit::new().whole_stream(LONGEST_FORM as u64);
        let mut parts = Multipart::with_constraints(stream, boundary, Constraints::new().size_limit(limit));
        let broken = |error: multer::Error| Error::bad_request(format!("The form cannot be read: {error}."));
        let mut form = Self::default();
        while let Some(part) = parts.next_field().await.map_err(broken)? {
            let name: String = part.name().unwrap_or_default().chars().take(80).collect();
            let file_name = part.file_name().map(str::to_owned);
            let is_file = files.contains(&name.as_str());
            if !is_file && !texts.contains(&name.as_str()) {
                let known = files.iter().chain(texts).copied().collect::<Vec<_>>().join(", ");
                return Err(Error::field(&name, format!("is not a known field; known are {known}")));
            }
            if form.fields.contains_key(&name) {
                return Err(Error::field(&name, "comes twice"));
            }
            let content = part.bytes().await.map_err(broken)?;
            if !is_file && content.len() > LONGEST_TEXT {
                return Err(Error::field(&name, format!("must have at most {LONGEST_TEXT} bytes, not {}", content.len())));
            }
            form.fields.insert(name, Field { file_name, content });
        }
        Ok(form)
    }

    /// What the form holds, whatever boundary it was written with.
    pub fn content(&self) -> Vec<u8> {
        let mut content = Vec::new();
        for (name, field) in &self.fields {
            for part in [name.as_bytes(), field.file_name.as_deref().unwrap_or_default().as_bytes(), &field.content] {
                content.extend_from_slice(&(part.len() as u64).to_le_bytes());
                content.extend_from_slice(part);
            }
        }
        content
    }

    /// A field, taken out.
    pub fn take(&mut self, name: &str) -> Option<Field> {
        self.fields.remove(name)
    }

    /// A field's text, trimmed; a blank one counts as absent.
    ///
    /// # Errors
    /// `Unprocessable`, naming the field, when it is not UTF-8.
    pub fn text(&mut self, name: &str) -> Result<Option<String>> {
        let Some(field) = self.take(name) else { return Ok(None) };
        let text = std::str::from_utf8(&field.content).map_err(|_| Error::field(name, "must be text in UTF-8"))?.trim();
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    /// A field's whole number.
    ///
    /// # Errors
    /// `Unprocessable`, naming the field, when it is not one.
    pub fn number(&mut self, name: &str) -> Result<Option<i64>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let shown: String = text.chars().take(40).collect();
        text.parse().map(Some).map_err(|_| Error::field(name, format!("must be a whole number, not {shown:?}")))
    }

    /// A field that says `true` or `false`.
    ///
    /// # Errors
    /// `Unprocessable`, naming the field, when it says something else.
    pub fn flag(&mut self, name: &str) -> Result<bool> {
        match self.text(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Error::field(name, "must be true or false")),
        }
    }
}
