use std::time::{Duration, UNIX_EPOCH};

use afterwrite_types::{Line, Lsn, Position, Role, SystemId, Timeline};

use super::*;
use crate::snapshot::*;
use crate::stats::{Averages, Counters, Stats};

const SECOND: Duration = Duration::from_secs(1);

/// A snapshot with something of everything.
fn filled() -> Snapshot {
    let position = Position {
        line: Line { system: SystemId(7), timeline: Timeline(3) },
        lsn: Lsn(0x1_0000_0028),
    };
    let node = |name: &str, role| Node {
        database: "app".into(),
        name: name.into(),
        host: "db".into(),
        port: 5432,
        role,
        state: "up".into(),
        position: Some(position),
        lag_bytes: Some(u64::MAX),
        lag: Some(Duration::from_micros(1_500_400)),
        eligible: true,
        servers_active: 1,
        servers_idle: 2,
        clients_waiting: 3,
    };
    let socket = |state, id| Socket {
        state,
        id,
        user: "ann".into(),
        database: "app".into(),
        pointer: 0xbeef,
        connected_at: UNIX_EPOCH + SECOND * 1_795_227_462,
        wait: Duration::from_micros(2_000_007),
        unread_bytes: id % 2,
        ..Socket::default()
    };
    let counters = |queries| Counters { queries, query_us: queries * 10, ..Counters::default() };
    let stats = |database: &str, queries| Stats {
        database: database.into(),
        totals: counters(queries),
        averages: Averages::between(&Counters::default(), &counters(queries), SECOND * 60),
    };
    Snapshot {
        version: "0.1.0".into(),
        state: ProxyState::Paused,
        databases: vec![Database {
            name: "app".into(),
            pool_mode: Some("transaction"),
            reserve_pool_size: 5,
            paused: true,
            ..Database::default()
        }],
        pools: vec![Pool {
            pool_mode: "session",
            wait_max: Duration::from_micros(3_000_004),
            clients_active: u32::MAX,
            ..Pool::default()
        }],
        clients: vec![
            socket(SocketState::Client(ClientState::Idle), 1),
            socket(SocketState::Client(ClientState::Login), 2),
        ],
        servers: vec![socket(SocketState::Server(ServerState::Active), 3)],
        users: vec![User { name: "ann".into(), pool_size: Some(4), ..User::default() }],
        stats: vec![stats("a", 30), stats("b", 45)],
        settings: vec![Setting { key: "max_client_conn".into(), ..Setting::default() }],
        lists: Lists { keys: 9, ..Lists::default() },
        memory: vec![Memory::default()],
        hosts: vec![Host::default()],
        nodes: vec![
            node("p", Some(Role::Primary)),
            node("r", Some(Role::Replica)),
            node("?", None),
        ],
        routes: vec![Route { reason: "caught_up", reads: u64::MAX, ..Route::default() }],
        pins: vec![Pin {
            client: 1,
            user: "ann".into(),
            database: "app".into(),
            application_name: String::new(),
            node: "p".into(),
            server_pid: 77,
            cause: "temp_table".into(),
            since: UNIX_EPOCH,
            age: SECOND / 4,
        }],
        keys: vec![KeyCount {
            cluster: "main".into(),
            source: "creation",
            keys: 3,
            oldest: Some(12 * SECOND),
            average: Some(13 * SECOND / 3),
            known: Some(20 * SECOND),
            evicted: 7,
        }],
    }
}

#[test]
fn every_value_is_of_its_columns_type() {
    for show in Show::ALL {
        let table = show.table(&filled());
        let none = [Show::DnsZones, Show::Fds, Show::Peers, Show::PeerPools].contains(&show);
        assert_eq!(table.rows.is_empty(), none, "{show:?}");
        for row in &table.rows {
            assert_eq!(row.len(), table.columns.len(), "{show:?}");
            for (column, value) in table.columns.iter().zip(row) {
                let fits = match (column.kind, value) {
                    (Kind::Int4, Value::Int(number)) => i32::try_from(*number).is_ok(),
                    (_, Value::Null)
                    | (Kind::Text, Value::Text(_))
                    | (Kind::Int8, Value::Int(_))
                    | (Kind::Numeric, Value::Numeric(_))
                    | (Kind::Float8, Value::Float(_)) => true,
                    _ => false,
                };
                assert!(fits, "{show:?} {}: {value:?}", column.name);
            }
        }
    }
}

/// The cells of a row as `name=text`, NULLs left out.
fn row(show: Show, at: usize) -> String {
    let table = show.table(&filled());
    let cells = table.columns.iter().zip(&table.rows[at]);
    let shown = cells.filter_map(|(column, value)| Some((&column.name, value.as_text()?)));
    shown.map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>().join(" ")
}

fn check(show: Show, at: usize, expected: &[&str]) {
    let row = row(show, at);
    for cell in expected {
        assert!(format!(" {row} ").contains(&format!(" {cell} ")), "{show:?} lacks {cell}: {row}");
    }
}

#[test]
fn values_stand_under_their_names() {
    check(Show::Databases, 0, &["pool_mode=transaction", "reserve_pool_size=5", "reserve_pool=5"]);
    check(Show::Databases, 0, &["paused=1", "disabled=0"]);
    check(Show::Pools, 0, &["maxwait=3", "maxwait_us=4", "cl_active=2147483647"]);
    check(Show::Clients, 0, &["type=C", "state=idle", "ptr=0xbeef", "wait=2", "wait_us=7", "id=1"]);
    check(Show::Clients, 0, &["connect_time=2026-11-21 02:17:42 UTC", "replication=none"]);
    check(Show::Servers, 0, &["type=S", "state=active"]);
    check(Show::Sockets, 0, &["state=cl_active"]);
    check(Show::Sockets, 1, &["state=cl_login"]);
    check(Show::Sockets, 2, &["state=sv_active", "pkt_avail=1"]);
    check(Show::Users, 0, &["pool_size=4", "reserve_pool_size="]);
    check(Show::Stats, 1, &["database=b", "total_query_count=45", "total_requests=45"]);
    check(Show::Stats, 1, &["avg_query_count=0", "avg_query_time=10"]);
    check(Show::StatsAverages, 0, &["query_count=0", "query_time=10"]);
    check(Show::Nodes, 0, &["node=p", "role=primary", "timeline=3", "position=1/28"]);
    check(Show::Nodes, 0, &["lag_bytes=9223372036854775807", "lag_seconds=1.5", "eligible=1"]);
    check(Show::Routes, 0, &["reason=caught_up", "reads=18446744073709551615"]);
    check(Show::Keys, 0, &["cluster=main", "source=creation", "keys=3", "evicted=7"]);
    check(Show::Keys, 0, &["oldest_seconds=12", "average_seconds=4.333", "known_seconds=20"]);
    check(Show::Pins, 0, &["client=1", "cause=temp_table", "seconds=0.25", "server_pid=77"]);
    check(Show::State, 0, &["key=active", "value=no"]);
    check(Show::State, 1, &["key=paused", "value=yes"]);
    check(Show::Lists, 16, &["list=keys", "items=9"]);
}

#[test]
fn a_client_that_logs_in_is_no_client_yet_and_a_primary_is_no_replica() {
    assert_eq!(Show::Clients.table(&filled()).rows.len(), 1);
    assert_eq!(Show::Sockets.table(&filled()).rows.len(), 3);
    assert_eq!(Show::ActiveSockets.table(&filled()).rows.len(), 2);
    assert_eq!(Show::Nodes.table(&filled()).rows.len(), 3);
    assert_eq!(Show::Replicas.table(&filled()).rows.len(), 2);
    check(Show::Replicas, 0, &["node=r", "role=replica"]);
}

#[test]
fn all_databases_together_are_busier_than_each() {
    let table = Show::Totals.table(&filled());
    let value = |name: &str| {
        let row = table.rows.iter().find(|row| row[0] == Value::text(name)).unwrap();
        row[1].clone()
    };
    assert_eq!(value("total_query_count"), Value::Numeric(75));
    assert_eq!(value("avg_query_count"), Value::Numeric(1), "75 in a minute");
    assert_eq!(value("avg_query_time"), Value::Numeric(10));
}
