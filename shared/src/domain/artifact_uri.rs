//! Artifact URIs: `mlflow-artifacts:/<path>` names what lies under the bucket's artifact root.

const SCHEME: &str = "mlflow-artifacts:/";

/// The folder of files that are a project's.
const PROJECTS: &str = "project-files";

/// The URI of a path under the artifact root.
pub fn of_path(path: &str) -> String {
    format!("{SCHEME}{path}")
}

/// The path under the artifact root that a URI names, no slash at either end; `None` for a URI of somewhere else, and
/// for one that would lead out of the root.
pub fn path(uri: &str) -> Option<String> {
    let path = uri.strip_prefix(SCHEME)?.trim_matches('/');
    is_plain(path).then(|| path.to_owned())
}

/// The folder, under the artifact root, of something of a project's.
pub fn of_project(project_id: &str, id: &str) -> String {
    format!("{PROJECTS}/{project_id}/{id}")
}

/// The project whose members alone may see a path under the artifact root; no project has the empty id of the folder that holds
/// the folders of all. `None` for what is everybody's.
pub fn project_of(path: &str) -> Option<&str> {
    let below = path.strip_prefix(PROJECTS)?;
    match below.strip_prefix('/') {
        Some(below) => Some(below.split('/').next().unwrap_or_default()),
        None => below.is_empty().then_some(""),
    }
}

/// True for a path of ordinary segments: none is empty, `.` or `..`, and none holds a backslash or control character.
pub fn is_plain(path: &str) -> bool {
    path.len() <= 900
        && path.split('/').all(|segment| {
            !matches!(segment, "" | "." | "..") && !segment.chars().any(|character| character.is_control() || character == '\\')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_projects_are_told() {
        assert_eq!(project_of(&of_project("p", "1")), Some("p"));
        assert_eq!((project_of("project-files"), project_of("project-files/")), (Some(""), Some("")));
        assert_eq!((project_of("project-files-2/p"), project_of("model-files/1"), project_of("")), (None, None, None));
    }

    #[test]
    fn only_paths_under_the_root_count() {
        assert_eq!(path("mlflow-artifacts:/0/models/m-1/artifacts/").as_deref(), Some("0/models/m-1/artifacts"));
        for uri in ["s3://bucket/x", "mlflow-artifacts:/a/../b", "mlflow-artifacts:/", "mlflow-artifacts:/a//b", "file:///etc/passwd"] {
            assert_eq!(path(uri), None, "{uri}");
        }
    }
}
