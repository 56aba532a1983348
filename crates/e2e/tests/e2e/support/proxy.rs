//! A running `afterwrite serve`.

use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{ANSWER_MAX, Metrics, afterwrite};

/// Lines of its log that are shown when a test fails.
const TAIL: usize = 60;

/// A proxy on free ports. It ends with this value.
pub(crate) struct Proxy {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    port: u16,
    metrics_port: u16,
}

impl Proxy {
    /// Starts `afterwrite serve ARGS…` and waits until it is ready.
    pub(crate) async fn start(args: &[&str]) -> Self {
        Self::start_with(args, &[]).await
    }

    /// As [`Proxy::start`], with these in its environment.
    pub(crate) async fn start_with(args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut proxy = Self::spawn_with(args, environment);
        proxy.port = proxy.port_in("listening for clients", "address=").await;
        proxy.metrics_port = proxy.port_in("metrics at", "http://").await;
        proxy.wait_for_log("ready").await;
        proxy
    }

    /// As [`Proxy::start`], without waiting.
    pub(crate) fn spawn(args: &[&str]) -> Self {
        Self::spawn_with(args, &[])
    }

    /// As [`Proxy::start_with`], without waiting.
    pub(crate) fn spawn_with(args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(afterwrite());
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
            .args(args)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Self::run(command)
    }

    /// Starts `afterwrite serve ARGS…` as a service manager does that has listened on
    /// these sockets, and waits until it is ready.
    pub(crate) async fn activate(args: &[&str], sockets: [OwnedFd; 2]) -> Self {
        // As its input and output they come through; what counts is where they are then.
        const AS_A_MANAGER: &str =
            "LISTEN_PID=$$ LISTEN_FDS=2 exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null";
        let [first, second] = sockets.map(Stdio::from);
        let mut command = Command::new("sh");
        command
            .args(["-c", AS_A_MANAGER, "sh"])
            .arg(afterwrite())
            .args(["serve", "--metrics-listen", "127.0.0.1:0"])
            .args(args)
            .stdin(first)
            .stdout(second);
        let mut proxy = Self::run(command);
        proxy.wait_for_log("ready").await;
        proxy
    }

    /// Starts `afterwrite serve --takeover ARGS…` and waits until it is ready.
    pub(crate) async fn takes_over(args: &[&str]) -> Self {
        let mut command = Command::new(afterwrite());
        command
            .args(["serve", "--takeover", "--metrics-listen", "127.0.0.1:0"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let mut proxy = Self::run(command);
        proxy.wait_for_log("ready").await;
        proxy
    }

    fn run(mut command: Command) -> Self {
        let mut child = command
            .env_remove("DATABASE_URL")
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, sink) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                sink.lock().unwrap().push(line);
            }
        });
        Self { child, log, port: 0, metrics_port: 0 }
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// The first line of its log that contains `text`.
    pub(crate) async fn wait_for_log(&mut self, text: &str) -> String {
        let end = Instant::now() + ANSWER_MAX;
        loop {
            if let Some(line) = self.log().into_iter().find(|line| line.contains(text)) {
                return line;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < end,
                "no log line with {text:?} (ended: {ended:?}):\n{}",
                self.log().join("\n")
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn port_in(&mut self, text: &str, before: &str) -> u16 {
        let line = self.wait_for_log(text).await;
        let address = line.split(before).nth(1).unwrap_or_default();
        let port = address.split(':').nth(1).unwrap_or_default();
        let digits: String = port.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_else(|_| panic!("no port in {line:?}"))
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The application's URL through this proxy, without a password.
    pub(crate) fn url(&self) -> String {
        format!("postgres://app@127.0.0.1:{}/app", self.port)
    }

    /// As [`Proxy::url`], with the password.
    pub(crate) fn url_with(&self, password: &str) -> String {
        format!("postgres://app:{password}@127.0.0.1:{}/app", self.port)
    }

    /// Where its metrics are.
    pub(crate) fn metrics_url(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.metrics_port)
    }

    pub(crate) async fn metrics(&self) -> Metrics {
        Metrics::scrape(self.metrics_port).await
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Memory in use now, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Sends a signal (`TERM`, `INT`) and waits for the end: its exit code, and how
    /// long it took.
    pub(crate) async fn end(&mut self, signal: &str, limit: Duration) -> (Option<i32>, Duration) {
        self.signal(signal);
        self.ended(limit).await
    }

    /// Sends a signal (`HUP`, `USR1`).
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.pid().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end: its exit code, and how long it took.
    pub(crate) async fn ended(&mut self, limit: Duration) -> (Option<i32>, Duration) {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), begin.elapsed());
            }
            assert!(begin.elapsed() < limit, "process {} still runs after {limit:?}", self.pid());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log.lock().map(|log| log.clone()).unwrap_or_default();
            let skipped = log.len().saturating_sub(TAIL);
            let shown: Vec<&str> = log.iter().skip(skipped).map(String::as_str).collect();
            println!("--- the proxy's log, {skipped} lines skipped ---\n{}", shown.join("\n"));
        }
    }
}
