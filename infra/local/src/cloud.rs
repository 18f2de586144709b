//! The laptop cloud as a whole: starts everything that a template declares, and takes it down again.

use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::account::{ACCOUNT_ID, Credentials, DEFAULT_REGION};
use crate::atomic_file;
use crate::aws_api::AwsApi;
use crate::aws_error::AwsError;
use crate::builds::Builds;
use crate::code_build::{CodeBuild, Project};
use crate::console::Console;
use crate::container::Containers;
use crate::ecr::Ecr;
use crate::gateway::{Callers, Gateway};
use crate::http_server::{bind_stable, serve};
use crate::invoke::Invoke;
use crate::lambda::{Common, Lambda, Layers, Parts};
use crate::logs::Logs;
use crate::object_storage::ObjectStorage;
use crate::options::{BaseImage, Options};
use crate::rights::Rights;
use crate::step_functions::clock::SystemClock;
use crate::step_functions::definition::Definition;
use crate::step_functions::{self, StepFunctions};
use crate::table_storage::TableStorage;
use crate::template::{Settings, Template, TemplateError};
use crate::{schedules, services, steps};

/// How often, and after which pause, the lock of a data folder that is held is tried again.
const LOCK_ATTEMPTS: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Why a cloud could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The template cannot be run.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Another cloud uses the data folder.
    #[error("a laptop cloud already runs on {folder} (process {pid}, {url}); stop it, or use another data folder")]
    Running {
        /// The data folder.
        folder: String,
        /// The other cloud's process.
        pid: u32,
        /// The other cloud's address.
        url: String,
    },
    /// The public port is taken.
    #[error("port {port} is taken by another program ({error}); choose another port")]
    Port {
        /// The port.
        port: u16,
        /// What the system said.
        error: io::Error,
    },
    /// A state machine or a build project of the template cannot be run.
    #[error("{0}")]
    States(String),
    /// A repository of the template could not be made.
    #[error("repository {name}: {error}")]
    Repository {
        /// The repository.
        name: String,
        /// What the registry said.
        error: AwsError,
    },
    /// A file or the network failed.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system said.
        error: io::Error,
    },
}

/// What a running cloud tells others about itself: `cloud.json` in its data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its process.
    pub pid: u32,
    /// The address of its HTTP API, without a slash at its end.
    pub url: String,
    /// The port of its AWS APIs.
    pub aws_port: u16,
    /// The region that its account is in.
    #[serde(default = "default_region")]
    pub region: String,
}

fn default_region() -> String {
    DEFAULT_REGION.to_owned()
}

impl Running {
    /// The address of its AWS APIs, as `AWS_ENDPOINT_URL` says it to functions.
    pub fn aws_endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.aws_port)
    }

    /// The variables with which an AWS SDK, or the AWS command line, outside of a function speaks to it.
    pub fn aws_environment(&self, credentials: &Credentials) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.aws_endpoint()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_DEFAULT_REGION", self.region.clone()),
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.clone()),
        ]
    }
}

/// A running laptop cloud. Dropping it kills its processes; [`Cloud::shutdown`] ends it in order.
pub struct Cloud {
    running: Running,
    template: Template,
    credentials: Credentials,
    rights: Arc<Rights>,
    rights_report: Option<PathBuf>,
    lambda: Arc<Lambda>,
    logs: Arc<Logs>,
    tables: Arc<TableStorage>,
    states: Arc<StepFunctions>,
    builds: Arc<CodeBuild>,
    console: Console,
    stop: CancellationToken,
    servers: TaskTracker,
    /// Held as long as the cloud lives.
    _lock: File,
}

impl Cloud {
    /// Starts a cloud. Must be called within a multi-threaded Tokio runtime.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let mut options = options;
        options.data = make_folder(&options.data)?;
        options.cache = make_folder(&options.cache)?;
        options.template = std::path::absolute(&options.template).map_err(context("finding the template"))?;
        let data = options.data.clone();
        let lock = lock(&data)?;
        let before = read_running(&data);
        let credentials = Credentials::load_or_create(&data).map_err(context("reading credentials.json"))?;
        let console = Console::start(options.json_log, options.quiet);

        let public = TcpListener::bind(("127.0.0.1", options.port)).await;
        let public = public.map_err(|error| StartError::Port { port: options.port, error })?;
        let port = public.local_addr().map_err(context("listening"))?.port();
        let internal = bind_stable(before.map(|before| before.aws_port)).await.map_err(context("listening"))?;
        let aws_port = internal.local_addr().map_err(context("listening"))?.port();
        let url = format!("http://localhost:{port}");
        let endpoint = format!("http://127.0.0.1:{aws_port}");

        let settings = Settings { stack_name: options.stack_name.clone(), region: options.region.clone(), api_url: url.clone() };
        let template = Template::load(&options.template, &settings, &options.parameters, options.integration_timeout)?;

        let logs = Logs::open(data.join("logs"), console.clone()).map_err(context("opening the log"))?;
        let logs = Arc::new(logs);
        let tables = TableStorage::open(&data.join("dynamodb.sqlite"), &template.tables);
        let tables = Arc::new(tables.map_err(context("opening the tables"))?);
        let rights = Arc::new(Rights::new(&template, credentials.clone(), console.clone()));
        let objects = ObjectStorage::open(&data.join("s3"), &template.buckets, &rights);
        let objects = objects.map_err(context("opening the buckets"))?;
        let (registry, containers) = image_registry(&template, &options, &endpoint).await?;
        let callers = Callers::new(&options.allowed_hosts);
        let parts = Parts {
            console: console.clone(),
            callers: callers.clone(),
            logs: Arc::clone(&logs),
            common: Common {
                region: options.region.clone(),
                rights: Arc::clone(&rights),
                endpoint: endpoint.clone(),
                temporary: data.join("tmp"),
                cache: options.cache.clone(),
            },
            layers: Arc::new(Layers::start(&template.layers, &options, &console)),
            images: Arc::new(containers.clone()),
        };
        let builds = Builds::new(&template, Arc::clone(&parts.layers), parts.common.clone(), &options);
        let lambda = Lambda::open(&template, &options, parts).await.map_err(context("opening the functions"))?;
        prune(containers, lambda.image_digests(), console.clone());
        let stop = CancellationToken::new();
        let invoke: Arc<dyn Invoke> = Arc::new(Arc::clone(&lambda));
        logs.subscribe(&template.subscriptions, &invoke, &stop).map_err(context("opening the log's subscriptions"))?;
        let builds = code_build(&template, &options, builds)?;
        let states = state_machines(&template, &options, invoke, Arc::clone(&builds), Arc::clone(&rights))?;
        let api = Arc::new(AwsApi {
            region: options.region.clone(),
            rights: Arc::clone(&rights),
            tables: Arc::clone(&tables),
            objects,
            lambda: Arc::clone(&lambda),
            json: vec![
                ("states", Arc::new(services::States(Arc::clone(&states)))),
                ("codebuild", Arc::new(services::Builder(Arc::clone(&builds)))),
                ("ecr", Arc::new(registry.clone())),
            ],
            downloads: Some(Arc::new(registry)),
            console: console.clone(),
        });
        let gateway = Gateway::new(&template, callers, Arc::clone(&lambda), console.clone());
        let gateway = Arc::new(gateway.map_err(|message| StartError::Io { what: message, error: io::Error::other("routes") })?);
        let servers = TaskTracker::new();
        servers.spawn(serve(internal, stop.clone(), move |request, peer| Arc::clone(&api).handle(request, peer)));
        let answer = move |request, peer| {
            let gateway = Arc::clone(&gateway);
            async move { gateway.handle(request, peer).await }
        };
        // Browsers and some clients try IPv6 first. Where it is not to be had, they come back to IPv4.
        if let Ok(listener) = TcpListener::bind(("::1", port)).await {
            servers.spawn(serve(listener, stop.clone(), answer.clone()));
        }
        servers.spawn(serve(public, stop.clone(), answer));
        steps::show(&console);
        let resumed = states.resume().await.map_err(|error| StartError::States(error.to_string()))?;
        if resumed > 0 {
            console.notice(format!("{resumed} executions go on where the last run left them"));
        }
        schedules::start(&template.functions, &lambda, &options.region, options.first_schedule_delay, &console, &stop);

        let rights_report = options.rights_report;
        let running = Running { pid: std::process::id(), url, aws_port, region: options.region };
        let bytes = serde_json::to_vec_pretty(&running).map_err(io::Error::other).map_err(context("writing cloud.json"))?;
        atomic_file::write(&data.join("cloud.json"), &bytes).map_err(context("writing cloud.json"))?;
        Ok(Self {
            running,
            template,
            credentials,
            rights,
            rights_report,
            lambda,
            logs,
            tables,
            states,
            builds,
            console,
            stop,
            servers,
            _lock: lock,
        })
    }

    /// The address of the HTTP API, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.running.url
    }

    /// The address of the AWS APIs, as `AWS_ENDPOINT_URL` says it to functions.
    pub fn aws_endpoint(&self) -> String {
        self.running.aws_endpoint()
    }

    /// The variables with which an AWS SDK outside of a function speaks to this cloud.
    pub fn aws_environment(&self) -> Vec<(&'static str, String)> {
        self.running.aws_environment(&self.credentials)
    }

    /// The template as it was read.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Who may do what.
    pub fn rights(&self) -> &Rights {
        &self.rights
    }

    /// The functions.
    pub fn lambda(&self) -> &Arc<Lambda> {
        &self.lambda
    }

    /// The log.
    pub fn logs(&self) -> &Arc<Logs> {
        &self.logs
    }

    /// The screen.
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// Ends the cloud in order: nothing new is taken, running requests may end, every process is gone when it returns.
    pub async fn shutdown(self) {
        self.stop.cancel();
        // Executions first: what they wait for is about to end, and that is no failure of theirs.
        let _ = tokio::time::timeout(Duration::from_secs(3), self.states.close()).await;
        let _ = tokio::time::timeout(Duration::from_secs(5), self.builds.close()).await;
        self.servers.close();
        let _ = tokio::time::timeout(Duration::from_secs(4), self.servers.wait()).await;
        self.lambda.shutdown().await;
        let tables = Arc::clone(&self.tables);
        let _ = tokio::task::spawn_blocking(move || tables.shutdown()).await;
        if let Some(folder) = &self.rights_report
            && let Err(error) = self.rights.report(folder)
        {
            self.console.problem(format!("the report of rights could not be written into {}: {error}", folder.display()));
        }
        self.console.flush();
    }
}

/// The cloud that runs on a data folder, if one does.
pub fn find_running(data: &Path) -> Option<Running> {
    let file = File::open(data.join("lock")).ok()?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => read_running(data),
        _ => None,
    }
}

fn read_running(data: &Path) -> Option<Running> {
    serde_json::from_slice(&std::fs::read(data.join("cloud.json")).ok()?).ok()
}

/// Opens the registry, with the template's repositories and the base image in each, and the store of unpacked images.
async fn image_registry(template: &Template, options: &Options, endpoint: &str) -> Result<(Ecr, Containers), StartError> {
    let registry = Ecr::open(&options.data.join("ecr"), endpoint, &options.region);
    let registry = registry.map_err(context("opening the registry"))?;
    let base = match &options.base_image {
        Some(base) if !template.repositories.is_empty() => Some(describe_machine(base, options).await?),
        _ => None,
    };
    for repository in &template.repositories {
        let failed = |error: AwsError| StartError::Repository { name: repository.clone(), error };
        match registry.handle("CreateRepository", json!({ "repositoryName": repository })) {
            Ok(_) => {}
            Err(error) if error.code == "RepositoryAlreadyExistsException" => {}
            Err(error) => return Err(failed(error)),
        }
        if let Some(base) = &base {
            registry.seed_base_image(repository, base).map_err(failed)?;
        }
    }
    let containers = Containers::open(&options.data.join("rootfs"), registry.clone());
    Ok((registry, containers.map_err(context("opening the unpacked images"))?))
}

/// This machine as a base image: where its Python is, and which one it is.
async fn describe_machine(base: &BaseImage, options: &Options) -> Result<crate::ecr::BaseImage, StartError> {
    let script = "import sys; print(sys.executable); print('%d.%d' % sys.version_info[:2])";
    let output = tokio::process::Command::new(&options.python).args(["-c", script]).output().await;
    let output = output.map_err(context(&format!("starting {}", options.python)))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    let (Some(path), Some(version)) = (lines.next(), lines.next()) else {
        let error = io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        return Err(context(&format!("asking {} where it is", options.python))(error));
    };
    Ok(crate::ecr::BaseImage {
        tag: base.tag.clone(),
        environment: [(base.python_variable.clone(), path.to_owned())].into(),
        labels: [(base.python_version_label.clone(), version.to_owned())].into(),
        file: ("etc/image-base".into(), "This image stands for the machine that it runs on.\n".into()),
    })
}

/// Removes unpacked images that no function can be started from, in the background.
fn prune(containers: Containers, in_use: HashSet<String>, console: Console) {
    std::thread::spawn(move || {
        if let Err(error) = containers.prune(&in_use) {
            console.problem(format!("unpacked images that nothing needs could not be removed: {error}"));
        }
    });
}

fn code_build(template: &Template, options: &Options, builds: Builds) -> Result<Arc<CodeBuild>, StartError> {
    let projects = template.projects.iter().map(|project| Project::read(&project.name, &project.properties));
    let projects = projects.collect::<Result<Vec<_>, _>>().map_err(StartError::States)?;
    Ok(CodeBuild::new(&options.region, ACCOUNT_ID, projects, Arc::new(builds), Arc::new(SystemClock)))
}

fn state_machines(
    template: &Template,
    options: &Options,
    invoke: Arc<dyn Invoke>,
    builds: Arc<CodeBuild>,
    rights: Arc<Rights>,
) -> Result<Arc<StepFunctions>, StartError> {
    let mut machines = Vec::new();
    for machine in &template.state_machines {
        let definition = Definition::load(&machine.definition.to_string())
            .map_err(|problems| StartError::States(format!("state machine {}: {}", machine.logical_id, problems.0.join("; "))))?;
        machines.push(step_functions::StateMachine {
            name: machine.name.clone(),
            role_arn: machine.role.clone(),
            definition: Arc::new(definition),
        });
    }
    let settings = step_functions::Options::new(options.data.join("states"), options.region.clone(), ACCOUNT_ID);
    let opened = StepFunctions::open(settings, machines, step_functions::Integrations { invoke, builds, rights });
    opened.map(Arc::new).map_err(|error| StartError::States(format!("opening the executions: {error}")))
}

fn make_folder(path: &Path) -> Result<PathBuf, StartError> {
    std::fs::create_dir_all(path).map_err(context(&format!("making {}", path.display())))?;
    path.canonicalize().map_err(context(&format!("finding {}", path.display())))
}

fn lock(data: &Path) -> Result<File, StartError> {
    let path = data.join("lock");
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = file.map_err(context("opening the lock of the data folder"))?;
    let mut locked = file.try_lock();
    for _ in 0..LOCK_ATTEMPTS {
        // Somebody who only looks whether a cloud runs holds it for a moment.
        if !matches!(locked, Err(TryLockError::WouldBlock)) {
            break;
        }
        std::thread::sleep(LOCK_PAUSE);
        locked = file.try_lock();
    }
    match locked {
        Ok(()) => {
            let write = (|| {
                file.set_len(0)?;
                file.seek(SeekFrom::Start(0))?;
                file.write_all(std::process::id().to_string().as_bytes())
            })();
            write.map_err(context("writing the lock of the data folder"))?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = file.read_to_string(&mut text);
            let pid = text.trim().parse().unwrap_or(0);
            let url = read_running(data).map(|running| running.url).unwrap_or_else(|| "still starting".into());
            Err(StartError::Running { folder: data.display().to_string(), pid, url })
        }
        Err(TryLockError::Error(error)) => Err(context("locking the data folder")(error)),
    }
}

fn context(what: &str) -> impl FnOnce(io::Error) -> StartError + use<'_> {
    move |error| StartError::Io { what: what.to_owned(), error }
}
