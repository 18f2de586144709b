//! A project of its own for each test: a folder with a template, and the cloud that runs it.

use std::path::Path;
use std::time::{Duration, Instant};

use local::cloud::{Cloud, StartError};
use local::options::Options;
use tempfile::TempDir;

/// A project folder.
pub struct Sandbox {
    pub folder: TempDir,
    template: String,
}

impl Sandbox {
    /// A project whose functions are named after their handlers; `functions` are lines of `name: properties`, to be put
    /// into the properties as they stand.
    pub fn new(functions: &[(&str, &str)], more: &str) -> Self {
        let mut template = String::from(
            "Transform: AWS::Serverless-2016-10-31\nGlobals:\n  Function:\n    Runtime: provided.al2023\n    CodeUri: \
             target/lambda/web/\n    Timeout: 5\nResources:\n  Api:\n    Type: AWS::Serverless::HttpApi\n    Properties: \
             {CorsConfiguration: {AllowOrigins: [\"https://page.example\"], AllowMethods: [GET]}}\n",
        );
        for (index, (handler, properties)) in functions.iter().enumerate() {
            template.push_str(&format!(
                "  F{index}:\n    Type: AWS::Serverless::Function\n    Properties:\n      FunctionName: {handler}\n      \
                 Handler: {handler}\n      Events:\n        Route: {{Type: HttpApi, Properties: {{ApiId: !Ref Api, Method: \
                 ANY, Path: /{handler}}}}}\n"
            ));
            for line in properties.lines() {
                template.push_str(&format!("      {line}\n"));
            }
        }
        template.push_str(more);
        Self { folder: tempfile::tempdir().unwrap(), template }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn options(&self) -> Options {
        let template = self.path().join("template.yaml");
        std::fs::write(&template, &self.template).unwrap();
        let mut options = Options::new(template).unwrap();
        options.port = 0;
        options.quiet = true;
        options.first_schedule_delay = Duration::from_millis(50);
        options.event_retry_delays = [Duration::from_millis(20); 2];
        options
    }

    pub async fn start(&self) -> Cloud {
        self.start_with(|_| {}).await
    }

    pub async fn start_with(&self, change: impl FnOnce(&mut Options)) -> Cloud {
        self.try_start(change).await.unwrap_or_else(|error| panic!("{error}\n{}", self.template))
    }

    pub async fn try_start(&self, change: impl FnOnce(&mut Options)) -> Result<Cloud, StartError> {
        let mut options = self.options();
        change(&mut options);
        Cloud::start(options).await
    }
}

/// Waits until something holds; panics when it does not within ten seconds.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < Duration::from_secs(10), "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a process is there (and not merely waiting to be collected).
pub fn is_alive(pid: i64) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat.rsplit_once(')').unwrap().1.trim_start().starts_with('Z'),
        Err(_) => nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), None).is_ok() && !cfg!(target_os = "linux"),
    }
}
