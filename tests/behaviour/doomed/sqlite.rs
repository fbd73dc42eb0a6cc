//! SQLite: what may have ended the transaction dooms, and whatever has.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sqlx_transactional::transaction;
use sqlx_transactional_tests::{TestDb, for_engines};
use tokio::sync::oneshot;

use super::{assert_dooms, assert_harmless};
use crate::{
    app::AppError,
    expect::{code, doomed, engine_code},
    sql::{ids, insert, run},
};

/// A statement that works for a long time.
const LONG: &str = "with recursive n (i) as (select 1 union all select i + 1 from n where i < 100000000) \
                    select max(i) from n";

for_engines! {
    [sqlite]

    #[test]
    async fn an_error_of_one_statement_does_not_doom(db: &TestDb<DB>) {
        insert(&db.pool, 1).await.unwrap();
        run(&db.pool, "create table replies (note integer references notes (id), n int check (n > 0))")
            .await
            .unwrap();
        let mut id = 200;
        for (failing, expected) in [
            ("insert into notes (id, body) values (1, 'again')", "1555"),
            ("insert into notes (id) values (2)", "1299"),
            ("insert into replies (note) values (99)", "787"),
            ("insert into replies (n) values (0)", "275"),
            ("selec 1", "1"),
            ("select * from nowhere", "1"),
            ("select abs(-9223372036854775808)", "1"),
            ("insert or abort into notes (id, body) values (1, 'again')", "1555"),
            ("insert or fail into notes (id, body) values (1, 'again')", "1555"),
        ] {
            assert_eq!(assert_harmless(db, id, failing).await, expected, "{failing}");
            id += 2;
        }
        db.assert_whole().await;
    }

    /// SQLite rolls back by itself and tells only through autocommit mode.
    #[test]
    async fn a_conflict_that_rolls_back_dooms(db: &TestDb<DB>) {
        insert(&db.pool, 1).await.unwrap();
        let trigger = "create trigger stop before insert on notes when new.body = 'stop' \
                       begin select raise(rollback, 'stopped'); end";
        run(&db.pool, trigger).await.unwrap();
        let conflict = "insert or rollback into notes (id, body) values (1, 'again')";
        let raise = "insert into notes (id, body) values (2, 'stop')";
        for (failing, expected) in [(conflict, "1555"), (raise, "1811")] {
            assert_eq!(assert_dooms(db, failing).await, expected, "{failing}");
            assert_eq!(db.rows().await, [1]);
            db.assert_whole().await;
        }
    }

    /// Nothing is asked of the transaction after the error.
    #[test]
    async fn a_conflict_that_rolls_back_at_the_end_dooms(db: &TestDb<DB>) {
        insert(&db.pool, 1).await.unwrap();
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 2).await?;
            let conflict = "insert or rollback into notes (id, body) values (1, 'again')";
            run(&mut *tx, conflict).await.unwrap_err();
            Ok::<_, AppError>(())
        });
        assert_eq!(code(doomed(&ended.await.unwrap_err())), "1555");
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    /// The body's own error is what the caller gets, and the connection is clean.
    #[test]
    async fn a_conflict_that_rolls_back_leaves_a_clean_connection(db: &TestDb<DB>) {
        insert(&db.pool, 1).await.unwrap();
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 2).await?;
            let conflict = "insert or rollback into notes (id, body) values (1, 'again')";
            run(&mut *tx, conflict).await.map_err(AppError::from)
        });
        assert_eq!(engine_code(&ended.await.unwrap_err().into_database()), "1555");
        db.assert_whole().await;
        transaction(&db.pool, async |tx| insert(tx, 3).await).await.unwrap();
        assert_eq!(db.rows().await, [1, 3]);
        db.assert_whole().await;
    }

    /// Nobody sees its error, which ended the whole transaction.
    #[test]
    async fn a_conflict_that_rolls_back_after_its_drop_dooms(db: &TestDb<DB>) {
        insert(&db.pool, 1).await.unwrap();
        let (about_to, begins) = oneshot::channel();
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 2).await?;
            let inner = tx.savepoint(async |tx| {
                insert(&mut *tx, 3).await?;
                about_to.send(()).unwrap();
                let conflict = "with recursive n (i) as \
                                (select 1 union all select i + 1 from n where i < 100000) \
                                insert or rollback into notes select 1, max(i) from n";
                run(tx, conflict).await
            });
            tokio::select! {
                biased;
                _ = inner => panic!("it takes a while"),
                _ = begins => {}
            }
            let _ = doomed(&insert(&mut *tx, 4).await.unwrap_err());
            Ok::<_, AppError>(())
        });
        let _ = doomed(&ended.await.unwrap_err());
        db.assert_whole().await;
        assert_eq!(db.rows().await, [1]);
    }

    #[test]
    async fn a_conflict_that_rolls_back_in_a_savepoint_dooms_all(db: &TestDb<DB>) {
        insert(&db.pool, 1).await.unwrap();
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 2).await?;
            let inner = tx.savepoint(async |tx| {
                insert(&mut *tx, 3).await?;
                let conflict = "insert or rollback into notes (id, body) values (1, 'again')";
                run(&mut *tx, conflict).await
            });
            assert_eq!(engine_code(&inner.await.unwrap_err()), "1555");
            let refused = insert(&mut *tx, 4).await.unwrap_err();
            let _ = doomed(&refused);
            Ok::<_, AppError>(())
        });
        let _ = doomed(&ended.await.unwrap_err());
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    #[test]
    async fn a_full_database_dooms(db: &TestDb<DB>) {
        // The limit cannot be below what there is, so there is no page left.
        run(&db.pool, "pragma max_page_count = 1").await.unwrap();
        let large = "insert into notes (id, body) values (2, hex(randomblob(100000)))";
        assert_eq!(assert_dooms(db, large).await, "13");
        run(&db.pool, "pragma max_page_count = 1000000").await.unwrap();
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[test]
    async fn an_interruption_dooms(db: &TestDb<DB>) {
        let stop = Arc::new(AtomicBool::new(true));
        let mut connection = db.pool.acquire().await.unwrap();
        let go_on = Arc::clone(&stop);
        connection
            .lock_handle()
            .await
            .unwrap()
            .set_progress_handler(1_000, move || !go_on.load(Ordering::Relaxed));
        drop(connection);
        db.settle().await;
        assert_eq!(assert_dooms(db, LONG).await, "9");
        stop.store(false, Ordering::Relaxed);
        db.assert_whole().await;
        let mut connection = db.pool.acquire().await.unwrap();
        connection.lock_handle().await.unwrap().remove_progress_handler();
    }

    /// A writer of this crate's begins immediate and never meets this; one that
    /// works in its owner's deferred transaction does.
    #[test]
    async fn a_stale_snapshot_dooms(db: &TestDb<DB>) {
        let mut owner = db.pool.begin().await.unwrap();
        assert_eq!(ids(&mut *owner).await.unwrap(), [0; 0]);
        insert(&db.observer, 1).await.unwrap();
        let ended = transaction(&mut owner, async |tx| {
            let stale = insert(&mut *tx, 2).await.unwrap_err();
            assert_eq!(engine_code(&stale), "517");
            let refused = insert(&mut *tx, 3).await.unwrap_err();
            assert_eq!(code(doomed(&refused)), "517");
            Ok::<_, AppError>(())
        });
        assert_eq!(code(doomed(&ended.await.unwrap_err())), "517");
        owner.rollback().await.unwrap();
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    /// A deferred transaction would fail at once where this one waits.
    #[test]
    async fn a_writer_begins_immediate(db: &TestDb<DB>) {
        let stored = transaction(&db.pool, async |tx| {
            assert_eq!(ids(&mut *tx).await?, [0; 0]);
            let mut other = db.observer.acquire().await?;
            run(&mut *other, "pragma busy_timeout = 0").await?;
            assert_eq!(engine_code(&insert(&mut *other, 1).await.unwrap_err()), "5");
            run(&mut *other, "pragma busy_timeout = 5000").await?;
            insert(&mut *tx, 2).await
        });
        stored.await.unwrap();
        assert_eq!(db.rows().await, [2]);
        db.assert_whole().await;
    }
}
