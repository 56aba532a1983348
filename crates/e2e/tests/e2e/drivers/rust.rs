//! Drivers written in Rust.

use crate::support::{Bed, Checks, connect};

use super::{sqlx, tokio_postgres};

#[tokio::test]
async fn rust_drivers_work() {
    let bed = Bed::start(&[]).await;
    // One server connection a node: prepared statements must survive company.
    let narrow = bed.another(&["--set", "pool.size=1"]).await;
    bed.prepare(
        "CREATE TABLE kv (k int PRIMARY KEY, v text); CREATE TABLE copied (id int, name text)",
    )
    .await;
    let mut checks = Checks::default();
    let urls = [("directly", bed.direct()), ("proxied", bed.proxy.url()), ("narrow", narrow.url())];
    for (name, url) in &urls {
        connect(&bed.direct()).await.batch_execute("TRUNCATE kv, copied").await.unwrap();
        tokio_postgres::check(name, url, &mut checks).await;
        sqlx::check(name, url, &mut checks).await;
        if *name != "narrow" {
            Box::pin(sqlx::check_wide(name, url, &mut checks)).await;
        }
    }
}
