//! What the service manager is told.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use afterwrite_cluster::{Cluster, Plan};

use crate::support::Proxy;

/// The next message that has a line that begins so.
fn next(socket: &UnixDatagram, beginning: &str) -> String {
    let mut buffer = [0; 1024];
    loop {
        let count = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("{beginning}: {error}"));
        let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
        if text.lines().any(|line| line.starts_with(beginning)) {
            return text;
        }
    }
}

#[tokio::test]
async fn the_service_manager_is_told() {
    let cluster = Cluster::start(Plan { replicas: 0, ..Plan::default() }, &|_| ()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "1000000")];
    let mut proxy = Proxy::start_with(&[&cluster.url()], &environment).await;
    let ready = next(&manager, "READY=1");
    assert!(ready.contains(&format!("MAINPID={}\n", proxy.pid())), "{ready}");
    next(&manager, "WATCHDOG=1");
    next(&manager, "WATCHDOG=1");
    proxy.signal("HUP");
    let reloading = next(&manager, "RELOADING=1");
    let micros = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    assert!(micros.unwrap().parse::<u64>().unwrap() > 0, "{reloading}");
    next(&manager, "READY=1");
    proxy.signal("TERM");
    next(&manager, "STOPPING=1");
    proxy.ended(Duration::from_secs(10)).await;
}

/// The manager must take the new process for the service, and not hear of the old one's
/// end as of the service's.
#[tokio::test]
async fn the_service_manager_is_told_who_has_taken_over() {
    let cluster = Cluster::start(Plan { replicas: 0, ..Plan::default() }, &|_| ()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [path, restart] = ["notify", "restart"].map(|name| folder.path().join(name));
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    // It reads all the time: only a few messages can wait for it.
    let reader = std::thread::spawn(move || {
        let (mut told, mut buffer) = (Vec::new(), [0; 1024]);
        loop {
            let count = manager.recv(&mut buffer).unwrap();
            match String::from_utf8_lossy(&buffer[..count]).into_owned() {
                end if end == "END" => return told,
                text => told.push(text),
            }
        }
    });
    let environment = [
        ("NOTIFY_SOCKET", path.to_str().unwrap()),
        ("AFTERWRITE_RESTART_SOCKET", restart.to_str().unwrap()),
    ];
    let mut first = Proxy::start_with(&[&cluster.url()], &environment).await;
    let mut second = Proxy::start_with(&[&cluster.url(), "--takeover"], &environment).await;
    first.ended(Duration::from_secs(10)).await;
    let named = format!("MAINPID={}", second.pid());
    second.signal("TERM");
    second.ended(Duration::from_secs(10)).await;
    UnixDatagram::unbound().unwrap().send_to(b"END", &path).unwrap();
    let told = reader.join().unwrap();
    let said = |wanted: &str| told.iter().filter(|it| it.starts_with(wanted)).count();
    assert!(told.contains(&named), "the first one names the second: {told:?}");
    assert_eq!(said(&format!("READY=1\n{named}\n")), 1, "and so does that one: {told:?}");
    assert_eq!(said("STOPPING=1"), 1, "of the second alone: {told:?}");
}
