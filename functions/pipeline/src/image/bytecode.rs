//! Compiling Python packages to byte code, reproducibly.
//!
//! A program that starts in a fresh container would otherwise compile every module it imports, each time. The byte code
//! says that it needs no check against its source, so the files' times do not matter.
//!
//! The interpreter's output depends, in small ways, on what it has compiled before in the same process. So the files
//! are always dealt into the same groups, in the same order, whatever the number of cores.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::command::{self, Tool};
use super::tree::{self, Node};
use super::{ImageError, gzip};

/// The text of the program that compiles one group.
const PROGRAM: &str = include_str!("compile.py");
/// The number of groups; part of the form of what is built.
const GROUPS: usize = 16;

/// What was compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compiled {
    /// The number of files with byte code.
    pub files: usize,
    /// The number of files that are not valid for this Python; they are left as they are.
    pub passed_over: usize,
}

/// Compiles all modules in `folder` with the interpreter `python`, for a life under `final_folder` (an absolute path in
/// the image, which tracebacks will show). Modules in folders named `tests` are left as source: they are hardly ever
/// imported, and are a third of some packages.
///
/// # Errors
/// [`ImageError::Tool`] when the interpreter fails, [`ImageError::TimedOut`] when a group takes longer than `limit`.
pub async fn compile(python: &Path, folder: &Path, final_folder: &str, limit: Duration) -> Result<Compiled, ImageError> {
    let folder = fs::canonicalize(folder).map_err(ImageError::io("opening", folder))?;
    let listed = {
        let folder = folder.clone();
        tokio::task::spawn_blocking(move || modules(&folder)).await.map_err(|error| ImageError::Tool(error.to_string()))??
    };
    let lists = tempfile::tempdir().map_err(ImageError::io("creating a folder in", &std::env::temp_dir()))?;
    let running = Arc::new(Semaphore::new(gzip::workers()));
    let mut groups = JoinSet::new();
    for group in 0..GROUPS {
        let files: Vec<&str> = listed.iter().skip(group).step_by(GROUPS).map(String::as_str).collect();
        if files.is_empty() {
            continue;
        }
        let list = lists.path().join(group.to_string());
        fs::write(&list, files.join("\n")).map_err(ImageError::io("writing", &list))?;
        let tool = tool(python, lists.path(), [list.into(), folder.clone().into(), final_folder.into()], limit);
        let running = Arc::clone(&running);
        groups.spawn(async move {
            let _turn = running.acquire().await;
            compile_group(&tool).await
        });
    }
    let mut passed_over = 0;
    while let Some(result) = groups.join_next().await {
        passed_over += result.map_err(|error| ImageError::Tool(error.to_string()))??;
    }
    Ok(Compiled { files: listed.len() - passed_over, passed_over })
}

fn tool(python: &Path, folder: &Path, arguments: [OsString; 3], limit: Duration) -> Tool {
    // No site packages, no byte code of its own, sets in the same order always.
    let mut environment = command::package_environment();
    environment.retain(|(name, _)| !name.to_string_lossy().starts_with("UV_"));
    environment.push(("PYTHONHASHSEED".into(), "0".into()));
    environment.push(("PYTHONUTF8".into(), "1".into()));
    let options = ["-s", "-S", "-B", "-c", PROGRAM].map(OsString::from);
    Tool {
        program: PathBuf::from(python),
        arguments: options.into_iter().chain(arguments).collect(),
        environment,
        folder: folder.to_owned(),
        limit,
    }
}

async fn compile_group(tool: &Tool) -> Result<usize, ImageError> {
    let finished = tool.run().await?;
    let passed_over = finished.output.trim().parse();
    match passed_over {
        Ok(passed_over) if finished.status.success() => Ok(passed_over),
        _ => {
            let reason: String = finished.errors.trim().chars().take(2000).collect();
            Err(ImageError::Tool(format!("Compiling the packages failed ({}): {reason}", finished.status)))
        }
    }
}

/// The modules to compile, relative to the folder, sorted.
fn modules(folder: &Path) -> Result<Vec<String>, ImageError> {
    let mut modules: Vec<String> = tree::read(folder)?
        .into_iter()
        .filter(|(path, node)| matches!(node, Node::File { .. }) && path.ends_with(".py") && !path.split('/').any(|part| part == "tests"))
        .map(|(path, _)| path)
        .collect();
    modules.sort_unstable();
    Ok(modules)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::layer::LayerContent;
    use super::*;

    const LIMIT: Duration = Duration::from_secs(120);

    fn python() -> PathBuf {
        command::find("python3").expect("python3 is on PATH: the product needs it")
    }

    fn packages() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("demo/tests")).unwrap();
        for number in 0..40 {
            let text = format!("NAMES = {{'a', 'b', 'name{number}'}}\ndef of(value):\n    return value in {{'x', 'y', {number}}}\n");
            fs::write(folder.path().join(format!("demo/module{number}.py")), text).unwrap();
        }
        fs::write(folder.path().join("demo/__init__.py"), "").unwrap();
        fs::write(folder.path().join("demo/template.py"), "def {{ name }}(:").unwrap();
        fs::write(folder.path().join("demo/tests/test_demo.py"), "").unwrap();
        folder
    }

    #[tokio::test]
    async fn byte_code_is_the_same_in_any_folder_and_is_used() {
        let (first, second) = (packages(), packages());
        for folder in [&first, &second] {
            let compiled = compile(&python(), folder.path(), "/opt/python", LIMIT).await.unwrap();
            assert_eq!(compiled, Compiled { files: 41, passed_over: 1 });
        }
        let digest = |folder: &tempfile::TempDir| {
            LayerContent::new().folder("opt/python", folder.path()).unwrap().write(std::io::sink()).unwrap().digest
        };
        assert_eq!(digest(&first), digest(&second));
        assert!(!first.path().join("demo/tests/__pycache__").exists());

        // The interpreter takes the byte code without a look at the source, whose place it remembers as the final one.
        fs::write(first.path().join("demo/module0.py"), "raise SystemExit('the source was read')").unwrap();
        let program = "import demo.module0 as module; print(module.of.__code__.co_filename)";
        let run = Tool {
            program: python(),
            arguments: vec!["-c".into(), program.into()],
            environment: vec![],
            folder: first.path().to_owned(),
            limit: LIMIT,
        };
        let finished = run.run().await.unwrap();
        assert!(finished.status.success(), "{}", finished.errors);
        // Python corrects the place to where it found the file; what is stored is the final one.
        let stored = fs::read(byte_code(first.path(), "module1")).unwrap();
        assert!(String::from_utf8_lossy(&stored).contains("/opt/python/demo/module1.py"));
    }

    fn byte_code(folder: &Path, module: &str) -> PathBuf {
        let entries = fs::read_dir(folder.join("demo/__pycache__")).unwrap().map(|entry| entry.unwrap().path());
        let mut named = entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(&format!("{module}.")));
        named.next().unwrap()
    }

    #[tokio::test]
    async fn an_interpreter_that_fails_is_told() {
        let error = compile(Path::new("/bin/false"), packages().path(), "/opt/python", LIMIT).await.unwrap_err();
        assert!(error.to_string().contains("Compiling"), "{error}");
    }
}
