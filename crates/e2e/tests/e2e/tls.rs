//! TLS to clients and to servers, by psql and by what the servers say of it.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::time::Duration;

use afterwrite_cluster::Plan;

use crate::cli::afterwrite_run;
use crate::support::{Bed, Checks, Ran, eventually, run};

/// A certificate that vouches for itself, and its key.
pub(crate) fn certify(folder: &Path, name: &str) -> [String; 2] {
    let [certificate, key] =
        ["crt", "key"].map(|end| folder.join(format!("{name}.{end}")).display().to_string());
    run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ],
        "",
    )
    .ok();
    [certificate, key]
}

fn psql(port: u16, more: &str, sql: &str) -> Ran {
    let to = format!("host=localhost port={port} user=app dbname=app sslcert=/nowhere {more}");
    run("psql", &["-XAtq", "-d", &to, "-c", sql], "")
}

#[expect(clippy::needless_pass_by_value, reason = "what is compared is made on the spot")]
fn equal<T: PartialEq + std::fmt::Debug>(checks: &mut Checks, name: &str, found: T, expected: T) {
    checks.that(name, found == expected, &format!("{found:?}, not {expected:?}"));
}

/// Turns TLS on in every server.
async fn encrypt(bed: &Bed, folder: &Path) {
    let [certificate, key] = certify(folder, "server");
    for server in bed.cluster.servers() {
        let data = server.data_dir();
        let owner = fs::metadata(data).unwrap();
        for (from, to) in [(&certificate, "server.crt"), (&key, "server.key")] {
            let to = data.join(to);
            fs::copy(from, &to).unwrap();
            chown(&to, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        server.query("ALTER SYSTEM SET ssl = on").await.unwrap();
        server.query("SELECT pg_reload_conf()").await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_are_encrypted_as_they_are_told() {
    let mut checks = Checks::default();
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan { replicas: 1, ..Plan::default() };
    let bed = Bed::with(plan, &["--set", "cluster.tls.mode=disable"]).await;
    encrypt(&bed, folder.path()).await;
    let [certificate, key] = certify(folder.path(), "proxy");
    let root = folder.path().join("server.crt").display().to_string();
    let proxy = bed
        .another(&[
            "--set",
            &format!("clients.tls.certificate={certificate}"),
            "--set",
            &format!("clients.tls.key={key}"),
            "--set",
            "clients.tls.mode=require",
            "--set",
            "cluster.tls.mode=verify-ca",
            "--set",
            &format!("cluster.tls.root_ca={root}"),
        ])
        .await;
    let port = proxy.port();

    let refused = psql(port, "sslmode=disable", "SELECT 1");
    let told = "this proxy is spoken to over TLS only";
    checks.that("clear text is refused", refused.err.contains(told), &refused.err);
    for mode in ["allow", "prefer", "require"] {
        let ran = psql(port, &format!("sslmode={mode}"), "SELECT 1");
        equal(&mut checks, &format!("sslmode={mode}"), ran.out.trim(), "1");
    }
    let full = format!("sslmode=verify-full sslrootcert={certificate}");
    equal(&mut checks, "verify-full", psql(port, &full, "SELECT 1").out.trim(), "1");
    let stranger = format!("sslmode=verify-ca sslrootcert={root}");
    let refused = psql(port, &stranger, "SELECT 1");
    checks.that("another's root", refused.err.contains("certificate verify failed"), &refused.err);

    let ssl = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    equal(&mut checks, "the read's server", psql(port, &full, ssl).out.trim(), "t");
    let written = psql(port, &full, &format!("CREATE TABLE t AS {ssl}; TABLE t"));
    equal(&mut checks, "the write's server", written.out.trim(), "t");
    let clear = psql(bed.proxy.port(), "sslmode=disable", ssl);
    equal(&mut checks, "a proxy that was told otherwise", clear.out.trim(), "f");

    // Far more than any buffer, in both directions.
    let rows = psql(port, &full, "SELECT repeat('x', 100) FROM generate_series(1, 200000)");
    equal(&mut checks, "a large result", rows.out.len(), 200_000 * 101);
    let to =
        format!("host=localhost port={port} user=app dbname=app sslcert=/nowhere sslmode=require");
    let script = "CREATE TABLE c (n int);\n\\copy c FROM PROGRAM 'seq 500000'\n\
                  SELECT count(*), sum(n) FROM c;\n";
    let copied = run("psql", &["-XAtq", "-d", &to, "-f", "-"], script);
    equal(&mut checks, "a large COPY", copied.out.trim(), "500000|125000250000");

    demand_tls(&bed).await;
    for (name, ready, args) in [
        ("verify-ca", true, &["--set", "cluster.tls.mode=verify-ca", "--set", &trusts(&root)][..]),
        ("prefer", true, &["--set", "cluster.tls.mode=prefer"]),
        ("allow", true, &["--set", "cluster.tls.mode=allow"]),
        ("disable", false, &["--set", "cluster.tls.mode=disable"]),
        (
            "a stranger's root",
            false,
            &["--set", "cluster.tls.mode=verify-ca", "--set", &trusts(&certificate)],
        ),
    ] {
        let ran = afterwrite_run(&[&["check", &bed.cluster.url()], args].concat());
        let good = (ran.code == Some(0)) == ready;
        checks.that(&format!("check, {name}"), good, &format!("{ran:?}"));
    }
}

fn trusts(root: &str) -> String {
    format!("cluster.tls.root_ca={root}")
}

/// From now on every server lets the user of the cluster in over TLS only.
async fn demand_tls(bed: &Bed) {
    for server in bed.cluster.servers() {
        let rules = server.data_dir().join("pg_hba.conf");
        let before = fs::read_to_string(&rules).unwrap();
        fs::write(&rules, format!("hostnossl all app all reject\n{before}")).unwrap();
        server.query("SELECT pg_reload_conf()").await.unwrap();
    }
    let plain = || async { psql_direct(bed, "sslmode=disable").code != Some(0) };
    eventually("clear text is refused", Duration::from_secs(10), plain).await;
}

fn psql_direct(bed: &Bed, more: &str) -> Ran {
    let ports = bed.cluster.servers().map(afterwrite_cluster::Server::port);
    let ran = ports.map(|port| psql(port, more, "SELECT 1"));
    // One that let us in, if any did.
    ran.min_by_key(|it| it.code != Some(0)).unwrap()
}
