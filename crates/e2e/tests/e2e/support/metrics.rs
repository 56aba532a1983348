//! What `/metrics` says.

use std::fmt;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::within;

/// One scrape.
pub(crate) struct Metrics(Vec<(String, f64)>);

/// What is not zero.
impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.iter().filter(|(_, v)| *v != 0.0).map(|(k, v)| (k, v)))
            .finish()
    }
}

impl Metrics {
    pub(crate) async fn scrape(port: u16) -> Self {
        let text = within("the metrics", async {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            text
        })
        .await;
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Self(text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect())
    }

    /// The sum of all series of `name` that have all of these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |series: &str| {
            let series_name = series.split('{').next().unwrap_or_default();
            series_name == name
                && labels.iter().all(|(label, value)| {
                    let pair = format!("{label}=\"{value}\"");
                    series.contains(&format!("{{{pair}")) || series.contains(&format!(",{pair}"))
                })
        };
        self.0.iter().filter(|(series, _)| has(series)).map(|(_, value)| value).sum()
    }

    /// Reads by node, all reasons; the URL's first node is 0, the primary.
    pub(crate) fn reads_on(&self, node: usize) -> f64 {
        self.sum("afterwrite_reads_total", &[("node", &node.to_string())])
    }

    /// Reads with this reason, on all nodes.
    pub(crate) fn reads_because(&self, reason: &str) -> f64 {
        self.sum("afterwrite_reads_total", &[("reason", reason)])
    }

    /// Clients connected now.
    pub(crate) fn clients(&self) -> f64 {
        self.sum("afterwrite_clients", &[])
    }
}
