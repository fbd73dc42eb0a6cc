//! `Error::resolve`.

use crate::ledger::Run;
use crate::notes::Notes;
use sqlx::{Error, Pool};
use sqlx_transactional::{Resolution, Resolvable, Tx, keys, on, transactional};
use sqlx_transactional_tests::{Action, Point, Setup, TestDb, for_engines};

fn setup() -> Setup {
    Setup::wired()
}

#[transactional(resolvable)]
pub(super) async fn numbered<DB: Notes + Resolvable>(
    tx: &mut Tx<'_, DB>,
    run: &Run,
) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(tx, run.id(1)).await
}

#[transactional(key = run.id(0))]
async fn keyed<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(tx, run.id(1)).await
}

/// [`keyed`] on a connection of the caller's own. It has no pool through which the
/// call could ask by itself, and so leaves that to the caller.
pub(super) async fn keyed_on_own<DB: Notes>(pool: &Pool<DB>, run: &Run) -> Result<(), Error> {
    let mut own = pool.acquire().await?;
    keyed(&mut own, run).await
}

#[transactional]
async fn plain<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert(tx, run.id(1)).await
}

/// Cuts the connection at COMMIT: the message, or its answer.
pub(super) async fn cut<DB: Notes>(
    db: &TestDb<DB>,
    point: Point,
    call: impl Future<Output = Result<(), Error>>,
) -> Error {
    db.wire().arm(point, Action::Cut);
    let error = call.await.unwrap_err();
    let found = sqlx_transactional::Error::find(&error).unwrap();
    assert!(found.is_outcome_unknown(), "{error:?}");
    db.settle().await;
    error
}

async fn resolve<DB: Notes>(db: &TestDb<DB>, error: &Error) -> Resolution {
    let found = sqlx_transactional::Error::find(error).unwrap();
    found.resolve(&db.pool).await.unwrap()
}

mod by_number {
    use super::*;

    for_engines! {
        [postgres]

        #[test(setup())]
        async fn amb_01_one_that_committed_is_known(db: &TestDb<DB>) {
            let run = Run::new(1);
            let error = cut(db, Point::reply_to("COMMIT"), numbered(&db.pool, &run)).await;
            assert_eq!(resolve(db, &error).await, Resolution::Committed);
            assert_eq!(run.stored(db).await, [1]);
            assert_eq!(run.ran(), (0, 0));
            db.assert_whole().await;
        }

        #[test(setup())]
        async fn amb_02_one_that_did_not_is_known(db: &TestDb<DB>) {
            let run = Run::new(1);
            let error = cut(db, Point::command("COMMIT"), numbered(&db.pool, &run)).await;
            assert_eq!(resolve(db, &error).await, Resolution::RolledBack);
            assert!(run.stored(db).await.is_empty());
            db.assert_whole().await;
        }

        /// The number comes with the answer to BEGIN.
        #[test(setup())]
        async fn it_costs_no_message(db: &TestDb<DB>) {
            let run = Run::new(1);
            plain(&db.pool, &run).await.unwrap();
            db.settle().await;
            let without = db.wire().take_counts();
            numbered(&db.pool, &Run::new(2)).await.unwrap();
            db.settle().await;
            assert_eq!(db.wire().take_counts().round_trips, without.round_trips - 1, "warm now");
        }

        /// Helpers that begin on the connection still get a savepoint.
        #[test(setup())]
        async fn its_connection_can_be_handed_out(db: &TestDb<DB>) {
            use sqlx::Connection;
            let ended = on(&db.pool).resolvable().run(async |tx| {
                DB::insert(&mut *tx, 1).await?;
                let mut nested = tx.connection().await?.begin().await?;
                DB::insert_on(&mut nested, 2).await?;
                nested.rollback().await?;
                DB::insert(tx, 3).await
            });
            ended.await.unwrap();
            assert_eq!(db.rows().await, [1, 3]);
            db.assert_whole().await;
        }
    }
}

mod by_key {
    use super::*;

    for_engines! {
        [postgres, mysql]

        async fn assert_resolved(db: &TestDb<DB>, point: Point, wanted: Resolution) {
            DB::run_on(db, keys::table::<DB>()).await;
            let run = Run::new(1);
            let error = cut(db, point, keyed_on_own(&db.pool, &run)).await;
            assert_eq!(resolve(db, &error).await, wanted);
            assert_eq!(run.stored(db).await.is_empty(), wanted == Resolution::RolledBack);
            // Asking leaves nothing that a second call would take for done.
            assert_eq!(resolve(db, &error).await, wanted);
            db.assert_whole().await;
        }

        #[test(setup())]
        async fn amb_01_one_that_committed_is_known(db: &TestDb<DB>) {
            assert_resolved(db, Point::reply_to("COMMIT"), Resolution::Committed).await;
        }

        #[test(setup())]
        async fn amb_02_one_that_did_not_is_known(db: &TestDb<DB>) {
            assert_resolved(db, Point::command("COMMIT"), Resolution::RolledBack).await;
        }

        /// Whichever it was: asked, and made again where it was not done, the
        /// work is there once.
        #[test(setup())]
        async fn amb_02_what_was_not_done_is_done_once_more(db: &TestDb<DB>) {
            DB::run_on(db, keys::table::<DB>()).await;
            for (number, point, calls) in
                [(1, Point::reply_to("COMMIT"), 1), (2, Point::command("COMMIT"), 2)]
            {
                let run = Run::new(number);
                let error = cut(db, point, keyed_on_own(&db.pool, &run)).await;
                let mut made = 1;
                if resolve(db, &error).await == Resolution::RolledBack {
                    keyed(&db.pool, &run).await.unwrap();
                    made += 1;
                }
                assert_eq!(made, calls);
                assert_eq!(run.stored(db).await, [1]);
            }
            db.assert_whole().await;
        }

        /// Nothing was asked for, so nothing can be told.
        #[test(setup())]
        async fn without_anything_to_ask_by_it_stays_unknown(db: &TestDb<DB>) {
            let run = Run::new(1);
            let error = cut(db, Point::reply_to("COMMIT"), plain(&db.pool, &run)).await;
            assert_eq!(resolve(db, &error).await, Resolution::Unknown);
            db.assert_whole().await;
        }
    }
}

/// Whoever asks has to wait: for the session's end, or for somebody's key.
mod waited_for {
    use super::*;
    use tokio::sync::Notify;

    #[transactional(resolvable, timeout = "300ms")]
    async fn numbered_for_a_moment<DB: Notes + Resolvable>(
        tx: &mut Tx<'_, DB>,
        run: &Run,
    ) -> Result<(), Error> {
        DB::insert(tx, run.id(1)).await
    }

    mod by_number {
        use super::*;

        for_engines! {
            [postgres]

            /// Its COMMIT disappears, and its session is ended a moment later.
            #[test(setup())]
            async fn one_that_is_still_open_is_waited_for(db: &TestDb<DB>) {
                let run = Run::new(1);
                db.wire().arm(Point::command("COMMIT"), Action::BlackHole);
                let error = numbered_for_a_moment(&db.pool, &run).await.unwrap_err();
                let found = sqlx_transactional::Error::find(&error).unwrap();
                assert!(found.is_outcome_unknown(), "{error:?}");
                // Past the proxy, where nothing is in the way.
                let resolved = found.resolve(&db.observer).await.unwrap();
                assert_eq!(resolved, Resolution::RolledBack);
                assert!(run.stored(db).await.is_empty());
            }
        }
    }

    mod by_key {
        use super::*;

        for_engines! {
            [postgres, mysql]

            /// Another call with the same key is running, and nobody knows how
            /// that will end.
            #[test(setup())]
            async fn one_whose_key_is_being_written_is_not_known(db: &TestDb<DB>) {
                DB::run_on(db, keys::table::<DB>()).await;
                let run = Run::new(1);
                let error = cut(db, Point::command("COMMIT"), keyed_on_own(&db.pool, &run)).await;
                let (written, asked) = (Notify::new(), Notify::new());
                let other = on(&db.observer).key(run.id(0).to_string()).run(async |tx| {
                    DB::insert(tx, 100).await?;
                    written.notify_one();
                    asked.notified().await;
                    Err::<(), _>(Error::RowNotFound)
                });
                let ask = async {
                    written.notified().await;
                    let resolution = resolve(db, &error).await;
                    asked.notify_one();
                    resolution
                };
                let (ended, resolution) = tokio::join!(other, ask);
                ended.unwrap_err();
                assert_eq!(resolution, Resolution::Unknown);
                assert_eq!(resolve(db, &error).await, Resolution::RolledBack);
                db.assert_whole().await;
            }
        }
    }
}

mod refused {
    use super::*;

    for_engines! {
        [postgres]

        /// Whose COMMIT it is about, is not the function's.
        #[test]
        async fn a_number_is_for_the_outermost_function(db: &TestDb<DB>) {
            let run = Run::new(1);
            let ended = on(&db.pool).run(async |tx| numbered(tx, &run).await);
            let error = ended.await.unwrap_err();
            assert!(sqlx_transactional::Error::find(&error).unwrap().is_unsupported());
            let mut owner = db.pool.begin().await.unwrap();
            let error = numbered(&mut owner, &run).await.unwrap_err();
            assert!(sqlx_transactional::Error::find(&error).unwrap().is_unsupported());
            owner.rollback().await.unwrap();
            assert!(run.stored(db).await.is_empty());
            db.assert_whole().await;
        }
    }

    for_engines! {
        [sqlite, mysql]

        #[test]
        async fn an_engine_that_cannot_be_asked_says_so_before(db: &TestDb<DB>) {
            let ended = on(&db.pool).resolvable().run(async |tx| DB::insert(tx, 1).await);
            let error = ended.await.unwrap_err();
            assert!(sqlx_transactional::Error::find(&error).unwrap().is_unsupported());
            assert_eq!(db.rows().await, [0; 0]);
        }
    }
}
