//! A real PostgreSQL, with each method of `pg_hba.conf`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use afterwrite_cluster::{Cluster, Plan, Server};

use super::*;

const HBA: &str = "\
host      all  trusted   127.0.0.1/32  trust\n\
host      all  cleared   127.0.0.1/32  password\n\
host      all  hashed    127.0.0.1/32  md5\n\
host      all  scrammed  127.0.0.1/32  md5\n\
host      all  strict    127.0.0.1/32  scram-sha-256\n\
hostssl   all  bound     127.0.0.1/32  scram-sha-256\n\
host      all  bound     127.0.0.1/32  reject\n";

const ROLES: &str = "\
SET password_encryption = 'md5';\
CREATE ROLE hashed LOGIN PASSWORD 'right';\
SET password_encryption = 'scram-sha-256';\
CREATE ROLE trusted LOGIN;\
CREATE ROLE cleared LOGIN PASSWORD 'right';\
CREATE ROLE scrammed LOGIN PASSWORD 'right';\
CREATE ROLE strict LOGIN PASSWORD 'right';\
CREATE ROLE bound LOGIN PASSWORD 'right';";

async fn start() -> Cluster {
    let plan = Plan { replicas: 0, ..Plan::default() };
    let cluster = Cluster::start(plan, &|_| ()).await.unwrap();
    let server = cluster.primary();
    let hba = server.data_dir().join("pg_hba.conf");
    let others = fs::read_to_string(&hba).unwrap();
    fs::write(&hba, format!("{HBA}{others}")).unwrap();
    server.query(&format!("DO $$ BEGIN {ROLES} END $$")).await.unwrap();
    reload(server).await;
    cluster
}

/// Makes the server read its files again, and waits until it has.
async fn reload(server: &Server) {
    let loaded = "SELECT pg_conf_load_time()";
    let before = server.query(loaded).await.unwrap();
    server.query("SELECT pg_reload_conf()").await.unwrap();
    while server.query(loaded).await.unwrap() == before {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn secret(server: &Server, role: &str) -> String {
    let sql = format!("SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'");
    server.query(&sql).await.unwrap()[0][0].clone().unwrap()
}

#[tokio::test]
async fn each_method() {
    let cluster = start().await;
    let server = cluster.primary();
    let check = async |user: &str, credentials: Credentials, expected: &str| {
        let kind = credentials.kind();
        let outcome = log_in(server.port(), &login(user, credentials), None).await;
        assert!(is(&outcome, expected), "{user} with {kind}: {outcome}");
    };
    check("trusted", Credentials::Nothing, "in").await;
    check("trusted", password("any"), "in").await;
    for user in ["cleared", "hashed", "scrammed", "strict"] {
        check(user, password("right"), "in").await;
        let denied = format!("password authentication failed for user \"{user}\" (SQLSTATE 28P01)");
        check(user, password("wrong"), &denied).await;
        let none = format!("none is known: give it as server_password in [users.{user}]");
        check(user, Credentials::Nothing, &none).await;
    }
    check("hashed", md5("hashed"), "in").await;
    check("hashed", md5("other"), "(SQLSTATE 28P01)").await;
    check("strict", md5("strict"), "and only an MD5 hash can be used").await;
    check("bound", password("right"), "pg_hba.conf rejects connection").await;

    // What a user proved against a copy of the server's secret opens the server;
    // what it proved against another secret for the same password does not.
    let keys = proven(&secret(server, "strict").await);
    check("strict", keys.clone(), "in").await;
    let copy = "the user logged in here by a SCRAM secret that is not the server's own";
    check("scrammed", keys, copy).await;
    check("cleared", proven(&secret(server, "cleared").await), "clear text").await;
}

#[tokio::test]
async fn rounds_are_done_once() {
    let cluster = start().await;
    let port = cluster.primary().port();
    let strict = login("strict", password("right"));
    let Credentials::Password(kept) = &strict.credentials else { panic!("not a password") };
    let keys = Keys::parse(&secret(cluster.primary(), "strict").await).unwrap();
    let client = ClientExchange::new(kept.clone(), "CLIENT");
    let challenge = ServerExchange::new(keys, "SERVER").first(&client.client_first()).unwrap();
    assert!(client.is_slow(&challenge), "nothing is derived yet");
    assert_eq!(log_in(port, &strict, None).await, "in");
    assert!(!client.is_slow(&challenge), "the next login finds the keys");
    assert_eq!(log_in(port, &strict, None).await, "in");
}

/// Something in front that speaks TLS to the server and clear text to us.
struct Relay {
    process: Child,
    port: u16,
}

impl Relay {
    fn start(folder: &Path, to: u16) -> Self {
        let script = folder.join("relay.py");
        fs::write(&script, RELAY).unwrap();
        let mut process = Command::new("python3")
            .arg(script)
            .arg(to.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { process, port: port.trim().parse().unwrap() }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const RELAY: &str = r#"
import socket, ssl, sys, threading
to = int(sys.argv[1])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
    except OSError:
        pass
    for end in (a, b):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
def serve(client):
    server = socket.create_connection(("127.0.0.1", to))
    server.sendall(bytes([0, 0, 0, 8, 4, 210, 22, 47]))
    assert server.recv(1) == b"S"
    server = context.wrap_socket(server)
    threading.Thread(target=pump, args=(client, server), daemon=True).start()
    pump(server, client)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"#;

/// Gives the server a certificate; its SHA-256.
async fn encrypt(server: &Server) -> Vec<u8> {
    let file = |name| server.data_dir().join(name);
    let (key, certificate) = (file("server.key"), file("server.crt"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-sha256"])
        .args(["-subj", "/CN=localhost", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("openssl is installed").success());
    let owner = fs::metadata(server.data_dir()).unwrap();
    for file in [&key, &certificate] {
        chown(file, Some(owner.uid()), Some(owner.gid())).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    server.query("ALTER SYSTEM SET ssl = on").await.unwrap();
    reload(server).await;
    let digest = Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(&certificate)
        .output()
        .unwrap();
    let digest = String::from_utf8(digest.stdout).unwrap();
    let (_, digits) = digest.trim().split_once('=').unwrap();
    digits.split(':').map(|it| u8::from_str_radix(it, 16).unwrap()).collect()
}

#[tokio::test]
async fn channel_binding() {
    let cluster = start().await;
    let server = cluster.primary();
    let here = ChannelBinding { end_point: encrypt(server).await };
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), server.port());
    let keys = proven(&secret(server, "bound").await);
    for credentials in [password("right"), keys] {
        for channel_binding in
            [BindingPolicy::Prefer, BindingPolicy::Require, BindingPolicy::Disable]
        {
            let login = Login { channel_binding, ..login("bound", credentials.clone()) };
            assert_eq!(log_in(relay.port, &login, Some(&here)).await, "in");
        }
    }
    let other = ChannelBinding { end_point: vec![7; 32] };
    let said = log_in(relay.port, &login("bound", password("right")), Some(&other)).await;
    assert!(said.contains("SCRAM channel binding check failed"), "{said}");
}
