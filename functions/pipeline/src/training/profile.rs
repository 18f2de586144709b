//! Takes the distribution of the data on which a script trains, without a line from its user.
//!
//! The work is done by `profile.py` within the script's own process: only there is what `fit` sees. It writes the profile into the
//! folder of the model that MLflow logs, so that it travels with the model's files and is beside them in the bucket
//! ([`shared::objects::keys::training_profile`]). It is what a script says: who reads it checks it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// The program that Python runs before the script.
const PROGRAM: &str = include_str!("profile.py");
/// The folder for it, in the script's folder for temporary files.
const FOLDER: &str = "python-start";
/// The name under which Python looks for it.
const NAME: &str = "sitecustomize.py";
/// The variable that says where else Python looks for modules.
const PATH: &str = "PYTHONPATH";

/// Lets the script's Python begin with the program: its folder comes first in `PYTHONPATH`, before what the user put there. Where
/// it cannot be written, the script runs without.
pub fn begin_with(variables: &mut BTreeMap<OsString, OsString>, temporary: &Path) {
    let folder = temporary.join(FOLDER);
    if let Err(error) = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(folder.join(NAME), PROGRAM)) {
        tracing::warn!(%error, "the script runs without a profile of its training data");
        return;
    }
    let mut path = folder.into_os_string();
    if let Some(own) = variables.get(&OsString::from(PATH)).filter(|own| !own.is_empty()) {
        path.push(":");
        path.push(own);
    }
    variables.insert(PATH.into(), path);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn it_comes_before_what_the_user_put_there() {
        let folder = tempfile::tempdir().unwrap();
        let mut variables = BTreeMap::new();
        begin_with(&mut variables, folder.path());
        let own = folder.path().join(FOLDER);
        assert_eq!(variables[&OsString::from(PATH)], own);
        assert!(own.join(NAME).exists());
        variables.insert(PATH.into(), "/mine".into());
        begin_with(&mut variables, folder.path());
        assert_eq!(variables[&OsString::from(PATH)].to_str().unwrap(), format!("{}:/mine", own.display()));
    }

    #[test]
    fn where_it_cannot_be_written_the_script_runs_without() {
        let mut variables = BTreeMap::new();
        begin_with(&mut variables, Path::new("/dev/null"));
        assert!(variables.is_empty());
    }
}
