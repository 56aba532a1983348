//! The columns of every table: PgBouncer 1.25's names, order and types, then ours.
//!
//! What 1.18 has was compared with a running one, the rest is from the documentation.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use afterwrite_console::{Column, Kind, Show, Snapshot, Value};

/// A table's columns: PgBouncer's, `|`, ours. `name` is text, `name:i` an integer,
/// `:b` a bigint, `:n` a numeric, `:f` a double precision, `:x` a bytea.
fn golden(show: Show) -> &'static str {
    const _: () = assert!(Show::ALL.len() == 26, "a table without its golden columns");
    match show {
        Show::Databases => {
            "name host port:i database force_user pool_size:i min_pool_size:i reserve_pool_size:i \
             server_lifetime:i pool_mode load_balance_hosts max_connections:i \
             current_connections:i max_client_connections:i current_client_connections:i paused:i \
             disabled:i | replicas:i replicas_eligible:i reserve_pool:i"
        }
        Show::Pools => {
            "database user cl_active:i cl_waiting:i cl_active_cancel_req:i \
             cl_waiting_cancel_req:i sv_active:i sv_active_cancel:i sv_being_canceled:i sv_idle:i \
             sv_used:i sv_tested:i sv_login:i maxwait:i maxwait_us:i pool_mode \
             load_balance_hosts | sv_primary:i sv_replica:i cl_pinned:i cl_awaiting_replay:i"
        }
        Show::Clients | Show::Servers => {
            "type user database replication state addr port:i local_addr local_port:i \
             connect_time request_time wait:i wait_us:i close_needed:i ptr link remote_pid:i tls \
             application_name prepared_statements:i id:i | node pinned"
        }
        Show::Sockets | Show::ActiveSockets => {
            "type user database replication state addr port:i local_addr local_port:i \
             connect_time request_time wait:i wait_us:i close_needed:i ptr link remote_pid:i tls \
             application_name prepared_statements:i id:i recv_pos:i pkt_pos:i pkt_remain:i \
             send_pos:i send_remain:i pkt_avail:i send_avail:i | node pinned"
        }
        Show::Stats => {
            "database total_server_assignment_count:n total_xact_count:n total_query_count:n \
             total_received:n total_sent:n total_xact_time:n total_query_time:n total_wait_time:n \
             total_client_parse_count:n total_server_parse_count:n total_bind_count:n \
             avg_server_assignment_count:n avg_xact_count:n avg_query_count:n avg_recv:n \
             avg_sent:n avg_xact_time:n avg_query_time:n avg_wait_time:n avg_client_parse_count:n \
             avg_server_parse_count:n avg_bind_count:n | total_client_login_count:n \
             total_replica_read_count:n total_primary_read_count:n total_fallback_count:n \
             total_replay_wait_count:n avg_client_login_count:n avg_replica_read_count:n \
             avg_primary_read_count:n avg_fallback_count:n avg_replay_wait_count:n \
             total_requests:n"
        }
        Show::StatsTotals | Show::StatsAverages => {
            "database server_assignment_count:n xact_count:n query_count:n bytes_received:n \
             bytes_sent:n xact_time:n query_time:n wait_time:n client_parse_count:n \
             server_parse_count:n bind_count:n | client_login_count:n replica_read_count:n \
             primary_read_count:n fallback_count:n replay_wait_count:n"
        }
        Show::Users => {
            "name pool_size reserve_pool_size pool_mode max_user_connections:i \
             current_connections:i max_user_client_connections:i current_client_connections:i |"
        }
        Show::Config => "key value default changeable |",
        Show::Lists => "list items:i |",
        Show::Totals => "name value:n |",
        Show::State => "key value |",
        Show::Version => "version |",
        Show::Mem => "name size:i used:i free:i memtotal:i |",
        Show::DnsHosts => "hostname ttl:b addrs |",
        Show::DnsZones => "zonename serial:b count:i |",
        Show::Peers => "peer_id:i host port:i pool_size:i |",
        Show::PeerPools => {
            "peer_id:i cl_active_cancel_req:i cl_waiting_cancel_req:i sv_active_cancel:i \
             sv_login:i |"
        }
        Show::Fds => {
            "fd:i task user database addr port:i cancel:b link:i client_encoding std_strings \
             datestyle timezone password scram_client_key:x scram_server_key:x |"
        }
        Show::Nodes => {
            "database node host port:i role timeline:i position lag_bytes:b lag_seconds:f state \
             eligible:i sv_active:i sv_idle:i cl_waiting:i |"
        }
        Show::Replicas => {
            "database node host port:i role timeline:i position lag_bytes:b lag_seconds:f state \
             eligible:i |"
        }
        Show::Keys => {
            "cluster source keys:n oldest_seconds:f average_seconds:f known_seconds:f evicted:n |"
        }
        Show::Routes => "database node role reason reads:n |",
        Show::Pins => {
            "client:i user database application_name node server_pid:i cause since seconds:f |"
        }
    }
}

fn written(columns: &[Column]) -> String {
    let column = |column: &Column| {
        let kind = match column.kind {
            Kind::Text => "",
            Kind::Int4 => ":i",
            Kind::Int8 => ":b",
            Kind::Numeric => ":n",
            Kind::Float8 => ":f",
            Kind::Bytea => ":x",
            Kind::Bool => ":bool",
        };
        format!("{}{kind}", column.name)
    };
    columns.iter().map(column).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_table_has_pgbouncers_columns_and_ours_behind() {
    for show in Show::ALL {
        let theirs = show.columns_of_pgbouncer();
        let all = show.columns();
        let (front, ours) = all.split_at(theirs.len());
        assert_eq!(front, theirs, "{show:?}");
        let found = format!("{} | {}", written(&theirs), written(ours));
        assert_eq!(found.trim_end(), golden(show), "{show:?}");
    }
}

#[test]
fn no_column_is_there_twice() {
    for show in Show::ALL {
        let mut names: Vec<_> = show.columns().into_iter().map(|column| column.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "{show:?}");
    }
}

/// What PgBouncer 1.18 answers, as a running one gave it. Its columns must be among
/// ours, in the same order and of the same types.
const OF_1_18: &[(Show, &str)] = &[
    (
        Show::Databases,
        "name host port:i database force_user pool_size:i min_pool_size:i pool_mode \
         max_connections:i current_connections:i paused:i disabled:i reserve_pool:i",
    ),
    (
        Show::Pools,
        "database user cl_active:i cl_waiting:i cl_active_cancel_req:i cl_waiting_cancel_req:i \
         sv_active:i sv_active_cancel:i sv_being_canceled:i sv_idle:i sv_used:i sv_tested:i \
         sv_login:i maxwait:i maxwait_us:i pool_mode",
    ),
    (
        Show::Stats,
        "database total_xact_count:n total_query_count:n total_received:n total_sent:n \
         total_xact_time:n total_query_time:n total_wait_time:n avg_xact_count:n \
         avg_query_count:n avg_recv:n avg_sent:n avg_xact_time:n avg_query_time:n avg_wait_time:n",
    ),
    (
        Show::StatsTotals,
        "database xact_count:n query_count:n bytes_received:n bytes_sent:n xact_time:n \
         query_time:n wait_time:n",
    ),
    (
        Show::Sockets,
        "type user database state addr port:i local_addr local_port:i connect_time request_time \
         wait:i wait_us:i close_needed:i ptr link remote_pid:i tls application_name recv_pos:i \
         pkt_pos:i pkt_remain:i send_pos:i send_remain:i pkt_avail:i send_avail:i",
    ),
    (
        Show::Clients,
        "type user database state addr port:i local_addr local_port:i connect_time request_time \
         wait:i wait_us:i close_needed:i ptr link remote_pid:i tls application_name",
    ),
    (
        Show::Fds,
        "fd:i task user database addr port:i cancel:b link:i client_encoding std_strings \
         datestyle timezone password scram_client_key:x scram_server_key:x",
    ),
    (Show::Users, "name pool_mode"),
    (Show::Lists, "list items:i"),
    (Show::Config, "key value default changeable"),
    (Show::Mem, "name size:i used:i free:i memtotal:i"),
    (Show::DnsHosts, "hostname ttl:b addrs"),
    (Show::DnsZones, "zonename serial:b count:i"),
    (Show::Totals, "name value:n"),
    (Show::Version, "version"),
];

#[test]
fn the_columns_of_1_18_are_found_in_order() {
    for (show, columns) in OF_1_18 {
        let ours = written(&show.columns());
        let mut left = ours.split(' ');
        for column in columns.split_whitespace() {
            assert!(left.any(|found| found == column), "{show:?} lacks {column} in its place");
        }
    }
}

fn names_in_first_column(show: Show) -> Vec<String> {
    let rows = show.table(&Snapshot::default()).rows;
    rows.iter().map(|row| row.first().unwrap().as_text().unwrap().into_owned()).collect()
}

#[test]
fn tables_of_names_have_pgbouncers_rows_first() {
    let starts = |show, expected: &str| {
        let found = names_in_first_column(show).join(" ");
        assert!(found.starts_with(expected), "{show:?}: {found}");
    };
    starts(
        Show::Lists,
        "databases users peers pools peer_pools free_clients used_clients login_clients \
         free_servers used_servers dns_names dns_zones dns_queries dns_pending",
    );
    starts(
        Show::Totals,
        "total_server_assignment_count total_xact_count total_query_count total_client_bytes \
         total_server_bytes total_xact_time total_query_time total_wait_time \
         total_client_parse_count total_server_parse_count total_bind_count \
         avg_server_assignment_count avg_xact_count avg_query_count avg_client_bytes \
         avg_server_bytes avg_xact_time avg_query_time avg_wait_time avg_client_parse_count \
         avg_server_parse_count avg_bind_count",
    );
    starts(Show::State, "active paused suspended");
}

#[test]
fn tools_find_a_pgbouncer_version() {
    let snapshot = Snapshot { version: "0.1.0".to_owned(), ..Snapshot::default() };
    let table = Show::Version.table(&snapshot);
    let Some([Value::Text(version)]) = table.rows.first().map(Vec::as_slice) else {
        panic!("{table:?}")
    };
    assert_eq!(version, "PgBouncer 1.25.2 (Afterwrite 0.1.0)");
}

/// What exporters ask for by name; all must be numbers but the labels.
///
/// The first is what Debian packages as `prometheus-pgbouncer-exporter` (of PgBouncer
/// before 1.8, whose later versions it cannot read), the second is the one of the
/// Prometheus community, the third what monitoring agents read in addition.
const ASKED_FOR: &[(Show, &str)] = &[
    (Show::Stats, "total_requests total_received total_sent total_query_time"),
    (Show::Pools, "cl_active cl_waiting"),
    (Show::Databases, "pool_size reserve_pool"),
    (
        Show::Databases,
        "pool_size reserve_pool_size max_connections current_connections paused disabled",
    ),
    (
        Show::StatsTotals,
        "query_count query_time bytes_received bytes_sent wait_time xact_count xact_time \
         client_parse_count server_parse_count bind_count server_assignment_count",
    ),
    (
        Show::Pools,
        "cl_active cl_active_cancel_req cl_waiting cl_waiting_cancel_req sv_active \
         sv_active_cancel sv_being_canceled sv_idle sv_used sv_tested sv_login maxwait",
    ),
    (
        Show::Stats,
        "total_xact_count total_query_count total_xact_time total_wait_time avg_xact_count \
         avg_query_count avg_recv avg_sent avg_xact_time avg_query_time avg_wait_time \
         total_client_parse_count total_server_parse_count total_bind_count",
    ),
    (Show::Clients, "wait wait_us"),
    (Show::Pools, "maxwait_us"),
];

#[test]
fn exporters_find_numbers_under_the_names_they_know() {
    for (show, names) in ASKED_FOR {
        let columns = show.columns();
        for name in names.split_whitespace() {
            let column = columns.iter().find(|column| column.name == name);
            let kind = column.unwrap_or_else(|| panic!("{show:?} lacks {name}")).kind;
            assert!(matches!(kind, Kind::Int4 | Kind::Numeric), "{show:?} {name}: {kind:?}");
        }
    }
}
