//! What a program writes to a terminal, as text for a log that only grows: UTF-8 is repaired, escape sequences are left
//! out, and a line that is written over again and again (a progress bar) is kept once, as it stands in the end.

use std::time::{Duration, Instant};

/// How often the state of a line that is being written over is shown while it is not finished.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
/// A line longer than this is passed on in pieces.
const LONGEST_LINE: usize = 16 * 1024;

/// Turns a stream of bytes into text for a log. What comes out is never taken back.
#[derive(Debug)]
pub struct Terminal {
    undecoded: Vec<u8>,
    /// The part of the current line that did not come out yet.
    line: String,
    /// True when the beginning of the current line came out already.
    line_begun: bool,
    /// True behind a carriage return: what follows writes over the line.
    returned: bool,
    /// True when the current line has been written over.
    is_progress: bool,
    progress_shown: Option<Instant>,
    escape: Escape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    None,
    /// Behind ESC.
    Begun,
    /// In `ESC [ …`, which ends with a letter.
    Control,
    /// In `ESC ] …`, which ends with BEL or ESC \.
    Command,
}

impl Default for Terminal {
    fn default() -> Self {
        Self {
            undecoded: Vec::new(),
            line: String::new(),
            line_begun: false,
            returned: false,
            is_progress: false,
            progress_shown: None,
            escape: Escape::None,
        }
    }
}

impl Terminal {
    /// Takes bytes; returns what is finished by them.
    pub fn feed(&mut self, bytes: &[u8]) -> String {
        self.undecoded.extend_from_slice(bytes);
        let text = self.decode(false);
        self.write(&text)
    }

    /// What should be seen by `now` though its line is not finished. To be called a few times a second.
    pub fn flush(&mut self, now: Instant) -> String {
        if self.line.is_empty() {
            return String::new();
        }
        if self.is_progress || self.returned {
            if self.progress_shown.is_some_and(|shown| now.duration_since(shown) < PROGRESS_INTERVAL) {
                return String::new();
            }
            self.progress_shown = Some(now);
        }
        self.line_begun = true;
        std::mem::take(&mut self.line)
    }

    /// The rest, when nothing follows.
    pub fn finish(&mut self) -> String {
        let text = self.decode(true);
        let mut out = self.write(&text);
        out.push_str(&std::mem::take(&mut self.line));
        out
    }

    /// The whole characters among the bytes that are held; with `all`, a broken end too.
    fn decode(&mut self, all: bool) -> String {
        let mut text = String::with_capacity(self.undecoded.len());
        let mut rest = self.undecoded.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, broken) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    match error.error_len() {
                        Some(length) => {
                            text.push(char::REPLACEMENT_CHARACTER);
                            rest = &broken[length..];
                        }
                        None if all => {
                            text.push(char::REPLACEMENT_CHARACTER);
                            rest = &[];
                            break;
                        }
                        None => {
                            rest = broken;
                            break;
                        }
                    }
                }
            }
        }
        self.undecoded = rest.to_vec();
        text
    }

    fn write(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for character in text.chars() {
            if self.escape != Escape::None {
                self.escape = next_escape(self.escape, character);
                continue;
            }
            match character {
                '\n' => {
                    out.push_str(&std::mem::take(&mut self.line));
                    out.push('\n');
                    self.line_begun = false;
                    self.returned = false;
                    self.is_progress = false;
                    self.progress_shown = None;
                }
                '\r' => self.returned = true,
                '\u{8}' => {
                    self.line.pop();
                }
                '\u{1b}' => self.escape = Escape::Begun,
                '\t' => self.write_character('\t', &mut out),
                other if other.is_control() => {}
                other => self.write_character(other, &mut out),
            }
        }
        out
    }

    fn write_character(&mut self, character: char, out: &mut String) {
        if self.returned {
            self.returned = false;
            self.line.clear();
            self.is_progress = true;
            // What came out cannot be written over: the new state goes to a line of its own.
            if std::mem::take(&mut self.line_begun) {
                out.push('\n');
            }
        }
        self.line.push(character);
        if self.line.len() >= LONGEST_LINE {
            out.push_str(&std::mem::take(&mut self.line));
            self.line_begun = true;
        }
    }
}

fn next_escape(state: Escape, character: char) -> Escape {
    match (state, character) {
        (Escape::Begun, '[') => Escape::Control,
        (Escape::Begun, ']') => Escape::Command,
        (Escape::Control, '\u{40}'..='\u{7e}') => Escape::None,
        (Escape::Control, '\u{20}'..='\u{3f}') => Escape::Control,
        (Escape::Command, '\u{1b}') => Escape::Begun,
        (Escape::Command, '\u{7}' | '\n') => Escape::None,
        (Escape::Command, _) => Escape::Command,
        _ => Escape::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(pieces: &[&[u8]]) -> String {
        let mut terminal = Terminal::default();
        let mut text: String = pieces.iter().map(|piece| terminal.feed(piece)).collect();
        text.push_str(&terminal.finish());
        text
    }

    #[test]
    fn text_comes_through_whatever_the_pieces() {
        let text = "Prêt ✅ 100 %\n日本\tx\nend".as_bytes();
        for size in 1..text.len() {
            assert_eq!(whole(&text.chunks(size).collect::<Vec<_>>()).as_bytes(), text, "pieces of {size}");
        }
    }

    #[test]
    fn broken_utf8_is_shown_as_broken() {
        assert_eq!(whole(&[b"a\xffb\xe2\x82", b"\n"]), "a\u{fffd}b\u{fffd}\n");
        assert_eq!(whole(&[b"end\xe2\x82"]), "end\u{fffd}");
    }

    #[test]
    fn a_line_written_over_is_kept_once() {
        assert_eq!(whole(&[b"\r  0%|", b"\r 50%|###", b"\r100%|######\nnext\n"]), "100%|######\nnext\n");
        assert_eq!(whole(&[b"one\r\ntwo\r", b"\nthree"]), "one\ntwo\nthree");
        assert_eq!(whole(&[b"12\x08\x083\n"]), "3\n");
    }

    #[test]
    fn a_progress_bar_is_shown_now_and_then() {
        let start = Instant::now();
        let mut terminal = Terminal::default();
        assert_eq!(terminal.feed(b"\r 10%"), "");
        assert_eq!(terminal.flush(start), " 10%");
        assert_eq!(terminal.feed(b"\r 20%"), "\n");
        assert_eq!(terminal.flush(start + Duration::from_secs(1)), "");
        assert_eq!(terminal.feed(b"\r 30%"), "");
        assert_eq!(terminal.flush(start + Duration::from_secs(6)), " 30%");
        assert_eq!(terminal.feed(b"\r100%\n"), "\n100%\n");
    }

    #[test]
    fn a_line_without_end_is_shown_too() {
        let mut terminal = Terminal::default();
        assert_eq!(terminal.feed(b"working..."), "");
        assert_eq!(terminal.flush(Instant::now()), "working...");
        assert_eq!(terminal.feed(b" done\n"), " done\n");
    }

    #[test]
    fn escape_sequences_are_left_out() {
        assert_eq!(whole(&[b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07x\x1b[2K\x00\n"]), "red x\n");
    }
}
