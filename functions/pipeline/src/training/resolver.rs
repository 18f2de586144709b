//! What `uv` says when requirements cannot be installed, in a person's words.

/// The longest reason, in characters.
const LONGEST: usize = 800;

/// Why the requirements could not be installed, from all that `uv` wrote.
pub fn reason(output: &str) -> String {
    let causes = causes(output);
    let reason = causes
        .iter()
        .find_map(|cause| unsatisfiable(cause))
        .or_else(|| unbuildable(&causes, output))
        .or_else(|| match (causes.first(), causes.last()) {
            (Some(first), Some(last)) if first != last => Some(format!("{first}: {last}")),
            (Some(first), _) => Some(first.clone()),
            _ => output.lines().rev().find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned()),
        })
        .unwrap_or_else(|| "uv ended without saying why".to_owned());
    if reason.chars().count() <= LONGEST { reason } else { reason.chars().take(LONGEST - 1).chain(['…']).collect() }
}

/// The error and its causes, each on one line, without uv's drawing.
fn causes(output: &str) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    let mut open = false;
    for line in output.lines() {
        let text = line.trim_start_matches([' ', '│']).trim_end();
        let begins = ["error: ", "cause: ", "Caused by: ", "× ", "├─▶ ", "╰─▶ "].iter().find_map(|mark| text.strip_prefix(mark));
        match begins {
            Some(rest) => {
                causes.push(rest.to_owned());
                open = true;
            }
            None if text.is_empty() || text.starts_with("hint: ") => open = false,
            None if open && line.starts_with(' ') => {
                if let Some(cause) = causes.last_mut() {
                    cause.push(' ');
                    cause.push_str(text);
                }
            }
            None => open = false,
        }
    }
    causes
}

/// The resolver's explanation, `Because … we can conclude that your requirements are unsatisfiable`, down to its facts.
fn unsatisfiable(cause: &str) -> Option<String> {
    let text = cause.strip_prefix("Because ")?;
    let text = text.split(", we can conclude that your requirements are unsatisfiable").next().unwrap_or(text);
    // What was not found at all needs no mention of who asked for it.
    let (fact, asked) = text.split_once(" and you require ").unwrap_or((text, ""));
    let absent = fact.contains("was not found in the package registry") || fact.starts_with("there is no version of");
    let plain = !asked.contains(" and ") && !asked.contains("depends on") && !fact.contains(" depends on ");
    Some(if absent && plain { fact.to_owned() } else { text.to_owned() })
}

fn unbuildable(causes: &[String], output: &str) -> Option<String> {
    let what = causes.first()?.strip_prefix("Failed to build ")?.replace('`', "");
    let why = output
        .lines()
        .map(str::trim)
        .rfind(|line| line.split_once(": ").is_some_and(|(name, _)| name.ends_with("Error") && !name.contains(' ')))
        .map_or_else(|| causes.last().cloned().unwrap_or_default(), str::to_owned);
    Some(format!("{what} has no package for this Python and cannot be built from its source: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_are_kept_and_the_logic_is_left_out() {
        for (output, expected) in [
            (
                "Using Python 3.11.7 environment at: env1\nerror: No solution found when resolving dependencies\n  cause: Because nosuch was not found in the package registry and you require nosuch, we can conclude that your requirements are unsatisfiable.\n",
                "nosuch was not found in the package registry",
            ),
            (
                "error: No solution found when resolving dependencies\n  cause: Because there is no version of numpy==99.0 and you require numpy==99.0, we can conclude that your requirements are unsatisfiable.\n",
                "there is no version of numpy==99.0",
            ),
            (
                "  × No solution found when resolving dependencies:\n  ╰─▶ Because you require numpy>=2\n      and numpy<2, we can conclude that your requirements are unsatisfiable.\n",
                "you require numpy>=2 and numpy<2",
            ),
            (
                "error: Failed to fetch: `https://pypi.org/simple/six/`\n  cause: Request failed after 3 retries\n  cause: dns error\n",
                "Failed to fetch: `https://pypi.org/simple/six/`: dns error",
            ),
            (
                "error: Failed to build `scikit-learn==0.17`\n  cause: The build backend returned an error\n  cause: Call to `x` failed (exit status: 1)\n\n         [stderr]\n         Traceback (most recent call last):\n           File \"<string>\", line 14, in <module>\n         ModuleNotFoundError: No module named 'pkg_resources'\n\nhint: This error likely\n",
                "scikit-learn==0.17 has no package for this Python and cannot be built from its source: ModuleNotFoundError: No module named 'pkg_resources'",
            ),
            ("", "uv ended without saying why"),
        ] {
            assert_eq!(reason(output), expected);
        }
    }
}
