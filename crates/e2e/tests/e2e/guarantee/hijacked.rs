//! Whoever may create objects can put functions, operators, types and tables of their own in
//! front of the server's. What the proxy asks must never run into them.

use std::time::Duration;

use tokio_postgres::Client;

use crate::support::{Bed, Checks, connect, eventually, number, text};

/// One of each that the server has, as far as it can be made: whatever runs into one fails.
const EVIL: &str = r"
    CREATE SCHEMA evil;
    CREATE FUNCTION evil.raise(x int8) RETURNS int8 LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'hijacked an aggregate'; END $$;
    CREATE AGGREGATE evil.count(*) (SFUNC = evil.raise, STYPE = int8, INITCOND = '0');
    DO $do$
    DECLARE it record; body text;
    BEGIN
        FOR it IN SELECT proname AS name, pg_get_function_identity_arguments(oid) AS args,
            pg_get_function_result(oid) AS result FROM pg_proc
            WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f'
        LOOP
            body := format('BEGIN RAISE EXCEPTION %L; END', 'hijacked ' || it.name);
            BEGIN
                EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L',
                    it.name, it.args, it.result, body);
            EXCEPTION WHEN OTHERS THEN NULL;
            END;
        END LOOP;
        FOR it IN SELECT oid, oprname AS name, oprleft::regtype AS one,
            oprright::regtype AS other, oprresult::regtype AS result FROM pg_operator
            WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprkind = 'b'
        LOOP
            body := format('BEGIN RAISE EXCEPTION %L; END', 'hijacked ' || it.name);
            BEGIN
                EXECUTE format('CREATE FUNCTION evil.op_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L',
                    it.oid, it.one, it.other, it.result, body);
                EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.op_%s)',
                    it.name, it.one, it.other, it.oid);
            EXCEPTION WHEN OTHERS THEN NULL;
            END;
        END LOOP;
        FOR it IN SELECT relname AS name FROM pg_class
            WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v')
        LOOP
            EXECUTE format('CREATE TABLE evil.%I (hijacked int)', it.name);
        END LOOP;
        FOR it IN SELECT unnest('{text,int4,int8,bool,name,oid,regclass,float8,pg_lsn}'::text[]) AS name
        LOOP
            EXECUTE format('CREATE DOMAIN evil.%I AS pg_catalog.%I CHECK (false)', it.name, it.name);
        END LOOP;
    END $do$;
    GRANT USAGE ON SCHEMA evil TO PUBLIC;
    GRANT SELECT ON ALL TABLES IN SCHEMA evil TO PUBLIC;
    CREATE TABLE public.t (n pg_catalog.int8);
    ALTER TABLE public.t OWNER TO app;
    ALTER ROLE app SET search_path = evil, pg_catalog, public;
";

const COUNT: &str = "SELECT pg_catalog.count(*) FROM public.t";
const ON_PRIMARY: &str = "SELECT pg_catalog.count(*) FROM public.t /* afterwrite: primary */";
const LAST: &str = "SHOW afterwrite.last_decision";

#[tokio::test]
async fn what_the_proxy_asks_cannot_be_hijacked() {
    let bed = Bed::start(&[]).await;
    bed.cluster.primary().query(EVIL).await.unwrap();
    bed.cluster.wait_for_catch_up(Duration::from_secs(20)).await.unwrap();
    let made = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'evil'::regnamespace";
    let made = bed.cluster.primary().query(made).await.unwrap();
    let made: usize = made[0][0].as_ref().unwrap().parse().unwrap();
    assert!(made > 2000, "{made}");
    let before = errors(&bed).len();
    let mut checks = Checks::default();
    for (name, args) in [
        ("by the log", &[][..]),
        ("with inventories", &["--set", "pool.inventory=always"]),
        ("by tables", &["--set", "routing.table_scope=true"]),
        ("by heartbeats", &["--set", "cluster.positions=heartbeat"]),
    ] {
        let proxy = bed.another(args).await;
        let client = connect(&proxy.url()).await;
        checks.run(name, all_questions(&client)).await;
        let log = errors(&bed);
        checks.that(&format!("{name}: nothing failed"), log.len() == before, &log.join("\n"));
        if log.len() > before {
            return;
        }
    }
    // The test's own measure.
    let direct = connect(&bed.direct()).await;
    direct.simple_query("SELECT pg_current_wal_insert_lsn()").await.unwrap_err();
    assert_eq!(errors(&bed).len(), before + 1);
}

/// What has the proxy ask servers something, as far as a client can bring it about.
async fn all_questions(client: &Client) {
    let rows = number(client, COUNT).await;
    client.batch_execute("INSERT INTO public.t VALUES (1)").await.unwrap();
    assert_eq!(number(client, COUNT).await, rows + 1);
    // The position is asked for later.
    client.batch_execute("BEGIN; INSERT INTO public.t VALUES (2); COMMIT").await.unwrap();
    assert_eq!(number(client, COUNT).await, rows + 2);
    // What unread code has left.
    client.batch_execute("DO $$ BEGIN INSERT INTO public.t VALUES (3); END $$").await.unwrap();
    assert_eq!(number(client, COUNT).await, rows + 3);
    // What was set comes back, and sequences are forgotten.
    client.batch_execute("SET application_name = 'x'; RESET ALL").await.unwrap();
    client.batch_execute("DISCARD ALL").await.unwrap();
    client.batch_execute("INSERT INTO public.t VALUES (4)").await.unwrap();
    client.batch_execute("SET afterwrite.level = 'causal'").await.unwrap();
    for _ in 0..3 {
        eventually("a replica reads", Duration::from_secs(5), async || {
            assert_eq!(number(client, COUNT).await, rows + 4);
            text(client, LAST).await.starts_with("replica")
        })
        .await;
        // Does the primary show as much?
        assert_eq!(number(client, ON_PRIMARY).await, rows + 4);
    }
    // Long enough for every node to be asked who it is, and the catalog to be read.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    client.batch_execute("RESET afterwrite.level").await.unwrap();
    assert_eq!(number(client, COUNT).await, rows + 4);
}

/// What the servers have logged of errors.
fn errors(bed: &Bed) -> Vec<String> {
    let servers = bed.cluster.replicas().iter().chain([bed.cluster.primary()]);
    let logs = servers.map(|server| std::fs::read_to_string(server.log()).unwrap());
    let lines = logs.flat_map(|log| log.lines().map(str::to_owned).collect::<Vec<_>>());
    // The one table that is looked for before it is made, on replicas in vain.
    let expected = |line: &str| {
        line.contains("\"afterwrite.heartbeat\" does not exist")
            || line.contains("cannot execute CREATE SCHEMA")
    };
    lines.filter(|line| line.contains("ERROR:") && !expected(line)).collect()
}
