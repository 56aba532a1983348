//! A client has its own settings on whichever server serves it, and nobody else's.

use std::collections::BTreeMap;

use crate::support::{Bed, Checks, Raw, connect, text};

/// Reads that tell which server answers, so that both kinds are seen.
const ON_REPLICA: &str = "SELECT pg_is_in_recovery()";

const OPTIONS: &[(&str, &str)] = &[
    ("application_name", "shop"),
    ("client_encoding", "LATIN1"),
    ("TimeZone", "Asia/Tokyo"),
    ("DateStyle", "German"),
    ("search_path", "elsewhere,public"),
    ("options", "-c statement_timeout=7s -c work_mem=5MB --extra_float_digits=0 -cmy.own=a\\ b"),
];

const EXPECTED: &[(&str, &str)] = &[
    ("application_name", "shop"),
    ("client_encoding", "LATIN1"),
    ("TimeZone", "Asia/Tokyo"),
    ("DateStyle", "German, DMY"),
    ("search_path", "elsewhere,public"),
    ("statement_timeout", "7s"),
    ("work_mem", "5MB"),
    ("extra_float_digits", "0"),
    ("my.own", "a b"),
];

#[tokio::test]
async fn settings_belong_to_their_client() {
    let bed = Bed::start(&["--set", "pool.size=1"]).await;
    bed.prepare(
        "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.here (n int); \
         INSERT INTO elsewhere.here VALUES (1); CREATE TABLE public.here (n int); \
         CREATE TABLE t (id int)",
    )
    .await;
    let mut checks = Checks::default();
    checks.run("reported at login", reported(&bed, &[])).await;
    checks.run("reported at login, with options", reported(&bed, OPTIONS)).await;
    checks.run("startup options, on every server", startup(&bed)).await;
    checks.run("reset gives the startup values", reset(&bed)).await;
    checks.run("SET follows to every server", set(&bed)).await;
    checks.run("each its own, in turns", in_turns(&bed)).await;
    checks.run("several in one string", strings(&bed)).await;
    checks.run("the style of dates", date_style(&bed)).await;
    checks.run("a setting that is refused later", refused_later(&bed)).await;
    checks.run("the role", role(&bed)).await;
    checks.run("SET LOCAL ends with its transaction", local(&bed)).await;
    checks.run("set_config in a SELECT", set_config(&bed)).await;
    checks.run("a failed SET changes nothing", failed(&bed)).await;
    checks.run("a SET that is rolled back", rolled_back(&bed)).await;
    checks.run("bad startup options", bad_options(&bed)).await;
}

/// The same names and values as directly, but for those of the connection itself.
async fn reported(bed: &Bed, options: &[(&str, &str)]) {
    let parameters = async |port| {
        let parameters = Raw::login(port, options).await.parameters;
        let ours = |(name, _): &(String, String)| !name.starts_with("afterwrite.");
        parameters.into_iter().filter(ours).collect::<BTreeMap<_, _>>()
    };
    let direct = parameters(bed.cluster.primary().port()).await;
    let proxied = parameters(bed.proxy.port()).await;
    assert_eq!(proxied, direct);
}

/// Shows every setting of `EXPECTED`, through a statement that a replica may run and
/// through one that only the primary runs.
async fn assert_expected(raw: &mut Raw) {
    for (name, value) in EXPECTED {
        let read = format!("SELECT current_setting('{name}')");
        assert_eq!(raw.ask(&read).await, [*value], "{name}, read");
        raw.ask("BEGIN").await;
        raw.ask("INSERT INTO t VALUES (1)").await;
        assert_eq!(raw.ask(&read).await, [*value], "{name}, on the primary");
        raw.ask("ROLLBACK").await;
        assert_eq!(raw.ask(&format!("SHOW {name}")).await, [*value], "SHOW {name}");
    }
}

async fn startup(bed: &Bed) {
    // Somebody else used the only connections before, with other settings.
    let mut other = Raw::login(bed.proxy.port(), &[("TimeZone", "UTC")]).await;
    other.ask("SET work_mem = '9MB'").await;
    other.ask(ON_REPLICA).await;
    let mut raw = Raw::login(bed.proxy.port(), OPTIONS).await;
    assert_eq!(raw.ask(ON_REPLICA).await, ["t"], "a proven read goes to a replica");
    assert_eq!(raw.ask("SELECT count(*) FROM here").await, ["1"]);
    assert_expected(&mut raw).await;
    let mut third = Raw::login(bed.proxy.port(), &[]).await;
    assert_eq!(third.ask("SELECT count(*) FROM here").await, ["0"]);
    assert_eq!(third.ask("SELECT current_setting('work_mem')").await, ["4MB"]);
    assert_eq!(third.ask("SELECT current_setting('my.own', true)").await, [""]);
}

async fn reset(bed: &Bed) {
    for end in ["RESET ALL", "DISCARD ALL"] {
        let mut raw = Raw::login(bed.proxy.port(), OPTIONS).await;
        for (name, value) in
            [("TimeZone", "UTC"), ("statement_timeout", "1min"), ("application_name", "x")]
        {
            raw.ask(&format!("SET {name} = '{value}'")).await;
        }
        raw.ask(end).await;
        assert_expected(&mut raw).await;
    }
}

async fn set(bed: &Bed) {
    let mut raw = Raw::login(bed.proxy.port(), &[]).await;
    for (name, value) in [
        ("statement_timeout", "7s"),
        ("search_path", "elsewhere"),
        ("TimeZone", "Asia/Tokyo"),
        ("extra_float_digits", "0"),
        ("my.own", "mine"),
        ("enable_seqscan", "off"),
    ] {
        raw.ask(&format!("SET {name} = '{value}'")).await;
        for _ in 0..3 {
            let shown = raw.ask(&format!("SELECT current_setting('{name}')")).await;
            assert_eq!(shown, [value], "{name}");
        }
    }
    assert_eq!(raw.ask("SELECT count(*) FROM here").await, ["1"]);
    raw.ask("RESET search_path").await;
    assert_eq!(raw.ask("SELECT count(*) FROM here").await, ["0"]);
    raw.ask("SET SESSION search_path TO elsewhere, public").await;
    assert_eq!(raw.ask("SELECT count(*) FROM here").await, ["1"]);
    raw.ask("DISCARD ALL").await;
    assert_eq!(raw.ask("SELECT count(*) FROM here").await, ["0"]);
}

/// Changed among others in one string, settings follow as they do one by one.
async fn strings(bed: &Bed) {
    for more in [&[][..], OPTIONS] {
        let mut raw = Raw::login(bed.proxy.port(), more).await;
        let mut other = Raw::login(bed.proxy.port(), &[]).await;
        let before = raw.ask("SHOW work_mem").await;
        raw.ask("SET work_mem = '2MB'; SET my.other = 'a;b' -- c\n; SET work_mem = '3MB'").await;
        for _ in 0..3 {
            other.ask("SELECT 1").await;
            assert_eq!(raw.ask("SELECT current_setting('work_mem')").await, ["3MB"]);
            assert_eq!(raw.ask("SELECT current_setting('my.other')").await, ["a;b"]);
        }
        raw.query("SET work_mem = '4MB'; SELECT 1/0").await;
        raw.until(b'Z').await;
        assert_eq!(raw.ask("SELECT current_setting('work_mem')").await, ["3MB"]);
        // As asyncpg's pool does each time a connection comes back.
        raw.ask("SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;").await;
        assert_eq!(raw.ask("SHOW work_mem").await, before);
        assert_eq!(other.ask("SELECT 1").await, ["1"], "nobody keeps the connection");
        assert_eq!(raw.ask("SELECT current_setting('work_mem')").await, before);
    }
}

async fn date_style(bed: &Bed) {
    let options = &[("DateStyle", "Postgres, MDY")];
    let mut raw = Raw::login(bed.proxy.port(), options).await;
    let mut other = Raw::login(bed.proxy.port(), &[]).await;
    for (sql, style) in
        [("SET datestyle TO mdy", "Postgres, MDY"), ("SET datestyle TO dmy", "Postgres, DMY")]
    {
        raw.ask(sql).await;
        for _ in 0..3 {
            other.ask("SELECT 1").await;
            assert_eq!(raw.ask("SELECT current_setting('datestyle')").await, [style]);
        }
    }
}

/// A server takes it no more: the client goes on without it, and is told.
async fn refused_later(bed: &Bed) {
    bed.prepare("CREATE TEXT SEARCH CONFIGURATION mine (COPY = simple)").await;
    let mut raw = Raw::login(bed.proxy.port(), &[]).await;
    let mut other = Raw::login(bed.proxy.port(), &[]).await;
    raw.ask("SET default_text_search_config = 'public.mine'").await;
    raw.ask("SET work_mem = '3MB'").await;
    bed.prepare("DROP TEXT SEARCH CONFIGURATION mine").await;
    for _ in 0..3 {
        other.ask("SHOW work_mem").await;
        assert_eq!(raw.ask("SHOW work_mem").await, ["3MB"]);
    }
}

/// Many clients on one server connection per node, each asking in turn.
async fn in_turns(bed: &Bed) {
    let mut clients = Vec::new();
    for number in 0..8 {
        let mut raw =
            Raw::login(bed.proxy.port(), &[("application_name", &number.to_string())]).await;
        if number % 2 == 0 {
            raw.ask(&format!("SET statement_timeout = '{}s'", number + 10)).await;
        }
        clients.push(raw);
    }
    for round in 0..3 {
        for (number, raw) in clients.iter_mut().enumerate() {
            let timeout =
                if number % 2 == 0 { format!("{}s", number + 10) } else { "0".to_owned() };
            let shown = raw.ask("SELECT current_setting('statement_timeout')").await;
            assert_eq!(shown, [timeout.as_str()], "client {number}, round {round}");
            let shown = raw.ask("SELECT current_setting('application_name')").await;
            assert_eq!(shown, [number.to_string()], "client {number}, round {round}");
            if round == 1 {
                raw.ask("INSERT INTO t VALUES (1)").await;
                let shown = raw.ask("SHOW statement_timeout").await;
                assert_eq!(shown, [timeout], "client {number}, after a write");
            }
        }
    }
}

/// The application's role is no superuser: `SET ROLE` goes nowhere dangerous here, but
/// it must not leak.
async fn role(bed: &Bed) {
    let admin = connect(&bed.cluster.primary().superuser_url()).await;
    admin.batch_execute("CREATE ROLE clerk; GRANT clerk TO app").await.unwrap();
    bed.prepare("SELECT 1").await;
    let mut raw = Raw::login(bed.proxy.port(), &[]).await;
    raw.ask("SET ROLE clerk").await;
    assert_eq!(raw.ask("SELECT current_user").await, ["clerk"]);
    let mut other = Raw::login(bed.proxy.port(), &[]).await;
    let within = std::time::Duration::from_secs(3);
    // With one server connection a pinned role may make others wait, but never share.
    if let Ok(user) = tokio::time::timeout(within, other.ask("SELECT current_user")).await {
        assert_eq!(user, ["app"]);
    }
    drop(raw);
    let mut third = Raw::login(bed.proxy.port(), &[]).await;
    assert_eq!(third.ask("SELECT current_user").await, ["app"]);
    let third = connect(&bed.proxy.url()).await;
    assert_eq!(text(&third, "SELECT current_user").await, "app");
}

async fn local(bed: &Bed) {
    let mut raw = Raw::login(bed.proxy.port(), &[]).await;
    for end in ["COMMIT", "ROLLBACK"] {
        raw.ask("BEGIN").await;
        raw.ask("SET LOCAL statement_timeout = '3s'").await;
        assert_eq!(raw.ask("SHOW statement_timeout").await, ["3s"]);
        raw.ask(end).await;
        assert_eq!(raw.ask("SHOW statement_timeout").await, ["0"]);
        assert_eq!(raw.ask("SELECT current_setting('statement_timeout')").await, ["0"]);
    }
}

async fn set_config(bed: &Bed) {
    let mut raw = Raw::login(bed.proxy.port(), &[]).await;
    raw.ask("SELECT set_config('my.tenant', '7', false)").await;
    assert_eq!(raw.ask("SELECT current_setting('my.tenant', true)").await, ["7"]);
    drop(raw);
    let mut other = Raw::login(bed.proxy.port(), &[]).await;
    for _ in 0..4 {
        assert_eq!(other.ask("SELECT current_setting('my.tenant', true)").await, [""]);
    }
    other.ask("BEGIN").await;
    assert_eq!(other.ask("SELECT current_setting('my.tenant', true)").await, [""]);
    other.ask("COMMIT").await;
}

async fn failed(bed: &Bed) {
    let mut raw = Raw::login(bed.proxy.port(), &[]).await;
    raw.ask("SET statement_timeout = '8s'").await;
    raw.query("SET statement_timeout = 'soon'").await;
    assert_eq!(raw.until(b'Z').await[0].code(), "22023");
    assert_eq!(raw.ask("SELECT current_setting('statement_timeout')").await, ["8s"]);
    assert_eq!(raw.ask("SHOW statement_timeout").await, ["8s"]);
}

async fn rolled_back(bed: &Bed) {
    let mut raw = Raw::login(bed.proxy.port(), &[]).await;
    raw.ask("SET statement_timeout = '8s'").await;
    raw.ask("BEGIN").await;
    raw.ask("SET statement_timeout = '9s'").await;
    raw.ask("ROLLBACK").await;
    for _ in 0..3 {
        assert_eq!(raw.ask("SELECT current_setting('statement_timeout')").await, ["8s"]);
    }
    raw.ask("BEGIN").await;
    raw.ask("SET statement_timeout = '9s'").await;
    raw.ask("COMMIT").await;
    for _ in 0..3 {
        assert_eq!(raw.ask("SELECT current_setting('statement_timeout')").await, ["9s"]);
    }
    // Several statements in one query are one transaction.
    raw.query("SET statement_timeout = '1s'; SELECT 1/0").await;
    raw.until(b'Z').await;
    assert_eq!(raw.ask("SELECT current_setting('statement_timeout')").await, ["9s"]);
}

/// As directly the login fails, or else the first statement does; never is it ignored.
async fn bad_options(bed: &Bed) {
    for options in ["-c nonsense=1", "-c statement_timeout=soon", "-Z"] {
        let direct = Raw::try_login(bed.cluster.primary().port(), &[("options", options)]).await;
        assert!(direct.is_err(), "{options}");
        if let Ok(mut raw) = Raw::try_login(bed.proxy.port(), &[("options", options)]).await {
            raw.query("SELECT 1").await;
            assert_eq!(raw.receive().await.tag, b'E', "{options}");
        }
    }
    let path = [("search_path", "not_there")];
    assert_eq!(Raw::login(bed.proxy.port(), &path).await.ask("SELECT 1").await, ["1"]);
}
