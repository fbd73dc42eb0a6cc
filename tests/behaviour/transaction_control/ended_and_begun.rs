//! A transaction is open at the end, and it is not the one that was begun here.

// tidy: one kind of fault in all its shapes

use std::{future::pending, time::Duration};

use futures_util::FutureExt;
use sqlx::{Connection, Executor};
use sqlx_transactional::{
    Tx, on,
    testing::{End, TestTransaction, watch},
    transaction, transactional,
};
use sqlx_transactional_tests::{Backend, Engine, Setup, TestDb, for_each_engine, for_engines};
use tokio::time::timeout;

use crate::{
    app::AppError,
    diary::Diary,
    expect::{code, own},
    sql::{insert, run},
};

const LIMIT: Duration = Duration::from_millis(200);

/// What ends a transaction and begins another, and whether the first is kept.
const EXCHANGES: [(&str, bool); 3] = [
    ("commit; begin", true),
    ("rollback; begin", false),
    ("commit; begin; savepoint tx_1; savepoint tx_2", true),
];

fn kept(is_kept: bool) -> Vec<i64> {
    if is_kept { vec![1] } else { Vec::new() }
}

for_each_engine! {
    /// The exchanges, and those that this engine alone has.
    fn exchanges(db: &TestDb<DB>) -> Vec<(&'static str, bool)> {
        let own: &[_] = match db.engine() {
            Engine::Sqlite => &[],
            Engine::Postgres => &[("commit and chain", true), ("rollback and chain", false)],
            Engine::MySql => &[
                ("commit and chain", true),
                ("rollback and chain", false),
                ("/*! commit and chain */", true),
                ("begin", true),
                ("set autocommit = 0; commit; select id from notes", true),
            ],
        };
        EXCHANGES.iter().chain(own).copied().collect()
    }

    #[transactional]
    async fn exchange(
        tx: &mut Tx<'_, DB>,
        by: &str,
        diary: &Diary,
        end: Result<(), u32>,
    ) -> Result<(), AppError> {
        tx.after_commit(diary.hook("committed"));
        tx.after_rollback(diary.hook("rolled back"));
        insert(&mut *tx, 1).await?;
        run(tx.connection().await?, by).await?;
        insert(tx.connection().await?, 2).await?;
        end.map_err(AppError::Refused)
    }

    #[test]
    async fn exchanged_transaction_is_told_and_not_committed(db: &TestDb<DB>) {
        for (by, is_kept) in exchanges(db) {
            let diary = Diary::default();
            let (ended, watched) = watch(exchange(&db.pool, by, &diary, Ok(()))).await;
            let error = ended.unwrap_err();
            assert!(own(&error).is_ended_early(), "{by}: {error:?}");
            assert_eq!(watched[0].end, End::EndedEarly);
            db.assert_whole().await;
            assert_eq!(diary.read(), "", "{by}");
            assert_eq!(db.rows().await, kept(is_kept), "{by}");
            run(&db.pool, "delete from notes").await.unwrap();
        }
    }

    /// What was committed is there, so that nothing was rolled back.
    #[test]
    async fn exchanged_transaction_runs_no_hook_behind_an_error(db: &TestDb<DB>) {
        for (by, is_kept) in exchanges(db) {
            let diary = Diary::default();
            let (ended, watched) = watch(exchange(&db.pool, by, &diary, Err(7))).await;
            assert!(ended.unwrap_err().is_refused(7), "{by}");
            assert_eq!(watched[0].end, End::EndedEarly);
            db.assert_whole().await;
            assert_eq!(diary.read(), "", "{by}");
            assert_eq!(db.rows().await, kept(is_kept), "{by}");
            run(&db.pool, "delete from notes").await.unwrap();
        }
    }

    #[test]
    async fn exchanged_transaction_of_a_dropped_body_runs_no_hook(db: &TestDb<DB>) {
        const FAILS: &str = "commit; begin; insert into notes (id, body) values (1, 'x')";
        for by in ["commit; begin", FAILS] {
            let diary = Diary::default();
            let endless = transaction(&db.pool, async |tx| {
                tx.after_rollback(diary.hook("rolled back"));
                insert(&mut *tx, 1).await?;
                let _ = run(tx.connection().await?, by).await;
                pending::<Result<(), AppError>>().await
            });
            assert!(timeout(LIMIT, endless).await.is_err());
            db.assert_whole().await;
            assert_eq!((diary.read(), db.rows().await), (String::new(), vec![1]), "{by}");
            run(&db.observer, "delete from notes").await.unwrap();
        }
    }

    /// What was handed out and is still ours is rolled back, and the hooks are told.
    #[test]
    async fn connection_that_was_handed_out_keeps_its_hooks(db: &TestDb<DB>) {
        let diary = Diary::default();
        for end in [Ok(()), Err(7)] {
            let diary = diary.clone();
            let ended = transaction(&db.pool, async |tx| {
                tx.after_commit(diary.hook("committed"));
                tx.after_rollback(diary.hook("rolled back"));
                insert(tx.connection().await?, 1).await?;
                end.map_err(AppError::Refused)
            });
            assert_eq!(ended.await.is_ok(), end.is_ok());
        }
        let endless = transaction(&db.pool, async |tx| {
            tx.after_rollback(diary.hook("dropped"));
            insert(tx.connection().await?, 2).await?;
            pending::<Result<(), AppError>>().await
        });
        assert!(timeout(LIMIT, endless).await.is_err());
        db.assert_whole().await;
        diary.assert_becomes("committed, rolled back, dropped").await;
        assert_eq!(db.rows().await, [1]);
    }

    #[test]
    async fn exchanged_transaction_of_a_test_is_told(db: &TestDb<DB>) {
        let diary = Diary::default();
        let mut test = TestTransaction::new(&db.pool);
        let error = exchange(&mut test, "rollback; begin", &diary, Ok(())).await.unwrap_err();
        assert!(doomed_or_early(&error), "{error:?}");
        drop(test);
        db.assert_whole().await;
        assert_eq!((diary.read(), db.rows().await), (String::new(), vec![]));
    }

    fn doomed_or_early(error: &AppError) -> bool {
        sqlx_transactional::Error::find(error)
            .is_none_or(|found| found.is_ended_early() || found.is_doomed())
    }

    /// In a savepoint that is left on, the outer function is told.
    #[test]
    async fn transaction_exchanged_in_a_savepoint_is_told(db: &TestDb<DB>) {
        for by in ["commit; begin", "rollback; begin"] {
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                let inner = tx.savepoint(async |tx| {
                    insert(&mut *tx, 2).await?;
                    run(tx.connection().await?, by).await
                });
                let _ = inner.await;
                Ok::<_, AppError>(())
            });
            let error = ended.await.unwrap_err();
            assert!(own(&error).is_ended_early(), "{error:?}");
            db.assert_whole().await;
            run(&db.pool, "delete from notes").await.unwrap();
        }
    }

    #[test]
    async fn transaction_exchanged_on_a_connection_of_the_callers_is_told(db: &TestDb<DB>) {
        let mut lent = db.pool.acquire().await.unwrap();
        let diary = Diary::default();
        let error = exchange(&mut lent, "commit; begin", &diary, Ok(())).await.unwrap_err();
        assert!(own(&error).is_ended_early(), "{error:?}");
        drop(lent);
        db.assert_whole().await;
        assert_eq!((diary.read(), db.rows().await), (String::new(), vec![1]));
    }

    /// Where the one behind it has failed, it looks like one that was aborted.
    #[test]
    async fn transaction_exchanged_for_one_that_fails_is_told(db: &TestDb<DB>) {
        const ENDS: [(&str, bool); 2] = [("commit; begin", true), ("rollback; begin", false)];
        async fn fails(
            tx: &mut Tx<'_, DB>,
            by: &str,
            diary: &Diary,
        ) -> Result<Result<(), sqlx::Error>, AppError> {
            tx.after_commit(diary.hook("committed"));
            tx.after_rollback(diary.hook("rolled back"));
            insert(&mut *tx, 1).await?;
            let connection = tx.connection().await?;
            run(&mut *connection, by).await?;
            insert(&mut *connection, 2).await?;
            Ok(insert(connection, 2).await)
        }
        let is_kept_by = |is_kept: bool| if is_kept { vec![1] } else { vec![] };
        for (by, is_kept) in ENDS {
            for lends in [false, true] {
                let diary = Diary::default();
                let given_on = async |tx: &mut Tx<'_, DB>| Ok(fails(tx, by, &diary).await??);
                let swallowed = async |tx: &mut Tx<'_, DB>| {
                    let _ = fails(tx, by, &diary).await?;
                    Ok::<_, AppError>(())
                };
                let (failed, watched) = if lends {
                    let mut lent = db.pool.acquire().await.unwrap();
                    watch(transaction(&mut lent, given_on)).await
                } else {
                    watch(transaction(&db.pool, given_on)).await
                };
                let failed: AppError = failed.unwrap_err();
                assert!(!matches!(failed, AppError::Refused(_)), "{by}: {failed:?}");
                db.settle().await;
                assert_eq!(db.rows().await, is_kept_by(is_kept), "{by}");
                if is_kept {
                    assert_eq!(watched[0].end, End::EndedEarly, "{by}");
                    assert_eq!(diary.read(), "", "{by}");
                }
                run(&db.observer, "delete from notes").await.unwrap();
                let told = transaction(&db.pool, swallowed).await.unwrap_err();
                assert!(!is_kept || own(&told).is_ended_early(), "{by}: {told:?}");
                db.assert_whole().await;
                assert_eq!(db.rows().await, is_kept_by(is_kept), "{by}");
                assert!(!is_kept || diary.read().is_empty(), "{by}");
                assert!(!diary.read().contains("committed"));
                run(&db.observer, "delete from notes").await.unwrap();
            }
        }
    }

    /// A nested transaction of sqlx's that is dropped while it begins takes the outer
    /// one along.
    #[test]
    async fn nested_transaction_dropped_while_it_begins_is_told(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let connection = tx.connection().await?;
            let begun = connection.begin().now_or_never().is_some();
            let _ = run(&mut *connection, "insert into notes (id, body) values (2, 'x')").await;
            Ok::<_, AppError>(begun)
        });
        let ended = ended.await;
        db.assert_whole().await;
        match ended {
            // It may have been too quick to be dropped.
            Ok(begun) => assert!(begun || db.rows().await == [1, 2]),
            Err(error) => assert!(doomed_or_early(&error), "{error:?}"),
        }
    }

    /// sqlx counts late on SQLite.
    #[test]
    async fn nested_transaction_dropped_as_the_last_step_is_undone(db: &TestDb<DB>) {
        for id in 0..20 {
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, id).await?;
                let mut nested = tx.connection().await?.begin().await?;
                insert(&mut *nested, 100 + id).await?;
                drop(nested);
                Ok::<_, AppError>(())
            });
            ended.await.unwrap();
        }
        assert_eq!(db.rows().await, (0..20).collect::<Vec<_>>());
    }

    /// The user's own savepoints have names like any others.
    #[test]
    async fn savepoints_of_the_users_are_not_ours(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            run(&mut *tx, "savepoint tx_1").await?;
            insert(&mut *tx, 1).await?;
            let failed = tx.savepoint(async |tx| {
                run(&mut *tx, "savepoint tx_2").await?;
                insert(&mut *tx, 2).await?;
                run(tx.connection().await?, "savepoint tx_3").await?;
                Err::<(), _>(AppError::Refused(1))
            });
            failed.await.unwrap_err();
            run(&mut *tx, "rollback to savepoint tx_1").await?;
            insert(tx.connection().await?, 3).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [3]);
        db.assert_whole().await;
    }

    #[transactional]
    async fn helper(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        tx.savepoint(async |tx| insert(tx.connection().await?, id).await).await?;
        insert(tx.connection().await?, id + 1).await?;
        Ok(())
    }

    #[transactional]
    async fn calls_helper(tx: &mut Tx<'_, DB>) -> Result<(), AppError> {
        insert(&mut *tx, 1).await?;
        tx.savepoint(async |tx| helper(tx.connection().await?, 2).await).await?;
        helper(tx.connection().await?, 4).await?;
        insert(tx.connection().await?, 6).await?;
        Ok(())
    }

    #[test]
    async fn helper_that_is_given_the_connection_in_a_savepoint_works(db: &TestDb<DB>) {
        calls_helper(&db.pool).await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 3, 4, 5, 6]);
        run(&db.pool, "delete from notes").await.unwrap();
        let mut test = TestTransaction::new(&db.pool);
        calls_helper(&mut test).await.unwrap();
        test.roll_back().await.unwrap();
        let mut owner = db.pool.begin().await.unwrap();
        calls_helper(&mut owner).await.unwrap();
        owner.commit().await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 3, 4, 5, 6]);
        db.assert_whole().await;
    }

    /// What failed inside goes with the savepoint, before anything is asked.
    #[test]
    async fn savepoint_dropped_behind_a_failure_takes_it_along(db: &TestDb<DB>) {
        for text in ["select nope", "select 1; select nope"] {
            let ended = transaction(&db.pool, async |tx| {
                let inner = tx.savepoint(async |tx| {
                    let _ = run(tx.connection().await?, text).await;
                    pending::<Result<(), AppError>>().await
                });
                assert!(timeout(LIMIT, inner).await.is_err());
                insert(tx, 1).await
            });
            ended.await.unwrap();
            assert_eq!(db.rows().await, [1]);
            run(&db.pool, "delete from notes").await.unwrap();
        }
        db.assert_whole().await;
    }

    /// What the check leaves behind is nothing: a table of locks would be full.
    #[test(Setup::default().connections(1))]
    async fn calls_inside_one_transaction_leave_nothing_behind(db: &TestDb<DB>) {
        let mut owner = db.pool.begin().await.unwrap();
        for id in 0..300 {
            helper(&mut owner, 2 * id).await.unwrap();
        }
        if let Engine::Postgres = db.engine() {
            let locks = "select cast(count(*) as text) from pg_locks where pid = pg_backend_pid()";
            let locks = <DB as Backend>::texts(&mut *owner, locks).await.unwrap();
            let locks: i64 = locks[0].parse().unwrap();
            // Those with a transaction's number, one for each savepoint that wrote.
            assert!(locks < 700, "{locks}");
        }
        owner.commit().await.unwrap();
        assert_eq!(db.rows().await.len(), 600);
    }
}

mod on_postgres {
    use super::*;

    for_engines! {
        [postgres]

        async fn copy(tx: &mut Tx<'_, DB>, how: u32) -> Result<(), AppError> {
            let copy = "copy notes (id, body) from stdin";
            let mut copying = tx.connection().await?.copy_in_raw(copy).await?;
            match how {
                0 => drop(copying),
                1 => {
                    copying.send(&b"9\tbody\n"[..]).await?;
                    drop(copying);
                }
                2 => drop(copying.abort("no").await),
                3 => {
                    copying.send(&b"not a number\tbody\n"[..]).await?;
                    let _ = copying.finish().await;
                }
                _ => {
                    copying.send(&b"9\tbody\n"[..]).await?;
                    let _ = copying.finish().now_or_never();
                }
            }
            Ok(())
        }

        /// Whoever gets the connection next has answers to what was asked.
        async fn assert_in_step(db: &TestDb<DB>) {
            db.assert_whole().await;
            for id in 5..8 {
                let text = format!("select '{id}'");
                let told = sqlx::raw_sql(sqlx::AssertSqlSafe(text)).fetch_one(&db.pool).await;
                assert_eq!(sqlx::Row::get::<String, _>(&told.unwrap(), 0), id.to_string());
            }
            insert(&db.pool, 70).await.unwrap();
            assert_eq!(code(&insert(&db.pool, 70).await.unwrap_err()), "23505");
            run(&db.pool, "delete from notes").await.unwrap();
        }

        #[test]
        async fn copy_that_is_left_half_way_gives_nobody_a_wrong_answer(db: &TestDb<DB>) {
            for how in 0..5 {
                let ended = transaction(&db.pool, async |tx| {
                    insert(&mut *tx, 1).await?;
                    copy(tx, how).await
                });
                let ended = ended.await;
                let rows = db.rows().await;
                assert_eq!(ended.is_ok(), rows.contains(&1), "{how}: {ended:?}, {rows:?}");
                run(&db.observer, "delete from notes").await.unwrap();
                assert_in_step(db).await;

                let ended = transaction(&db.pool, async |tx| {
                    let _ = copy(&mut *tx, how).await;
                    Err::<(), _>(AppError::Refused(1))
                });
                assert!(ended.await.unwrap_err().is_refused(1), "{how}");
                assert_eq!(db.rows().await, [0; 0]);
                assert_in_step(db).await;

                let ended = transaction(&db.pool, async |tx| {
                    let _ = copy(&mut *tx, how).await;
                    insert(tx, 1).await
                });
                let ended = ended.await;
                assert_eq!(ended.is_ok(), db.rows().await.contains(&1), "{how}: {ended:?}");
                run(&db.observer, "delete from notes").await.unwrap();
                assert_in_step(db).await;
            }
        }
    }
}

mod on_mysql {
    use super::*;

    for_engines! {
        [mysql]

        /// What is not a statement either, cut off on the connection.
        #[test]
        async fn call_that_is_cut_off_commits_nothing(db: &TestDb<DB>) {
            for what in 0..3 {
                let ended = transaction(&db.pool, async |tx| {
                    insert(&mut *tx, 1).await?;
                    let connection = tx.connection().await?;
                    match what {
                        0 => drop(connection.ping().now_or_never()),
                        1 => drop(connection.prepare(
                            sqlx::SqlSafeStr::into_sql_str("select 7"),
                        ).now_or_never()),
                        _ => drop(run(connection, "select sleep(0.1)").now_or_never()),
                    }
                    Err::<(), _>(AppError::Refused(1))
                });
                assert!(ended.await.unwrap_err().is_refused(1));
                db.assert_whole().await;
                assert_eq!(db.rows().await, [0; 0], "{what}");
            }
        }

        /// Whoever wrote before it was told that it is undone.
        #[test]
        async fn implicit_commit_runs_no_rollback_hook(db: &TestDb<DB>) {
            let ddl = "create table if not exists committed_by (id bigint)";
            for last in [false, true] {
                let diary = Diary::default();
                let ended = transaction(&db.pool, async |tx| {
                    tx.after_rollback(diary.hook("rolled back"));
                    insert(&mut *tx, 1).await?;
                    run(&mut *tx, ddl).await?;
                    if !last {
                        let refused = insert(&mut *tx, 2).await.unwrap_err();
                        assert!(own(&refused).is_ended_early(), "{refused:?}");
                    }
                    Err::<(), _>(AppError::Refused(1))
                });
                let (ended, watched) = watch(ended).await;
                assert!(ended.unwrap_err().is_refused(1));
                assert_eq!(watched[0].end, End::EndedEarly);
                db.assert_whole().await;
                assert_eq!((diary.read(), db.rows().await), (String::new(), vec![1]));
                run(&db.pool, "delete from notes").await.unwrap();
            }
        }

        /// A temporary table commits nothing.
        #[test]
        async fn text_that_might_have_committed_keeps_its_hooks(db: &TestDb<DB>) {
            let diary = Diary::default();
            let ended = transaction(&db.pool, async |tx| {
                tx.after_rollback(diary.hook("rolled back"));
                insert(&mut *tx, 1).await?;
                run(&mut *tx, "create temporary table passing (id bigint)").await?;
                insert(&mut *tx, 2).await?;
                Err::<(), _>(AppError::Refused(1))
            });
            assert!(ended.await.unwrap_err().is_refused(1));
            db.assert_whole().await;
            assert_eq!((diary.read(), db.rows().await), ("rolled back".to_owned(), vec![]));
        }

        /// What follows is a conflict, in another transaction.
        #[test]
        async fn exchanged_transaction_is_not_repeated(db: &TestDb<DB>) {
            let runs = Diary::default();
            let retry = sqlx_transactional::Retry::new();
            let ended = on(&db.pool).retry(retry).run(async |tx| {
                runs.write("run");
                insert(&mut *tx, 1).await?;
                run(tx.connection().await?, "commit; begin").await?;
                run(tx, "signal sqlstate '40001' set mysql_errno = 1213").await
            });
            ended.await.unwrap_err();
            db.assert_whole().await;
            assert_eq!((runs.read(), db.rows().await), ("run".to_owned(), vec![1]));
        }

        /// The connection is lost right behind it, so that nobody can be asked.
        #[test]
        async fn implicit_commit_is_not_repeated(db: &TestDb<DB>) {
            let runs = Diary::default();
            let retry = sqlx_transactional::Retry::new();
            let ended = on(&db.pool).retry(retry).run(async |tx| {
                runs.write("run");
                insert(&mut *tx, 1).await?;
                run(&mut *tx, "create table if not exists committed_by (id bigint)").await?;
                let me = "select cast(connection_id() as char)";
                let me = <DB as Backend>::texts(tx.connection().await?, me).await?;
                let kill = sqlx::AssertSqlSafe(format!("kill {}", me[0]));
                let _ = sqlx::raw_sql(kill).execute(&db.observer).await;
                insert(tx, 50).await
            });
            ended.await.unwrap_err();
            db.assert_whole().await;
            assert_eq!(runs.read(), "run");
        }
    }
}
