//! Sessions of others that have the number of one that is ended.
//!
//! Servers give their sessions numbers from 1 on. So servers behind one address have
//! sessions of the same number at the same time, and one that was started again gives
//! the numbers anew. Here the numbers are made to meet.

use super::balancer::{Balancer, port};
use sqlx::{AssertSqlSafe, Connection, Error, MySql, MySqlConnection, Pool};
use sqlx_transactional::{Limits, Tx, on, pool::options};
use sqlx_transactional_tests::campaign::{Campaign, Goal, Try};
use sqlx_transactional_tests::server::{Server, name};
use sqlx_transactional_tests::{Action, Engine, Point, Wire};
use std::fmt;
use std::path::Path;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// How a session's number becomes a stranger's.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Each new connection reaches another server.
    Balanced,
    /// The pool's connect options are those of another server by now.
    Moved,
    /// The server was killed and started again.
    Restarted,
}

impl fmt::Display for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Balanced => "balanced",
            Self::Moved => "moved",
            Self::Restarted => "restarted",
        })
    }
}

/// How long a call may take.
const LIMIT: Duration = Duration::from_millis(300);

/// How long a stranger is watched.
const WATCHED: Duration = Duration::from_millis(600);

/// How long something may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tries each way so often. `None` where the server is not installed.
///
/// Call it on a thread that lives as long as it does: see [`Server::start`].
///
/// # Errors
///
/// What kept it from being tried: a server did not start, say.
pub(crate) async fn sweep(
    campaign: &mut Campaign,
    directory: &Path,
    tries: usize,
    seed: u64,
) -> Result<Option<usize>, String> {
    let Some(mut first) = Server::start(Engine::MySql, directory).await? else {
        return Ok(None);
    };
    let Some(second) = Server::start(Engine::MySql, directory).await? else {
        return Ok(None);
    };
    let urls = [first.url(), second.url()];
    for url in &urls {
        let mut connection = connect(url).await?;
        run(
            &mut connection,
            "create table notes (id bigint primary key)",
        )
        .await?;
        run(&mut connection, "insert into notes values (1)").await?;
    }
    // They tell their age in whole seconds, and end no session of their first ones.
    sleep(Duration::from_secs(4)).await;
    for number in 1..=tries {
        for way in [Way::Balanced, Way::Moved, Way::Restarted] {
            let began = Instant::now();
            let outcome = match way {
                Way::Balanced => balanced(&urls).await?,
                Way::Moved => moved(&urls).await?,
                Way::Restarted => restarted(&mut first).await?,
            };
            campaign.note(Try {
                goal: Goal::R18,
                engine: name(Engine::MySql),
                case: format!("strangers/{way}/{number}"),
                seed,
                took: began.elapsed(),
                outcome,
            });
        }
    }
    Ok(Some(3 * tries))
}

/// Whether only the own session was ended, behind one address for both servers.
async fn balanced(urls: &[String; 2]) -> Result<Result<(), String>, String> {
    let mut blockers = [blocker(&urls[0]).await?, blocker(&urls[1]).await?];
    let balancer = Balancer::start(urls).await?;
    meet(urls).await?;
    let pool = pool(balancer.url()).await?;
    let (session, here) = whose(&pool).await?;
    let here = usize::from(here != port(&urls[0])?);
    let mut stranger = stranger(&urls[1 - here], session).await?;
    timed_out(&pool).await?;
    if !survives(&mut stranger).await {
        return Ok(Err("a session of another server was ended".to_owned()));
    }
    // The lock that it waits for is not given up: only its end takes it away.
    let until = Instant::now() + PATIENCE;
    let own = format!("select count(*) from information_schema.processlist where id = {session}");
    while count(&mut blockers[here], &own).await? > 0 {
        if Instant::now() > until {
            return Ok(Err("its own session was not ended".to_owned()));
        }
        sleep(Duration::from_millis(10)).await;
    }
    pool.close().await;
    Ok(Ok(()))
}

/// Whether nobody was ended on the server that has nothing to do with it.
async fn moved(urls: &[String; 2]) -> Result<Result<(), String>, String> {
    let mut blocker = blocker(&urls[0]).await?;
    meet(urls).await?;
    let pool = pool(&urls[0]).await?;
    let (session, _) = whose(&pool).await?;
    let mut stranger = stranger(&urls[1], session).await?;
    pool.set_connect_options(urls[1].parse().map_err(|error: Error| error.to_string())?);
    timed_out(&pool).await?;
    let survives = survives(&mut stranger).await;
    run(&mut blocker, "rollback").await?;
    pool.close().await;
    Ok(if survives {
        Ok(())
    } else {
        Err("a session of another server was ended".to_owned())
    })
}

/// Whether nobody was ended on the server that was started again.
async fn restarted(server: &mut Server) -> Result<Result<(), String>, String> {
    let wire = Wire::mysql(&server.url()).await;
    // The numbers after the start have to reach its own.
    let mut passed = 0;
    while passed < 30 {
        passed = number(&mut connect(&server.url()).await?).await?;
    }
    let pool = pool(wire.url()).await?;
    let (session, _) = whose(&pool).await?;
    let waits = Notify::new();
    // The line goes dead without a word, so that the call does not learn of it.
    wire.arm(Point::command("for update"), Action::BlackHole);
    let limits = Limits::new().timeout(Duration::from_mins(5));
    let call = on(&pool)
        .limits(limits)
        .run(async |tx: &mut Tx<'_, MySql>| {
            let stored = sqlx::query("select id from notes").execute(&mut *tx);
            stored.await?;
            waits.notify_one();
            let waits = sqlx::query("select id from notes where id = 1 for update");
            waits.execute(tx).await.map(drop)
        });
    let restarting = async {
        waits.notified().await;
        let until = Instant::now() + PATIENCE;
        while wire.fired() == 0 && Instant::now() < until {
            sleep(Duration::from_millis(5)).await;
        }
        server.kill()?;
        server.restart().await?;
        stranger(&server.url(), session).await
    };
    let mut stranger = tokio::select! {
        ended = call => return Err(format!("the call ended: {ended:?}")),
        stranger = restarting => stranger?,
    };
    let survives = survives(&mut stranger).await;
    pool.close().await;
    // A server tells its age in whole seconds: a session that began in its first ones
    // is not ended.
    sleep(Duration::from_secs(3)).await;
    Ok(if survives {
        Ok(())
    } else {
        Err("a session of the server after its start was ended".to_owned())
    })
}

async fn pool(url: &str) -> Result<Pool<MySql>, String> {
    let options = options::<MySql>(url).max_connections(1);
    let pool = options.acquire_timeout(PATIENCE).connect(url).await;
    pool.map_err(|error| format!("no pool: {error}"))
}

/// The number of the pool's session, and its server's port.
async fn whose(pool: &Pool<MySql>) -> Result<(u64, u16), String> {
    let asked = sqlx::query_as("select connection_id(), cast(@@port as unsigned)");
    let (session, port): (u64, u64) = asked.fetch_one(pool).await.map_err(text)?;
    Ok((session, port.try_into().map_err(|_| "no port".to_owned())?))
}

/// A call that waits for a lock until its time is over.
async fn timed_out(pool: &Pool<MySql>) -> Result<(), String> {
    let limits = Limits::new().timeout(LIMIT);
    let call = on(pool).limits(limits).run(async |tx: &mut Tx<'_, MySql>| {
        let waits = sqlx::query("select id from notes where id = 1 for update");
        waits.execute(tx).await.map(drop)
    });
    let error = match call.await {
        Ok(()) => return Err("nothing was locked".to_owned()),
        Err(error) => error,
    };
    let found = sqlx_transactional::Error::find(&error);
    if found.is_some_and(sqlx_transactional::Error::is_timed_out) {
        Ok(())
    } else {
        Err(format!("it did not time out: {error}"))
    }
}

/// Somebody who keeps note 1 locked.
async fn blocker(url: &str) -> Result<MySqlConnection, String> {
    let mut blocker = connect(url).await?;
    run(&mut blocker, "begin").await?;
    run(&mut blocker, "select id from notes where id = 1 for update").await?;
    Ok(blocker)
}

/// Uses up numbers until the next one is the same on both servers.
async fn meet(urls: &[String; 2]) -> Result<(), String> {
    for _ in 0..20 {
        let first = number(&mut connect(&urls[0]).await?).await?;
        let second = number(&mut connect(&urls[1]).await?).await?;
        if first == second {
            return Ok(());
        }
        let behind = &urls[usize::from(second < first)];
        for _ in 0..first.abs_diff(second) {
            connect(behind).await?;
        }
    }
    Err("the numbers of the two servers do not meet".to_owned())
}

/// Somebody else's session of this number, inside a transaction.
async fn stranger(url: &str, session: u64) -> Result<MySqlConnection, String> {
    loop {
        let mut connection = connect(url).await?;
        let number = number(&mut connection).await?;
        if number == session {
            run(&mut connection, "begin").await?;
            return Ok(connection);
        }
        if number > session {
            return Err(format!("the number {session} is gone"));
        }
    }
}

/// Whether nobody ends it for a while.
async fn survives(stranger: &mut MySqlConnection) -> bool {
    let until = Instant::now() + WATCHED;
    while Instant::now() < until {
        if run(stranger, "do 0").await.is_err() {
            return false;
        }
        sleep(Duration::from_millis(20)).await;
    }
    true
}

async fn connect(url: &str) -> Result<MySqlConnection, String> {
    MySqlConnection::connect(url).await.map_err(text)
}

async fn number(connection: &mut MySqlConnection) -> Result<u64, String> {
    let asked = sqlx::query_scalar("select connection_id()");
    asked.fetch_one(connection).await.map_err(text)
}

async fn count(connection: &mut MySqlConnection, sql: &str) -> Result<i64, String> {
    let asked = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
    asked.fetch_one(connection).await.map_err(text)
}

async fn run(connection: &mut MySqlConnection, sql: &'static str) -> Result<(), String> {
    let done = sqlx::raw_sql(sql).execute(connection).await;
    done.map(drop).map_err(text)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn text(error: Error) -> String {
    error.to_string()
}
