//! Afterwrite: where it is, and how it is told.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::door::{self, Certificate, Door};
use crate::program;
use crate::proxy::Ground;

/// Beside this program; else in `target/release`; else on `$PATH`.
pub(crate) fn find() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|own| own.parent().map(Path::to_path_buf));
    let mut folders: Vec<PathBuf> = beside.into_iter().collect();
    folders.push("target/release".into());
    folders.extend(program::search_path());
    program::find("afterwrite", folders)
}

/// The contents of its configuration file; `replicas` by their ports.
pub(crate) fn toml(
    ground: &Ground,
    door: Door,
    port: u16,
    metrics_port: u16,
    replicas: &[u16],
) -> String {
    let Ground { primary, user, database, pool_size, .. } = ground;
    let mut nodes = format!("\"127.0.0.1:{primary}\"");
    for replica in replicas {
        // Writing to a string cannot fail, here and below.
        let _ = write!(nodes, ", \"127.0.0.1:{replica}\"");
    }
    let auth = if door == Door::Scram { "scram-sha-256" } else { "trust" };
    let mut toml = format!(
        "listen = \"127.0.0.1:{port}\"\n\
         metrics_listen = \"127.0.0.1:{metrics_port}\"\n\
         [cluster]\n\
         nodes = [{nodes}]\n\
         user = \"{user}\"\n\
         database = \"{database}\"\n\
         [clients]\n\
         auth = \"{auth}\"\n\
         connections_max = 20000\n\
         [pool]\n\
         size = {pool_size}\n\
         [log]\n\
         level = \"warn\"\n"
    );
    let _ = match (door, &ground.certificate) {
        (Door::Scram, _) => {
            write!(toml, "[users.\"{user}\"]\npassword = \"{}\"\n", door::secret())
        }
        (Door::Tls, Some(Certificate { certificate, key })) => write!(
            toml,
            "[clients.tls]\nmode = \"allow\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
            certificate.display(),
            key.display()
        ),
        (Door::Tls, None) | (Door::Trust, _) => Ok(()),
    };
    toml
}

/// Its arguments.
pub(crate) fn arguments(config: &Path) -> Vec<PathBuf> {
    vec!["serve".into(), "--config".into(), config.to_path_buf()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use afterwrite_config::{ClientAuth, Overlay, load};

    fn check(door: Door, replicas: &[u16], auth: ClientAuth) {
        let text = toml(&Ground::example(), door, 6432, 6433, replicas);
        // The certificate is made only when it is measured.
        let unread = |_: &Path| Ok(String::new());
        let config = load(Some(("bench.toml", &text)), [], &Overlay::default(), &unread).unwrap();
        assert_eq!(config.cluster.nodes.len(), 1 + replicas.len());
        assert_eq!(config.pool.size, 20);
        assert_eq!(config.clients.auth, auth);
        assert_eq!(config.listen[0].tcp().unwrap().port(), 6432);
    }

    #[test]
    fn afterwrite_accepts_what_we_write() {
        check(Door::Trust, &[], ClientAuth::Trust);
        check(Door::Trust, &[5433, 5434], ClientAuth::Trust);
        check(Door::Scram, &[], ClientAuth::ScramSha256);
        check(Door::Tls, &[], ClientAuth::Trust);
    }
}
