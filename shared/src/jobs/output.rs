//! A job's output, within what one response can carry.

/// The most bytes of output in a response, as JSON writes them: a Lambda function's response has at most 6 MB.
const MOST: usize = 4 * 1024 * 1024;

/// The output, or its end where the whole is too long for a response; then the first line says so.
pub fn fit(logs: String) -> String {
    end_of(logs, MOST)
}

/// The end of the output, of at most so many bytes as JSON writes them; where something is left out, the first line says so.
pub fn tail(logs: String, most: usize) -> String {
    end_of(logs, most)
}

fn end_of(logs: String, most: usize) -> String {
    let mut written = 0;
    let start = logs.char_indices().rev().find_map(|(at, character)| {
        written += escaped_length(character);
        (written > most).then_some(at + character.len_utf8())
    });
    let Some(start) = start else { return logs };
    // From the beginning of a line, where there is one.
    let start = logs[start..].find('\n').map_or(start, |end| start + end + 1);
    format!("[the first {start} bytes of the output are left out here]\n{}", &logs[start..])
}

fn escaped_length(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        _ if character.is_control() => 6,
        _ => character.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_what_is_kept() {
        assert_eq!(end_of("short\n".to_owned(), 100), "short\n");
        let logs: String = (0..100).map(|number| format!("line {number} é\u{1b}\n")).collect();
        let end = end_of(logs, 60);
        assert!(end.starts_with("[the first ") && end.ends_with("line 99 é\u{1b}\n") && end.len() < 130, "{end}");
        assert!(end_of("é".repeat(100), 11).ends_with("ééééé"));
    }
}
