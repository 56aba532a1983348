//! Who may come in: the gate of the frontend, and how it asks a server for users
//! that are in no list.

use std::pin::Pin;
use std::sync::Arc;

use afterwrite_console::is_admin_database;
use afterwrite_frontend::{Gate, Lookup, LookupError, Rules};
use afterwrite_wire::scram::ScramError;
use afterwrite_wire::secret::StoredSecret;

use crate::directory::Directory;
use crate::settings::{AuthQuerySettings, Settings};

/// The question for users is asked with a fixed search path.
const FIXED_PATH: &str = "BEGIN; SET LOCAL search_path = pg_catalog, pg_temp";

/// A gate by these settings, in the place of `previous`.
pub(crate) fn gate(
    settings: &Settings,
    directory: &Arc<Directory>,
    previous: Option<&Gate>,
) -> Result<Gate, ScramError> {
    let auth = &settings.clients.auth;
    let served = Arc::clone(directory);
    let lookup = auth.query.as_ref().map(|query| {
        let asking = Asking { query: query.clone(), directory: Arc::clone(directory) };
        Arc::new(asking) as Arc<dyn Lookup>
    });
    let rules = Rules {
        auth: auth.method,
        users: auth.users.clone(),
        hba: auth.hba.clone(),
        lookup,
        databases: Arc::new(move |name: &str| is_admin_database(name) || served.serves(name)),
    };
    Gate::new(rules, previous)
}

/// Asks a server for a user's secret.
struct Asking {
    query: AuthQuerySettings,
    directory: Arc<Directory>,
}

impl Lookup for Asking {
    fn lookup(
        &self,
        database: &str,
        user: &str,
    ) -> Pin<Box<dyn Future<Output = Result<Option<StoredSecret>, LookupError>> + Send + '_>> {
        let database = self.query.database.clone().unwrap_or_else(|| database.to_owned());
        let user = user.to_owned();
        Box::pin(async move { self.ask(&database, &user).await.map_err(LookupError::new) })
    }
}

impl Asking {
    async fn ask(&self, database: &str, user: &str) -> Result<Option<StoredSecret>, String> {
        let place = if is_admin_database(database) { self.directory.first() } else { None };
        let database = place.as_deref().unwrap_or(database);
        if !self.directory.serves(database) {
            // As for an unknown user: a stranger does not learn what is served.
            return Ok(None);
        }
        let tenant =
            self.directory.tenant(database, &self.query.user).map_err(|report| report.message)?;
        let mut link = match tenant.pools.claim_primary().await {
            Ok(link) => link,
            Err(error) => match tenant.pools.claim_any_replica().await {
                Some(link) => link,
                None => return Err(error.to_string()),
            },
        };
        let limit = tenant.pools.settings().connect_timeout;
        let failed = |error| format!("the question for users failed: {error}");
        // Whoever may create objects there must not be able to answer in their place.
        link.ask(FIXED_PATH, limit).await.map_err(failed)?;
        let answer = link.ask_pair(&self.query.sql, user, limit).await.map_err(failed)?;
        link.ask("COMMIT", limit).await.map_err(failed)?;
        link.release();
        Ok(answer.map(|(_, secret)| StoredSecret::parse(secret.as_deref().unwrap_or_default())))
    }
}
