//! Users: lists, secrets that are passed through, questions, rules, and silence about
//! passwords.

use std::fs;
use std::time::Duration;

use afterwrite_cluster::{Cluster, Plan};
use tokio_postgres::{Client, NoTls};

use super::desk::{Console, Desk, cluster_section};
use crate::support::{Checks, connect, eventually, psql, sqlstate, text, within};

const SOON: Duration = Duration::from_secs(5);

/// Every password has this in it, and nothing else has.
const MARK: &str = "hush";

#[tokio::test(flavor = "multi_thread")]
async fn users_log_in_on_both_sides() {
    let plan = Plan { replicas: 1, password: Some(format!("{MARK}-app")), ..Plan::default() };
    let cluster = Cluster::start(plan, &|_| ()).await.unwrap();
    let boss = connect(&cluster.primary().superuser_url()).await;
    boss.batch_execute(&format!(
        "CREATE ROLE scrammer LOGIN PASSWORD '{MARK}-scrammer';
         CREATE ROLE plain LOGIN PASSWORD '{MARK}-plain';
         SET password_encryption = 'md5';
         CREATE ROLE hasher LOGIN PASSWORD '{MARK}-hasher';
         RESET password_encryption;
         CREATE ROLE asker LOGIN PASSWORD '{MARK}-asker';
         CREATE ROLE asked LOGIN PASSWORD '{MARK}-asked';
         CREATE ROLE expired LOGIN PASSWORD '{MARK}-expired' VALID UNTIL '2001-01-01';
         CREATE ROLE mistaken LOGIN PASSWORD '{MARK}-mistaken';
         CREATE FUNCTION public.afterwrite_lookup(wanted text, OUT name name, OUT secret text)
         RETURNS record LANGUAGE sql STABLE SECURITY DEFINER
         SET search_path = pg_catalog, pg_temp AS $$
             SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END
             FROM pg_authid WHERE rolname = wanted AND rolcanlogin
         $$;
         REVOKE ALL ON FUNCTION public.afterwrite_lookup(text) FROM PUBLIC;
         GRANT EXECUTE ON FUNCTION public.afterwrite_lookup(text) TO asker;"
    ))
    .await
    .unwrap();
    // The servers want MD5 of one of them, and SCRAM of the others.
    for server in cluster.servers() {
        let path = server.data_dir().join("pg_hba.conf");
        let rules = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("host all hasher 127.0.0.1/32 md5\n{rules}")).unwrap();
        server.query("SELECT pg_reload_conf()").await.unwrap();
    }
    cluster.wait_for_catch_up(SOON).await.unwrap();
    let list = user_list(&boss).await;
    let mut secrets = vec![MARK.to_owned()];
    let stored = "SELECT string_agg(rolpassword, ' ') FROM pg_authid WHERE rolpassword IS NOT NULL";
    secrets.extend(text(&boss, stored).await.split(' ').map(str::to_owned));

    let mut checks = Checks::default();
    for auth in ["md5", "scram-sha-256", "password"] {
        let desk = Desk::open_with(&listed(&cluster, auth), &[("userlist.txt", &list)]).await;
        checks.run(&format!("a user list, {auth}"), by_list(&desk, auth)).await;
        checks.run(&format!("no word of a secret, {auth}"), discreet(&desk, &secrets)).await;
    }
    let desk = Desk::open(&asking(&cluster)).await;
    checks.run("auth_query", by_question(&desk, &boss)).await;
    checks.run("no word of a secret, auth_query", discreet(&desk, &secrets)).await;
    let rules = "host app scrammer 127.0.0.1/32 scram-sha-256\n\
                 host all hasher all md5\nhost second all all trust\nhost all plain all reject\n";
    let files = [("userlist.txt", list.as_str()), ("hba.conf", rules)];
    let text = listed(&cluster, "hba")
        .replace("auth = \"hba\"", "auth = \"hba\"\nhba_file = \"hba.conf\"");
    let desk = Desk::open_with(&text, &files).await;
    checks.run("rules", by_rules(&desk)).await;
    checks.run("no word of a secret, rules", discreet(&desk, &secrets)).await;
}

/// A list as PgBouncer has it, made by the SQL of the guide, and a password.
async fn user_list(boss: &Client) -> String {
    let entry = "SELECT string_agg(format('\"%s\" \"%s\"', replace(rolname, '\"', '\"\"'), rolpassword), E'\\n')
                 FROM pg_catalog.pg_authid WHERE rolname IN ('scrammer', 'hasher')";
    let hashes = text(boss, entry).await;
    format!("; users\n{hashes}\n\"plain\" \"{MARK}-plain\"\n\"mistaken\" \"{MARK}-another\"\n")
}

fn base(cluster: &Cluster) -> String {
    cluster_section(cluster)
        .replace("user = \"app\"", &format!("user = \"app\"\npassword = \"{MARK}-app\""))
}

fn listed(cluster: &Cluster, auth: &str) -> String {
    format!(
        "{}[clients]\nauth = \"{auth}\"\nusers_file = \"userlist.txt\"\n\
         [admin]\nusers = [\"admin\"]\n[users.admin]\npassword = \"{MARK}-admin\"\n\
         [log]\nlevel = \"trace\"\nconnections = true\n",
        base(cluster)
    )
}

fn asking(cluster: &Cluster) -> String {
    format!(
        "{}[clients]\nauth = \"scram-sha-256\"\nauth_user = \"asker\"\n\
         auth_query = \"SELECT name, secret FROM public.afterwrite_lookup($1)\"\n\
         [admin]\nusers = [\"admin\"]\n[users.admin]\npassword = \"{MARK}-admin\"\n\
         [users.asker]\npassword = \"{MARK}-asker\"\n[log]\nlevel = \"trace\"\n",
        base(cluster)
    )
}

async fn attempt(
    desk: &Desk,
    user: &str,
    password: &str,
    database: &str,
) -> Result<Client, String> {
    let url = desk.url(&format!("{user}:{password}"), database);
    match within("connecting", tokio_postgres::connect(&url, NoTls)).await {
        Ok((client, connection)) => {
            tokio::spawn(connection);
            Ok(client)
        }
        Err(error) => {
            let told = format!("{} {error:?}", sqlstate(&error));
            assert!(!told.contains(MARK), "{told}");
            Err(told)
        }
    }
}

/// Reads and writes as this user, each on its server.
async fn works(desk: &Desk, user: &str) {
    let client = attempt(desk, user, &format!("{MARK}-{user}"), "app").await;
    let client = client.unwrap_or_else(|error| panic!("{user}: {error}"));
    assert_eq!(text(&client, "SELECT current_user").await, user);
    assert_eq!(text(&client, "SELECT pg_is_in_recovery()").await, "t", "{user}");
    client.batch_execute("CREATE TEMPORARY TABLE mine (n int)").await.unwrap();
}

async fn by_list(desk: &Desk, auth: &str) {
    let hashed = if auth == "scram-sha-256" { vec![] } else { vec!["hasher"] };
    for user in ["scrammer", "plain", "app"].into_iter().chain(hashed) {
        works(desk, user).await;
        let ran = psql(&desk.url(&format!("{user}:{MARK}-{user}"), "app"), "SELECT 'in'");
        assert!(ran.ok().contains("in"));
        for wrong in [format!("{MARK}-wrong"), "x".to_owned()] {
            let error = attempt(desk, user, &wrong, "app").await.err().unwrap();
            assert!(error.starts_with("28P01"), "{user}: {error}");
        }
    }
    let stranger = attempt(desk, "stranger", "x", "app").await.err().unwrap();
    let wrong = attempt(desk, "plain", "x", "app").await.err().unwrap();
    assert_eq!(stranger.replace("stranger", "plain"), wrong, "who exists is not told");
    // The list has a password that the server does not know.
    let error = attempt(desk, "mistaken", &format!("{MARK}-another"), "app").await.err().unwrap();
    assert!(error.starts_with("28P01") && error.contains("refused the proxy's login"), "{error}");
}

async fn by_question(desk: &Desk, boss: &Client) {
    works(desk, "asked").await;
    works(desk, "scrammer").await;
    for (user, password) in [("expired", format!("{MARK}-expired")), ("nobody", "x".to_owned())] {
        let error = attempt(desk, user, &password, "app").await.err().unwrap();
        assert!(error.starts_with("28P01"), "{user}: {error}");
    }
    // An answer younger than that is not doubted.
    tokio::time::sleep(Duration::from_millis(150)).await;
    boss.batch_execute(&format!("ALTER ROLE asked PASSWORD '{MARK}-asked-anew'")).await.unwrap();
    let mut tries = 0;
    let client = loop {
        tries += 1;
        match attempt(desk, "asked", &format!("{MARK}-asked-anew"), "app").await {
            Ok(client) => break client,
            Err(error) => assert!(tries < 2, "{error}"),
        }
    };
    // A new server connection: it needs the new keys.
    let console = console(desk).await;
    console.run("RECONNECT").await;
    assert_eq!(text(&client, "SELECT current_user").await, "asked");
    let old = attempt(desk, "asked", &format!("{MARK}-asked"), "app").await.err().unwrap();
    assert!(old.starts_with("28P01"), "{old}");
    boss.batch_execute("ALTER ROLE asked NOLOGIN").await.unwrap();
    eventually("a user that may not log in any more", Duration::from_secs(8), || async {
        attempt(desk, "asked", &format!("{MARK}-asked-anew"), "app").await.is_err()
    })
    .await;
}

async fn by_rules(desk: &Desk) {
    works(desk, "scrammer").await;
    works(desk, "hasher").await;
    for (user, database) in [("plain", "app"), ("app", "app"), ("scrammer", "postgres")] {
        let error = attempt(desk, user, &format!("{MARK}-{user}"), database).await.err().unwrap();
        assert!(error.starts_with("28000") || error.starts_with("3D000"), "{user}: {error}");
    }
}

async fn console(desk: &Desk) -> Console {
    Console(connect(&desk.url(&format!("admin:{MARK}-admin"), "afterwrite")).await)
}

/// Neither the log, at its most talkative, nor the console has a secret.
async fn discreet(desk: &Desk, secrets: &[String]) {
    let mut all = desk.proxy.log();
    assert!(all.len() > 8, "not talkative: {all:?}");
    if !desk.folder().join("hba.conf").exists() {
        let console = console(desk).await;
        for what in ["CONFIG", "USERS", "CLIENTS", "SERVERS", "DATABASES", "POOLS", "STATS", "MEM"]
        {
            all.push(format!("{:?}", console.rows(&format!("SHOW {what}")).await));
        }
        console.run(&format!("SET users.somebody.password = '{MARK}-new'")).await;
        let error = console.error(&format!("SET users.somebody.pool_size = '{MARK}-new'")).await;
        assert!(error.contains("pool_size"), "{error}");
    }
    all.extend(desk.proxy.log());
    all.push(crate::support::run("curl", &["-s", &desk.proxy.metrics_url()], "").ok());
    for line in all {
        let found = secrets.iter().find(|secret| line.contains(secret.as_str()));
        assert!(found.is_none(), "{line}");
    }
}
