//! What a place says for all that begins on it, and what goes before that.

mod hooks;
mod own;
mod pointers;

use std::{future::pending, time::Duration};

use sqlx_transactional::{Db, Isolation, Limits, Retry, Source, on, transaction};
use sqlx_transactional_tests::{Backend, Engine, Setup, TestDb, for_each_engine};
use tokio::time::sleep;

use self::own::Own;
use super::{
    isolation::level::{self, assert_level},
    retry::conflict::{Conflict, rows},
};
use crate::{
    app::AppError,
    diary::Diary,
    expect::own,
    sql::{ids, insert},
    traces::Traces,
    wire_text::who,
};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What a place may say.
#[derive(Clone, Copy, Debug, Default)]
struct Says {
    name: Option<&'static str>,
    isolation: Option<Isolation>,
    limits: Limits,
    retry: Retry,
}

/// A [`Db`] that says so.
fn db<DB: Backend>(at: &TestDb<DB>, says: Says) -> Db<DB> {
    let mut db = Db::new(at.pool.clone())
        .limits(says.limits)
        .retry(says.retry);
    if let Some(name) = says.name {
        db = db.name(name);
    }
    if let Some(isolation) = says.isolation {
        db = db.isolation(isolation);
    }
    db
}

/// The same as a place of the user's own making.
fn own_place<DB: Backend>(at: &TestDb<DB>, says: Says) -> Own<DB> {
    Own {
        pool: at.pool.clone(),
        says,
        diary: Diary::default(),
    }
}

/// Does `$test` on both.
macro_rules! on_both {
    ($db:ident, $says:expr, $test:ident) => {
        $test($db, &db($db, $says)).await;
        $db.assert_whole().await;
        let _ = $db.wire.as_ref().map(|wire| wire.take_log());
        $test($db, &own_place($db, $says)).await;
        $db.assert_whole().await;
    };
}

for_each_engine! {
    #[test]
    async fn its_name_is_in_the_span(db: &TestDb<DB>) {
        async fn test<S: Source<DB>>(_: &TestDb<DB>, place: &S) {
            let call = on(place).name("outer").run(async |tx| {
                on(tx).name("inner").run(async |tx| ids(tx).await).await
            });
            let (traces, ended) = Traces::of(call).await;
            ended.unwrap();
            let spans = traces.spans();
            let told: Vec<_> = spans.iter().map(|span| (span.field("name"), span.field("db"))).collect();
            assert_eq!(told, [("outer", "notes"), ("inner", "")]);
            let (traces, ended) = Traces::of(on(place).read(async |tx| ids(tx).await)).await;
            ended.unwrap();
            assert_eq!(traces.spans()[0].field("db"), "notes");
        }
        on_both!(db, Says { name: Some("notes"), ..Says::default() }, test);
        let (traces, ended) = Traces::of(transaction(&db.pool, async |tx| ids(tx).await)).await;
        ended.unwrap();
        assert!(!traces.spans()[0].fields.contains_key("db"));
    }

    #[test(Setup::wired())]
    async fn api_03_its_isolation_is_that_of_what_names_none(db: &TestDb<DB>) {
        async fn test<S: Source<DB>>(db: &TestDb<DB>, place: &S) {
            // Weaker than the place's is what was asked for, too.
            for said in [None, Some(Isolation::ReadUncommitted), Some(Isolation::RepeatableRead)] {
                let given = said.unwrap_or(Isolation::Serializable);
                let block = || match said {
                    Some(said) => on(place).isolation(said),
                    None => on(place),
                };
                let ended = block().run(async |tx| {
                    insert(&mut *tx, 1).await?;
                    assert_level::<DB>(tx.connection().await?, given).await;
                    tx.roll_back();
                    Ok::<_, AppError>(())
                });
                ended.await.unwrap();
                if let Some(wire) = &db.wire {
                    assert_eq!(wire.take_statements()[0], level::begin::<DB>(given, ""));
                }
                block().read(async |tx| ids(tx).await).await.unwrap();
                if let Some(wire) = &db.wire {
                    let begin = level::begin::<DB>(given, " READ ONLY");
                    assert_eq!(wire.take_statements()[0], begin);
                }
            }
            // It counts for those that join.
            let ended = transaction(place, async |tx| {
                on(tx).isolation(Isolation::Serializable).run(async |tx| ids(tx).await).await
            });
            ended.await.unwrap();
        }
        on_both!(db, Says { isolation: Some(Isolation::Serializable), ..Says::default() }, test);
    }

    /// Each limit for itself.
    #[test(Setup::wired())]
    async fn api_03_its_limits_are_those_of_what_names_none(db: &TestDb<DB>) {
        async fn test<S: Source<DB>>(db: &TestDb<DB>, place: &S) {
            for (said, seconds) in [
                (Limits::new(), 3),
                (Limits::new().lock_timeout(ms(2_000)), 2),
                (Limits::new().lock_timeout(ms(8_000)), 8),
            ] {
                on(place).limits(said).run(async |tx| ids(tx).await).await.unwrap();
                let Some(wire) = &db.wire else { return };
                let begin = match DB::ENGINE {
                    Engine::Postgres => format!(
                        "BEGIN; SET LOCAL lock_timeout = {seconds}000; \
                         LEAST idle_in_transaction_session_timeout 9250; \
                         SELECT pg_backend_pid()::text"
                    ),
                    _ => format!(
                        "SET @sqlx_transactional_lock_timeout = @@SESSION.innodb_lock_wait_timeout, \
                         SESSION innodb_lock_wait_timeout = {seconds}; START TRANSACTION; \
                         SELECT CONNECTION_ID()"
                    ),
                };
                let sent = wire.take_statements();
                let sent = who(&sent[0]).replace(" LEAST transaction_timeout 9250;", "");
                assert_eq!(sent, begin);
                db.settle().await;
                let _ = wire.take_log();
            }
        }
        let limits = Limits::new().timeout(ms(9_000)).lock_timeout(ms(3_000));
        on_both!(db, Says { limits, ..Says::default() }, test);
    }

    #[test]
    async fn its_timeout_is_kept_unless_another_is_named(db: &TestDb<DB>) {
        async fn test<S: Source<DB>>(_: &TestDb<DB>, place: &S) {
            let late = transaction(place, async |tx| {
                insert(tx, 1).await?;
                pending::<Result<(), sqlx::Error>>().await
            });
            assert!(own(&late.await.unwrap_err()).is_timed_out());
            let more = on(place).limits(Limits::new().timeout(ms(20_000))).run(async |tx| {
                ids(tx).await?;
                sleep(ms(400)).await;
                Ok::<_, AppError>(())
            });
            more.await.unwrap();
        }
        let limits = Limits::new().timeout(ms(200));
        on_both!(db, Says { limits, ..Says::default() }, test);
    }

    /// How often what asks for a retry is run; and one that does not is not.
    #[test]
    async fn api_03_its_retry_is_that_of_what_asks_for_one(db: &TestDb<DB>) {
        async fn test<S: Source<DB>>(db: &TestDb<DB>, place: &S) {
            for (said, attempts) in
                [(None, None), (Some(Retry::new()), Some(3)), (Some(Retry::new().attempts(2)), Some(2))]
            {
                let block = on(place);
                let block = if DB::ENGINE == Engine::Sqlite { block.deferred() } else { block };
                let ended = match said {
                    Some(retry) => {
                        block.retry(retry).run(async |tx| DB::conflict(tx, &db.observer).await).await
                    }
                    None => block.run(async |tx| DB::conflict(tx, &db.observer).await).await,
                };
                let error: sqlx::Error = ended.unwrap_err();
                let told = sqlx_transactional::Error::find(&error).and_then(sqlx_transactional::Error::attempts);
                assert_eq!(told, attempts, "{error:?}");
                let mut observer = db.observer.acquire().await.unwrap();
                DB::execute(&mut observer, "delete from notes").await.unwrap();
            }
            assert_eq!(rows(db).await, [0; 0]);
        }
        let retry = Retry::new().attempts(3).base(ms(1)).cap(ms(1));
        on_both!(db, Says { retry, ..Says::default() }, test);
    }

    /// A place cannot ask for what its engine does not have either.
    #[test]
    async fn what_it_cannot_have_is_refused(db: &TestDb<DB>) {
        async fn test<S: Source<DB>>(_: &TestDb<DB>, place: &S) {
            let ended = transaction(place, async |tx| ids(tx).await).await;
            match (DB::ENGINE, ended) {
                (Engine::Postgres, ended) => drop(ended.unwrap()),
                (_, ended) => assert!(own(&ended.unwrap_err()).is_unsupported()),
            }
        }
        let limits = Limits::new().idle_timeout(ms(1_000));
        on_both!(db, Says { limits, ..Says::default() }, test);
    }
}
