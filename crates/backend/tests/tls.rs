//! A real server with TLS, in each mode. One server for all: starting it is what
//! takes the time.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use afterwrite_backend::{
    Cluster, Connection, Login, Order, PoolSettings, Pools, WatchSettings, cancel,
};
use afterwrite_cluster as real;
use afterwrite_net::tls::{Connector, ConnectorSettings, RootCa, ServerMode};
use afterwrite_types::Sequence;
use afterwrite_wire::password::Secret;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use ServerMode::{Allow, Disable, Prefer, Require, VerifyCa, VerifyFull};

const PASSWORD: &str = "not a real one";
const LIMIT: Duration = Duration::from_secs(5);

/// A server with TLS, an authority that vouches for it, and one that does not.
struct Bench {
    cluster: real::Cluster,
    folder: TempDir,
}

impl Bench {
    async fn start() -> Self {
        let plan = real::Plan {
            replicas: 0,
            password: Some(PASSWORD.to_owned()),
            ..real::Plan::default()
        };
        let cluster = real::Cluster::start(plan, &|_| ()).await.unwrap();
        let bench = Self { cluster, folder: TempDir::new().unwrap() };
        let ours = bench.authority("ours");
        bench.authority("other");
        let data = bench.cluster.primary().data_dir();
        let of_server = &["localhost", "127.0.0.1"];
        issue(&ours, of_server, "server", &data.join("server.crt"), &data.join("server.key"));
        give_away(data, "root.crt", &fs::read(bench.path("ours.crt")).unwrap());
        for name in ["server.crt", "server.key"] {
            give_away(data, name, &fs::read(data.join(name)).unwrap());
        }
        issue(&ours, &[], "app", &bench.path("app.crt"), &bench.path("app.key"));
        bench.configure("ssl", "on").await;
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn authority(&self, name: &str) -> Issuer<'static, KeyPair> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(self.path(&format!("{name}.crt")), certificate.pem()).unwrap();
        Issuer::new(params, key)
    }

    async fn configure(&self, name: &str, value: &str) {
        let primary = self.cluster.primary();
        primary.query(&format!("ALTER SYSTEM SET {name} = '{value}'")).await.unwrap();
        self.reload().await;
    }

    async fn reload(&self) {
        self.cluster.primary().query("SELECT pg_reload_conf()").await.unwrap();
        // The postmaster takes it up a moment later.
        sleep(Duration::from_millis(300)).await;
    }

    /// From now on the application gets in by these rules only.
    async fn rules(&self, lines: &str) {
        let data = self.cluster.primary().data_dir();
        let text = format!("local all all trust\nhost all postgres all trust\n{lines}\n");
        give_away(data, "pg_hba.conf", text.as_bytes());
        self.reload().await;
    }

    fn settings(&self, mode: ServerMode, authority: Option<&str>) -> ConnectorSettings {
        let root_ca = authority.map(|name| RootCa::File(self.path(&format!("{name}.crt"))));
        ConnectorSettings { mode, root_ca, ..ConnectorSettings::default() }
    }

    fn pools(&self, host: &str, settings: &ConnectorSettings) -> Watched {
        let tls = Arc::new(Connector::new(settings).unwrap());
        let login = || Login::new("app".to_owned(), Some(Secret::new(PASSWORD)), "app".to_owned());
        let nodes = [(host.to_owned(), self.cluster.primary().port())];
        let cluster = Cluster::new(&nodes, &tls, login(), Arc::new(Sequence::default()), watch());
        let pools = Pools::new(&cluster, login(), pool(), &[]);
        let running = tokio::spawn(Arc::clone(&cluster).run());
        Watched { cluster, pools, running }
    }

    /// What `pg_stat_ssl` says of our connection, or why there is none.
    async fn ask(&self, host: &str, settings: &ConnectorSettings) -> String {
        let found = self.pools(host, settings);
        found.cluster.settle(LIMIT).await;
        let status = found.cluster.status();
        if let Some(error) = status.iter().find_map(|node| node.error.clone()) {
            return error;
        }
        let mut link = match found.pools.claim_primary().await {
            Ok(link) => link,
            Err(error) => return error.to_string(),
        };
        let sql = "SELECT concat_ws(' ', version, cipher, client_dn) FROM pg_stat_ssl \
                   WHERE pid = pg_backend_pid()";
        let said = link.ask(sql, LIMIT).await.unwrap().unwrap_or_default();
        assert_eq!(link.stream.is_tls(), !said.is_empty());
        check_cancel(&mut link).await;
        said
    }

    async fn check(&self, host: &str, settings: &ConnectorSettings, expected: &str) {
        let said = self.ask(host, settings).await;
        let fits = if expected.is_empty() { said.is_empty() } else { said.contains(expected) };
        assert!(fits, "{:?} {host}: {said:?}, not {expected:?}", settings.mode);
    }
}

/// Pools, and the task that watches their node.
struct Watched {
    cluster: Arc<Cluster>,
    pools: Arc<Pools>,
    running: tokio::task::JoinHandle<()>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn watch() -> WatchSettings {
    WatchSettings {
        connect_timeout: LIMIT,
        idle_interval: Duration::from_secs(1),
        busy_interval: Duration::from_millis(20),
        waiting_interval: Duration::from_millis(1),
        probe_timeout: LIMIT,
    }
}

fn pool() -> PoolSettings {
    PoolSettings {
        size: 2,
        min_size: 0,
        reserve_size: 0,
        reserve_timeout: LIMIT,
        fallback_size: 1,
        queue_max: 10,
        wait_timeout: LIMIT,
        connect_timeout: LIMIT,
        login_retry: Duration::from_secs(1),
        idle_timeout: Duration::from_mins(1),
        lifetime_max: Duration::from_mins(1),
        check_after: Duration::ZERO,
        check_query: String::new(),
        connect_query: String::new(),
        order: Order::Lifo,
        prepared_max: 10,
    }
}

fn issue(
    issuer: &Issuer<'static, KeyPair>,
    names: &[&str],
    name: &str,
    certificate: &Path,
    key: &Path,
) {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    let own = KeyPair::generate().unwrap();
    fs::write(certificate, params.signed_by(&own, issuer).unwrap().pem()).unwrap();
    fs::write(key, own.serialize_pem()).unwrap();
}

/// Writes a file of the server's, who is another user if we are root.
fn give_away(data: &Path, name: &str, bytes: &[u8]) {
    let path = data.join(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let owner = fs::metadata(data).unwrap();
    chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
}

/// A cancel request takes the same way as its connection, and hits it.
async fn check_cancel(link: &mut Connection) {
    let target = Arc::clone(&link.target);
    let sleeping = link.ask("SELECT pg_sleep(30)", LIMIT);
    let cancelling = async {
        sleep(Duration::from_millis(100)).await;
        cancel(&target, LIMIT).await.unwrap();
    };
    let (slept, ()) = tokio::join!(sleeping, cancelling);
    assert!(slept.unwrap_err().to_string().contains("57014"));
}

#[tokio::test]
async fn a_real_server_in_each_mode() {
    let bench = Bench::start().await;
    let tls = "TLSv1.3 TLS_AES_256_GCM_SHA384";
    let (ip, name) = ("127.0.0.1", "localhost");
    let socket = bench.cluster.socket_dir().display().to_string();

    // The server takes both.
    bench.check(ip, &bench.settings(Disable, None), "").await;
    bench.check(ip, &bench.settings(Allow, None), "").await;
    bench.check(ip, &bench.settings(Prefer, None), tls).await;
    bench.check(ip, &bench.settings(Require, None), tls).await;
    bench.check(ip, &bench.settings(VerifyCa, Some("ours")), tls).await;
    bench.check(name, &bench.settings(VerifyFull, Some("ours")), tls).await;
    bench.check(ip, &bench.settings(VerifyFull, Some("ours")), tls).await;
    // Over a Unix socket there is none, whatever the mode.
    bench.check(&socket, &bench.settings(VerifyFull, Some("ours")), "").await;
    let unknown = "is signed by nobody whom the configured authorities vouch for";
    bench.check(ip, &bench.settings(Require, Some("other")), unknown).await;
    bench.check(ip, &bench.settings(VerifyCa, Some("other")), unknown).await;
    // As with libpq: what was only preferred is not insisted on.
    bench.check(ip, &bench.settings(Prefer, Some("other")), "").await;

    // It has rules.
    bench.rules("hostssl all all all scram-sha-256").await;
    bench.check(ip, &bench.settings(Allow, None), tls).await;
    bench.check(ip, &bench.settings(Disable, None), "no encryption").await;
    bench.rules("hostnossl all all all scram-sha-256").await;
    bench.check(ip, &bench.settings(Prefer, None), "").await;
    bench.check(ip, &bench.settings(Require, None), "no pg_hba.conf entry").await;

    // It wants our certificate.
    bench.configure("ssl_ca_file", "root.crt").await;
    bench.rules("hostssl all all all cert").await;
    let shown = ConnectorSettings {
        certificate: Some(bench.path("app.crt")),
        key: Some(bench.path("app.key")),
        ..bench.settings(Require, None)
    };
    bench.check(ip, &shown, "CN=app").await;
    bench.check(ip, &bench.settings(Require, None), "valid client certificate").await;

    // It offers none.
    bench.rules("host all all all scram-sha-256").await;
    bench.configure("ssl", "off").await;
    bench.check(ip, &bench.settings(Prefer, None), "").await;
    bench.check(ip, &bench.settings(Require, None), "the server does not offer it").await;
    timeout(LIMIT, bench.cluster.stop()).await.unwrap().unwrap();
}
