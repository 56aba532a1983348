//! `pgbench`, in all of its modes, with reads on replicas while it writes.

use crate::support::{Bed, Certificates, Checks, connect, number, run};

#[tokio::test]
async fn pgbench_works_in_all_modes() {
    let bed = Bed::start(&[]).await;
    let mut checks = Checks::default();
    let url = bed.proxy.url();
    for steps in ["dtgvpf", "dtGvp"] {
        let init = run("pgbench", &["-i", "-s", "2", "-I", steps, "-q", &url], "");
        checks.that(&format!("pgbench -i -I {steps}"), init.code == Some(0), &init.err);
    }
    let certificates = Certificates::make(&bed.cluster);
    let encrypts = certificates.proxy();
    let encrypts = bed.another(&encrypts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let encrypted = certificates.verified(&encrypts.url());
    for mode in ["simple", "extended", "prepared"] {
        for (name, script) in [("-S", &["-S"][..]), ("-N", &["-N"]), ("TPC-B", &[])] {
            for (clients, how, url) in
                [("1", "clear", &url), ("8", "clear", &url), ("4", "TLS", &encrypted)]
            {
                let load = ["-n", "-M", mode, "-c", clients, "-j", "2", "-t", "100", url];
                let ran = run("pgbench", &[script, &load].concat(), "");
                let good = ran.code == Some(0)
                    && ran.out.contains("number of failed transactions: 0 (0.000%)")
                    && !ran.err.to_lowercase().contains("error");
                let name = format!("pgbench {name} -M {mode} -c {clients}, {how}");
                checks.that(&name, good, &format!("{}{}", ran.out, ran.err));
            }
        }
    }
    // A connection per transaction.
    for (how, url) in [("clear", &url), ("TLS", &encrypted)] {
        let ran = run("pgbench", &["-n", "-C", "-S", "-c", "4", "-t", "20", url], "");
        checks.that(&format!("pgbench -C, {how}"), ran.code == Some(0), &ran.err);
    }

    checks
        .run("the accounts add up", async {
            let client = connect(&bed.direct()).await;
            let sum = "SELECT (SELECT sum(delta) FROM pgbench_history) - \
                       (SELECT sum(abalance) FROM pgbench_accounts)";
            assert_eq!(number(&client, sum).await, 0);
            assert_eq!(
                number(&client, "SELECT count(*) FROM pgbench_history").await,
                3 * 2 * (100 + 800 + 400)
            );
        })
        .await;
    let metrics = bed.proxy.metrics().await;
    let replicas = metrics.reads_on(1) + metrics.reads_on(2);
    checks.that("replicas served the reads", replicas > 2000.0, &format!("{metrics:?}"));
}
