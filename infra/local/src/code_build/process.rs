//! The processes of builds, as the service sees them: the seam to the machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;

/// A process that a build needs.
pub struct BuildCommand {
    /// The project's name.
    pub project: String,
    /// The build's id, for the log.
    pub build_id: String,
    /// The program as the buildspec names it, for example `./bootstrap`.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The project's variables, those of the start, and CodeBuild's own; not the machine's.
    pub environment: BTreeMap<String, String>,
    /// Takes each line that the process writes.
    pub output: Arc<dyn Fn(&str) + Send + Sync>,
}

/// Starts the processes of builds: the seam to the machine.
pub trait StartProcess: Send + Sync + 'static {
    /// Starts a process; an error says why it could not be started.
    fn start(&self, command: BuildCommand) -> BoxFuture<'static, Result<Box<dyn BuildProcess>, String>>;
}

/// A process of a build.
pub trait BuildProcess: Send {
    /// Waits for its end; gives its exit code, or `None` when a signal ended it. Can be called again.
    fn wait(&mut self) -> BoxFuture<'_, Result<Option<i32>, String>>;

    /// Ends it and everything that it started, and waits until that is done.
    fn kill(&mut self) -> BoxFuture<'_, ()>;
}
