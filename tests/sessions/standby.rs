//! A COMMIT that waits for a synchronous standby.
//!
//! It is durable on this server, and visible to nobody. A session that is ended while
//! it waits shows it, and it may still be lost with the server.

use sqlx::{Connection, Error, MySql, MySqlConnection, PgConnection, Postgres};
use sqlx_transactional::{Limits, Tx, on, pool::options};
use sqlx_transactional_tests::campaign::{Campaign, Goal, Try};
use sqlx_transactional_tests::server::{Server, name};
use sqlx_transactional_tests::{Backend, Engine};
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long the call may take.
const LIMIT: Duration = Duration::from_millis(500);

/// How long behind that it is watched: longer than it takes to end a session.
const WATCHED: Duration = Duration::from_secs(2);

/// A call is late while its COMMIT waits for a standby that is not there. Does nothing
/// where the server is not installed.
///
/// Call it on a thread that lives as long as it does: see [`Server::start`].
///
/// # Errors
///
/// What kept it from being tried: the server did not start, say.
pub(crate) async fn waits(
    campaign: &mut Campaign,
    directory: &Path,
    seed: u64,
) -> Result<(), String> {
    if let Some(server) = Server::start(Engine::Postgres, directory).await? {
        let began = Instant::now();
        let outcome = synchronous(&server.url()).await;
        note(campaign, Engine::Postgres, seed, began, outcome)?;
    }
    let log = &["--log-bin=log", "--server-id=1"];
    if let Some(server) = Server::start_with(Engine::MySql, directory, log).await? {
        let began = Instant::now();
        let outcome = semi_synchronous(&server.url()).await;
        note(campaign, Engine::MySql, seed, began, outcome)?;
    }
    Ok(())
}

fn note(
    campaign: &mut Campaign,
    engine: Engine,
    seed: u64,
    began: Instant,
    outcome: Result<Result<(), String>, Error>,
) -> Result<(), String> {
    campaign.note(Try {
        goal: Goal::R5,
        engine: name(engine),
        case: "standby/commit/late/1".to_owned(),
        seed,
        took: began.elapsed(),
        outcome: outcome.map_err(|error| error.to_string())?,
    });
    Ok(())
}

/// Whether a late call is told that nobody knows.
fn is_unknown(called: &Result<(), Error>) -> Result<(), String> {
    let Err(error) = called else {
        return Err("it was told as durable".to_owned());
    };
    let found = sqlx_transactional::Error::find(error);
    if found.is_some_and(sqlx_transactional::Error::is_outcome_unknown) {
        Ok(())
    } else {
        Err(format!("it is not told as unknown: {error}"))
    }
}

/// Whether its session waits on, so that nobody sees what it has stored.
async fn watched<DB: Backend>(
    observer: &mut DB::Connection,
    waiting: &str,
) -> Result<Result<(), String>, Error> {
    let until = Instant::now() + WATCHED;
    while Instant::now() < until {
        let waiting = DB::numbers(observer, waiting).await?;
        let seen = DB::numbers(observer, "select count(*) from notes").await?;
        if (&*waiting, &*seen) != (&[1], &[0]) {
            return Ok(Err(format!(
                "{waiting:?} sessions wait and {seen:?} notes are seen"
            )));
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(Ok(()))
}

/// MariaDB, which waits before its engine commits.
async fn semi_synchronous(url: &str) -> Result<Result<(), String>, Error> {
    let mut observer = MySqlConnection::connect(url).await?;
    for sql in [
        "create table notes (id bigint primary key)",
        "set global rpl_semi_sync_master_timeout = 3600000",
        "set global rpl_semi_sync_master_wait_point = AFTER_SYNC",
        "set global rpl_semi_sync_master_enabled = 1",
    ] {
        sqlx::raw_sql(sql).execute(&mut observer).await?;
    }
    // A server tells its age in whole seconds, and a session that began in its first ones
    // is not ended at all.
    sleep(Duration::from_secs(4)).await;
    let pool = options::<MySql>(url)
        .max_connections(1)
        .connect(url)
        .await?;
    let limits = Limits::new().timeout(LIMIT);
    let call = on(&pool)
        .limits(limits)
        .run(async |tx: &mut Tx<'_, MySql>| {
            let stored = sqlx::query("insert into notes values (1)").execute(tx);
            stored.await.map(drop)
        });
    if let Err(problem) = is_unknown(&call.await) {
        return Ok(Err(problem));
    }
    let waiting = "select count(*) from information_schema.processlist \
                   where state like 'Waiting for semi-sync ACK%' and command <> 'Killed'";
    let watched = watched::<MySql>(&mut observer, waiting).await?;
    // Nobody waits any longer.
    let off = sqlx::raw_sql("set global rpl_semi_sync_master_enabled = 0");
    off.execute(&mut observer).await?;
    pool.close().await;
    Ok(watched)
}

/// PostgreSQL.
async fn synchronous(url: &str) -> Result<Result<(), String>, Error> {
    let mut observer = PgConnection::connect(url).await?;
    for sql in [
        "create table notes (id bigint primary key)",
        "alter system set synchronous_standby_names = 'nobody'",
        "select pg_reload_conf()",
    ] {
        sqlx::raw_sql(sql).execute(&mut observer).await?;
    }
    let is_asked = "select current_setting('synchronous_standby_names') = 'nobody'";
    while !sqlx::query_scalar(is_asked)
        .fetch_one(&mut observer)
        .await?
    {
        sleep(Duration::from_millis(10)).await;
    }
    let pool = options::<Postgres>(url)
        .max_connections(1)
        .connect(url)
        .await?;
    let limits = Limits::new().timeout(LIMIT);
    let call = on(&pool)
        .limits(limits)
        .run(async |tx: &mut Tx<'_, Postgres>| {
            let stored = sqlx::query("insert into notes values (1)").execute(tx);
            stored.await.map(drop)
        });
    if let Err(problem) = is_unknown(&call.await) {
        return Ok(Err(problem));
    }
    let waiting = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";
    let watched = watched::<Postgres>(&mut observer, waiting).await?;
    pool.close().await;
    Ok(watched)
}
