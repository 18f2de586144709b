//! What the command line shows.

use std::io::{IsTerminal as _, Write as _};

fn paint(code: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// A step of the work that has begun or ended.
pub fn step(name: &str, text: &str) {
    line(&format!("{} {text}", paint("1;36", &format!("{name:>10}"))));
}

/// Something that went well.
pub fn success(name: &str, text: &str) {
    line(&format!("{} {text}", paint("1;32", &format!("{name:>10}"))));
}

/// A line of the script's own output.
pub fn output(text: &str) {
    line(&format!("{} {text}", paint("2", "          |")));
}

/// Plain text.
pub fn line(text: &str) {
    // A closed pipe (`| head`) is the reader's choice.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Why it did not work.
pub fn failure(text: &str) {
    eprintln!("{} {text}", paint("1;31", "    failed"));
}
