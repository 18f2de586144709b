//! Reading what `uv` says: the resolved packages, and why there is no resolution.

/// A resolved package and who asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// `name==version`, with a marker if it has one.
    pub requirement: String,
    /// The package's name.
    pub name: String,
    /// The packages that require it; `-r …` for the model itself.
    pub required_by: Vec<String>,
}

/// Reads the output of `uv pip compile --annotation-style line --no-header`.
pub fn read(output: &str) -> Vec<Resolved> {
    let package = |line: &str| {
        let (requirement, comment) = line.split_once('#').unwrap_or((line, ""));
        let requirement = requirement.trim();
        let name = requirement.split(['=', ' ', ';', '[']).next().filter(|name| !name.is_empty())?;
        let required_by = comment.trim().strip_prefix("via ").unwrap_or_default();
        Some(Resolved {
            requirement: requirement.to_owned(),
            name: name.to_owned(),
            required_by: required_by.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        })
    };
    output.lines().filter_map(package).collect()
}

/// Splits a resolution into what is installed and what is left out: the graphics-card libraries that XGBoost asks for
/// and uses only where there is such a card. They are larger than everything else together, and Lambda has no card.
pub fn without_graphics_libraries(resolution: Vec<Resolved>) -> (Vec<Resolved>, Vec<Resolved>) {
    resolution.into_iter().partition(|package| {
        let for_xgboost_alone = !package.required_by.is_empty() && package.required_by.iter().all(|name| name == "xgboost");
        !(package.name.starts_with("nvidia-") && for_xgboost_alone)
    })
}

/// What kept `uv` from its work.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The requirements cannot be met; the reason.
    Requirements(String),
    /// Something around it: the network, the disk, the interpreter; the reason.
    Surroundings(String),
}

/// Reduces `uv`'s error text to what a person needs: the reason in one line, without the frame, the obvious conclusion
/// and the options that only a caller of `uv` has.
pub fn failure(text: &str) -> Failure {
    let words: Vec<&str> = text
        .lines()
        .map(|line| line.trim_matches(|letter: char| letter.is_whitespace() || "×╰─▶│├┬".contains(letter)))
        .filter(|line| !line.is_empty() && !line.starts_with("warning:"))
        .map(|line| line.strip_prefix("cause:").or(line.strip_prefix("Caused by:")).unwrap_or(line).trim())
        .collect();
    let hint = words.iter().position(|line| line.starts_with("hint:")).unwrap_or(words.len());
    let reason = words[..hint].join(" ");
    let reason = reason.strip_prefix("error:").unwrap_or(&reason).trim();
    let unsolved = ["No solution found when resolving dependencies:", "No solution found when resolving dependencies"];
    match unsolved.iter().find_map(|start| reason.strip_prefix(start)) {
        Some(reason) => {
            let reason = reason.trim().replace(", we can conclude that your requirements are unsatisfiable.", ".");
            let reason = reason.replace("has no usable wheels", "has no package for this Python and machine");
            let reason = reason.replace("have no usable wheels", "have no package for this Python and machine");
            Failure::Requirements(shortened(&reason))
        }
        None if reason.is_empty() => Failure::Surroundings("uv failed and did not say why".to_owned()),
        None => Failure::Surroundings(shortened(reason)),
    }
}

/// At most 2000 characters: some resolutions fail for pages of reasons, of which the first tell most.
fn shortened(text: &str) -> String {
    const MOST: usize = 2000;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolution_tells_who_asked_for_what() {
        let output = "numpy==2.4.6              # via scipy, xgboost, -r requirements.txt\n\
                      nvidia-nccl-cu12==2.32.3 ; sys_platform == 'linux'  # via xgboost\n\
                      xgboost==3.2.0            # via -r requirements.txt\n";
        let resolution = read(output);
        assert_eq!(resolution[0].required_by, ["scipy", "xgboost", "-r requirements.txt"]);
        assert_eq!(resolution[1].name, "nvidia-nccl-cu12");
        assert_eq!(resolution[1].requirement, "nvidia-nccl-cu12==2.32.3 ; sys_platform == 'linux'");
        let (installed, left_out) = without_graphics_libraries(resolution);
        assert_eq!(installed.len(), 2);
        assert_eq!(left_out[0].name, "nvidia-nccl-cu12");
    }

    #[test]
    fn graphics_libraries_that_others_need_stay() {
        let output = "nvidia-nccl-cu12==2.32.3  # via xgboost, torch\nnvidia-ml-py==1  # via -r requirements.txt\n";
        assert_eq!(without_graphics_libraries(read(output)).1, []);
    }

    #[test]
    fn a_failed_resolution_is_told_in_one_line() {
        let framed = "  × No solution found when resolving dependencies:\n  ╰─▶ Because only scikit-learn<=1.9.1 is available and you require\n      scikit-learn==99, we can conclude that your requirements are unsatisfiable.\n";
        assert_eq!(
            failure(framed),
            Failure::Requirements("Because only scikit-learn<=1.9.1 is available and you require scikit-learn==99.".into())
        );
        let plain = "error: No solution found when resolving dependencies\n  cause: Because numpy==1.15.0 has no usable wheels and you require numpy==1.15.0, we can conclude that your requirements are unsatisfiable.\n\nhint: Wheels are required for `numpy` because building from source is disabled for all packages (i.e., with `--no-build`)\n";
        assert_eq!(
            failure(plain),
            Failure::Requirements("Because numpy==1.15.0 has no package for this Python and machine and you require numpy==1.15.0.".into())
        );
    }

    #[test]
    fn a_failed_download_is_not_the_requirements_fault() {
        let text = "error: Request failed after 3 retries in 5.7s\n  cause: Failed to fetch: https://host/simple/numpy/\n  cause: Connection refused (os error 111)\n";
        assert_eq!(
            failure(text),
            Failure::Surroundings(
                "Request failed after 3 retries in 5.7s Failed to fetch: https://host/simple/numpy/ Connection refused (os error 111)"
                    .into()
            )
        );
        assert!(matches!(failure(""), Failure::Surroundings(_)));
        let Failure::Surroundings(long) = failure(&"ä".repeat(5000)) else { panic!("a resolution") };
        assert!(long.chars().count() < 2010);
    }
}
