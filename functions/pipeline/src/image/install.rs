//! Installing a model's packages into a folder that becomes a layer.
//!
//! `uv` resolves and installs; only built packages are taken (no package's own build program runs); then the folder is
//! cleaned and compiled, so that the same packages give the same layer.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::bytecode::{self, Compiled};
use super::command::{self, Tool};
use super::dependencies::ServingRequirements;
use super::resolution::{self, Failure, Resolved};
use super::{ImageError, site_packages};

/// Where packages are installed from and to.
#[derive(Debug, Clone)]
pub struct Installation {
    /// The installer; [`Installation::find_uv`] finds it.
    pub uv: PathBuf,
    /// The interpreter for which packages are chosen and byte code is compiled: an absolute path, or a version such as
    /// `3.11` that `uv` looks for.
    pub python: String,
    /// The version that this interpreter must have, for example `3.11`: that of the base image.
    pub python_version: String,
    /// The machine and system to choose packages for, in `uv`'s words (`x86_64-manylinux_2_28`); none: this machine's.
    pub platform: Option<String>,
    /// The build of PyTorch's packages, in `uv`'s words (`cpu`); none: what the package index has.
    pub torch_backend: Option<String>,
    /// The folder's place in the image, for example `/opt/serveml/python`.
    pub final_folder: String,
    /// The whole environment of the tools; [`command::package_environment`] makes the usual one.
    pub environment: Vec<(OsString, OsString)>,
    /// How long it may take altogether.
    pub limit: Duration,
}

/// What was installed.
#[derive(Debug, Clone)]
pub struct Installed {
    /// The installed packages, each `name==version`.
    pub packages: Vec<String>,
    /// The packages that were required and left out, since nothing in Lambda can use them.
    pub left_out: Vec<String>,
    /// What was compiled.
    pub compiled: Compiled,
    /// How long resolving, installing and compiling took.
    pub durations: [Duration; 3],
}

impl Installation {
    /// `uv` on `PATH`.
    ///
    /// # Errors
    /// [`ImageError::Tool`], saying how to get it.
    pub fn find_uv() -> Result<PathBuf, ImageError> {
        command::find("uv").ok_or_else(|| {
            ImageError::Tool("uv, which installs a model's packages, is not on PATH; install it with \"pip install uv\".".into())
        })
    }

    /// Installs the requirements into `target`, which is created and must not exist, ready to become a layer.
    ///
    /// # Errors
    /// [`ImageError::Dependencies`] with the resolver's reason when the requirements cannot be met; [`ImageError::Tool`]
    /// for the network, the disk, the interpreter; [`ImageError::TimedOut`]. A failed call leaves no folder.
    pub async fn install(&self, requirements: &ServingRequirements, target: &Path) -> Result<Installed, ImageError> {
        fs::create_dir(target).map_err(ImageError::io("creating", target))?;
        let installed = self.fill(requirements, target).await;
        if installed.is_err() {
            // The first error is the one to tell.
            let _ = fs::remove_dir_all(target);
        }
        installed
    }

    async fn fill(&self, requirements: &ServingRequirements, target: &Path) -> Result<Installed, ImageError> {
        let started = Instant::now();
        let folder = tempfile::tempdir().map_err(ImageError::io("creating a folder in", &std::env::temp_dir()))?;
        let python = self.interpreter(folder.path()).await?;

        let asked = folder.path().join("requirements.txt");
        fs::write(&asked, requirements.lines.join("\n")).map_err(ImageError::io("writing", &asked))?;
        let resolution = self.resolve(&python, &asked, folder.path(), self.left(started)).await?;
        let (installed, left_out) = resolution::without_graphics_libraries(resolution);
        let resolved_after = started.elapsed();

        let chosen = folder.path().join("resolved.txt");
        let names = |packages: &[Resolved]| packages.iter().map(|package| package.requirement.clone()).collect::<Vec<_>>();
        fs::write(&chosen, names(&installed).join("\n")).map_err(ImageError::io("writing", &chosen))?;
        self.download(&python, &chosen, target, folder.path(), self.left(started)).await?;
        let installed_after = started.elapsed();

        let cleaned = target.to_owned();
        tokio::task::spawn_blocking(move || site_packages::clean(&cleaned))
            .await
            .map_err(|error| ImageError::Tool(error.to_string()))??;
        let compiled = bytecode::compile(&python, target, &self.final_folder, self.left(started)).await?;
        Ok(Installed {
            packages: names(&installed),
            left_out: names(&left_out),
            compiled,
            durations: [resolved_after, installed_after - resolved_after, started.elapsed() - installed_after],
        })
    }

    /// What is left of the time limit, for a step that starts now.
    fn left(&self, started: Instant) -> Duration {
        self.limit.saturating_sub(started.elapsed())
    }

    /// The interpreter's path, after a look at its version.
    async fn interpreter(&self, folder: &Path) -> Result<PathBuf, ImageError> {
        let python = if Path::new(&self.python).is_absolute() {
            PathBuf::from(&self.python)
        } else {
            let arguments = ["python", "find", "--no-config", "--color", "never", &self.python].map(OsString::from);
            let found = self.uv(arguments.to_vec(), folder, self.limit).run().await?;
            if !found.status.success() {
                return Err(failed(&found.errors));
            }
            PathBuf::from(found.output.trim())
        };
        let question = "import sys; print('%d.%d' % sys.version_info[:2])";
        let asked = Tool {
            program: python.clone(),
            arguments: ["-I", "-S", "-c", question].map(OsString::from).to_vec(),
            environment: self.environment.clone(),
            folder: folder.to_owned(),
            limit: self.limit,
        };
        let answer = asked.run().await?;
        match answer.output.trim() {
            version if version == self.python_version => Ok(python),
            version => Err(ImageError::Tool(format!(
                "The packages are for Python {}, as the base image has it, but {} is Python {version}.",
                self.python_version,
                python.display()
            ))),
        }
    }

    async fn resolve(&self, python: &Path, asked: &Path, folder: &Path, limit: Duration) -> Result<Vec<Resolved>, ImageError> {
        let mut arguments = self.arguments("compile", python);
        arguments.extend(["--no-header", "--annotation-style", "line", "--quiet"].map(OsString::from));
        arguments.push(asked.into());
        let finished = self.uv(arguments, folder, limit).run().await?;
        if !finished.status.success() {
            return Err(failed(&finished.errors));
        }
        Ok(resolution::read(&finished.output))
    }

    async fn download(&self, python: &Path, chosen: &Path, target: &Path, folder: &Path, limit: Duration) -> Result<(), ImageError> {
        let mut arguments = self.arguments("install", python);
        // Links to the cache where it is on the same disk: cleaning replaces files and never changes them.
        arguments.extend(["--no-deps", "--link-mode", "hardlink", "--no-progress", "--target"].map(OsString::from));
        arguments.extend([target.into(), "--requirements".into(), chosen.into()]);
        let finished = self.uv(arguments, folder, limit).run().await?;
        if finished.status.success() { Ok(()) } else { Err(failed(&finished.errors)) }
    }

    /// What both calls have in common.
    fn arguments(&self, operation: &str, python: &Path) -> Vec<OsString> {
        let mut arguments =
            ["pip", operation, "--no-config", "--color", "never", "--only-binary", ":all:", "--python"].map(OsString::from).to_vec();
        arguments.push(python.into());
        if let Some(platform) = &self.platform {
            arguments.extend(["--python-platform".into(), platform.into()]);
        }
        if let Some(backend) = &self.torch_backend {
            arguments.extend(["--torch-backend".into(), backend.into()]);
        }
        arguments
    }

    fn uv(&self, arguments: Vec<OsString>, folder: &Path, limit: Duration) -> Tool {
        Tool { program: self.uv.clone(), arguments, environment: self.environment.clone(), folder: folder.to_owned(), limit }
    }
}

fn failed(errors: &str) -> ImageError {
    match resolution::failure(errors) {
        Failure::Requirements(reason) => ImageError::Dependencies(reason),
        Failure::Surroundings(reason) => ImageError::Tool(format!("Installing the model's packages failed: {reason}")),
    }
}
