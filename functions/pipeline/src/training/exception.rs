//! Why a script ended, read from the end of its output.

/// The most lines of an exception's message that are taken.
const MOST_LINES: usize = 5;
/// A traceback with more than this many lines behind it is not why the script ended.
const MOST_BEHIND: usize = 20;
/// The longest explanation, in characters.
const LONGEST: usize = 1000;
const TRACEBACK: &str = "Traceback (most recent call last):";

/// What a person needs to know of a script that ended with that exit code: the exception's own line, for example
/// `ModuleNotFoundError: No module named 'xgboost'`, or the exit code and the last line of the output. `None` when
/// there is neither.
pub fn explain(output: &str, code: i32) -> Option<String> {
    let lines: Vec<&str> = output.lines().collect();
    if let Some(exception) = exception(&lines) {
        return Some(shorten(&exception));
    }
    let last = lines.iter().rev().find(|line| !line.trim().is_empty())?;
    Some(shorten(&format!("The script ended with exit code {code}; its last line: {}", last.trim())))
}

fn exception(lines: &[&str]) -> Option<String> {
    let (start, source) = last_exception(lines)?;
    let message: Vec<&str> =
        lines[start..].iter().take_while(|line| !line.trim().is_empty()).take(MOST_LINES).map(|line| line.trim_end()).collect();
    let behind = lines[start + message.len()..].iter().filter(|line| !line.trim().is_empty()).count();
    if behind > MOST_BEHIND {
        return None;
    }
    Some(match source {
        Some((file, line)) => format!("{} ({file}, line {line})", message.first()?),
        None => message.join("\n"),
    })
}

/// Where the last exception's own line is, and for an error of syntax the file and line that it is about.
fn last_exception<'a>(lines: &[&'a str]) -> Option<(usize, Option<(&'a str, &'a str)>)> {
    for start in (0..lines.len()).rev() {
        let line = lines[start];
        if is_syntax_error(line)
            && let Some(source) = source_of(lines, start)
        {
            return Some((start, Some(source)));
        }
        if line.trim_start_matches([' ', '+', '|']).ends_with(TRACEBACK) {
            // The frames are indented; the first line that is not is the exception's.
            let indentation = indentation(line);
            let end = (start + 1..lines.len()).find(|&at| !lines[at].trim().is_empty() && self::indentation(lines[at]) <= indentation)?;
            let source = if is_syntax_error(lines[end]) { source_of(lines, end) } else { None };
            return Some((end, source));
        }
    }
    None
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn is_syntax_error(line: &str) -> bool {
    ["SyntaxError: ", "IndentationError: ", "TabError: "].iter().any(|name| line.starts_with(name))
}

/// The file name and line number of the `File "…", line …` that stands closest above.
fn source_of<'a>(lines: &[&'a str], below: usize) -> Option<(&'a str, &'a str)> {
    let line = lines[below.saturating_sub(5)..below].iter().rev().find(|line| line.trim_start().starts_with("File \""))?;
    let (path, rest) = line.trim_start().strip_prefix("File \"")?.split_once("\", line ")?;
    let number = rest.split(|character: char| !character.is_ascii_digit()).next()?;
    Some((path.rsplit('/').next()?, number))
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exception_is_the_tracebacks_last_line() {
        let output = "Loading\nTraceback (most recent call last):\n  File \"/tmp/w/train.py\", line 1, in <module>\n    import xgboost\nModuleNotFoundError: No module named 'xgboost'\n";
        assert_eq!(explain(output, 1).as_deref(), Some("ModuleNotFoundError: No module named 'xgboost'"));
    }

    #[test]
    fn of_a_chain_the_last_one_counts() {
        let output = "Traceback (most recent call last):\n  File \"a.py\", line 1\n    1/0\nZeroDivisionError: division by zero\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\", line 3\n    f()\n    ~^^\nmlflow.exceptions.MlflowException: first\nsecond\n";
        assert_eq!(explain(output, 1).as_deref(), Some("mlflow.exceptions.MlflowException: first\nsecond"));
    }

    #[test]
    fn an_error_of_syntax_names_file_and_line() {
        let main = "  File \"/tmp/w/train.py\", line 3\n    def f(:\n          ^\nSyntaxError: invalid syntax\n";
        assert_eq!(explain(main, 1).as_deref(), Some("SyntaxError: invalid syntax (train.py, line 3)"));
        let imported =
            format!("Traceback (most recent call last):\n  File \"/tmp/w/train.py\", line 1, in <module>\n    import other\n{main}");
        assert_eq!(explain(&imported, 1).as_deref(), Some("SyntaxError: invalid syntax (train.py, line 3)"));
    }

    #[test]
    fn without_a_traceback_the_last_line_speaks() {
        assert_eq!(
            explain("Loading\nno data in /data\n\n", 2).as_deref(),
            Some("The script ended with exit code 2; its last line: no data in /data")
        );
        assert_eq!(explain("\n", 2), None);
        assert_eq!(explain("", 2), None);
    }

    #[test]
    fn a_traceback_long_ago_is_not_why() {
        let mut output =
            "Traceback (most recent call last):\n  File \"a.py\", line 1\n    1/0\nZeroDivisionError: division by zero\n".to_owned();
        (0..100).for_each(|epoch| output.push_str(&format!("epoch {epoch}\n")));
        assert_eq!(explain(&output, 3).as_deref(), Some("The script ended with exit code 3; its last line: epoch 99"));
    }

    #[test]
    fn groups_and_hostile_text_do_no_harm() {
        let group = "  + Exception Group Traceback (most recent call last):\n  |   File \"a.py\", line 1, in <module>\n  | ExceptionGroup: many (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | ValueError: a\n    +------------------------------------\n";
        assert!(explain(group, 1).is_some());
        assert!(explain("Traceback (most recent call last):", 1).is_some());
        assert!(explain("SyntaxError: x", 1).is_some());
        assert!(explain(&"é".repeat(100_000), 1).is_some_and(|text| text.chars().count() <= LONGEST));
    }
}
