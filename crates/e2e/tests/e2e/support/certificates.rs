//! Certificates, made anew for each test.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use afterwrite_cluster::Cluster;

use super::run;

/// An authority, a server's certificate for 127.0.0.1 that it signed, and another
/// authority, that signed nothing.
pub(crate) struct Certificates(PathBuf);

impl Certificates {
    /// In the cluster's folder, and gone with it.
    pub(crate) fn make(cluster: &Cluster) -> Self {
        let directory = cluster.directory().join("tls");
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
        let made = Self(directory);
        made.sign("authority", None);
        made.sign("stranger", None);
        made.sign("server", Some("authority"));
        made
    }

    /// A key and a certificate of this name, signed by `by` or by itself.
    fn sign(&self, name: &str, by: Option<&str>) {
        let path = |name: &str, end: &str| self.path(&format!("{name}.{end}"));
        let (key, certificate) = (path(name, "key"), path(name, "crt"));
        let subject = format!("/CN=e2e {name}");
        let request = [
            &["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"][..],
            &["-keyout", &key, "-subj", &subject],
        ]
        .concat();
        let Some(by) = by else {
            let itself = ["-x509", "-days", "2", "-out", &certificate];
            run("openssl", &[&request[..], &itself].concat(), "").ok();
            return;
        };
        let (wanted, names) = (path(name, "csr"), path(name, "ext"));
        run("openssl", &[&request[..], &["-out", &wanted]].concat(), "").ok();
        fs::write(&names, "subjectAltName=IP:127.0.0.1,DNS:localhost\n").unwrap();
        let (signer, signers_key) = (path(by, "crt"), path(by, "key"));
        let sign = [
            &["x509", "-req", "-in", &wanted, "-CA", &signer, "-CAkey", &signers_key][..],
            &["-CAcreateserial", "-days", "2", "-extfile", &names, "-out", &certificate],
        ];
        run("openssl", &sign.concat(), "").ok();
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).to_str().unwrap().to_owned()
    }

    /// What a client is given to trust.
    pub(crate) fn authority(&self) -> String {
        self.path("authority.crt")
    }

    /// The same URL for libpq, with the server's certificate checked.
    pub(crate) fn verified(&self, url: &str) -> String {
        format!("{url}?sslmode=verify-full&sslrootcert={}", self.authority())
    }

    /// What it must not trust the server by.
    pub(crate) fn stranger(&self) -> String {
        self.path("stranger.crt")
    }

    /// Arguments with which the proxy takes encrypted connections only.
    pub(crate) fn proxy(&self) -> Vec<String> {
        let set =
            |key: &str, value: &str| ["--set".to_owned(), format!("clients.tls.{key}={value}")];
        [
            set("mode", "require"),
            set("certificate", &self.path("server.crt")),
            set("key", &self.path("server.key")),
        ]
        .concat()
    }

    /// Has the cluster's primary offer encryption: what the proxy is held against.
    pub(crate) async fn offer(&self, cluster: &Cluster) {
        // A server takes a key only if it is its own account's.
        let owner = fs::metadata(cluster.socket_dir()).unwrap();
        let key = self.path("postgres.key");
        fs::copy(self.path("server.key"), &key).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        chown(Path::new(&key), Some(owner.uid()), Some(owner.gid())).unwrap();
        let certificate = self.path("server.crt");
        for (name, value) in
            [("ssl_cert_file", certificate.as_str()), ("ssl_key_file", &key), ("ssl", "on")]
        {
            cluster.primary().set(name, value).await.unwrap();
        }
    }
}
