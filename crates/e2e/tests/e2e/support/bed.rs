//! A cluster with the proxy in front of it.

use std::time::Duration;

use afterwrite_cluster::{Cluster, Plan, Server};

use super::{Proxy, connect};

/// A real primary with replicas, and proxies in front of it.
pub(crate) struct Bed {
    // First, so that it ends first.
    pub(crate) proxy: Proxy,
    pub(crate) cluster: Cluster,
}

impl Bed {
    /// Two replicas without lag, and a proxy with these arguments beside the URL.
    pub(crate) async fn start(args: &[&str]) -> Self {
        Self::with(Plan::default(), args).await
    }

    pub(crate) async fn with(mut plan: Plan, args: &[&str]) -> Self {
        // Two-phase commit is one of the ways to write.
        plan.settings.push(("max_prepared_transactions".to_owned(), "10".to_owned()));
        let cluster = Cluster::start(plan, &|_| ()).await.unwrap();
        let proxy = Self::proxy_to(&cluster, args).await;
        Self { proxy, cluster }
    }

    /// Another proxy in front of the same cluster.
    pub(crate) async fn another(&self, args: &[&str]) -> Proxy {
        Self::proxy_to(&self.cluster, args).await
    }

    async fn proxy_to(cluster: &Cluster, args: &[&str]) -> Proxy {
        let url = cluster.url();
        let mut all = vec![url.as_str()];
        all.extend(args);
        Proxy::start(&all).await
    }

    /// The primary's URL: what the proxy is held against.
    pub(crate) fn direct(&self) -> String {
        self.cluster.primary().url()
    }

    /// Runs `sql` directly on the primary and waits until every replica has it.
    pub(crate) async fn prepare(&self, sql: &str) {
        connect(&self.direct()).await.batch_execute(sql).await.unwrap();
        self.cluster.wait_for_catch_up(Duration::from_secs(20)).await.unwrap();
    }

    /// The replica of this number, from 0.
    pub(crate) fn replica(&self, number: usize) -> &Server {
        &self.cluster.replicas()[number]
    }
}
