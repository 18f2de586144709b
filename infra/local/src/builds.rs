//! The processes of builds: on the laptop, the program that a build fetches on AWS is here already.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::task::JoinHandle;

use crate::code_build::{BuildCommand, BuildProcess, StartProcess};
use crate::lambda::{Common, Layers};
use crate::options::Options;
use crate::supervise::{self, Process};
use crate::template::Template;

/// How long a build's process has between being asked to stop and being killed.
const GRACE: Duration = Duration::from_secs(2);

/// Starts builds. Their `./bootstrap` is the program of the function whose ARN stands in one of the build's variables;
/// the layers whose ARNs stand there are on its `PATH`.
pub struct Builds {
    /// Program names by function ARN.
    programs: HashMap<String, String>,
    layers: Arc<Layers>,
    common: Common,
    program: PathBuf,
    supervisor: PathBuf,
}

impl Builds {
    /// Builds that can use the functions and layers of a template.
    pub fn new(template: &Template, layers: Arc<Layers>, common: Common, options: &Options) -> Self {
        let arn = |name: &str| crate::lambda::model::function_arn(&common.region, name, None);
        let programs = template.functions.iter().map(|function| (arn(&function.name), function.program.clone())).collect();
        Self { programs, layers, common, program: options.program.clone(), supervisor: options.supervisor.clone() }
    }
}

impl StartProcess for Builds {
    fn start(&self, command: BuildCommand) -> BoxFuture<'static, Result<Box<dyn BuildProcess>, String>> {
        let folder = self.common.temporary.join("builds").join(crate::account::random_hex(8));
        let program = command.environment.values().find_map(|value| self.programs.get(value)).cloned();
        let arns: Vec<String> = command.environment.values().filter(|value| self.layers.has(value)).cloned().collect();
        let layers = Arc::clone(&self.layers);
        let common = self.common.clone();
        let (executable, supervisor) = (self.program.clone(), self.supervisor.clone());
        Box::pin(async move {
            if Path::new(&command.program) != Path::new("./bootstrap") {
                return Err(format!("the laptop has no {}; a build here runs ./bootstrap", command.program));
            }
            let name = program.ok_or("none of the build's variables is the ARN of a function, whose program it could run")?;
            let layers = layers.folders(&arns).await?;
            std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            let mut process = supervise::spawn(&supervise::Command {
                supervisor,
                program: executable,
                name: Some(name.into()),
                arguments: command.arguments.into_iter().map(Into::into).collect(),
                environment: common.build_variables(&command.project, &command.environment, &folder, &layers),
                folder: Some(folder.clone()),
                grace: GRACE,
            })
            .map_err(|error| format!("the build's process could not be started: {error}"))?;
            let readers = vec![read(process.stdout.take(), Arc::clone(&command.output)), read(process.stderr.take(), command.output)];
            Ok(Box::new(RunningBuild { process, readers, folder, ended: None }) as Box<dyn BuildProcess>)
        })
    }
}

struct RunningBuild {
    process: Process,
    readers: Vec<JoinHandle<()>>,
    folder: PathBuf,
    ended: Option<Option<i32>>,
}

impl BuildProcess for RunningBuild {
    fn wait(&mut self) -> BoxFuture<'_, Result<Option<i32>, String>> {
        Box::pin(async move {
            if let Some(code) = self.ended {
                return Ok(code);
            }
            let status = self.process.wait().await.map_err(|error| error.to_string())?;
            for reader in self.readers.drain(..) {
                let _ = reader.await;
            }
            // What it left there was temporary.
            let _ = tokio::fs::remove_dir_all(&self.folder).await;
            self.ended = Some(status.code());
            Ok(status.code())
        })
    }

    fn kill(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.process.lifeline().cut();
            let _ = self.wait().await;
        })
    }
}

fn read(stream: Option<impl AsyncRead + Unpin + Send + 'static>, output: Arc<dyn Fn(&str) + Send + Sync>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let Some(stream) = stream else { return };
        let mut lines = BufReader::new(stream).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            output(String::from_utf8_lossy(&line).trim_end_matches('\r'));
        }
    })
}
