//! Many clients at once, in small; `make load` is the same in large.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::support::{Bed, Raw};

const CLIENTS: usize = 300;
const HANGING: usize = 300;

#[tokio::test]
async fn many_clients_and_those_who_never_finish_their_login() {
    let bed = Bed::start(&["--set", "pool.size=5"]).await;
    let port = bed.proxy.port();
    let mut clients = Vec::new();
    while clients.len() < CLIENTS {
        let arriving: JoinSet<_> = (0..50).map(|_| Raw::login(port, &[])).collect();
        clients.extend(arriving.join_all().await);
    }
    let mut hanging = Vec::new();
    for _ in 0..HANGING {
        let mut raw = Raw::open(port).await;
        raw.send(&[0, 0, 0, 40, 0, 3]).await;
        hanging.push(raw);
    }
    let working: JoinSet<_> = clients
        .into_iter()
        .map(|mut client| async move {
            let mut longest = Duration::ZERO;
            for _ in 0..10 {
                let begin = Instant::now();
                assert_eq!(client.ask("SELECT 1").await, ["1"]);
                longest = longest.max(begin.elapsed());
            }
            longest
        })
        .collect();
    let longest = working.join_all().await.into_iter().max().unwrap();
    println!("the longest of {CLIENTS} x 10 queries took {longest:?}");
    assert!(longest < Duration::from_secs(10), "{longest:?}");
    drop(hanging);
}
