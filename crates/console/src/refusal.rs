//! What the console says no with.
//!
//! Scripts look for PgBouncer's texts, so where it has one, this is it, with its
//! code, which is 08P01 for everything. A hint is ours.

use afterwrite_types::KEY_MAX;
use afterwrite_wire::server::Report;

/// The code that PgBouncer's console gives to all its errors.
const PGBOUNCER_CODE: &str = "08P01";

/// The code of a statement that cannot be read.
const SYNTAX_ERROR: &str = "42601";

/// The code of what we know and do not do.
const NOT_SUPPORTED: &str = "0A000";

/// Characters of a statement that an error quotes at most.
const QUOTED_MAX: usize = 200;

/// No such command.
pub fn invalid_command(text: &str) -> Report {
    let quoted: String = text.chars().take(QUOTED_MAX).collect();
    let cut = if quoted.len() < text.len() { "…" } else { "" };
    Report::error(PGBOUNCER_CODE, format!("invalid command '{quoted}{cut}', use SHOW HELP;"))
        .hint("SHOW HELP lists the commands of the admin console.")
}

/// A stats user asked for what only an admin may have.
pub fn admin_access_needed() -> Report {
    Report::error(PGBOUNCER_CODE, "admin access needed")
        .hint("This user may use SHOW only; see admin.users in the configuration.")
}

/// A database that is not served.
pub fn no_such_database(name: &str) -> Report {
    Report::error(PGBOUNCER_CODE, format!("no such database: {name}"))
        .hint("SHOW DATABASES lists them.")
}

/// `RESUME` of a database that works.
pub fn database_not_paused(name: &str) -> Report {
    Report::error(PGBOUNCER_CODE, format!("database {name} is not paused"))
}

/// `RESUME` of a proxy that works.
pub fn not_paused() -> Report {
    Report::error(PGBOUNCER_CODE, "pooler is not paused/suspended")
}

/// `PAUSE` or `KILL` of a proxy that is paused.
pub fn already_paused() -> Report {
    Report::error(PGBOUNCER_CODE, "already suspended/paused").hint("RESUME lets it work again.")
}

/// A command that has no meaning any more.
pub fn shutting_down() -> Report {
    Report::error(PGBOUNCER_CODE, "pooler is shutting down")
}

/// `KILL_CLIENT` of nobody.
pub fn client_not_found() -> Report {
    Report::error(PGBOUNCER_CODE, "client not found").hint("SHOW CLIENTS has the id of each.")
}

/// `SET` of a key that is unknown, cannot be changed, or not to this value.
pub fn set_failed(problem: &str) -> Report {
    Report::error(PGBOUNCER_CODE, "SET failed").detail(problem.to_owned())
}

/// `RELOAD` of a configuration with problems; the old one stays.
pub fn reload_failed(problems: &str) -> Report {
    Report::error("F0000", "RELOAD failed, see logs for additional details")
        .detail(problems.to_owned())
}

pub(crate) fn invalid_client_id() -> Report {
    Report::error(PGBOUNCER_CODE, "invalid client pointer supplied")
        .hint("KILL_CLIENT takes the id of SHOW CLIENTS, a number.")
}

pub(crate) fn invalid_key() -> Report {
    Report::error("22023", format!("a key has between 1 and {KEY_MAX} bytes"))
        .hint("RAISE KEY takes what clients give to SET afterwrite.session.")
}

pub(crate) fn database_required() -> Report {
    Report::error(PGBOUNCER_CODE, "a database is required")
}

pub(crate) fn admin_database(verb: &str, name: &str) -> Report {
    Report::error(PGBOUNCER_CODE, format!("cannot {verb} admin db: {name}"))
}

pub(crate) fn suspend() -> Report {
    Report::error(NOT_SUPPORTED, "SUSPEND is not supported").hint(
        "PAUSE waits for what is under way; an online restart hands over the listening socket \
         without it.",
    )
}

pub(crate) fn several_statements() -> Report {
    Report::error(SYNTAX_ERROR, "cannot insert multiple commands into a prepared statement")
}

pub(crate) fn function_call() -> Report {
    Report::error(NOT_SUPPORTED, "the admin console has no functions to call")
}

pub(crate) fn bad_value(name: &str, value: &str, allowed: &str) -> Report {
    let value: String = value.chars().take(QUOTED_MAX).collect();
    Report::error("22023", format!("invalid value for parameter \"{name}\": \"{value}\""))
        .hint(format!("Available values: {allowed}."))
}

pub(crate) fn no_such_statement(name: &[u8]) -> Report {
    Report::error("26000", format!("prepared statement \"{}\" does not exist", name.escape_ascii()))
}

pub(crate) fn no_such_portal(name: &[u8]) -> Report {
    Report::error("34000", format!("portal \"{}\" does not exist", name.escape_ascii()))
}

pub(crate) fn name_taken(what: &str, code: &'static str, name: &[u8]) -> Report {
    Report::error(code, format!("{what} \"{}\" already exists", name.escape_ascii()))
}

pub(crate) fn portal_spent(name: &[u8]) -> Report {
    Report::error("55000", format!("portal \"{}\" cannot be run", name.escape_ascii()))
}

pub(crate) fn too_many(what: &str, limit: usize) -> Report {
    Report::error("54000", format!("too many {what}: the admin console keeps at most {limit}"))
}

pub(crate) fn bind_mismatch(message: String) -> Report {
    Report::error("08P01", message)
}

pub(crate) fn unknown_format(code: i16) -> Report {
    Report::error("22023", format!("unsupported format code: {code}"))
}
