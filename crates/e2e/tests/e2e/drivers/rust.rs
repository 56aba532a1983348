//! Drivers written in Rust.

use ::tokio_postgres::Client;
use ::tokio_postgres::config::{Config, SslMode};

use afterwrite_verify::tls::Tls;

use crate::support::{Bed, Certificates, Checks, connect, trusting, within};

use super::{sqlx, tokio_postgres};

/// Where a driver connects to.
pub(super) struct Place {
    pub(super) name: &'static str,
    pub(super) url: String,
    /// The file of the authority to trust, and of one not to trust, if it is encrypted.
    pub(super) trust: Option<[String; 2]>,
}

impl Place {
    /// For tokio-postgres.
    pub(super) fn config(&self) -> Config {
        let mut config: Config = self.url.parse().unwrap();
        config.ssl_mode(if self.trust.is_some() { SslMode::Require } else { SslMode::Disable });
        config
    }

    pub(super) fn encrypted(&self) -> Tls {
        trusting(self.trust.as_ref().map(|[authority, _]| authority.as_str()))
    }

    /// By tokio-postgres.
    pub(super) async fn connect(&self) -> Client {
        let (config, tls) = (self.config(), self.encrypted());
        let (client, connection) = within("connecting", config.connect(tls)).await.unwrap();
        tokio::spawn(connection);
        client
    }
}

#[tokio::test]
async fn rust_drivers_work() {
    let bed = Bed::start(&[]).await;
    let certificates = Certificates::make(&bed.cluster);
    let encrypts = certificates.proxy();
    let encrypts = bed.another(&encrypts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    // One server connection a node: prepared statements must survive company.
    let narrow = bed.another(&["--set", "pool.size=1"]).await;
    bed.prepare(
        "CREATE TABLE kv (k int PRIMARY KEY, v text); CREATE TABLE copied (id int, name text)",
    )
    .await;
    let mut checks = Checks::default();
    let trust = Some([certificates.authority(), certificates.stranger()]);
    for place in [
        Place { name: "directly", url: bed.direct(), trust: None },
        Place { name: "proxied", url: bed.proxy.url(), trust: None },
        Place { name: "encrypted", url: encrypts.url(), trust },
        Place { name: "narrow", url: narrow.url(), trust: None },
    ] {
        connect(&bed.direct()).await.batch_execute("TRUNCATE kv, copied").await.unwrap();
        tokio_postgres::check(&place, &mut checks).await;
        Box::pin(sqlx::check(&place, &mut checks)).await;
        if place.name != "narrow" {
            Box::pin(sqlx::check_wide(&place, &mut checks)).await;
        }
    }
}
