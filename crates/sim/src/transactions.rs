//! Transactions that applications run, on the primary and read-only ones.

use crate::app::{App, Ask, Closed};
use crate::log::RowId;
use crate::wishes;
use crate::work::{read, tell, write};

pub(crate) async fn transaction(app: &mut App, row: RowId) -> Result<(), Closed> {
    let (breath, rolls_back) = {
        let mut world = app.host.sim.world();
        (world.random.permille(300), world.random.permille(200))
    };
    app.pinned = Some(Vec::new());
    app.pinned_monotonic = app.promise(None).level.is_monotonic();
    let result = if breath {
        in_one_breath(app, row, rolls_back).await
    } else {
        step_by_step(app, row, rolls_back).await
    };
    app.pinned = None;
    result?;
    app.run(vec![read(row)]).await?;
    Ok(())
}

async fn in_one_breath(app: &mut App, row: RowId, rolls_back: bool) -> Result<(), Closed> {
    let write = write(app, row);
    let written = write.writes.clone();
    let inside = Ask { exactly: written.first().copied(), ..read(row) };
    let end = if rolls_back { tell("ROLLBACK") } else { Ask { writes: written, ..tell("COMMIT") } };
    let asks = vec![tell("BEGIN"), Ask { writes: Vec::new(), ..write }, inside, end];
    // If BEGIN is refused the rest runs on its own: nothing about it is certain.
    let certain = asks.clone();
    let answered = app.run(vec![certain[0].clone()]).await?;
    if !answered[0].ok {
        return Ok(());
    }
    if app.run(asks[1..].to_vec()).await.is_err() {
        return Err(Closed);
    }
    Ok(())
}

async fn step_by_step(app: &mut App, row: RowId, rolls_back: bool) -> Result<(), Closed> {
    let ok = |answers: Vec<crate::app::Answered>| answers.iter().all(|it| it.ok);
    if !ok(app.run(vec![tell("BEGIN")]).await?) {
        return Ok(());
    }
    let write = write(app, row);
    let version = write.writes.clone();
    let done = ok(app.run(vec![Ask { writes: Vec::new(), ..write }]).await?);
    if !done {
        // Lost in the middle: there is no transaction any more, or it has failed.
        app.run(vec![tell("ROLLBACK")]).await?;
        return Ok(());
    }
    let inside = Ask { exactly: version.first().copied(), ..read(row) };
    if !ok(app.run(vec![inside]).await?) {
        app.run(vec![tell("ROLLBACK")]).await?;
        return Ok(());
    }
    let end = if rolls_back { tell("ROLLBACK") } else { Ask { writes: version, ..tell("COMMIT") } };
    app.run(vec![end]).await?;
    Ok(())
}

pub(crate) async fn read_only_transaction(app: &mut App, row: RowId) -> Result<(), Closed> {
    let promise = app.promise(None);
    let sent = app.host.sim.now();
    let mut required = app.required(row, &promise, sent);
    let begun = app.run(vec![tell("BEGIN READ ONLY")]).await?;
    let Some(promise) = begun.first().filter(|it| it.ok).and_then(|it| it.promise) else {
        return Ok(());
    };
    // It may have been told that it gets less than it asked for.
    let still = app.required(row, &promise, sent);
    required.retain(|it| still.contains(it));
    if promise.level.sees_own_writes() {
        required.extend_from_slice(&app.own);
    }
    app.pinned = Some(required);
    app.pinned_monotonic = promise.level.is_monotonic();
    if app.host.sim.world().random.permille(200) {
        set_local(app).await?;
    }
    let mut result = Ok(Vec::new());
    for _ in 0..2 {
        result = app.run(vec![read(row)]).await;
        if !result.as_ref().is_ok_and(|it| it.iter().all(|it| it.ok)) {
            break;
        }
    }
    app.pinned = None;
    result?;
    app.run(vec![tell("COMMIT")]).await?;
    app.wishes.local = None;
    Ok(())
}

/// Asks for something else until the transaction ends: it is placed already, but what it reads
/// counts as read at that level.
async fn set_local(app: &mut App) -> Result<(), Closed> {
    let level = wishes::level(&mut app.host.sim.world().random);
    let set = tell(&format!("SET LOCAL afterwrite.level = '{level}'"));
    if app.run(vec![set]).await?.iter().all(|it| it.ok) {
        app.wishes.local = Some(level);
    }
    Ok(())
}
