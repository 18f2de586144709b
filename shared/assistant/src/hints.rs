//! What usually helps against the errors that training scripts end with.

/// What to do about an error, by its text; `None` where the text tells nothing that is known.
pub fn hint(error: &str) -> Option<String> {
    let quoted = |marker: &str| {
        let rest = &error[error.find(marker)? + marker.len()..];
        let rest = rest.trim_start_matches([' ', ':', '\'', '"']);
        Some(rest.split(['\'', '"', '\n', ' ', ';']).next()?.to_owned()).filter(|name| !name.is_empty())
    };
    if let Some(module) = quoted("No module named") {
        let package = module.split('.').next().unwrap_or(&module).to_owned();
        let package = match package.as_str() {
            "sklearn" => "scikit-learn",
            "cv2" => "opencv-python-headless",
            "PIL" => "pillow",
            "yaml" => "pyyaml",
            other => other,
        };
        return Some(format!(
            "The script needs a package that is not there: add {package} to the requirements in the manifest, as a new version of the recipe."
        ));
    }
    let lower = error.to_lowercase();
    let has = |texts: &[&str]| texts.iter().any(|text| lower.contains(text));
    let hint = if has(&["logged no model", "log a model", "no model was logged"]) {
        "The script ended without a model: let it end with mlflow.<flavor>.log_model(model, name=\"model\")."
    } else if has(&["memoryerror", "out of memory", "oom", "killed by signal 9", "sigkill", "more memory"]) {
        "It needed more memory than a training has: use less data at a time, or raise TrainMemory in the template."
    } else if has(&["timed out", "timeout", "time limit", "timeouterror"]) {
        "It took longer than it may: train on less data, or give the manifest a longer timeout."
    } else if has(&["syntaxerror", "indentationerror"]) {
        "The script is not valid Python: mend the line that the error names, as a new version of the recipe."
    } else if has(&["could not convert string to float"]) {
        "A column has text where the model needs numbers: encode or drop it, or correct its type in the dataset schema."
    } else if has(&["input contains nan", "contains nan", "input x contains infinity", "nan or infinity"]) {
        "The data has empty or infinite values: fill them in, or drop those rows, before the model is fitted."
    } else if has(&["keyerror", "not in index", "not found in axis"]) {
        "The script asks for a column that the data does not have: compare its names with the dataset schema."
    } else if has(&["found array with 0 sample", "empty dataset", "no columns to parse"]) {
        "There was no data to train on: check where the script reads its rows from."
    } else if has(&["filenotfounderror", "no such file or directory"]) {
        "The script reads a file that is not there: a training starts in an empty folder, so let it read its data from the bucket or from the rows that come with the run."
    } else if has(&["could not resolve", "no solution found", "resolution", "could not find a version", "conflict"]) {
        "The requirements cannot be installed together: loosen or correct the versions in the manifest."
    } else if has(&["connectionerror", "connection refused", "name resolution", "max retries exceeded"]) {
        "It could not reach another machine: check the address, and that it can be reached from a training."
    } else if has(&["accessdenied", "access denied", "403"]) {
        "It was refused access: a training reads the bucket that the template names as DataBucket, and nothing else."
    } else if has(&["valueerror", "shape", "mismatch", "inconsistent numbers of samples"]) {
        "The data is not shaped as the model expects it: compare it with the dataset schema."
    } else {
        return None;
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::hint;

    #[test]
    fn errors_are_known_by_their_text() {
        for (error, expected) in [
            ("ModuleNotFoundError: No module named 'sklearn'", "scikit-learn"),
            ("No module named xgboost.sklearn", "add xgboost to"),
            ("ValueError: could not convert string to float: 'a'", "text where the model needs numbers"),
            ("The script ended well but logged no model", "log_model"),
            ("KeyError: 'price'", "column"),
            ("The training took more than 60 s and timed out", "longer"),
        ] {
            assert!(hint(error).unwrap_or_default().contains(expected), "{error}");
        }
        assert_eq!(hint("it is Tuesday"), None);
    }
}
