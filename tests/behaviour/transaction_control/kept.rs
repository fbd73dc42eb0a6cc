//! Which connection goes back to its pool, and which is closed: one whose answers
//! may be out of step, as MySQL's are behind a statement that was cut off.

use std::{future::pending, time::Duration};

use sqlx_transactional::transaction;
use sqlx_transactional_tests::{
    Action, Engine, Point, Setup, TestDb, for_each_engine, for_engines,
};
use tokio::time::timeout;

use crate::{
    app::AppError,
    expect::{code, doomed, own},
    slow::{self, drop_pending},
    sql::{insert, run},
    wire_text::assert_sent,
};

const LIMIT: Duration = Duration::from_millis(200);

for_each_engine! {
    /// Leaves something in the session of the pool's only connection.
    async fn mark(db: &TestDb<DB>) {
        run(&db.pool, "create temporary table mark (id bigint)").await.unwrap();
    }

    /// Whether the pool has the same session still.
    async fn is_marked(db: &TestDb<DB>) -> bool {
        db.assert_whole().await;
        run(&db.pool, "select id from mark").await.is_ok()
    }

    #[test]
    async fn one_with_nothing_under_way_is_kept_when_the_body_is_dropped(db: &TestDb<DB>) {
        mark(db).await;
        let endless = transaction(&db.pool, async |tx| {
            insert(tx, 1).await?;
            pending::<Result<(), AppError>>().await
        });
        assert!(timeout(LIMIT, endless).await.is_err());
        assert!(is_marked(db).await);
        assert_eq!(db.rows().await, [0; 0]);
    }

    /// Nobody saw what was under way on it.
    #[test]
    async fn one_that_was_handed_out_when_the_body_is_dropped(db: &TestDb<DB>) {
        mark(db).await;
        let endless = transaction(&db.pool, async |tx| {
            insert(tx.connection().await?, 1).await?;
            pending::<Result<(), AppError>>().await
        });
        assert!(timeout(LIMIT, endless).await.is_err());
        assert_eq!(is_marked(db).await, db.engine() != Engine::MySql);
        assert_eq!(db.rows().await, [0; 0]);
    }

    #[test]
    async fn one_on_which_the_transaction_was_ended(db: &TestDb<DB>) {
        mark(db).await;
        let ended = transaction(&db.pool, async |tx| {
            run(tx.connection().await?, "rollback").await
        });
        assert!(own(&ended.await.unwrap_err()).is_ended_early());
        assert_eq!(is_marked(db).await, db.engine() != Engine::MySql);
    }
}

mod on_mysql {
    use super::*;

    for_engines! {
        [mysql]

        async fn number(db: &TestDb<DB>) -> i64 {
            db.assert_whole().await;
            let number = "select cast(connection_id() as signed)";
            sqlx::query_scalar(number).fetch_one(&db.pool).await.unwrap()
        }

        /// Its statements have all been seen.
        #[test]
        async fn one_that_has_committed_implicitly_is_kept(db: &TestDb<DB>) {
            let before = number(db).await;
            let ended = transaction(&db.pool, async |tx| {
                run(tx, "create table another (id bigint)").await
            });
            assert!(own(&ended.await.unwrap_err()).is_ended_early());
            assert_eq!(number(db).await, before);
        }

        /// The body goes on and fails for a reason of its own.
        #[test]
        async fn one_with_a_statement_cut_off_is_closed(db: &TestDb<DB>) {
            let before = number(db).await;
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                drop_pending(run(tx, slow::insert::<DB>())).await;
                Err::<(), _>(AppError::Refused(1))
            });
            assert!(ended.await.unwrap_err().is_refused(1));
            assert_ne!(number(db).await, before);
            assert_eq!(db.rows().await, [0; 0]);
        }

        /// While it is asked whether the transaction is still there, so that
        /// COMMIT is not sent.
        #[test(Setup::wired())]
        async fn one_that_is_lost_then_leaves_nothing_unknown(db: &TestDb<DB>) {
            let probe = Point::command("RELEASE SAVEPOINT");
            db.wire().arm(probe, Action::Cut);
            let ended = transaction(&db.pool, async |tx| {
                insert(tx.connection().await?, 1).await
            });
            let error = ended.await.unwrap_err();
            assert!(own(&error).is_doomed(), "{error:?}");
            assert_eq!(db.wire().fired(), 1);
            assert_eq!(db.rows().await, [0; 0]);
            db.assert_whole().await;
        }
    }
}

mod on_sqlite {
    use super::*;

    for_engines! {
        [sqlite]

        /// The question is not answered, which is no answer.
        #[test]
        async fn one_that_cannot_be_asked_is_not_committed_on(db: &TestDb<DB>) {
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                let mut handle = tx.connection().await?.lock_handle().await?;
                // Ends every statement at once.
                handle.set_progress_handler(1, || false);
                Ok::<_, AppError>(())
            });
            let error = ended.await.unwrap_err().into_database();
            assert_eq!(code(doomed(&error)), "9");
            assert_eq!(db.rows().await, [0; 0]);
            db.assert_whole().await;
        }
    }
}

mod behind_a_wire {
    use super::*;

    for_engines! {
        [postgres, mysql]

        /// Once before the next statement, and once more at the end.
        #[test(Setup::wired())]
        async fn text_of_no_known_effect_is_asked_about(db: &TestDb<DB>) {
            // One whose reading depends on the session's settings.
            let text = "select 'a\\'''; select 1 -- '";
            let ended = transaction(&db.pool, async |tx| {
                run(&mut *tx, text).await?;
                insert(&mut *tx, 1).await?;
                insert(tx, 2).await
            });
            ended.await.unwrap();
            let expected = match db.engine() {
                // Asked, it is proven.
                Engine::Postgres => "PROVE; insert 1; insert 2; COMMIT",
                _ => "VERIFY; insert 1; insert 2; PROVE; COMMIT",
            };
            assert_sent(db, &format!("BEGIN; MARK; {text}; {expected}"));
        }

        /// Hooks, and a new attempt, depend on whether the work is undone.
        #[test(Setup::wired())]
        async fn error_behind_what_was_not_seen_asks_too(db: &TestDb<DB>) {
            let ended = transaction(&db.pool, async |tx| {
                insert(tx.connection().await?, 1).await?;
                Err::<(), _>(AppError::Refused(1))
            });
            assert!(ended.await.unwrap_err().is_refused(1));
            assert_sent(db, "BEGIN; MARK; insert 1; PROVE; ROLLBACK");
            db.assert_whole().await;
        }
    }
}
