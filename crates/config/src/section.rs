//! The sections after `[cluster]`, key by key, with their defaults and ranges.

use std::net::SocketAddr;
use std::time::Duration;

use crate::check::{Checker, Refusal};
use crate::problem::Problem;
use crate::source::Value;
use crate::{
    Balance, ClientAuth, ClientsConfig, ClusterConfig, Level, LogConfig, LogFormat, PoolConfig,
    ProbeConfig, RoutingConfig, filter,
};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const HOUR: Duration = secs(3600);
const DAY: Duration = secs(24 * 3600);

pub(crate) fn read_clients(
    checker: &mut Checker,
    cluster: Option<&ClusterConfig>,
    listen: &[SocketAddr],
) -> ClientsConfig {
    const GIB: usize = 1 << 30;
    let clients = ClientsConfig {
        auth: read_auth(checker, cluster, listen),
        connections_max: checker.integer("clients.connections_max", 1..=1_000_000, 10_000),
        login_timeout: checker.duration("clients.login_timeout", ms(100)..=secs(600), secs(15)),
        message_max: checker.size("clients.message_max", 16 << 10..=GIB, GIB),
        statement_buffer_max: checker.size(
            "clients.statement_buffer_max",
            1 << 10..=64 << 20,
            1 << 20,
        ),
        write_timeout: checker.duration("clients.write_timeout", ms(100)..=DAY, secs(60)),
        prepared_max: checker.integer("clients.prepared_max", 1..=1_000_000, 1_000),
    };
    let (buffer, message) = ("clients.statement_buffer_max", "clients.message_max");
    if clients.statement_buffer_max > clients.message_max && checker.are_good(&[buffer, message]) {
        checker.report(Problem {
            key: buffer.to_owned(),
            place: checker.place_of(buffer).or_else(|| checker.place_of(message)),
            found: format!("{} bytes", clients.statement_buffer_max),
            expected: format!("at most {message}, which is {} bytes", clients.message_max),
            hint: None,
        });
    }
    clients
}

/// How clients log in; refuses trust where strangers can connect.
fn read_auth(
    checker: &mut Checker,
    cluster: Option<&ClusterConfig>,
    listen: &[SocketAddr],
) -> ClientAuth {
    let key = "clients.auth";
    let choices = [
        ("trust", ClientAuth::Trust),
        ("password", ClientAuth::Password),
        ("scram-sha-256", ClientAuth::ScramSha256),
    ];
    let chosen = checker.choice(key, &choices);
    // Without a cluster it is not known whether there is a password.
    let password_keys =
        ["cluster.url", "cluster.nodes", "cluster.password", "cluster.password_file"];
    let has_password = cluster
        .filter(|_| checker.are_good(&password_keys))
        .map(|cluster| cluster.password.is_some());
    let auth = match (chosen, has_password) {
        (Some(auth), _) => auth,
        (None, Some(false)) => ClientAuth::Trust,
        (None, Some(true) | None) => ClientAuth::ScramSha256,
    };
    if !checker.are_good(&[key]) {
        return auth;
    }
    let outside = listen.iter().find(|address| !address.ip().is_loopback());
    match (auth, outside) {
        (ClientAuth::Trust, Some(address)) => {
            let found = match chosen {
                Some(_) => format!("\"trust\", with {address} to listen on"),
                None => {
                    format!("no password, so that clients are trusted, with {address} to listen on")
                }
            };
            checker.report(Problem {
                key: key.to_owned(),
                place: checker.place_of(key).or_else(|| checker.place_of("listen")),
                found,
                expected: "a password for clients, or loopback addresses only".to_owned(),
                hint: Some(
                    "with trust, whoever reaches the address is in the database without a password"
                        .to_owned(),
                ),
            });
        }
        (ClientAuth::Password | ClientAuth::ScramSha256, _) if has_password == Some(false) => {
            checker.report(Problem {
                key: key.to_owned(),
                place: checker.place_of(key),
                found: "a login with a password, but no password".to_owned(),
                expected: "a password in the URL, cluster.password or cluster.password_file"
                    .to_owned(),
                hint: None,
            });
        }
        (ClientAuth::Trust | ClientAuth::Password | ClientAuth::ScramSha256, _) => {}
    }
    auth
}

pub(crate) fn read_pool(checker: &mut Checker) -> PoolConfig {
    PoolConfig {
        size: checker.integer("pool.size", 1..=10_000, 20),
        wait_timeout: checker.duration("pool.wait_timeout", ms(1)..=HOUR, secs(10)),
        connect_timeout: checker.duration("pool.connect_timeout", ms(1)..=secs(600), secs(5)),
        idle_timeout: checker.duration("pool.idle_timeout", ms(100)..=DAY, secs(600)),
        lifetime_max: checker.duration("pool.lifetime_max", secs(1)..=DAY, HOUR),
        prepared_max: checker.integer("pool.prepared_max", 1..=100_000, 200),
    }
}

pub(crate) fn read_routing(checker: &mut Checker) -> RoutingConfig {
    let levels = [
        ("eventual", Level::Eventual),
        ("read_your_writes", Level::ReadYourWrites),
        ("strong", Level::Strong),
    ];
    let balances =
        [("least_in_flight", Balance::LeastInFlight), ("round_robin", Balance::RoundRobin)];
    RoutingConfig {
        level: checker.choice("routing.level", &levels).unwrap_or(Level::ReadYourWrites),
        wait_max: checker.duration("routing.wait_max", Duration::ZERO..=secs(60), ms(50)),
        balance: checker.choice("routing.balance", &balances).unwrap_or(Balance::LeastInFlight),
        keys_max: checker.integer("routing.keys_max", 1..=100_000_000, 1_000_000),
        replica_lag_max: checker.duration_if_any("routing.replica_lag_max", ms(1)..=DAY),
    }
}

pub(crate) fn read_probe(checker: &mut Checker) -> ProbeConfig {
    let (idle, busy, waiting) =
        ("probe.idle_interval", "probe.busy_interval", "probe.waiting_interval");
    let probe = ProbeConfig {
        idle_interval: checker.duration(idle, ms(1)..=secs(60), secs(1)),
        busy_interval: checker.duration(busy, ms(1)..=secs(60), ms(10)),
        waiting_interval: checker.duration(waiting, ms(1)..=secs(60), ms(1)),
        timeout: checker.duration("probe.timeout", ms(10)..=secs(60), secs(2)),
    };
    for (quick, quick_interval, calm, calm_interval) in [
        (busy, probe.busy_interval, idle, probe.idle_interval),
        (waiting, probe.waiting_interval, busy, probe.busy_interval),
    ] {
        if quick_interval > calm_interval && checker.are_good(&[quick, calm]) {
            checker.report(Problem {
                key: quick.to_owned(),
                place: checker.place_of(quick).or_else(|| checker.place_of(calm)),
                found: format!("{quick_interval:?}"),
                expected: format!("at most {calm}, which is {calm_interval:?}"),
                hint: None,
            });
        }
    }
    probe
}

pub(crate) fn read_log(checker: &mut Checker) -> LogConfig {
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    LogConfig {
        format: checker.choice("log.format", &formats).unwrap_or(LogFormat::Text),
        level: checker
            .one("log.level", filter::EXPECTED, |entry| match &entry.value {
                Value::Text(text) => filter::check(text).map(|()| text.clone()),
                _ => Err(Refusal::default()),
            })
            .unwrap_or_else(|| "info".to_owned()),
        decisions: checker.boolean("log.decisions", false),
    }
}
