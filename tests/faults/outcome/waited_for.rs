//! An outcome that is asked for while the server is still at it.

use super::resolved::{keyed_on_own, numbered};
use crate::ledger::Run;
use crate::notes::Notes;
use sqlx::{Connection, Error};
use sqlx_transactional::{Resolution, keys};
use sqlx_transactional_tests::{Setup, TestDb, for_engines};
use std::time::Duration;
use tokio::time::sleep;

/// COMMIT waits, inside the server, until somebody lets go of the lock.
const COMMIT_WAITS: &str = "\
    create function wait() returns trigger language plpgsql as \
        $$ begin perform pg_advisory_xact_lock(7); return null; end $$; \
    create constraint trigger waits after insert on notes \
        deferrable initially deferred for each row execute function wait()";

const LOCK: &str = "select count(pg_advisory_lock(7))";
const UNLOCK: &str = "select count(pg_advisory_unlock(7))";

/// How many sessions are at COMMIT.
const AT_COMMIT: &str = "\
    select count(*) from pg_stat_activity where datname = current_database() \
    and query = 'COMMIT' and wait_event_type = 'Lock'";

for_engines! {
    [postgres]

    /// Makes the call, and loses it while the server is at its COMMIT. Nobody
    /// can end its session from here: the way to the server is closed.
    async fn lost(db: &TestDb<DB>, call: impl Future<Output = Result<(), Error>>) -> Error {
        let cut = async {
            while db.numbers(AT_COMMIT).await != [1] {
                sleep(Duration::from_millis(2)).await;
            }
            db.wire().refuse_connections(true);
            db.wire().cut_all().await;
        };
        let error = tokio::join!(call, cut).0.unwrap_err();
        let found = sqlx_transactional::Error::find(&error).unwrap();
        assert!(found.is_outcome_unknown(), "{error:?}");
        error
    }

    /// A session of its own, which holds the lock.
    async fn holder(db: &TestDb<DB>) -> sqlx::PgConnection {
        DB::run_on(db, COMMIT_WAITS).await;
        let mut holder = sqlx::PgConnection::connect(db.direct_url()).await.unwrap();
        sqlx::raw_sql(LOCK).execute(&mut holder).await.unwrap();
        holder
    }

    /// Lets COMMIT go on while somebody asks.
    async fn let_go(holder: &mut sqlx::PgConnection) {
        sleep(Duration::from_millis(200)).await;
        sqlx::raw_sql(UNLOCK).execute(holder).await.unwrap();
    }

    /// Past the proxy.
    async fn resolve(db: &TestDb<DB>, error: &Error) -> Resolution {
        let pool = sqlx::PgPool::connect(db.direct_url()).await.unwrap();
        let found = sqlx_transactional::Error::find(error).unwrap();
        let resolution = found.resolve(&pool).await.unwrap();
        pool.close().await;
        resolution
    }

    /// Asks for a call that is lost, and lets its COMMIT go on meanwhile.
    async fn assert_waits(
        db: &TestDb<DB>,
        call: impl AsyncFn(&sqlx::PgPool, &Run) -> Result<(), Error>,
    ) {
        let mut holder = holder(db).await;
        let run = Run::new(1);
        let error = lost(db, call(&db.pool, &run)).await;
        assert!(run.stored(db).await.is_empty(), "not yet");
        let (resolution, ()) = tokio::join!(resolve(db, &error), let_go(&mut holder));
        assert_eq!(resolution, Resolution::Committed);
        assert_eq!(run.stored(db).await, [1]);
        holder.close().await.unwrap();
        db.wire().refuse_connections(false);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn amb_06_the_answer_waits_for_the_commit(db: &TestDb<DB>) {
        assert_waits(db, async |pool, run| numbered(pool, run).await).await;
    }

    #[test(Setup::wired())]
    async fn amb_06_the_answer_waits_for_the_key(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        assert_waits(db, async |pool, run| keyed_on_own(pool, run).await).await;
    }

    /// The server gives it up, because somebody ends its session.
    #[test(Setup::wired())]
    async fn amb_06_the_answer_waits_for_the_rollback(db: &TestDb<DB>) {
        let holder = holder(db).await;
        let run = Run::new(1);
        let error = lost(db, numbered(&db.pool, &run)).await;
        let end = async {
            sleep(Duration::from_millis(200)).await;
            let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                       where query = 'COMMIT' and datname = current_database()";
            assert_eq!(db.numbers(end).await, [1]);
        };
        let (resolution, ()) = tokio::join!(resolve(db, &error), end);
        assert_eq!(resolution, Resolution::RolledBack);
        assert!(run.stored(db).await.is_empty());
        holder.close().await.unwrap();
        db.wire().refuse_connections(false);
        db.assert_whole().await;
    }

    /// Nobody waits for ever; asked again later, there is an answer.
    #[test(Setup::wired())]
    async fn amb_06_the_answer_does_not_wait_for_ever(db: &TestDb<DB>) {
        let mut holder = holder(db).await;
        let run = Run::new(1);
        let error = lost(db, numbered(&db.pool, &run)).await;
        assert_eq!(resolve(db, &error).await, Resolution::Unknown);
        let_go(&mut holder).await;
        holder.close().await.unwrap();
        assert_eq!(resolve(db, &error).await, Resolution::Committed);
        assert_eq!(run.stored(db).await, [1]);
        db.wire().refuse_connections(false);
        db.assert_whole().await;
    }
}
