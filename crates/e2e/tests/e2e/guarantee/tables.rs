//! Table scope: whoever reads a table sees what anyone has committed to it, with no key at all,
//! and reads of other tables are not held up.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use afterwrite_cluster::Plan;
use tokio_postgres::Client;

use crate::support::{Bed, Checks, connect, eventually, number, text};

const SCHEMA: &str = "
    CREATE TABLE a (id int PRIMARY KEY, v int NOT NULL);
    CREATE TABLE child (id int, a_id int REFERENCES a ON DELETE CASCADE);
    CREATE TABLE quiet (v int); INSERT INTO quiet VALUES (1);
    CREATE TABLE parts (id int, v int) PARTITION BY RANGE (id);
    CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (1000);
    CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (1000) TO (1000000);
    CREATE TABLE watched (v int); CREATE TABLE noted (v int);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO noted VALUES (NEW.v); RETURN NEW; END $$;
    CREATE TRIGGER note AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION note();
    CREATE FUNCTION put(int) RETURNS void LANGUAGE sql AS 'INSERT INTO a VALUES ($1, 1)';
    CREATE PROCEDURE put_and_commit(n int) LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO a VALUES (n, 1); COMMIT; INSERT INTO a VALUES (-n, 1); END $$;
    CREATE VIEW seen AS SELECT id, v FROM a;
    CREATE TABLE ruled (v int);
    CREATE RULE too AS ON INSERT TO ruled DO ALSO INSERT INTO noted VALUES (NEW.v);
    CREATE SCHEMA other; CREATE TABLE other.a (id int); GRANT USAGE ON SCHEMA other TO PUBLIC;
    GRANT ALL ON other.a TO PUBLIC;
    CREATE TABLE twin (id int); CREATE TABLE other.twin (id int);
    GRANT ALL ON other.twin TO PUBLIC;
    CREATE FUNCTION move_path() RETURNS text LANGUAGE sql AS
        $$ SELECT set_config('search_path', 'other', false) $$;
    CREATE FUNCTION move_path_inside() RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN RETURN public.move_path(); END $$;
    CREATE PROCEDURE move_path_and_commit() LANGUAGE plpgsql AS
        $$ BEGIN SET search_path TO other; COMMIT; END $$;
    CREATE TABLE moving (v int);
    CREATE FUNCTION move_path_by_trigger() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN SET search_path TO other; RETURN NEW; END $$;
    CREATE TRIGGER move AFTER INSERT ON moving FOR EACH ROW
        EXECUTE FUNCTION move_path_by_trigger();
    CREATE MATERIALIZED VIEW summary AS SELECT count(*) AS n FROM a;
    CREATE TABLE filled (v text); ALTER TABLE filled ALTER v SET STORAGE PLAIN;
";

/// Foreign tables whose server is this very database.
const FOREIGN: &str = "
    CREATE EXTENSION postgres_fdw;
    CREATE SERVER itself FOREIGN DATA WRAPPER postgres_fdw
        OPTIONS (host '127.0.0.1', port 'PORT', dbname 'app');
    CREATE USER MAPPING FOR PUBLIC SERVER itself
        OPTIONS (user 'app', password_required 'false');
    CREATE FOREIGN TABLE far (id int, v int) SERVER itself OPTIONS (table_name 'a');
    CREATE VIEW far_seen AS SELECT id, v FROM far;
    CREATE TABLE split (id int, v int) PARTITION BY LIST (v);
    CREATE FOREIGN TABLE split_far PARTITION OF split FOR VALUES IN (1)
        SERVER itself OPTIONS (table_name 'a');
    CREATE TABLE wide (id int, v int);
    CREATE FOREIGN TABLE wide_far () INHERITS (wide) SERVER itself OPTIONS (table_name 'a');
    GRANT ALL ON far, far_seen, split, split_far, wide, wide_far TO PUBLIC;
";

#[tokio::test]
async fn anyones_writes_are_seen_by_table() {
    let plan = Plan { apply_delay: vec![Duration::from_millis(300); 2], ..Plan::default() };
    let bed = Bed::with(plan, &["--set", "routing.table_scope=true"]).await;
    bed.prepare(SCHEMA).await;
    let primary = bed.cluster.primary();
    let foreign = FOREIGN.replace("PORT", &primary.port().to_string());
    connect(&primary.superuser_url()).await.batch_execute(&foreign).await.unwrap();
    let [writer, reader] = [connect(&bed.proxy.url()).await, connect(&bed.proxy.url()).await];
    eventually("the catalog is known", Duration::from_secs(10), async || {
        number(&reader, "SELECT count(*) FROM quiet").await;
        text(&reader, "SHOW afterwrite.last_decision").await.contains("reads public.quiet; ")
    })
    .await;
    let mut checks = Checks::default();
    for (write, read) in WAYS {
        checks.run(write, seen(&writer, &reader, write, read)).await;
    }
    checks.run("a path of the transaction's own", other_path(&writer, &reader)).await;
    for (how, stays) in PATH_MOVERS {
        checks.run(how, path_moved_unseen(&bed, &reader, how, stays)).await;
    }
    checks.run("another table", others_go_on(&writer, &reader)).await;
    checks.run("a transaction that has not ended", unfinished(&writer, &reader)).await;
    checks.run("read-only transactions", read_only(&writer, &reader)).await;
    checks.run("prepared statements", prepared(&writer, &reader)).await;
    checks.run("many at once", many(&bed)).await;
    checks.run("without it nobody knows", control(&bed).await).await;
}

/// What writes, with `$` for a number, and what must then have changed.
const WAYS: [(&str, &str); 26] = [
    ("INSERT INTO a VALUES ($, 1)", "SELECT count(*) FROM a"),
    ("UPDATE a SET v = v + 1", "SELECT sum(v) FROM a"),
    ("INSERT INTO a VALUES ($, 1)", "SELECT count(*) FROM seen"),
    ("INSERT INTO seen VALUES ($, 1)", "SELECT count(*) FROM a"),
    ("BEGIN; INSERT INTO a VALUES ($, 1); COMMIT", "SELECT count(*) FROM a"),
    ("SELECT put($)", "SELECT count(*) FROM a"),
    ("CALL put_and_commit($)", "SELECT count(*) FROM a WHERE id < 0"),
    ("DO $do$ BEGIN INSERT INTO a VALUES ($, 1); END $do$", "SELECT count(*) FROM a"),
    (
        "WITH i AS (INSERT INTO a VALUES ($, 1) RETURNING 1) SELECT 1 FROM i",
        "SELECT count(*) FROM a",
    ),
    ("INSERT INTO quiet VALUES (1); INSERT INTO a VALUES ($, 1)", "SELECT count(*) FROM a"),
    (
        "MERGE INTO a USING (SELECT $ AS n) s ON id = n WHEN NOT MATCHED THEN INSERT VALUES (n, 1)",
        "SELECT count(*) FROM a",
    ),
    ("INSERT INTO a VALUES ($, 1); INSERT INTO child VALUES (1, $)", "SELECT count(*) FROM child"),
    // By a foreign key's cascade.
    ("DELETE FROM a WHERE id IN (SELECT a_id FROM child)", "SELECT -count(*) FROM child"),
    ("INSERT INTO parts VALUES ($, 1)", "SELECT count(*) FROM parts"),
    ("INSERT INTO parts_high VALUES (10000 + $, 1)", "SELECT count(*) FROM parts"),
    ("INSERT INTO parts VALUES ($, 1)", "SELECT count(*) FROM parts_low"),
    // By a trigger, and by a rule.
    ("INSERT INTO watched VALUES ($)", "SELECT count(*) FROM noted"),
    ("INSERT INTO ruled VALUES ($)", "SELECT count(*) FROM noted"),
    ("INSERT INTO a VALUES ($, 1); REFRESH MATERIALIZED VIEW summary", "SELECT n FROM summary"),
    ("CREATE TABLE made$ AS SELECT 1; INSERT INTO a VALUES ($, 1)", "SELECT count(*) FROM a"),
    // By a foreign server that leads back here.
    ("INSERT INTO far VALUES ($, 1)", "SELECT count(*) FROM a"),
    ("INSERT INTO far_seen VALUES ($, 1)", "SELECT count(*) FROM a"),
    ("INSERT INTO split VALUES ($, 1)", "SELECT count(*) FROM a"),
    ("UPDATE wide SET v = v + 1", "SELECT sum(v) FROM a"),
    ("INSERT INTO a VALUES ($, 1)", "SELECT count(*) FROM wide"),
    // A name that is a value.
    (
        "INSERT INTO filled SELECT repeat('x', 6000) FROM generate_series(1, 3)",
        "SELECT pg_relation_size('filled')",
    ),
];

static NUMBER: AtomicI64 = AtomicI64::new(1);

fn fresh(sql: &str) -> String {
    let number = NUMBER.fetch_add(1, Ordering::SeqCst);
    sql.replace("$do$", "\0").replace('$', &number.to_string()).replace('\0', "$do$")
}

/// What a transaction sets is not what its session has set.
async fn other_path(writer: &Client, reader: &Client) {
    const COUNT: &str = "SELECT count(*) FROM other.a";
    for set in ["SET LOCAL search_path = other", "SET search_path = other"] {
        for end in ["COMMIT", "RESET search_path; COMMIT"] {
            let before = number(reader, COUNT).await;
            writer.batch_execute("BEGIN").await.unwrap();
            writer.batch_execute(set).await.unwrap();
            writer.batch_execute("INSERT INTO a VALUES (1)").await.unwrap();
            writer.batch_execute(end).await.unwrap();
            assert_eq!(number(reader, COUNT).await, before + 1, "{set}; {end}");
            writer.batch_execute("RESET search_path").await.unwrap();
        }
    }
}

/// Code in whose text no path is set, and whether the client keeps what it sets.
const PATH_MOVERS: [(&str, bool); 11] = [
    ("DO $do$ BEGIN PERFORM set_config('search_path', 'other', false); END $do$", true),
    ("DO $do$ BEGIN SET search_path TO other; END $do$", true),
    ("DO $do$ BEGIN EXECUTE 'SET search_path TO other'; END $do$", true),
    ("SELECT move_path()", true),
    ("SELECT move_path_inside()", true),
    ("CALL move_path_and_commit()", true),
    ("INSERT INTO moving VALUES (1)", true),
    ("UPDATE pg_settings SET setting = 'other' WHERE name = 'search_path'", true),
    ("UPDATE pg_catalog.pg_settings s SET setting = 'other' WHERE name = 'search_path'", true),
    (
        "DO $do$ BEGIN UPDATE pg_settings SET setting = 'other' WHERE name = 'search_path'; END $do$",
        true,
    ),
    // What it runs nobody can read.
    ("DO $do$ BEGIN EXECUTE 'SE' || 'T search_path TO other'; END $do$", false),
];

/// What unread code has set, the statements behind it are read by.
async fn path_moved_unseen(bed: &Bed, reader: &Client, how: &str, stays: bool) {
    const THERE: &str = "SELECT count(*) FROM other.twin";
    const HERE: &str = "SELECT count(*) FROM public.twin";
    let writer = connect(&bed.proxy.url()).await;
    writer.batch_execute(how).await.unwrap();
    for _ in 0..2 {
        // The replicas have all, and are asked: nobody else uses the writer's connection, and
        // whoever asks for the wrong table's floor finds the row missing.
        tokio::time::sleep(Duration::from_millis(600)).await;
        let before = [number(reader, THERE).await, number(reader, HERE).await];
        writer.batch_execute("INSERT INTO twin VALUES (1)").await.unwrap();
        let after = [number(reader, THERE).await, number(reader, HERE).await];
        let found = [after[0] - before[0], after[1] - before[1]];
        let expected: &[[i64; 2]] = if stays { &[[1, 0]] } else { &[[1, 0], [0, 1]] };
        assert!(expected.contains(&found), "{how}: a row went to one, and both got {found:?}");
    }
    if stays {
        tokio::time::sleep(Duration::from_millis(600)).await;
        let before = number(&writer, "SELECT count(*) FROM twin").await;
        reader.batch_execute("INSERT INTO other.twin VALUES (1)").await.unwrap();
        assert_eq!(number(&writer, "SELECT count(*) FROM twin").await, before + 1, "{how}");
    }
}

async fn seen(writer: &Client, reader: &Client, write: &str, read: &str) {
    // The replicas have all, and are asked: what is written under the wrong table is missed.
    tokio::time::sleep(Duration::from_millis(600)).await;
    for _ in 0..3 {
        let before = number(reader, read).await;
        if write.contains("DELETE") {
            let sql = fresh("INSERT INTO a VALUES ($, 1); INSERT INTO child VALUES (1, $)");
            writer.batch_execute(&sql).await.unwrap();
            writer.batch_execute(&fresh(write)).await.unwrap();
            // A row came and went.
            assert_eq!(number(reader, read).await, 0, "{write}");
            continue;
        }
        writer.batch_execute(&fresh(write)).await.unwrap();
        let after = number(reader, read).await;
        assert!(after > before, "{write}: {read} gave {before} and then {after}");
    }
}

/// Waits until a replica may answer this.
async fn caught_up(reader: &Client, read: &str) {
    eventually("the replicas have all", Duration::from_secs(5), async || {
        number(reader, read).await;
        text(reader, "SHOW afterwrite.last_decision").await.starts_with("replica")
    })
    .await;
}

async fn others_go_on(writer: &Client, reader: &Client) {
    caught_up(reader, "SELECT count(*) FROM quiet").await;
    for _ in 0..5 {
        writer.batch_execute(&fresh("INSERT INTO a VALUES ($, 1)")).await.unwrap();
        number(reader, "SELECT count(*) FROM quiet").await;
        let decision = text(reader, "SHOW afterwrite.last_decision").await;
        assert!(decision.starts_with("replica"), "{decision}");
        number(reader, "SELECT count(*) FROM a").await;
        let decision = text(reader, "SHOW afterwrite.last_decision").await;
        assert!(decision.starts_with("primary"), "{decision}");
    }
}

async fn unfinished(writer: &Client, reader: &Client) {
    let before = number(reader, "SELECT count(*) FROM a").await;
    writer.batch_execute("BEGIN").await.unwrap();
    writer.batch_execute(&fresh("INSERT INTO a VALUES ($, 1)")).await.unwrap();
    writer.batch_execute("SAVEPOINT s").await.unwrap();
    assert_eq!(number(reader, "SELECT count(*) FROM a").await, before);
    writer.batch_execute("COMMIT").await.unwrap();
    assert_eq!(number(reader, "SELECT count(*) FROM a").await, before + 1);
}

async fn read_only(writer: &Client, reader: &Client) {
    for _ in 0..3 {
        let before = number(reader, "SELECT count(*) FROM a").await;
        writer.batch_execute(&fresh("INSERT INTO a VALUES ($, 1)")).await.unwrap();
        reader.batch_execute("BEGIN READ ONLY").await.unwrap();
        let after = number(reader, "SELECT count(*) FROM a").await;
        reader.batch_execute("COMMIT").await.unwrap();
        assert_eq!(after, before + 1);
    }
}

async fn prepared(writer: &Client, reader: &Client) {
    let insert = writer.prepare("INSERT INTO a VALUES ($1, 1)").await.unwrap();
    let count = reader.prepare("SELECT count(*) FROM a").await.unwrap();
    for _ in 0..3 {
        let before: i64 = reader.query_one(&count, &[]).await.unwrap().get(0);
        let id: i32 = fresh("$").parse().unwrap();
        writer.execute(&insert, &[&id]).await.unwrap();
        let after: i64 = reader.query_one(&count, &[]).await.unwrap().get(0);
        assert_eq!(after, before + 1);
    }
}

/// Writers count up, each in a row of its own; readers know what was acknowledged to whom.
async fn many(bed: &Bed) {
    const WRITERS: usize = 4;
    bed.prepare("CREATE TABLE counters (id int PRIMARY KEY, v int); INSERT INTO counters SELECT n, 0 FROM generate_series(0, 3) n").await;
    let acknowledged: Arc<[AtomicI64; WRITERS]> = Arc::default();
    let over = Instant::now() + Duration::from_secs(4);
    let mut tasks = Vec::new();
    for id in 0..WRITERS {
        let (client, acknowledged) = (connect(&bed.proxy.url()).await, Arc::clone(&acknowledged));
        tasks.push(tokio::spawn(async move {
            for value in 1_i64.. {
                let sql = format!("UPDATE counters SET v = {value} WHERE id = {id}");
                client.batch_execute(&sql).await.unwrap();
                acknowledged[id].store(value, Ordering::SeqCst);
                if Instant::now() > over {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(u64::try_from(value % 5).unwrap())).await;
            }
            0
        }));
    }
    for _ in 0..WRITERS {
        let (client, acknowledged) = (connect(&bed.proxy.url()).await, Arc::clone(&acknowledged));
        tasks.push(tokio::spawn(async move {
            let mut reads = 0;
            while Instant::now() < over {
                let least: Vec<_> =
                    acknowledged.iter().map(|it| it.load(Ordering::SeqCst)).collect();
                let rows = client.query("SELECT id, v FROM counters", &[]).await.unwrap();
                for row in rows {
                    let (id, value): (i32, i32) = (row.get(0), row.get(1));
                    let least = least[usize::try_from(id).unwrap()];
                    assert!(i64::from(value) >= least, "{id} was {least} and is {value}");
                }
                reads += 1;
            }
            reads
        }));
    }
    let mut reads = 0;
    for task in tasks {
        reads += task.await.unwrap();
    }
    assert!(reads > 100, "{reads} reads");
}

/// The same steps where it is off find the old state: the checks above could fail.
async fn control(bed: &Bed) -> impl Future<Output = ()> {
    let other = bed.another(&[]).await;
    let [writer, reader] = [connect(&other.url()).await, connect(&other.url()).await];
    async move {
        let mut stale = 0;
        for _ in 0..5 {
            let before = number(&reader, "SELECT count(*) FROM a").await;
            writer.batch_execute(&fresh("INSERT INTO a VALUES ($, 1)")).await.unwrap();
            stale += i32::from(number(&reader, "SELECT count(*) FROM a").await <= before);
        }
        drop(other);
        assert!(stale > 0, "no read was stale without it");
    }
}

/// Server connections look for names where the operator's query has set them to, or where their
/// role began when they were opened, whatever the catalog tells of the role by now.
#[tokio::test]
async fn where_server_connections_look_for_names_is_known() {
    let plan = Plan { apply_delay: vec![Duration::from_millis(300); 2], ..Plan::default() };
    let set = ["routing.table_scope=true", "routing.catalog_interval=2s", "admin.users=app"];
    let set = set.map(|one| ["--set", one]).concat();
    let bed = Bed::with(plan, &set).await;
    bed.prepare(SCHEMA).await;
    let mut checks = Checks::default();
    checks.run("by the operator's query", path_of_connect_query(&bed)).await;
    checks.run("by a change of the role", path_of_role(&bed)).await;
}

async fn path_of_connect_query(bed: &Bed) {
    let query = "pool.connect_query=SET search_path = other";
    let proxy = bed.another(&["--set", "routing.table_scope=true", "--set", query]).await;
    let [writer, reader] = [connect(&proxy.url()).await, connect(&proxy.url()).await];
    knows_the_catalog(&reader).await;
    for _ in 0..3 {
        assert_eq!(row_goes_to(&writer, &reader).await, [1, 0]);
    }
}

async fn path_of_role(bed: &Bed) {
    let [writer, reader] = [connect(&bed.proxy.url()).await, connect(&bed.proxy.url()).await];
    let direct = connect(&bed.direct()).await;
    let console =
        connect(&format!("postgres://app@127.0.0.1:{}/afterwrite", bed.proxy.port())).await;
    knows_the_catalog(&reader).await;
    assert_eq!(row_goes_to(&writer, &reader).await, [0, 1]);
    // The catalog tells the new path, and what is open has the old one.
    direct.batch_execute("ALTER ROLE CURRENT_USER SET search_path = other").await.unwrap();
    let mut places = Vec::new();
    for _ in 0..6 {
        places.push(row_goes_to(&writer, &reader).await);
    }
    assert_eq!(places.last(), Some(&[1, 0]), "connections were not replaced: {places:?}");
    caught_up(&reader, "SELECT count(*) FROM public.quiet").await;
    // What is opened has the new path, and the catalog still tells the old one.
    direct.batch_execute("ALTER ROLE CURRENT_USER RESET search_path").await.unwrap();
    console.simple_query("RECONNECT").await.unwrap();
    for _ in 0..6 {
        row_goes_to(&writer, &reader).await;
    }
    assert_eq!(row_goes_to(&writer, &reader).await, [0, 1]);
}

async fn knows_the_catalog(reader: &Client) {
    eventually("the catalog is known", Duration::from_secs(10), async || {
        number(reader, "SELECT count(*) FROM public.quiet").await;
        text(reader, "SHOW afterwrite.last_decision").await.contains("reads public.quiet; ")
    })
    .await;
}

/// Writes a row to whatever a name stands for: that one has it at once, the other has not.
async fn row_goes_to(writer: &Client, reader: &Client) -> [i64; 2] {
    const THERE: &str = "SELECT count(*) FROM other.twin";
    const HERE: &str = "SELECT count(*) FROM public.twin";
    // The replicas have all, and are asked.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let before = [number(reader, THERE).await, number(reader, HERE).await];
    writer.batch_execute("INSERT INTO twin VALUES (1)").await.unwrap();
    let after = [number(reader, THERE).await, number(reader, HERE).await];
    let found = [after[0] - before[0], after[1] - before[1]];
    assert!([[1, 0], [0, 1]].contains(&found), "a row went to one, and both got {found:?}");
    found
}
