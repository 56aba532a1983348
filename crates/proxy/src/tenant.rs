//! One user of one database: what its clients share.

use std::collections::HashMap;
use std::sync::Arc;

use afterwrite_backend::{Cluster, Pools};
use afterwrite_session::Fingerprint;
use afterwrite_types::{Level, Terms};
use afterwrite_wire::credentials::Credentials;
use parking_lot::Mutex;

use crate::database::Database;
use crate::library::OwnLibrary;
use crate::settings::PoolMode;
use crate::site::Site;

/// Sets of login settings whose outcome is remembered, per tenant.
const GREETINGS_MAX: usize = 256;

/// Parameters, by name, as a client is told them.
pub(crate) type Parameters = Arc<Vec<(String, String)>>;

/// One user of one database: what its clients share.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) user: String,
    /// Who it is on the servers.
    role: String,
    pub(crate) database: Arc<Database>,
    pub(crate) pools: Arc<Pools>,
    pub(crate) mode: PoolMode,
    /// What reads ask for unless they say otherwise; nothing is left open.
    pub(crate) terms: Arc<Terms>,
    /// Servers are logged in to with what clients prove themselves with.
    passes_through: bool,
    greetings: Mutex<HashMap<Fingerprint, Parameters>>,
}

impl Tenant {
    pub(crate) fn new(
        user: &str,
        database: Arc<Database>,
        pools: Arc<Pools>,
        mode: PoolMode,
        level: Option<Level>,
        passes_through: bool,
    ) -> Arc<Self> {
        let settings = database.settings();
        Arc::new(Self {
            user: user.to_owned(),
            role: pools.login().user.clone(),
            pools,
            mode,
            terms: Arc::new(Terms { level: level.or(settings.terms.level), ..settings.terms }),
            passes_through,
            greetings: Mutex::default(),
            database,
        })
    }

    /// The cluster it reads and writes.
    pub(crate) fn cluster(&self) -> &Arc<Cluster> {
        &self.database.site.cluster
    }

    /// A client has proven that it is this user: with the same it may log in to
    /// servers, unless they are to be logged in to with something else.
    pub(crate) fn note_login(&self, credentials: &Credentials) {
        if self.passes_through {
            self.pools.log_in_with(credentials);
        }
    }

    /// What clients of the same cluster share.
    pub(crate) fn site(&self) -> &Site {
        &self.database.site
    }

    /// Prepared statements, and what texts may do.
    pub(crate) fn library(&self) -> OwnLibrary<'_> {
        let database = &self.database;
        OwnLibrary {
            shared: &database.site.library,
            // Without replicas all goes to the primary.
            schema: database.site.cluster.has_replicas().then_some(&*database.schema),
            role: &self.role,
        }
    }

    /// What a client with these settings was told before.
    pub(crate) fn greeting(&self, fingerprint: Fingerprint) -> Option<Parameters> {
        self.greetings.lock().get(&fingerprint).map(Arc::clone)
    }

    pub(crate) fn remember_greeting(&self, fingerprint: Fingerprint, parameters: Parameters) {
        let mut greetings = self.greetings.lock();
        if greetings.len() >= GREETINGS_MAX {
            greetings.clear();
        }
        greetings.insert(fingerprint, parameters);
    }

    /// Forgets what servers have reported: it may have changed with them.
    pub(crate) fn forget_greetings(&self) {
        self.greetings.lock().clear();
    }
}
