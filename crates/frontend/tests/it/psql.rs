//! The same by libpq.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use afterwrite_frontend::{Auth, Gate, Peer, PeerTls};
use afterwrite_wire::scram::ChannelBinding;
use parking_lot::Mutex;

use crate::door::{self, Door};

pub(crate) async fn psql(port: u16, user: &str, password: &str, more: &str) -> String {
    let url =
        format!("host=127.0.0.1 port={port} user={user} dbname=shop connect_timeout=10 {more}");
    let output = tokio::task::spawn_blocking({
        let password = password.to_owned();
        move || {
            Command::new("psql")
                .args(["-XAtw", "-d", &url, "-c", "SELECT 1"])
                .env("PGPASSWORD", password)
                .env_remove("PGSSLMODE")
                .output()
                .expect("psql is installed")
        }
    });
    let output = output.await.unwrap();
    let text = if output.status.success() { output.stdout } else { output.stderr };
    String::from_utf8(text).unwrap().trim().to_owned()
}

fn denied(user: &str) -> String {
    format!("FATAL:  password authentication failed for user \"{user}\"")
}

async fn check(door: &Door, user: &str, password: &str, expected: &str) {
    let said = psql(door.address.port(), user, password, "sslmode=prefer").await;
    assert!(said.ends_with(expected), "{user}: {said}");
}

#[tokio::test]
async fn each_method() {
    for (auth, scram) in
        [(Auth::Password, "a password"), (Auth::Md5, "SCRAM keys"), (Auth::Scram, "SCRAM keys")]
    {
        let door = door::open(auth, door::users());
        check(&door, "plain", "right", "plain@shop with a password").await;
        check(&door, "scram", "right", &format!("scram@shop with {scram}")).await;
        check(&door, "plain", "wrong", &denied("plain")).await;
        check(&door, "scram", "wrong", &denied("scram")).await;
        check(&door, "nobody", "right", &denied("nobody")).await;
    }
    let door = door::open(Auth::Md5, door::users());
    check(&door, "md5", "right", "md5@shop with an MD5 hash").await;
    let door = door::open(Auth::Trust, door::users());
    check(&door, "scram", "", "scram@shop with nothing").await;
    let required = psql(door.address.port(), "scram", "", "channel_binding=require").await;
    assert!(required.contains("channel binding required"), "{required}");
}

/// What the gate is to believe of the connections of one test.
static BINDING: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn encrypted(peer: Peer) -> Peer {
    let binding = Some(ChannelBinding { end_point: BINDING.lock().clone() });
    Peer { tls: Some(PeerTls { binding, certificate: None }), ..peer }
}

/// Something in front that ends TLS, with a certificate of its own.
struct Relay {
    process: Child,
    port: u16,
    /// SHA-256 of the certificate.
    end_point: Vec<u8>,
}

impl Relay {
    fn start(folder: &Path, to: u16) -> Self {
        let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-sha256"])
            .args(["-subj", "/CN=localhost", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .stderr(Stdio::null())
            .status();
        assert!(made.expect("openssl is installed").success());
        let digest = Command::new("openssl")
            .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
            .arg(&certificate)
            .output()
            .unwrap();
        let digest = String::from_utf8(digest.stdout).unwrap();
        let (_, digits) = digest.trim().split_once('=').unwrap();
        let end_point = digits.split(':').map(|it| u8::from_str_radix(it, 16).unwrap()).collect();
        let script = folder.join("relay.py");
        fs::write(&script, RELAY).unwrap();
        let mut process = Command::new("python3")
            .arg(script)
            .args([key, certificate])
            .arg(to.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { process, port: port.trim().parse().unwrap(), end_point }
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
key, certificate, to = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
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
    try:
        client.recv(8)
        client.sendall(b"S")
        client = context.wrap_socket(client, server_side=True)
    except OSError:
        return
    server = socket.create_connection(("127.0.0.1", int(to)))
    threading.Thread(target=pump, args=(client, server), daemon=True).start()
    pump(server, client)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"#;

#[tokio::test]
async fn channel_binding() {
    let folder = tempfile::tempdir().unwrap();
    let rules = door::rules(Auth::Scram, door::users());
    let door = door::as_if_from(Arc::new(Gate::new(rules, None).unwrap()), encrypted);
    let relay = Relay::start(folder.path(), door.address.port());
    BINDING.lock().clone_from(&relay.end_point);
    let check = async |user: &str, more: &str, expected: &str| {
        let said = psql(relay.port, user, "right", &format!("sslmode=require {more}")).await;
        assert!(said.ends_with(expected), "{user} {more}: {said}");
    };
    for more in ["channel_binding=require", "channel_binding=prefer", "channel_binding=disable"] {
        check("scram", more, "scram@shop with SCRAM keys").await;
        check("plain", more, "plain@shop with a password").await;
        check("nobody", more, &denied("nobody")).await;
    }
    // Somebody in between has another certificate.
    BINDING.lock()[0] ^= 1;
    check("scram", "channel_binding=prefer", "SCRAM channel binding check failed").await;
    check("scram", "channel_binding=disable", "scram@shop with SCRAM keys").await;
}
