//! The number of a transaction, asked for after the server has crashed: it is
//! given once more.

use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use sqlx_transactional::{Error, Resolution, on};
use sqlx_transactional_tests::server::Server;
use sqlx_transactional_tests::{Action, Engine, Point, Wire};
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long the server may take to recover.
const PATIENCE: Duration = Duration::from_secs(30);

async fn connect(url: &str) -> PgConnection {
    let until = Instant::now() + PATIENCE;
    loop {
        match PgConnection::connect(url).await {
            Ok(connection) => return connection,
            Err(error) if Instant::now() > until => panic!("the server does not recover: {error}"),
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn number(on: &mut PgConnection, sql: &str) -> i64 {
    let sql = AssertSqlSafe(sql.to_owned());
    sqlx::query_scalar(sql).fetch_one(on).await.unwrap()
}

/// Kills one of the server's processes, upon which it ends all others, recovers
/// and goes on by itself.
async fn crash(url: &str) {
    let mut victim = connect(url).await;
    let pid = number(&mut victim, "select pg_backend_pid()::bigint").await;
    let pid = nix::unistd::Pid::from_raw(pid.try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    // It is not gone before it has noticed.
    while victim.ping().await.is_ok() {
        sleep(Duration::from_millis(5)).await;
    }
}

/// A transaction with a number and nothing in the log, whose COMMIT never arrives;
/// the number is told apart.
async fn lost(wire: &Wire, pool: &PgPool) -> (sqlx::Error, i64) {
    wire.arm(Point::command("COMMIT"), Action::Cut);
    let mut told = 0;
    let ended = on(pool).resolvable().run(async |tx| {
        let number = sqlx::query_scalar("select pg_current_xact_id()::text::bigint");
        told = number.fetch_one(tx).await?;
        Ok::<_, sqlx::Error>(())
    });
    let error = ended.await.unwrap_err();
    let found = Error::find(&error).expect("an error of this crate's");
    assert!(found.is_outcome_unknown(), "{error:?}");
    (error, told)
}

async fn resolve(error: &sqlx::Error, pool: &PgPool) -> Resolution {
    let until = Instant::now() + PATIENCE;
    loop {
        match Error::find(error).unwrap().resolve(pool).await {
            Ok(resolution) => return resolution,
            Err(error) if Instant::now() > until => panic!("it cannot be asked: {error}"),
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_a_crash_has_given_to_another_says_nothing() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let server = Server::start(Engine::Postgres, directory).await.unwrap();
    let Some(server) = server else {
        return;
    };
    let url = server.url();
    let wire = Wire::postgres(&url).await;
    let pool = PgPool::connect(wire.url()).await.unwrap();

    // While the server lives, the answer is the truth.
    let (error, _) = lost(&wire, &pool).await;
    assert_eq!(resolve(&error, &pool).await, Resolution::RolledBack);

    // That it was rolled back is in the log once the log's writer has come by, and the next
    // number once the background writer has, which it does soon after a start.
    let mut other = connect(&url).await;
    for sql in [
        "alter system set wal_writer_delay = '10s'",
        "select pg_reload_conf()",
    ] {
        sqlx::raw_sql(sql).execute(&mut other).await.unwrap();
    }
    let next = "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
    let mut crashes = 0;
    let (error, number_of_ours) = loop {
        sleep(Duration::from_secs(1)).await;
        let (error, number_of_ours) = lost(&wire, &pool).await;
        crash(&url).await;
        other = connect(&url).await;
        if number(&mut other, next).await <= number_of_ours {
            break (error, number_of_ours);
        }
        crashes += 1;
        assert!(crashes < 5, "its number is not given again");
    };
    assert_eq!(
        resolve(&error, &pool).await,
        Resolution::RolledBack,
        "nobody's yet"
    );

    let take = "select pg_current_xact_id()::text::bigint";
    while number(&mut other, take).await < number_of_ours {}
    let status = format!("select (pg_xact_status('{number_of_ours}') = 'committed')::int::bigint");
    assert_eq!(number(&mut other, &status).await, 1, "the namesake's");
    assert_eq!(
        resolve(&error, &pool).await,
        Resolution::Unknown,
        "a namesake's"
    );

    // What begins now is asked for as ever.
    wire.arm(Point::reply_to("COMMIT"), Action::Cut);
    let ended = on(&pool).resolvable().run(async |tx| {
        sqlx::query("create table a (id int)")
            .execute(tx)
            .await
            .map(drop)
    });
    let error = ended.await.unwrap_err();
    assert_eq!(resolve(&error, &pool).await, Resolution::Committed);
    other.close().await.unwrap();
    pool.close().await;
}
