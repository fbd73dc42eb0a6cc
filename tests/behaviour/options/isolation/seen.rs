//! What others do at the same time, and what of it a level lets be seen.

use sqlx_transactional::{Isolation, on};
use sqlx_transactional_tests::{Backend, Engine, Setup, TestDb, for_each_engine};

use super::level::LEVELS;
use crate::{
    app::AppError,
    expect::code,
    sql::{ids, insert, run},
};

for_each_engine! {
    /// The text of the note 1, by something that runs statements.
    async fn body(on: &mut <DB as sqlx::Database>::Connection) -> String {
        let bodies = DB::texts(on, "select body from notes where id = 1").await.unwrap();
        bodies.into_iter().next().unwrap_or_default()
    }

    /// Runs a statement in a session of its own, which does not wait for locks.
    async fn elsewhere(db: &TestDb<DB>, sql: &str) -> Result<(), sqlx::Error> {
        let mut other = db.observer.acquire().await.unwrap();
        let impatient = match DB::ENGINE {
            Engine::Postgres => "set lock_timeout = 200",
            Engine::MySql => "set session innodb_lock_wait_timeout = 1",
            Engine::Sqlite => "pragma busy_timeout = 200",
        };
        DB::execute(&mut other, impatient).await.unwrap();
        run(&mut *other, sql).await
    }

    /// What a reader sees of a note before, and after, somebody else changes it.
    async fn reads(db: &TestDb<DB>, level: Isolation) -> (String, Result<String, sqlx::Error>) {
        run(&db.observer, "delete from notes").await.unwrap();
        run(&db.observer, "insert into notes (id, body) values (1, 'old')").await.unwrap();
        let ended = on(&db.pool).isolation(level).read(async |tx| {
            let before = body(tx.connection().await?).await;
            let changed = elsewhere(db, "update notes set body = 'new' where id = 1").await;
            let after = body(tx.connection().await?).await;
            Ok::<_, AppError>((before, changed.map(|()| after)))
        });
        ended.await.unwrap()
    }

    #[test]
    async fn iso_08_from_repeatable_read_on_a_row_is_read_as_it_was(db: &TestDb<DB>) {
        for level in LEVELS {
            let (before, after) = reads(db, level).await;
            assert_eq!(before, "old");
            let repeats = DB::ENGINE == Engine::Sqlite || level >= Isolation::RepeatableRead;
            if DB::ENGINE == Engine::MySql && level == Isolation::Serializable {
                // Every read locks, so it is the other one that has to wait.
                assert_eq!(code(&after.unwrap_err()), "HY000");
                continue;
            }
            assert_eq!(after.unwrap(), if repeats { "old" } else { "new" }, "{level:?}");
            let mut connection = db.pool.acquire().await.unwrap();
            assert_eq!(body(&mut connection).await, "new", "and the next one reads the new");
        }
        db.assert_whole().await;
    }

    /// Rows that were not there.
    #[test]
    async fn from_repeatable_read_on_there_are_no_phantoms(db: &TestDb<DB>) {
        for (level, id) in LEVELS.into_iter().zip(1..) {
            let ended = on(&db.pool).isolation(level).read(async |tx| {
                let before = ids(&mut *tx).await?;
                let sql = format!("insert into notes (id, body) values ({id}, 'other')");
                let stored = elsewhere(db, &sql).await;
                Ok::<_, AppError>((before, stored.map(drop), ids(tx).await?))
            });
            let (before, stored, after) = ended.await.unwrap();
            let repeats = DB::ENGINE == Engine::Sqlite || level >= Isolation::RepeatableRead;
            assert_eq!(before == after, repeats, "{level:?}: {before:?}, {after:?}");
            let locks = DB::ENGINE == Engine::MySql && level == Isolation::Serializable;
            assert_eq!(stored.is_err(), locks, "{level:?}: {stored:?}");
        }
        db.assert_whole().await;
    }

    /// MySQL alone lets it be seen, at the one level for it.
    #[test(Setup::default().connections(2))]
    async fn what_is_not_committed_is_seen_where_that_was_asked_for(db: &TestDb<DB>) {
        for level in LEVELS {
            let mut other = db.pool.acquire().await.unwrap();
            run(&mut *other, "begin").await.unwrap();
            insert(&mut *other, 1).await.unwrap();
            let seen = match (DB::ENGINE, level) {
                // It would wait for the lock of the one who writes.
                (Engine::MySql, Isolation::Serializable) => Vec::new(),
                _ => on(&db.pool).isolation(level).read(async |tx| ids(tx).await).await.unwrap(),
            };
            let dirty = DB::ENGINE == Engine::MySql && level == Isolation::ReadUncommitted;
            assert_eq!(seen, if dirty { vec![1] } else { Vec::new() }, "{level:?}");
            run(&mut *other, "rollback").await.unwrap();
        }
        db.assert_whole().await;
    }

    /// Two that read both notes, and each then changes the one that the other has
    /// read: `inner` runs while `outer` is open. What the second gives.
    async fn write_skew(db: &TestDb<DB>, level: Isolation) -> Result<(), AppError> {
        run(&db.observer, "delete from notes").await.unwrap();
        run(&db.observer, "insert into notes (id, body) values (1, 'on'), (2, 'on')").await.unwrap();
        let on_call = "select count(*) from notes where body = 'on'";
        let outer = on(&db.pool).isolation(level).run(async |tx| {
            let before = DB::numbers(tx.connection().await?, on_call).await?;
            assert_eq!(before, [2]);
            let inner = on(&db.pool).isolation(level).run(async |tx| {
                let impatient = match DB::ENGINE {
                    Engine::MySql => "set session innodb_lock_wait_timeout = 1",
                    _ => "select 1",
                };
                run(tx.connection().await?, impatient).await?;
                let before = DB::numbers(tx.connection().await?, on_call).await?;
                assert_eq!(before, [2]);
                run(tx.connection().await?, "update notes set body = 'off' where id = 1").await?;
                Ok::<_, AppError>(())
            });
            let inner = inner.await;
            run(tx.connection().await?, "update notes set body = 'off' where id = 2").await?;
            inner
        });
        outer.await
    }

    #[test(Setup::default().connections(2))]
    async fn only_serializable_prevents_a_write_skew(db: &TestDb<DB>) {
        if DB::ENGINE == Engine::Sqlite {
            return; // There is no second one that writes.
        }
        for level in LEVELS {
            let ended = write_skew(db, level).await;
            let on_call = db.numbers("select count(*) from notes where body = 'on'").await;
            if level < Isolation::Serializable {
                ended.unwrap();
                assert_eq!(on_call, [0], "{level:?}: nobody is left");
                continue;
            }
            let error = ended.unwrap_err().into_database();
            // PostgreSQL finds it out; on MySQL the second waits for the first.
            let refused = if DB::ENGINE == Engine::Postgres { "40001" } else { "HY000" };
            assert_eq!(code(&error), refused, "{error:?}");
            assert_ne!(on_call, [0]);
        }
        db.assert_whole().await;
    }

    /// A write over what was written since the snapshot.
    #[test(Setup::default().connections(2))]
    async fn a_lost_update_is_refused_by_a_snapshot_of_postgresql(db: &TestDb<DB>) {
        if DB::ENGINE != Engine::Postgres {
            return;
        }
        for level in LEVELS {
            run(&db.observer, "delete from notes").await.unwrap();
            insert(&db.observer, 1).await.unwrap();
            let ended = on(&db.pool).isolation(level).run(async |tx| {
                ids(&mut *tx).await?;
                elsewhere(db, "update notes set body = 'other' where id = 1").await?;
                run(tx.connection().await?, "update notes set body = 'mine' where id = 1").await?;
                Ok::<_, AppError>(())
            });
            match ended.await {
                Ok(()) => assert!(level < Isolation::RepeatableRead, "{level:?}"),
                Err(error) => {
                    assert!(level >= Isolation::RepeatableRead, "{level:?}");
                    assert_eq!(code(&error.into_database()), "40001");
                }
            }
        }
        db.assert_whole().await;
    }
}
