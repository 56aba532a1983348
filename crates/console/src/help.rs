//! `SHOW HELP`.

use afterwrite_wire::server::Report;

/// The list of commands, as a notice: psql prints it, programs are not troubled.
pub(crate) fn notice() -> Report {
    Report::notice("00000", "Console usage").detail(TEXT)
}

const TEXT: &str = "
\tSHOW HELP|VERSION|STATE|CONFIG|LISTS|MEM
\tSHOW DATABASES|POOLS|USERS|CLIENTS|SERVERS|SOCKETS|ACTIVE_SOCKETS
\tSHOW STATS|STATS_TOTALS|STATS_AVERAGES|TOTALS
\tSHOW NODES|REPLICAS|ROUTES|PINS|KEYS
\tSHOW DNS_HOSTS|DNS_ZONES|PEERS|PEER_POOLS|FDS
\tSET key = value
\tSET afterwrite.columns = all|pgbouncer
\tRELOAD
\tPAUSE [<db>]
\tRESUME [<db>]
\tDISABLE <db>
\tENABLE <db>
\tRECONNECT [<db>]
\tWAIT_CLOSE [<db>]
\tKILL [<db>]
\tKILL_CLIENT <client id>
\tRAISE KEY '<key>' [<db>]
\tSHUTDOWN
\tSHUTDOWN WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS";
