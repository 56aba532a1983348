//! SIGHUP: what is wrong is named and changes nothing; what is right holds.

use std::path::Path;
use std::time::Duration;

use afterwrite_cluster::{Cluster, Plan};

use crate::support::{Checks, Proxy, Raw, eventually};

fn write(path: &Path, top: &str, more: &str, cluster: &Cluster) {
    let node = cluster.primary().port();
    let text = format!(
        "{top}\n\
         [cluster]\nnodes = [\"127.0.0.1:{node}\"]\nuser = \"app\"\ndatabase = \"app\"\n\
         [clients]\nauth = \"trust\"\n{more}\n"
    );
    std::fs::write(path, text).unwrap();
}

#[tokio::test]
async fn settings_change_while_clients_stay() {
    let cluster = Cluster::start(Plan { replicas: 0, ..Plan::default() }, &|_| ()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("afterwrite.toml");
    let mut checks = Checks::default();
    write(&path, "threads = 1", "connections_max = 2", &cluster);
    let mut proxy = Proxy::start(&["--config", path.to_str().unwrap()]).await;
    let port = proxy.port();
    let mut client = Raw::login(port, &[]).await;
    let other = Raw::login(port, &[]).await;
    let too_many = Raw::try_login(port, &[]).await.map(drop).map_err(|it| it.code());
    checks.that("the first limit", too_many == Err("53300".to_owned()), &format!("{too_many:?}"));

    write(&path, "threads = 1", "connections_max = -1\n[pool]\nsizes = 3", &cluster);
    proxy.signal("HUP");
    proxy.wait_for_log("the old one holds").await;
    let log = proxy.log().join("\n");
    for named in ["connections_max", "sizes"] {
        let told = log.lines().any(|line| line.contains("ERROR") && line.contains(named));
        checks.that(&format!("{named} is named"), told, &log);
    }
    let too_many = Raw::try_login(port, &[]).await.map(drop).map_err(|it| it.code());
    checks.that("it holds on", too_many == Err("53300".to_owned()), &format!("{too_many:?}"));

    for sql in [
        "CREATE TABLE locked (n int)",
        "CREATE FUNCTION take() RETURNS trigger LANGUAGE plpgsql \
         AS $$ BEGIN PERFORM pg_advisory_lock(7); RETURN NEW; END $$",
        "CREATE TRIGGER take BEFORE INSERT ON locked FOR EACH ROW EXECUTE FUNCTION take()",
    ] {
        client.ask(sql).await;
    }
    let wary = "connections_max = 3\n[log]\nlevel = \"warn\"\n[pool]\ninventory = \"always\"";
    write(&path, "threads = 1", wary, &cluster);
    proxy.signal("HUP");
    let limit = Duration::from_secs(10);
    eventually("the new limit", limit, || async { Raw::try_login(port, &[]).await.is_ok() }).await;
    checks
        .run("clients stay", async {
            assert_eq!(client.ask("SELECT 1").await, ["1"]);
        })
        .await;
    checks
        .run("and take up what holds for their database", async {
            client.ask("INSERT INTO locked VALUES (1)").await;
            // Whoever comes next would get the connection that was used last.
            let held = "SELECT count(*) FROM pg_locks \
                        WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
            assert_eq!(Raw::login(port, &[]).await.ask(held).await, ["0"]);
            assert_eq!(client.ask(held).await, ["1"]);
        })
        .await;
    drop(other);

    write(&path, "threads = 2", "connections_max = 3\n[log]\nlevel = \"warn\"", &cluster);
    proxy.signal("HUP");
    let line = proxy.wait_for_log("needs a restart").await;
    checks.that("what needs a restart", line.contains("threads"), &line);
}
