//! Who may log in, how, and what the others are told.

use afterwrite_cluster::Plan;
use tokio_postgres::NoTls;

use crate::support::{Bed, Checks, Proxy, Raw, connect, number, run, sqlstate, text, within};

const PASSWORD: &str = "pässword with : / @ % '\\ in it";

/// The password as it stands in a URL.
const ENCODED: &str = "p%C3%A4ssword%20with%20%3A%20%2F%20%40%20%25%20%27%5C%20in%20it";

fn url(proxy: &Proxy, user: &str, password: &str, database: &str) -> String {
    format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", proxy.port())
}

async fn code(url: &str) -> String {
    match within("a login", tokio_postgres::connect(url, NoTls)).await {
        Ok(_) => "logged in".to_owned(),
        Err(error) => sqlstate(&error).to_owned(),
    }
}

#[tokio::test]
async fn logging_in_and_being_refused() {
    let plan = Plan { password: Some(PASSWORD.to_owned()), ..Plan::default() };
    let bed = Bed::with(plan, &[]).await;
    bed.prepare("CREATE TABLE t (id int)").await;
    let mut checks = Checks::default();
    let proxies = [
        ("scram-sha-256", None),
        ("password", Some(bed.another(&["--set", "clients.auth=password"]).await)),
        ("trust", Some(bed.another(&["--set", "clients.auth=trust"]).await)),
    ];
    for (method, other) in &proxies {
        let proxy = other.as_ref().unwrap_or(&bed.proxy);
        checks.run(&format!("{method}: works"), works(proxy)).await;
        checks.run(&format!("{method}: refuses"), refuses(&bed, proxy, method)).await;
    }
    checks.run("no password is in a log", async { no_secret(&bed, &proxies) }).await;
    let few = ["--set", "clients.connections_max=5", "--set", "clients.auth=trust"];
    let few = bed.another(&few).await;
    checks.run("too many connections", too_many(&few)).await;
}

async fn works(proxy: &Proxy) {
    let client = connect(&url(proxy, "app", ENCODED, "app")).await;
    client.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
    assert!(number(&client, "SELECT count(*) FROM t").await > 0);
    assert_eq!(text(&client, "SELECT current_user").await, "app");
    // libpq has its own SCRAM.
    let libpq = url(proxy, "app", ENCODED, "app");
    let ran = run("psql", &["-X", "-w", "-At", "-d", &libpq, "-c", "SELECT 1"], "");
    assert_eq!(ran.ok(), "1\n");
}

async fn refuses(bed: &Bed, proxy: &Proxy, method: &str) {
    let direct = |user: &str, password: &str, database: &str| {
        let port = bed.cluster.primary().port();
        format!("postgres://{user}:{password}@127.0.0.1:{port}/{database}")
    };
    let cases = [
        ("a wrong password", "app", "wrong", "app"),
        ("an empty password", "app", "%20", "app"),
        ("an unknown user", "nobody_here", "wrong", "app"),
        ("an unknown database", "app", ENCODED, "nowhere"),
    ];
    for (name, user, password, database) in cases {
        let expected = code(&direct(user, password, database)).await;
        let got = code(&url(proxy, user, password, database)).await;
        match (method, name) {
            ("trust", "a wrong password" | "an empty password") => assert_eq!(got, "logged in"),
            // PostgreSQL under trust says 28000 to who does not exist.
            ("trust", "an unknown user") => assert_eq!(got, "28000", "{name}"),
            _ => assert_eq!(got, expected, "{name}"),
        }
    }
    if method != "trust" {
        let none = format!("postgres://app@127.0.0.1:{}/app", proxy.port());
        assert_ne!(code(&none).await, "logged in", "without a password");
        // A password of another method's message.
        let mut raw = Raw::open(proxy.port()).await;
        let mut out = Vec::new();
        afterwrite_wire::client::startup(&mut out, &[("user", "app"), ("database", "app")]);
        raw.send(&out).await;
        assert_eq!(raw.receive().await.tag, b'R');
        raw.send(b"p\0\0\0\x09\xff\xff\xff\xff\0Q\0\0\0\x0dSELECT 1\0").await;
        let replies = raw.until_end().await;
        assert_eq!(replies.first().map(|reply| reply.tag), Some(b'E'), "{replies:?}");
    }
    // Not supported: said so, and closed.
    for value in ["database", "true", "1"] {
        if method == "trust" {
            let refused = Raw::try_login(proxy.port(), &[("replication", value)]).await;
            let code = refused.err().map(|error| error.code());
            assert_eq!(code.as_deref(), Some("0A000"), "replication={value}");
        }
    }
    if method == "trust" {
        let mut raw = Raw::open(proxy.port()).await;
        let mut out = Vec::new();
        afterwrite_wire::client::startup(&mut out, &[("user", "app"), ("database", "nowhere")]);
        raw.send(&out).await;
        let replies = raw.until_end().await;
        let last = replies.last().unwrap();
        assert_eq!((last.tag, last.code().as_str()), (b'E', "3D000"), "{replies:?}");
    }
}

fn no_secret(bed: &Bed, proxies: &[(&str, Option<Proxy>)]) {
    for (method, other) in proxies {
        let log = other.as_ref().unwrap_or(&bed.proxy).log().join("\n");
        for secret in [PASSWORD, ENCODED, "pässword", "p%C3%A4ss"] {
            assert!(!log.contains(secret), "{method}: the log has the password");
        }
    }
    let command = std::fs::read(format!("/proc/{}/environ", bed.proxy.pid())).unwrap();
    assert!(!String::from_utf8_lossy(&command).contains("pässword"));
}

async fn too_many(proxy: &Proxy) {
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(Raw::login(proxy.port(), &[]).await);
    }
    for _ in 0..3 {
        let refused = Raw::try_login(proxy.port(), &[]).await;
        assert_eq!(refused.err().map(|error| error.code()).as_deref(), Some("53300"));
    }
    for client in &mut clients {
        assert_eq!(client.ask("SELECT 1").await, ["1"]);
    }
    clients.pop();
    let free = async || Raw::try_login(proxy.port(), &[]).await.is_ok();
    crate::support::eventually("a free place", std::time::Duration::from_secs(5), free).await;
}
