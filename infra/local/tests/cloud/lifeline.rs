//! A cloud that is killed leaves nothing behind.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::http::get;
use crate::sandbox::{Sandbox, eventually, is_alive};

/// The argument with which this program hosts a cloud: the template's folder follows.
pub const HOST: &str = "--host-a-cloud";

crate::tests![a_killed_cloud_leaves_no_process];

/// Hosts a cloud on the project folder in the second argument until it is killed; prints its address.
pub fn host() -> ! {
    let folder = std::env::args().nth(2).unwrap();
    let mut options = local::options::Options::new(std::path::Path::new(&folder).join("template.yaml")).unwrap();
    options.port = 0;
    options.quiet = true;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let cloud = local::cloud::Cloud::start(options).await.unwrap();
        println!("{}", cloud.url());
        std::future::pending::<()>().await;
    });
    unreachable!("a pending future does not end")
}

async fn a_killed_cloud_leaves_no_process() {
    let sandbox = Sandbox::new(&[("grandchild", ""), ("sleep", "")], "");
    sandbox.options();
    let mut host = Command::new(std::env::current_exe().unwrap()).arg(HOST).arg(sandbox.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(host.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let url = url.trim();
    let family = get(&format!("{url}/grandchild")).await.json();
    let pids = [family["pid"].as_i64().unwrap(), family["grandchild"].as_i64().unwrap()];
    let sleeper: i64 = get(&format!("{url}/sleep?ms=0")).await.text().parse().unwrap();
    assert!(pids.iter().chain([&sleeper]).all(|pid| is_alive(*pid)));
    kill(Pid::from_raw(host.id() as i32), Signal::SIGKILL).unwrap();
    host.wait().unwrap();
    eventually("the end of every process", async || !pids.iter().chain([&sleeper]).any(|pid| is_alive(*pid))).await;
    // The folder can be used again at once.
    let cloud = sandbox.start().await;
    assert_eq!(get(&format!("{}/sleep?ms=0", cloud.url())).await.status, 200);
    tokio::time::timeout(Duration::from_secs(10), cloud.shutdown()).await.unwrap();
}
