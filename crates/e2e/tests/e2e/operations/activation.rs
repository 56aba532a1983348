//! Sockets that a service manager listened on (`LISTEN_FDS`).

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use afterwrite_cluster::{Cluster, Plan};

use crate::support::{Checks, Proxy, Raw, psql};

#[tokio::test(flavor = "multi_thread")]
async fn sockets_of_the_service_manager_are_used_and_stay_its_own() {
    let cluster = Cluster::start(Plan { replicas: 0, ..Plan::default() }, &|_| ()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(".s.PGSQL.6432");
    let address = file.to_str().unwrap();
    let (tcp, unix) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), UnixListener::bind(&file).unwrap());
    let port = tcp.local_addr().unwrap().port();
    let sockets =
        || -> [OwnedFd; 2] { [tcp.try_clone().unwrap().into(), unix.try_clone().unwrap().into()] };
    let local = format!("host={} port=6432 user=app dbname=app", folder.path().display());
    let mut checks = Checks::default();

    // Who comes before the proxy runs waits in the manager's socket, and is served.
    let early = tokio::spawn(Raw::login(port, &[]));
    let both = format!("127.0.0.1:{port}");
    let args = [&cluster.url(), "--listen", &both, "--listen", address];
    let mut proxy = Proxy::activate(&args, sockets()).await;
    checks
        .run("TCP", async {
            assert_eq!(early.await.unwrap().ask("SELECT 1").await, ["1"]);
        })
        .await;
    let ran = psql(&local, "SELECT 2");
    checks.that("Unix", ran.out.contains('2') && ran.code == Some(0), &format!("{ran:?}"));
    let (code, _) = proxy.end("TERM", Duration::from_secs(10)).await;
    checks.that("it ends well", code == Some(0), &format!("{code:?}"));
    checks.that("the file is the manager's", file.exists(), address);

    // The next process, after the first has ended or crashed, is given the same ones.
    let args = [&cluster.url(), "--listen", &both];
    let mut proxy = Proxy::activate(&args, sockets()).await;
    checks
        .run("once more", async {
            assert_eq!(Raw::login(port, &[]).await.ask("SELECT 3").await, ["3"]);
        })
        .await;
    let log = proxy.log().join("\n");
    let told = log.lines().any(|line| line.contains("WARN") && line.contains(address));
    checks.that("one that is not in `listen` is named", told, &log);
    checks.that("and its file is left alone", file.exists(), address);
    proxy.end("TERM", Duration::from_secs(10)).await;

    // Handed over from process to process it is still the manager's.
    let restart = folder.path().join("restart");
    let restart = format!("restart_socket={}", restart.display());
    let args = [&cluster.url(), "--listen", &both, "--listen", address, "--set", &restart];
    let mut first = Proxy::activate(&args, sockets()).await;
    let mut second = Proxy::takes_over(&args).await;
    first.ended(Duration::from_secs(10)).await;
    let ran = psql(&local, "SELECT 4");
    checks.that("after a takeover", ran.code == Some(0), &format!("{ran:?}"));
    second.end("TERM", Duration::from_secs(10)).await;
    checks.that("the file outlives both", file.exists(), address);
}
