//! A connection comes back as it was: nothing open or aborted, no setting that a
//! transaction needed, and its owner's settings as its owner has them.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use sqlx::{Connection, Executor, pool::PoolOptions};
use sqlx_transactional::{Isolation, Limits, on, pool, read, transaction};
use sqlx_transactional_tests::{Backend, Setup, TestDb, for_engines, inspect, poll_k_then_drop};
use tokio::time::{sleep, timeout};

use crate::{
    app::AppError,
    expect::own,
    sql::{ids, insert, run},
};

type ConnectionOf<DB> = <DB as sqlx::Database>::Connection;

const SHORT: Duration = Duration::from_millis(200);
const SECOND: Duration = Duration::from_secs(1);

mod on_postgres {
    use super::*;

    for_engines! {
        [postgres]

        async fn setting(connection: &mut ConnectionOf<DB>) -> String {
            let sql = "select current_setting('idle_in_transaction_session_timeout')";
            DB::texts(connection, sql).await.unwrap().concat()
        }

        #[test]
        async fn begin_that_fails_leaves_nothing_aborted(db: &TestDb<DB>) {
            let mut lent = db.pool.acquire().await.unwrap();
            let begun = on(&mut lent).setting("work_mem", "nonsense");
            let error = begun.run(async |tx| insert(tx, 1).await).await.unwrap_err();
            assert_eq!(crate::expect::code(&error), "22023");
            insert(&mut *lent, 2).await.unwrap();
            assert_eq!(db.rows().await, [2], "stored at once");
            transaction(&mut lent, async |tx| insert(tx, 3).await).await.unwrap();
            drop(lent);
            db.assert_whole().await;
            let mut lent = ConnectionOf::<DB>::connect(db.url()).await.unwrap();
            let begun = on(&mut lent).setting("work_mem", "nonsense");
            begun.run(async |tx| insert(tx, 1).await).await.unwrap_err();
            insert(&mut lent, 4).await.unwrap();
            assert_eq!(db.rows().await, [2, 3, 4]);
        }

        /// Its session is not ours to end.
        #[test]
        async fn session_of_the_owner_outlives_a_timeout(db: &TestDb<DB>) {
            let mut lent = ConnectionOf::<DB>::connect(db.url()).await.unwrap();
            let ended = on(&mut lent).limits(Limits::new().timeout(SHORT)).run(async |tx| {
                insert(tx, 1).await?;
                pending::<Result<(), AppError>>().await
            });
            let error = ended.await.unwrap_err().into_database();
            assert!(own(&error).is_timed_out());
            sleep(SHORT * 3).await;
            insert(&mut lent, 2).await.unwrap();
            assert_eq!(db.rows().await, [2]);
        }

        /// The server's own limits are there for a dead line, and come later.
        #[test(Setup::wired().limit(Duration::from_secs(40)))]
        async fn timeout_is_told_as_one_whoever_notices_it(db: &TestDb<DB>) {
            for pause in [SHORT * 2, SHORT + SECOND * 2] {
                let ended = on(&db.pool).limits(Limits::new().timeout(SHORT)).run(async |tx| {
                    insert(&mut *tx, 1).await?;
                    std::thread::sleep(pause);
                    insert(&mut *tx, 2).await
                });
                let error = ended.await.unwrap_err();
                assert!(own(&error).is_timed_out(), "{pause:?}: {error:?}");
                assert_eq!(own(&error).sqlstate(), "57014");
                db.assert_whole().await;
                assert_eq!(db.rows().await, [0; 0]);
            }
        }

        #[test]
        async fn stricter_idle_limit_of_the_role_is_kept(db: &TestDb<DB>) {
            for (role, expected) in [("700ms", "700ms"), ("1h", "5250ms"), ("0", "5250ms")] {
                let options = db.options().options([("idle_in_transaction_session_timeout", role)]);
                let pool = PoolOptions::<DB>::new().connect_with(options).await.unwrap();
                let limits = Limits::new().timeout(SECOND * 5);
                let ended = on(&pool).limits(limits).run(async |tx| {
                    assert_eq!(setting(tx.connection().await?).await, expected);
                    Ok::<_, AppError>(())
                });
                ended.await.unwrap();
                pool.close().await;
            }
        }
    }
}

mod on_mysql {
    use super::*;

    for_engines! {
        [mysql]

        async fn number(connection: &mut ConnectionOf<DB>, what: &str) -> i64 {
            let sql = format!("select cast({what} as signed)");
            DB::numbers(connection, &sql).await.unwrap()[0]
        }

        async fn lock_timeout(connection: &mut ConnectionOf<DB>) -> i64 {
            number(connection, "@@innodb_lock_wait_timeout").await
        }

        #[test]
        async fn lock_timeout_is_set_back_after_a_drop(db: &TestDb<DB>) {
            let limits = Limits::new().lock_timeout(SECOND * 7);
            let mut lent = ConnectionOf::<DB>::connect(db.url()).await.unwrap();
            let usual = lock_timeout(&mut lent).await;
            assert_ne!(usual, 7);
            let endless = on(&mut lent).limits(limits).run(async |tx| {
                insert(tx, 1).await?;
                pending::<Result<(), AppError>>().await
            });
            assert!(timeout(SHORT, endless).await.is_err());
            assert_eq!(lock_timeout(&mut lent).await, usual);
            insert(&mut lent, 2).await.unwrap();
            assert_eq!(db.rows().await, [2]);
            let mut lent = db.pool.acquire().await.unwrap();
            let endless = on(&mut lent).limits(limits).run(async |tx| {
                insert(tx, 1).await?;
                pending::<Result<(), AppError>>().await
            });
            assert!(timeout(SHORT, endless).await.is_err());
            drop(lent);
            db.assert_whole().await;
            assert_eq!(lock_timeout(&mut db.pool.acquire().await.unwrap()).await, usual);
            assert_eq!(db.rows().await, [2]);
        }

        /// What was open before is its owner's.
        #[test]
        async fn begin_that_fails_sets_back_what_it_has_set(db: &TestDb<DB>) {
            let mut lent = ConnectionOf::<DB>::connect(db.url()).await.unwrap();
            let usual = lock_timeout(&mut lent).await;
            run(&mut lent, "start transaction").await.unwrap();
            insert(&mut lent, 1).await.unwrap();
            let limits = Limits::new().lock_timeout(SECOND * 7);
            let begun = on(&mut lent).limits(limits).isolation(Isolation::Serializable);
            begun.run(async |tx| insert(tx, 2).await).await.unwrap_err();
            assert_eq!(lock_timeout(&mut lent).await, usual);
            run(&mut lent, "rollback").await.unwrap();
            assert_eq!(db.rows().await, [0; 0]);
        }

        /// The manual, "START TRANSACTION, COMMIT, and ROLLBACK Statements".
        #[test]
        async fn completion_type_neither_chains_nor_releases(db: &TestDb<DB>) {
            for completion_type in [1_i64, 2] {
                let options = PoolOptions::new().max_connections(1).after_connect(
                    move |connection: &mut ConnectionOf<DB>, _| {
                        Box::pin(async move {
                            let sql = format!("set completion_type = {completion_type}");
                            run(connection, &sql).await
                        })
                    },
                );
                let pool = db.pool_with(options).await;
                let session = async |behind: &str| {
                    inspect::settle(&pool).await;
                    let mut connection = pool.acquire().await.unwrap();
                    let open = number(&mut connection, "@@in_transaction").await;
                    assert_eq!(open, 0, "{completion_type}: behind {behind}");
                    number(&mut connection, "connection_id()").await
                };
                let before = session("its beginning").await;
                transaction(&pool, async |tx| insert(tx, 1).await).await.unwrap();
                assert_eq!(session("a commit").await, before);
                let ended = transaction(&pool, async |tx| {
                    insert(tx, 2).await?;
                    Err::<(), _>(AppError::Refused(1))
                });
                ended.await.unwrap_err();
                assert_eq!(session("an error").await, before);
                let endless = transaction(&pool, async |tx| {
                    insert(tx, 2).await?;
                    pending::<Result<(), AppError>>().await
                });
                assert!(timeout(SHORT, endless).await.is_err());
                assert_eq!(session("a drop").await, before);
                let limits = Limits::new().timeout(SECOND * 9).lock_timeout(SECOND * 7);
                on(&pool).limits(limits).run(async |tx| insert(tx, 3).await).await.unwrap();
                assert_eq!(session("limits").await, before);
                // With the connection, sqlx's own COMMIT and ROLLBACK are sent.
                let ended = transaction(&pool, async |tx| {
                    insert(tx.connection().await?, 4).await
                });
                ended.await.unwrap();
                assert_eq!(session("the connection").await, before);
                let ended = transaction(&pool, async |tx| {
                    insert(tx.connection().await?, 5).await?;
                    Err::<(), _>(AppError::Refused(1))
                });
                ended.await.unwrap_err();
                session("an error on it").await;
                let ended = transaction(&pool, async |tx| {
                    insert(&mut *tx, 5).await?;
                    insert(tx.connection().await?, 6).await
                });
                assert!(own(&ended.await.unwrap_err()).is_unsupported());
                session("the connection, late").await;
                let mut lent = pool.acquire().await.unwrap();
                transaction(&mut lent, async |tx| insert(tx, 7).await).await.unwrap();
                assert_eq!(number(&mut lent, "@@in_transaction").await, 0);
                let kept = "field(@@completion_type, 'CHAIN', 'RELEASE')";
                let kept = number(&mut lent, kept).await;
                assert_eq!(kept, completion_type);
                let endless = transaction(&mut lent, async |tx| {
                    insert(tx, 8).await?;
                    pending::<Result<(), AppError>>().await
                });
                assert!(timeout(SHORT, endless).await.is_err());
                drop(lent);
                session("the owner's own").await;
                assert_eq!(db.rows().await, [1, 3, 4, 7]);
                pool.close().await;
                run(&db.observer, "delete from notes").await.unwrap();
            }
        }

        #[test]
        async fn tables_locked_in_it_are_unlocked(db: &TestDb<DB>) {
            for (id, raw) in [(1, false), (2, true)] {
                let ended = transaction(&db.pool, async |tx| {
                    ids(&mut *tx).await?;
                    if raw {
                        run(tx.connection().await?, "lock tables notes write").await?;
                    } else {
                        run(&mut *tx, "lock tables notes write").await?;
                    }
                    Ok::<_, AppError>(())
                });
                assert!(own(&ended.await.unwrap_err()).is_ended_early());
                let stored = insert(&db.observer, id);
                timeout(SECOND * 5, stored).await.expect("not locked").unwrap();
                db.assert_whole().await;
            }
        }
    }
}

mod on_sqlite {
    use super::*;

    for_engines! {
        [sqlite]

        async fn query_only(connection: &mut ConnectionOf<DB>) -> i64 {
            let sql = "select query_only from pragma_query_only";
            DB::numbers(connection, sql).await.unwrap()[0]
        }

        /// Whoever set it, reads on.
        #[test]
        async fn query_only_of_the_owner_is_kept(db: &TestDb<DB>) {
            let options = PoolOptions::new().max_connections(1);
            let pool = db.pool_with(options).await;
            run(&pool, "pragma query_only = 1").await.unwrap();
            read(&pool, async |tx| ids(tx).await).await.unwrap();
            assert_eq!(query_only(&mut pool.acquire().await.unwrap()).await, 1);
            let ended = read(&pool, async |tx| {
                ids(&mut *tx).await?;
                ids(tx.connection().await?).await?;
                Err::<(), _>(AppError::Refused(1))
            });
            ended.await.unwrap_err();
            assert_eq!(query_only(&mut pool.acquire().await.unwrap()).await, 1);
            let endless = read(&pool, async |tx| {
                ids(tx).await?;
                pending::<Result<(), AppError>>().await
            });
            assert!(timeout(SHORT, endless).await.is_err());
            assert_eq!(query_only(&mut pool.acquire().await.unwrap()).await, 1);
            let mut lent = pool.acquire().await.unwrap();
            read(&mut lent, async |tx| ids(tx).await).await.unwrap();
            assert_eq!(query_only(&mut lent).await, 1);
            let endless = read(&mut lent, async |tx| {
                ids(tx).await?;
                pending::<Result<(), AppError>>().await
            });
            assert!(timeout(SHORT, endless).await.is_err());
            assert_eq!(query_only(&mut lent).await, 1);
            // And nobody else has it.
            run(&mut *lent, "pragma query_only = 0").await.unwrap();
            read(&mut lent, async |tx| ids(tx).await).await.unwrap();
            assert_eq!(query_only(&mut lent).await, 0);
        }

        /// Whoever is dropped then has not read what it was.
        #[test]
        async fn reader_that_is_dropped_while_it_begins_leaves_the_owner_reading(db: &TestDb<DB>) {
            let mut lent = db.pool.acquire().await.unwrap();
            run(&mut *lent, "pragma query_only = 1").await.unwrap();
            for k in 0..30 {
                let reading = read(&mut lent, async |tx| ids(tx).await);
                drop(poll_k_then_drop(reading, k / 6).await);
                assert_eq!(query_only(&mut lent).await, 1, "{k}");
            }
        }

        #[test]
        async fn reader_that_cannot_begin_leaves_the_owner_writing(db: &TestDb<DB>) {
            let mut lent = db.pool.acquire().await.unwrap();
            run(&mut *lent, "begin").await.unwrap();
            insert(&mut *lent, 1).await.unwrap();
            read(&mut lent, async |tx| ids(tx).await).await.unwrap_err();
            assert_eq!(query_only(&mut lent).await, 0);
            insert(&mut *lent, 2).await.unwrap();
            run(&mut *lent, "commit").await.unwrap();
            assert_eq!(db.rows().await, [1, 2]);
        }

        /// SQLite has one for each connection.
        #[test]
        async fn progress_handler_of_the_application_is_kept(db: &TestDb<DB>) {
            let asked = Arc::new(AtomicU32::new(0));
            let counter = asked.clone();
            let options = PoolOptions::new().max_connections(1).after_connect(
                move |connection: &mut ConnectionOf<DB>, _| {
                    let counter = counter.clone();
                    let count = move || {
                        counter.fetch_add(1, Ordering::Relaxed);
                        true
                    };
                    Box::pin(pool::progress_handler(connection, 1_000, count))
                },
            );
            let pool = db.pool_with(options).await;
            let long = crate::slow::select::<DB>();
            let endless = "with recursive n (i) as (select 1 union all select i + 1 from n) \
                           select max(i) from n";
            for _ in 0..2 {
                let before = asked.load(Ordering::Relaxed);
                let limits = Limits::new().timeout(SECOND * 20);
                on(&pool).limits(limits).run(async |tx| run(tx, long).await).await.unwrap();
                let inside = asked.load(Ordering::Relaxed);
                assert!(inside > before);
                run(&pool, long).await.unwrap();
                let behind = asked.load(Ordering::Relaxed);
                assert!(behind > inside);
                // The statement whose time is over is ended as well.
                let limits = Limits::new().timeout(SHORT);
                let ended = on(&pool).limits(limits).run(async |tx| run(tx, endless).await);
                assert!(own(&ended.await.unwrap_err()).is_timed_out());
                pool.acquire().await.unwrap().execute("select 1").await.unwrap();
            }
            pool.close().await;
        }

        /// Whatever is open there then is the owner's, and sqlx counts it as one.
        #[test]
        async fn transaction_that_ended_early_is_counted_no_more(db: &TestDb<DB>) {
            for (number, text) in (1..).zip(["commit; begin immediate", "rollback; begin"]) {
                let mut owner = db.pool.begin().await.unwrap();
                let ended = transaction(&mut owner, async |tx| {
                    insert(&mut *tx, 10 + number).await?;
                    let connection = tx.connection().await?;
                    Ok::<_, AppError>(connection.execute(sqlx::raw_sql(text)).await.map(drop)?)
                });
                assert!(own(&ended.await.unwrap_err()).is_ended_early(), "{text}");
                owner.commit().await.expect(text);
                insert(&db.pool, number).await.unwrap();
                assert!(db.rows().await.contains(&number), "{text}");
                db.assert_whole().await;
            }
        }
    }
}
