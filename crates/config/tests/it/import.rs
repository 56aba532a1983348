//! What is made of other poolers' files: read as a whole, and loaded.
//!
//! With `UPDATE_IMPORTS` in the environment, what is made replaces what is expected.

use std::io;
use std::path::{Path, PathBuf};

use afterwrite_config::import::{Asks, Format, ImportError, Imported, import};
use afterwrite_config::{
    ClientAuth, ClientTlsMode, Config, Overlay, PoolMode, PoolOrder, SslMode, TlsVersion, load,
};
use proptest::prelude::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import")
}

/// The files that the examples include.
fn read_file(path: &Path) -> io::Result<String> {
    match path.to_str().unwrap_or_default() {
        "/etc/pgbouncer/more.ini" => Ok("; nothing yet\nlog_disconnections = 0\n".to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

fn import_text(text: &str) -> Result<Imported, ImportError> {
    let format = Format::guess(text).unwrap_or(Format::PgBouncer);
    import(format, "a.ini", text, &read_file)
}

fn load_made(imported: &Imported) -> Config {
    let anything = |_: &Path| Ok("secret".to_owned());
    load(Some(("afterwrite.toml", &imported.toml)), [], &Overlay::default(), &anything)
        .unwrap_or_else(|problems| panic!("{}\n{problems}", imported.toml))
}

/// One of the examples, compared with what is expected of it, and loaded.
fn example(name: &str) -> (Imported, Config) {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    let format = Format::guess(&text).unwrap();
    let imported = import(format, name, &text, &read_file).unwrap_or_else(|e| panic!("{e}"));
    let expected = folder().join(format!("{name}.afterwrite.toml"));
    if std::env::var_os("UPDATE_IMPORTS").is_some() {
        std::fs::write(&expected, &imported.toml).unwrap();
    }
    assert_eq!(imported.toml, std::fs::read_to_string(&expected).unwrap());
    let config = load_made(&imported);
    (imported, config)
}

#[test]
fn a_shop_s_pgbouncer() {
    let (imported, config) = example("shop.ini");
    assert!(!imported.toml.contains("hunter2"));
    assert!(imported.has_passwords && imported.notes.contains(&Asks::Decision));
    let listen: Vec<_> = config.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["0.0.0.0:6543", "/var/run/postgresql/.s.PGSQL.6543"]);
    assert_eq!(config.unix_socket_mode, 0o770);
    assert_eq!(config.clients.auth, ClientAuth::ScramSha256);
    assert_eq!(config.clients.auth_query.as_ref().unwrap().user, "lookup");
    assert_eq!(config.clients.connections_max, 2000);
    assert_eq!(config.clients.idle_timeout, None);
    assert_eq!(config.clients.ignore_startup_parameters, ["extra_float_digits", "options"]);
    assert_eq!(config.clients.tls.mode, ClientTlsMode::Require);
    assert_eq!(config.clients.tls.min_version, TlsVersion::Tls13);
    assert_eq!(config.pool.mode, PoolMode::Transaction);
    assert_eq!(config.pool.order, PoolOrder::Fifo);
    assert_eq!((config.pool.size, config.pool.reserve_size), (25, 5));
    assert_eq!(config.pool.reserve_timeout.as_millis(), 2500);
    assert_eq!(config.pool.check_query.as_deref(), Some("select 1"));
    assert_eq!(config.pool.connect_timeout.as_secs(), 15);
    assert_eq!(config.admin.users, ["deploy", "postgres"]);
    assert!(!config.log.connections && !config.log.disconnections && config.log.pooler_errors);
    assert_eq!(config.log.stats_interval.unwrap().as_secs(), 30);

    assert_eq!(config.clusters.len(), 2);
    assert!(config.clusters().all(|(_, cluster)| cluster.tls.mode == SslMode::VerifyFull));
    let shop = &config.databases["shop"];
    assert_eq!(
        (shop.cluster.as_str(), shop.pool_size, shop.min_size),
        ("default", Some(30), Some(2))
    );
    assert_eq!(shop.database.as_deref(), Some("shop_production"));
    let office = &config.databases["back office"];
    assert_eq!(office.password.as_ref().unwrap().expose(), "it's hidden");
    assert_eq!(office.connect_query.as_deref(), Some("SET jit = off"));
    assert_eq!(config.databases["shop_ro"].pool_mode, Some(PoolMode::Session));
    assert_eq!(config.cluster_named(&config.databases["shop_ro"].cluster).unwrap().nodes.len(), 2);
    assert!(!config.databases.contains_key("broken"));
    assert_eq!(config.users["batch"].connections_max.unwrap().number(), Some(4));
}

#[test]
fn a_small_pgbouncer_keeps_its_defaults() {
    let (imported, config) = example("minimal.ini");
    assert!(!imported.has_passwords);
    assert_eq!(config.pool.mode, PoolMode::Session);
    assert_eq!(config.clients.connections_max, 100);
    assert_eq!(config.pool.wait_timeout.as_secs(), 120);
    assert!(config.log.connections && config.log.disconnections);
    assert_eq!(config.clients.auth, ClientAuth::Trust);
}

#[test]
fn what_is_open_to_all_is_closed() {
    let (_, config) = example("open.ini");
    assert_eq!(config.clients.auth, ClientAuth::Trust);
    let listen: Vec<_> = config.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["127.0.0.1:6432", "[::1]:6432"]);
}

#[test]
fn a_pgcat_with_shards() {
    let (imported, config) = example("shards.toml");
    assert!(!imported.toml.contains("hunter2"));
    assert_eq!(config.clients.auth, ClientAuth::Md5);
    assert_eq!(config.metrics_listen.unwrap().port(), 9930);
    assert_eq!(config.cluster.nodes.len(), 2);
    assert_eq!(config.cluster.tls.mode, SslMode::Require);
    assert_eq!(config.cluster.user, "app");
    assert_eq!(config.clusters.len(), 2);
    let shop = config.pool_settings("shop", "jobs");
    assert_eq!((shop.mode, shop.size, shop.min_size), (PoolMode::Session, 4, 3));
    assert_eq!(config.databases["events"].user.as_deref(), Some("events_owner"));
    assert_eq!(config.databases["events_shard_1"].database.as_deref(), Some("events_1"));
    assert_eq!(config.users["events"].password.as_ref().unwrap().expose(), "hidden events");
    assert_eq!(config.admin.users, ["ops"]);
    assert_eq!(config.pool.connect_timeout.as_secs(), 3);
}

#[test]
fn no_key_of_pgbouncer_is_dropped_silently() {
    // Every key of 1.25, with a value that says nothing in particular.
    const KEYS: &str = "admin_users application_name_add_host auth_dbname auth_file auth_hba_file \
        auth_ident_file auth_ldap_options auth_query auth_type auth_user autodb_idle_timeout \
        cancel_wait_timeout client_idle_timeout client_login_timeout client_tls13_ciphers \
        client_tls_ca_file client_tls_cert_file client_tls_ciphers client_tls_dheparams \
        client_tls_ecdhcurve client_tls_key_file client_tls_protocols client_tls_sslmode conffile \
        default_pool_size disable_pqexec dns_max_ttl dns_nxdomain_ttl dns_zone_check_period \
        idle_transaction_timeout ignore_startup_parameters job_name listen_addr listen_backlog \
        listen_port log_connections log_disconnections log_pooler_errors log_stats logfile \
        max_client_conn max_db_client_connections max_db_connections max_packet_size \
        max_prepared_statements max_user_client_connections max_user_connections min_pool_size \
        peer_id pidfile pkt_buf pool_mode query_timeout query_wait_notify query_wait_timeout \
        reserve_pool_size reserve_pool_timeout resolv_conf sbuf_loopcnt scram_iterations \
        server_check_delay server_check_query server_connect_timeout server_fast_close \
        server_idle_timeout server_lifetime server_login_retry server_reset_query \
        server_reset_query_always server_round_robin server_tls13_ciphers server_tls_ca_file \
        server_tls_cert_file server_tls_ciphers server_tls_key_file server_tls_protocols \
        server_tls_sslmode service_name so_reuseport stats_period stats_users suspend_timeout \
        syslog syslog_facility syslog_ident tcp_defer_accept tcp_keepalive tcp_keepcnt \
        tcp_keepidle tcp_keepintvl tcp_socket_buffer tcp_user_timeout track_extra_parameters \
        transaction_timeout unix_socket_dir unix_socket_group unix_socket_mode user verbose";
    let plain = "[databases]\nd = host=h\n[pgbouncer]\nauth_file = u\n";
    let without = import_text(plain).unwrap().toml;
    for key in KEYS.split_whitespace() {
        // Neither a default of theirs nor of ours.
        let made = ["0", "7", "disable", "any", "0700", "session"].map(|value| {
            let text = plain.replace("auth_file = u\n", "");
            let file = if key == "auth_file" { "" } else { "auth_file = u\n" };
            let made = import_text(&format!("{text}{file}{key} = {value}\n"));
            let made = made.unwrap_or_else(|error| panic!("{key} = {value}: {error}"));
            load_made(&made);
            assert!(!made.toml.contains("not known"), "{key}\n{}", made.toml);
            made.toml
        });
        assert!(made.iter().any(|toml| *toml != without), "{key} makes no difference");
    }
}

#[test]
fn no_key_of_pgcat_is_dropped_silently() {
    const GENERAL: &str = "host port enable_prometheus_exporter prometheus_exporter_port \
        connect_timeout idle_timeout server_lifetime healthcheck_timeout healthcheck_delay \
        shutdown_timeout ban_time autoreload worker_threads tcp_keepalives_idle \
        tcp_keepalives_count tcp_keepalives_interval tcp_user_timeout log_client_connections \
        log_client_disconnections idle_client_in_transaction_timeout tls_certificate \
        tls_private_key server_tls verify_server_certificate admin_username admin_password admin_auth_type auth_query \
        auth_query_user auth_query_password dns_cache_enabled dns_max_ttl server_round_robin \
        prepared_statements_cache_size validate_config";
    const POOL: &str = "pool_mode load_balancing_mode default_role query_parser_enabled \
        query_parser_max_length query_parser_read_write_splitting primary_reads_enabled \
        sharding_function automatic_sharding_key sharding_key_regex shard_id_regex \
        regex_search_limit default_shard idle_timeout connect_timeout server_lifetime auth_query \
        auth_query_user auth_query_password plugins cleanup_server_connections \
        log_client_parameter_status_changes prepared_statements_cache_size checkout_failure_limit";
    const USER: &str = "password server_username server_password pool_size min_pool_size \
        pool_mode statement_timeout server_lifetime auth_type";
    const SHARD: &str = "database mirrors";
    let file = |more: [&str; 4]| {
        let [general, pool, user, shard] = more;
        format!(
            "[general]\n{general}\n[pools.p]\n{pool}\n[pools.p.users.0]\nusername = \"u\"\n\
             {user}\n[pools.p.shards.0]\nservers = [[\"h\", 5432, \"primary\"]]\n{shard}\n"
        )
    };
    let without = import_text(&file([""; 4])).unwrap().toml;
    for (place, keys) in [GENERAL, POOL, USER, SHARD].into_iter().enumerate() {
        for key in keys.split_whitespace() {
            let is_told = ["7", "true", "\"session\"", "\"::1\""].iter().any(|value| {
                let line = format!("{key} = {value}");
                let mut more = [""; 4];
                more[place] = &line;
                let made = import_text(&file(more)).unwrap_or_else(|e| panic!("{line}: {e}"));
                load_made(&made);
                made.toml != without
            });
            // A port alone is that of an exporter that is off.
            assert!(is_told || key == "prometheus_exporter_port", "{key} makes no difference");
        }
    }
}

#[test]
fn what_is_unknown_is_told_with_its_line() {
    let ini = "[pgbouncer]\nauth_file = x\nfrobnicate = hunter2\n[odd]\na = b\nnonsense\n\
               [databases]\nd = host=h colour=hunter3";
    let made = import_text(ini).unwrap().toml;
    for told in [
        "# DECIDE (line 3): frobnicate is not known; it was left out.",
        "# DECIDE (line 5): a in [odd], a section that is not known.",
        "# DECIDE (line 6): this line was not read: neither a section nor key = value.",
        "# DECIDE (line 8): colour of database d is not known; it was left out.",
    ] {
        assert!(made.contains(told), "{told}\n{made}");
    }
    assert!(!made.contains("hunter"), "{made}");
    let toml = "[general]\nhost = \"127.0.0.1\"\nfrobnicate = 1\n[pools.p]\ncolour = \"hunter2\"\n\
                shards.0.servers = [[\"h\", 5432, \"primary\"]]\nshards.0.wing = 3\n[query]\na = 1";
    let made = import_text(toml).unwrap().toml;
    for told in [
        "# DECIDE (line 3): frobnicate is not known; it was left out.",
        "# DECIDE (line 5): colour is not known; it was left out.",
        "# DECIDE (line 7): wing is not known; it was left out.",
        "# DECIDE (line 8): query is not known; it was left out.",
    ] {
        assert!(made.contains(told), "{told}\n{made}");
    }
}

#[test]
fn what_we_do_not_take_is_left_out_with_its_reason() {
    let many: String =
        (0..300).map(|n| ["d", &n.to_string(), " = host=h pool_mode=odd\n"].concat()).collect();
    let hosts = (0..70).map(|n| format!("h{n}")).collect::<Vec<_>>().join(",");
    let cases = [
        "[pgbouncer]\nauth_user =\n[databases]\nd = host=a,b".to_owned(),
        "[pgbouncer]\nauth_user = a\0b\n[databases]\nd = host=a user='\0'\n\"e\0\" = host=b"
            .to_owned(),
        format!("[pgbouncer]\nuser = x\n[databases]\n{many}"),
        format!("[databases]\nd = host={hosts}"),
        "[general]\nadmin_username = \"\"\n[pools.\"\".users.0]\nusername = \"a\"".to_owned(),
        "[pools.p.users.0]\nusername = \"\"\n[pools.p.shards.0]\ndatabase = \"\"".to_owned(),
    ];
    for text in cases {
        let imported = import_text(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        load_made(&imported);
        assert!(imported.notes.contains(&Asks::Decision), "{}", imported.toml);
    }
}

#[test]
fn what_is_no_such_file_is_refused() {
    assert_eq!(Format::guess("[server]\na = 1"), None);
    assert_eq!(Format::guess(" [pools.a.users.0]"), Some(Format::PgCat));
    let read = |format, text| import(format, "x", text, &read_file).map(|made| made.toml);
    assert_eq!(read(Format::PgBouncer, ""), Err(ImportError::Foreign(Format::PgBouncer)));
    assert_eq!(read(Format::PgCat, "a = 1"), Err(ImportError::Foreign(Format::PgCat)));
    let torn = read(Format::PgCat, "[general]\nhost = \"hunter2\nport = 1").unwrap_err();
    assert!(matches!(torn, ImportError::Syntax { line: 2, .. }), "{torn:?}");
    assert!(!torn.to_string().contains("hunter2"));
}

/// Lines of a file, mostly of those that mean something.
fn ini() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        "(listen_addr|listen_port|unix_socket_dir|auth_type|auth_file|auth_user|auth_query|pool_mode)",
        "(default_pool_size|min_pool_size|server_lifetime|query_wait_timeout|max_client_conn)",
        "(server_tls_sslmode|server_tls_ca_file|client_tls_sslmode|client_tls_cert_file)",
        "(client_tls_key_file|client_tls_ca_file|admin_users|max_packet_size|log_stats|stats_period)",
        "[a-z_\"]{0,8}",
    ];
    let value = prop_oneof![
        "(\\*|0|1|20|2\\.5|99999999999|trust|any|hba|cert|md5|session|verify-full|require|/a/b)",
        "(0\\.0\\.0\\.0,::1|host=a,b port=1|host=x dbname=y user=z password=p)",
        "[ -~é\t]{0,20}",
    ];
    let section = "(pgbouncer|databases|users|peers|odd|pgbouncer|databases)";
    let line = prop_oneof![
        1 => section.prop_map(|name| format!("[{name}]")),
        4 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => "(%include a|; x|\\[|\"a\"\"b\" = host=c pool_size=0|afterwrite = host=d)",
    ];
    proptest::collection::vec(line, 0..24)
        .prop_map(|lines| format!("[pgbouncer]\nuser = a\n{}", lines.join("\n")))
}

/// The same of PgCat.
fn toml() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        "(true|false|0|1|20|99999999999|-1|\\[\\]|\\{\\})",
        "\"(0\\.0\\.0\\.0|::1|session|any|replica|x y|/a)\"",
        Just("[[\"h1\", 5432, \"primary\"], [\"h2\", 0, \"replica\"], [1]]".to_owned()),
    ];
    let key = prop_oneof![
        "(host|port|connect_timeout|server_lifetime|tls_certificate|tls_private_key|server_tls)",
        "(admin_username|admin_password|auth_query|auth_query_user|worker_threads|shards|users)",
        "(pool_mode|default_role|username|password|pool_size|min_pool_size|server_username)",
        "(servers|database|mirrors|odd)",
    ];
    let sections = [
        "general",
        "pools.a",
        "pools.a.users.0",
        "pools.a.users.1",
        "pools.a.shards.0",
        "pools.\"b.c\".shards.0",
        "pools.\"b.c\".users.0",
        "pools.pgbouncer.shards.1",
    ];
    let body = proptest::collection::btree_map(key, value, 0..6);
    proptest::collection::btree_map(0..sections.len(), body, 1..6).prop_map(move |all| {
        let section = |(index, body): (usize, std::collections::BTreeMap<String, String>)| {
            let head = format!("[{}]", sections.get(index).copied().unwrap_or_default());
            let lines = body.iter().map(|(key, value)| format!("{key} = {value}"));
            std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
        };
        all.into_iter().map(section).collect::<Vec<_>>().join("\n")
    })
}

/// Nobody could log in as such a user, and our loader refuses it: it is left for a decision.
#[test]
fn a_user_of_pgcat_without_a_password_is_left_out() {
    let text = "[pools.a.users.0]\nusername = \"app\"\npassword = \"x\"\n\
                [pools.a.users.1]\nusername = \"nobody\"\npool_size = 7\n\
                [pools.a.shards.0]\nservers = [[\"h1\", 5432, \"primary\"]]";
    let imported = import(Format::PgCat, "a.toml", text, &read_file).unwrap();
    load_made(&imported);
    assert!(imported.toml.contains("# [users.nobody]"), "{}", imported.toml);
    assert!(imported.toml.contains("# pool_size = 7"), "{}", imported.toml);
    assert!(imported.toml.contains("[users.app]"), "{}", imported.toml);
}

proptest! {
    /// Whatever stands in it: what is made loads.
    #[test]
    fn what_is_made_of_any_ini_loads(text in ini()) {
        let imported = import_text(&text);
        let imported = imported.map_err(|error| TestCaseError::fail(format!("{text}\n{error}")))?;
        load_made(&imported);
    }

    #[test]
    fn what_is_made_of_any_toml_loads(text in toml()) {
        match import(Format::PgCat, "a.toml", &text, &read_file) {
            Ok(imported) => { load_made(&imported); }
            Err(ImportError::Syntax { .. } | ImportError::Foreign(_)) => {}
            Err(error @ ImportError::Unusable(_)) => {
                return Err(TestCaseError::fail(format!("{text}\n{error}")));
            }
        }
    }

    #[test]
    fn any_text_is_no_panic(text in "(?s).{0,200}") {
        for format in [Format::PgBouncer, Format::PgCat] {
            let _ = import(format, "x", &text, &read_file);
        }
    }
}
