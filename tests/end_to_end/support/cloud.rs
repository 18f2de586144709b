//! A laptop cloud in a process of its own, so that it can be killed.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::Client;

/// Data folders lie beside the package cache, so that packages can be linked instead of copied.
const FOLDER: &str = env!("CARGO_TARGET_TMPDIR");

pub struct Cloud {
    process: Child,
    data: PathBuf,
    options: Vec<String>,
    folder: Option<TempDir>,
    pub client: Client,
}

impl Cloud {
    /// A cloud in an empty data folder that is removed with it.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further options of the command line.
    pub fn start_with(options: &[&str]) -> Self {
        let folder = TempDir::with_prefix_in("cloud-", FOLDER).unwrap();
        let data = folder.path().to_owned();
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let (process, url) = spawn(&data, &options);
        Self { process, data, options, folder: Some(folder), client: Client::new(url) }
    }

    /// The cloud that tests share which leave nothing behind that another would notice.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cloud> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The cloud's own process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// SIGKILL: no goodbye.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again over the same data. The API may get another port.
    pub fn start_again(&mut self) {
        let (process, url) = spawn(&self.data, &self.options);
        self.process = process;
        self.client = Client::new(url);
    }

    /// The ids of the processes that work in this cloud's data folder, the cloud's own excepted.
    pub fn processes(&self) -> Vec<u32> {
        let data = self.data.to_string_lossy().into_owned();
        let own = self.process.id();
        std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
            .filter(|process| *process != own && *process != std::process::id())
            .filter(|process| {
                let read = |file: &str| std::fs::read(format!("/proc/{process}/{file}")).unwrap_or_default();
                let text = [read("cmdline"), read("environ")].concat();
                String::from_utf8_lossy(&text).contains(&data)
            })
            .collect()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        // Closing its standard input asks it to stop; the folder goes once it has.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
        drop(self.folder.take());
    }
}

fn spawn(data: &Path, options: &[String]) -> (Child, String) {
    let cache = Path::new(FOLDER).join("cache");
    let log = std::fs::OpenOptions::new().create(true).append(true).open(data.join("cloud.log")).unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_serveml"))
        .args(["serve", "--port", "0", "--until-input-closes", "--data"])
        .arg(data)
        .arg("--cache")
        .arg(cache)
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let url = lines
        .find_map(|line| line.unwrap().split_whitespace().find(|word| word.starts_with("http://localhost:")).map(str::to_owned))
        .unwrap_or_else(|| panic!("the cloud did not start: {}", std::fs::read_to_string(data.join("cloud.log")).unwrap_or_default()));
    // The rest is read and thrown away, so that the cloud never waits for a reader.
    std::thread::spawn(move || lines.for_each(drop));
    (process, url)
}
