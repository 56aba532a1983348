//! What applications do: writes and reads in every form the proxy tells apart.

use std::rc::Rc;

use afterwrite_core::Reason;
use afterwrite_session::Place;
use afterwrite_types::Terms;
use afterwrite_wire::client;

use crate::app::{App, Ask, Closed, Host, Stage};
use crate::log::{RowId, Version};
use crate::statement::SNEAKY_ROW;
use crate::tables::table_of;
use crate::transactions::{read_only_transaction, transaction};
use crate::wishes;

/// Attempts of the last read to find a replica.
const LAST_READS: u32 = 40;

/// Statements with parameters, by the table that they touch.
const READS: [&str; 2] = ["SELECT v FROM kv0 WHERE k = $1", "SELECT v FROM kv1 WHERE k = $1"];
const WRITES: [&str; 2] =
    ["UPDATE kv0 SET v = $1 WHERE k = $2", "UPDATE kv1 SET v = $1 WHERE k = $2"];

/// An application's life: connections one after the other.
pub(crate) async fn live(host: Rc<Host>, name: usize) {
    loop {
        let mut app = App::connect(&host, name);
        if begin(&mut app, name).await.is_err() {
            host.sim.sleep(2_000).await;
            continue;
        }
        let mut stays = true;
        while stays && host.stage.get() == Stage::Storm {
            stays = act(&mut app).await.is_ok() && !leaves(&mut app);
        }
        if !stays || app.is_over() {
            drop(app);
            host.sim.sleep(500).await;
            continue;
        }
        host.arrived.set(host.arrived.get() + 1);
        host.sim.until(|| (host.stage.get() == Stage::Calm).then_some(())).await;
        last_reads(&mut app).await;
        host.arrived.set(host.arrived.get() + 1);
        return;
    }
}

fn leaves(app: &mut App) -> bool {
    if !app.is_quiet() {
        let text = format!("{}: an answer that nobody asked for", app.name);
        app.host.sim.world().fail(text);
    }
    app.host.sim.world().random.permille(15)
}

fn query(sql: &str, tags: &'static [u8]) -> Ask {
    let mut bytes = Vec::new();
    client::query(&mut bytes, sql);
    Ask { bytes, tags, ..Ask::default() }
}

pub(crate) fn tell(sql: &str) -> Ask {
    query(sql, b"C")
}

/// Names its key and says what it asks for, as most applications do first.
async fn begin(app: &mut App, name: usize) -> Result<(), Closed> {
    let (key, terms, hints, reports) = {
        let mut world = app.host.sim.world();
        let keys = world.plan.keys;
        let keyed = world.random.permille(650);
        let key = keyed.then(|| if keys == 1 { 0 } else { name as u64 % keys });
        let (hints, reports) = (world.random.permille(300), world.random.permille(300));
        (key, wishes::choose(&mut world.random), hints, reports)
    };
    if reports {
        app.run(vec![tell("SET afterwrite.report_token = on")]).await?;
    }
    if hints {
        let key = key.map(|it| format!("/* afterwrite: session=user:{it} */"));
        app.hint = wishes::hint(&terms) + &key.clone().unwrap_or_default();
        app.wishes.hinted = (!app.hint.is_empty()).then_some(terms);
        app.wishes.hints_key = key.is_some();
    }
    if let Some(key) = key.filter(|_| !hints) {
        name_key(app, key).await?;
    }
    app.key = key;
    if !hints {
        ask_for(app, terms).await?;
    }
    Ok(())
}

async fn name_key(app: &mut App, key: u64) -> Result<(), Closed> {
    app.run(vec![tell(&format!("SET afterwrite.session = 'user:{key}'"))]).await.map(drop)
}

/// Sets what its reads ask for from now on; what is not named stays as it was.
async fn ask_for(app: &mut App, terms: Terms) -> Result<(), Closed> {
    for (name, value) in wishes::parts(&terms) {
        let set = tell(&format!("SET afterwrite.{name} = '{value}'"));
        app.run(vec![set]).await?;
    }
    app.wishes.own = terms.or(app.wishes.own);
    Ok(())
}

/// Changes its mind about what its reads ask for.
async fn change_mind(app: &mut App) -> Result<(), Closed> {
    let (terms, resets) = {
        let mut world = app.host.sim.world();
        (wishes::choose(&mut world.random), world.random.permille(300))
    };
    if resets {
        app.run(vec![tell("RESET afterwrite.level")]).await?;
        app.wishes.own.level = None;
        app.run(vec![tell("RESET afterwrite.max_staleness")]).await?;
        app.wishes.own.max_staleness = None;
    }
    ask_for(app, terms).await
}

fn row(app: &App) -> RowId {
    let mut world = app.host.sim.world();
    let rows = world.plan.rows;
    1 + u32::try_from(world.random.below(rows)).unwrap_or(0)
}

fn new_version(app: &App, row: RowId) -> Version {
    app.host.sim.world().new_version(row)
}

pub(crate) fn write(app: &App, row: RowId) -> Ask {
    let version = new_version(app, row);
    let sql = format!("UPDATE {} SET v = {version} WHERE k = {row}", table_of(row));
    Ask { writes: vec![version], ..tell(&sql) }
}

pub(crate) fn read(row: RowId) -> Ask {
    let sql = format!("SELECT v FROM {} WHERE k = {row}", table_of(row));
    Ask { reads: Some(row), ..query(&sql, b"TDC") }
}

/// A statement through the extended protocol: named, then reused, or unnamed.
fn extended(app: &mut App, sql: &'static str, values: &[String], named: bool) -> Ask {
    let reads = READS.contains(&sql);
    let name = match READS.iter().chain(&WRITES).position(|it| *it == sql) {
        Some(number) if named => ["r0", "r1", "w0", "w1"][number],
        _ => "",
    };
    let mut bytes = Vec::new();
    let parses = !named || !app.prepared.contains(&sql);
    if parses {
        client::parse(&mut bytes, name, sql, &[]);
    }
    if parses && !reads && app.host.sim.world().random.permille(100) {
        // What follows is read while the exchange is under way.
        client::flush(&mut bytes);
    }
    let values: Vec<_> = values.iter().map(|it| Some(it.as_bytes())).collect();
    client::bind(&mut bytes, "", name, &values, &[], &[]);
    client::execute(&mut bytes, "", 0);
    client::sync(&mut bytes);
    let tags: &'static [u8] = match (parses, reads) {
        (true, true) => b"12DC",
        (true, false) => b"12C",
        (false, true) => b"2DC",
        (false, false) => b"2C",
    };
    Ask { bytes, tags, ..Ask::default() }
}

fn of_row(texts: [&'static str; 2], row: RowId) -> &'static str {
    texts[usize::from(table_of(row) == "kv1")]
}

fn extended_write(app: &mut App, row: RowId, named: bool) -> Ask {
    let version = new_version(app, row);
    let values = [version.to_string(), row.to_string()];
    Ask { writes: vec![version], ..extended(app, of_row(WRITES, row), &values, named) }
}

fn extended_read(app: &mut App, row: RowId, named: bool) -> Ask {
    Ask { reads: Some(row), ..extended(app, of_row(READS, row), &[row.to_string()], named) }
}

/// One thing an application does, often a write and the read that follows.
async fn act(app: &mut App) -> Result<(), Closed> {
    let choice = app.host.sim.world().random.below(100);
    let at = row(app);
    match choice {
        0..20 => {
            let asks = vec![write(app, at)];
            app.run(asks).await?;
            for _ in 0..=choice % 4 {
                app.run(vec![read(at)]).await?;
            }
        }
        20..34 => drop(app.run(vec![read(at)]).await?),
        34..38 => {
            let terms = wishes::choose(&mut app.host.sim.world().random);
            let hinted = (!terms.is_empty()).then_some(terms);
            app.run(vec![Ask { hinted, ..read(at) }]).await?;
        }
        38..50 => prepared(app, at).await?,
        50..58 => {
            // All in one breath: INSERT; Sync; SELECT; Sync.
            let asks = match choice % 3 {
                0 => vec![extended_write(app, at, false), extended_read(app, at, false)],
                1 => vec![write(app, at), read(at), write(app, at), read(at)],
                // Batches that may be joined, and a read that must see the last.
                _ => {
                    let mut asks: Vec<_> =
                        (0..=choice % 4).map(|_| extended_write(app, at, false)).collect();
                    asks.push(extended_read(app, at, false));
                    asks
                }
            };
            app.run(asks).await?;
        }
        58..66 => transaction(app, at).await?,
        66..70 => read_only_transaction(app, at).await?,
        70..74 => {
            let version = new_version(app, at);
            let sql = format!("SELECT slip({at}, {version})");
            app.run(vec![Ask { writes: vec![version], ..query(&sql, b"TDC") }]).await?;
            app.run(vec![read(at)]).await?;
        }
        74..78 => {
            app.run(vec![Ask { tells: true, ..query("SELECT v FROM sneaky", b"TDC") }]).await?;
            let hidden = Ask { reads: Some(SNEAKY_ROW), ..query("SELECT v FROM hidden", b"TDC") };
            app.run(vec![hidden]).await?;
        }
        78..83 => several(app, at).await?,
        83..91 => token(app).await?,
        91..93 => {
            let broken = |sql| Ask { fails: true, ..query(sql, b"") };
            let sql = ["SELECT broken", "UPDATE nothing SET v = 1"][usize::from(choice == 91)];
            app.run(vec![broken(sql)]).await?;
        }
        95 | 96 => {
            // Sends a write and hangs up.
            let ask = write(app, at);
            app.doubt(&ask);
            app.send(&app.hinted(&ask.bytes, "")).await;
            return Err(Closed);
        }
        93 => drop(app.run(vec![tell("SET work_mem = '4MB'")]).await?),
        94 => {
            if app.run(vec![tell("DISCARD ALL")]).await?.iter().all(|it| it.ok) {
                app.prepared.clear();
                // All that it has set is as it was at the start.
                app.wishes.own = Terms::default();
                if let Some(key) = app.key.filter(|_| !app.wishes.hints_key) {
                    name_key(app, key).await?;
                }
            }
        }
        97 => change_mind(app).await?,
        _ => {
            let pause = app.host.sim.world().random.below(6_000);
            app.host.sim.sleep(pause).await;
        }
    }
    Ok(())
}

async fn prepared(app: &mut App, row: RowId) -> Result<(), Closed> {
    let named = app.host.sim.world().random.permille(700);
    for sql in [of_row(WRITES, row), of_row(READS, row)] {
        let ask = if WRITES.contains(&sql) {
            extended_write(app, row, named)
        } else {
            extended_read(app, row, named)
        };
        let parses = ask.tags.first() == Some(&b'1');
        let answered = app.run(vec![ask]).await?;
        let ok = answered.iter().all(|it| it.ok);
        if named && parses && ok {
            app.prepared.push(sql);
        } else if named && !ok {
            // Whether it is prepared now is not known: begin again.
            return Err(Closed);
        }
    }
    Ok(())
}

/// Several statements in one string: one transaction, or one of their own.
async fn several(app: &mut App, row: RowId) -> Result<(), Closed> {
    let choice = app.host.sim.world().random.below(3);
    let (one, two) = (new_version(app, row), new_version(app, row));
    let set = |version| format!("UPDATE {} SET v = {version} WHERE k = {row}", table_of(row));
    let ask = match choice {
        0 => Ask { writes: vec![one, two], ..query(&format!("{}; {}", set(one), set(two)), b"CC") },
        1 => Ask { writes: vec![one], ..query(&format!("BEGIN; {}; COMMIT", set(one)), b"CCC") },
        // It fails, and yet it has committed.
        _ => Ask {
            writes: vec![one],
            fails: true,
            ..query(&format!("BEGIN; {}; COMMIT; SELECT broken", set(one)), b"")
        },
    };
    app.run(vec![ask]).await?;
    app.run(vec![read(row)]).await?;
    Ok(())
}

/// Shows a token, or sets one that somebody was shown.
async fn token(app: &mut App) -> Result<(), Closed> {
    let found = {
        let judge = app.host.sim.judge();
        let mut world = app.host.sim.world();
        // Most often the newest, as a page hands it to the next one.
        let count = judge.tokens.len();
        let at = match world.random.below(4) {
            0 => count,
            1 => world.random.index(count),
            _ => count.saturating_sub(1),
        };
        judge.tokens.get(at).cloned()
    };
    match found {
        None => {
            let show = Ask { shows_token: true, ..query("SHOW afterwrite.token", b"TDC") };
            let written = vec![write(app, row(app)), show];
            app.run(written).await?;
        }
        Some((token, brings)) => {
            let set = tell(&format!("SET afterwrite.token = '{token}'"));
            app.run(vec![Ask { brings, ..set }]).await?;
            let at = row(app);
            app.run(vec![read(at)]).await?;
        }
    }
    Ok(())
}

/// Everything is replayed and nothing is written: a read must come to a replica.
async fn last_reads(app: &mut App) {
    let mut last = None;
    let mut refused = false;
    // One of commits that a crash took back is not believed until it is taken back, too.
    let _ = app.run(vec![tell("RESET afterwrite.token")]).await;
    for _ in 0..LAST_READS {
        let answered = app.run(vec![read(1)]).await;
        refused = answered.as_ref().is_ok_and(|it| it.iter().any(|it| !it.ok));
        if answered.is_err() {
            let text = format!("{}: closed although nothing is wrong", app.name);
            return app.host.sim.world().fail(text);
        }
        let place = app.host.sim.judge().places.get(&app.channel).copied();
        last = place;
        if let Some((Place::Replica(_), _)) = place.filter(|_| !refused) {
            return app.count_untold_losses();
        }
        app.host.sim.sleep(5_000).await;
    }
    let sim = Rc::clone(&app.host.sim);
    let floor = sim.judge().floors.get(&app.channel).copied();
    let mut world = sim.world();
    let end = world.servers[world.primary].end();
    // What a crash or a failover took back may lie beyond everything there is.
    let floor = floor.and_then(|it| it.position()).map_or(0, |it| it.lsn.0);
    let beyond = floor > end && floor <= world.highest;
    // Who never waits cannot have a fence of its own, as a strong read needs.
    let never_waits = app.wishes.within().is_zero()
        && (refused || last.is_some_and(|it| it.0.reason() == Reason::Unresolved));
    if !beyond && !never_waits {
        let text = format!(
            "NO LIVENESS: {} still reads on the primary, {last:?}, the log ends at {end:#x}",
            app.name
        );
        world.fail(text);
    }
}
