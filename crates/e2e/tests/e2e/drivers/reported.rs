//! Drivers find the token of their write in a parameter, and another proxy believes it.

use std::time::Duration;

use afterwrite_cluster::Plan;
use tokio_postgres::NoTls;

use super::foreign::{JDBC, PYTHON, SCRIPTS, node_modules};
use crate::support::{Bed, Checks, Proxy, connect, number, run_in, within};

const KEYS: &str = "tokens.keys=1:a secret of the tests that is long enough";

#[tokio::test]
async fn drivers_find_the_token_of_their_write() {
    let plan = Plan { apply_delay: vec![Duration::from_millis(200); 2], ..Plan::default() };
    let bed = Bed::with(plan, &["--set", KEYS]).await;
    bed.prepare("CREATE TABLE carried (n int)").await;
    let other = bed.another(&["--set", KEYS]).await;
    let (one, two) = (bed.proxy.url(), other.url());
    let places = [&bed.proxy, &other].map(|proxy| format!("127.0.0.1:{}", proxy.port()));
    let script = |name: &str| format!("{SCRIPTS}/{name}");
    let modules = node_modules().to_str().unwrap().to_owned();
    let programs: [(&str, &str, Vec<String>); 4] = [
        ("psycopg", PYTHON, vec![script("token_psycopg.py"), one.clone(), two.clone()]),
        ("asyncpg", PYTHON, vec![script("token_asyncpg.py"), one.clone(), two.clone()]),
        ("node-postgres", "node", vec![script("token_node_postgres.js"), one, two]),
        (
            "JDBC",
            "java",
            [vec!["-cp".to_owned(), JDBC.to_owned(), script("TokenJdbc.java")], places.to_vec()]
                .concat(),
        ),
    ];
    let mut checks = Checks::default();
    for (name, program, args) in &programs {
        connect(&bed.direct()).await.batch_execute("TRUNCATE carried").await.unwrap();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let variables = [("PYTHONDONTWRITEBYTECODE", "1"), ("NODE_PATH", modules.as_str())];
        let ran = run_in(&variables, program, &args, "");
        let good = ran.code == Some(0) && ran.out.ends_with("all done\n");
        checks.that(name, good, &format!("{}{}", ran.out, ran.err));
    }
    checks.run("tokio-postgres", rust(&bed.proxy, &other)).await;
}

/// Its parameters are with the connection, which somebody has to drive.
async fn rust(one: &Proxy, two: &Proxy) {
    let url = format!("{}?options=-c%20afterwrite.report_token%3Don", one.url());
    let (client, mut connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    assert_eq!(connection.parameter("afterwrite.token"), Some(""));
    let write = client.batch_execute("INSERT INTO carried VALUES (200)");
    tokio::pin!(write);
    within("a write", async {
        tokio::select! {
            done = &mut write => done.unwrap(),
            _ = &mut connection => panic!("the connection ended"),
        }
    })
    .await;
    let token = connection.parameter("afterwrite.token").unwrap().to_owned();
    assert_eq!(token.len(), 43, "{token}");
    let other = connect(&two.url()).await;
    other.batch_execute(&format!("SET afterwrite.token = '{token}'")).await.unwrap();
    assert_eq!(number(&other, "SELECT count(*) FROM carried WHERE n = 200").await, 1);
}
