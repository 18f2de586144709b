//! Content types by a file's name.

/// The content type of a file; what is not known is plain bytes.
pub fn of(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or_default();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref() {
        None if ["MLmodel", "MLproject", "conda", "requirements"].iter().any(|known| name.eq_ignore_ascii_case(known)) => "text/plain",
        Some("txt" | "log" | "err" | "cfg" | "conf" | "ini" | "md" | "py" | "r" | "yaml" | "yml" | "toml" | "sh" | "sql") => "text/plain",
        Some("json") => "application/json",
        Some("csv") => "text/csv",
        Some("tsv") => "text/tab-separated-values",
        Some("html" | "htm") => "text/html",
        Some("xml") => "application/xml",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("webp") => "image/webp",
        Some("pdf") => "application/pdf",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn models_are_text_and_pickles_are_bytes() {
        assert_eq!(of("a/model/MLmodel"), "text/plain");
        assert_eq!(of("a/model/model.pkl"), "application/octet-stream");
        assert_eq!(of("a/Plot.PNG"), "image/png");
    }
}
