//! A connection that is lost on the way.

use std::cell::Cell;

use sqlx_transactional::{Error, keys, on, transaction};
use sqlx_transactional_tests::{Action, Point, Setup, TestDb, for_engines};

use super::quick;
use crate::{
    expect::own,
    sql::{insert, run},
};

for_engines! {
    [postgres, mysql]

    #[test(Setup::wired())]
    async fn retry_18_one_lost_at_a_statement_is_followed_by_another(db: &TestDb<DB>) {
        db.wire().arm(Point::command("insert into notes"), Action::Cut);
        let ended = on(&db.pool).retry(quick(2)).run(async |tx| {
            let attempt = i64::from(tx.attempt());
            insert(tx, attempt).await
        });
        ended.await.unwrap();
        assert_eq!(db.wire().fired(), 1);
        assert_eq!(db.rows().await, [2]);
        db.assert_whole().await;
    }

    /// There is no other connection than the caller's, and this one is of no use any more.
    #[test(Setup::wired())]
    async fn one_of_the_callers_is_followed_by_none(db: &TestDb<DB>) {
        for (point, is_unknown) in [
            (Point::command("insert into notes"), false),
            (Point::reply_to("COMMIT"), true),
        ] {
            let mut lent = db.pool.acquire().await.unwrap();
            db.wire().arm(point, Action::Cut);
            let runs = Cell::new(0);
            let ended = on(&mut lent).retry(quick(3).idempotent()).run(async |tx| {
                runs.set(tx.attempt());
                insert(tx, 1).await
            });
            let error = ended.await.unwrap_err();
            assert_eq!(runs.get(), 1, "{error}");
            let found = Error::find(&error);
            assert_eq!(found.is_some_and(Error::is_outcome_unknown), is_unknown);
            drop(lent);
            db.assert_whole().await;
        }
        assert_eq!(db.rows().await, [1]);
    }

    #[test(Setup::wired())]
    async fn an_unknown_outcome_is_not_repeated(db: &TestDb<DB>) {
        db.wire().arm(Point::reply_to("COMMIT"), Action::Cut);
        let ended = on(&db.pool).retry(quick(5)).run(async |tx| {
            assert_eq!(tx.attempt(), 1);
            insert(tx, 1).await
        });
        let error = ended.await.unwrap_err();
        assert!(own(&error).is_outcome_unknown());
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn an_unknown_outcome_is_repeated_where_twice_is_as_good_as_once(db: &TestDb<DB>) {
        db.wire().arm(Point::reply_to("COMMIT"), Action::Cut);
        let ended = on(&db.pool).retry(quick(2).idempotent()).run(async |tx| {
            let attempt = i64::from(tx.attempt());
            insert(tx, attempt).await
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        db.assert_whole().await;
    }

    /// The first attempt has committed after all, and finds that out by its key.
    #[test(Setup::wired())]
    async fn with_a_key_nothing_is_repeated(db: &TestDb<DB>) {
        run(&db.observer, keys::table::<DB>()).await.unwrap();
        db.wire().arm(Point::reply_to("COMMIT"), Action::Cut);
        let ended = on(&db.pool).key("once").retry(quick(3).idempotent()).run(async |tx| {
            let attempt = i64::from(tx.attempt());
            insert(tx, attempt).await
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    /// The pool's only connection is good again after each attempt.
    #[test(Setup::wired())]
    async fn a_refused_begin_is_followed_by_another(db: &TestDb<DB>) {
        db.wire().cut_all().await;
        let ended = on(&db.pool).retry(quick(3)).run(async |tx| insert(tx, 1).await);
        ended.await.unwrap();
        transaction(&db.pool, async |tx| insert(tx, 2).await).await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        db.assert_whole().await;
    }

    /// Whatever was sent when the line was lost.
    #[test(Setup::wired())]
    async fn the_number_of_attempts_is_in_every_error_of_the_last(db: &TestDb<DB>) {
        run(&db.observer, keys::table::<DB>()).await.unwrap();
        let places = ["sqlx_transactional_keys", "SAVEPOINT", "insert into notes"];
        for (before, lost) in places.into_iter().enumerate() {
            db.wire().arm(Point::command(lost), Action::Cut);
            let ended = on(&db.pool).key(lost).retry(quick(1)).run(async |tx| {
                tx.savepoint(async |tx| insert(tx, 1).await).await
            });
            let error = ended.await.unwrap_err();
            assert_eq!(db.wire().fired(), before + 1, "{lost}");
            assert_eq!(own(&error).attempts(), Some(1), "{lost}: {error:?}");
            assert_eq!(own(&error).sqlstate(), "08006", "{lost}");
            db.wire().disarm();
            db.assert_whole().await;
        }
        assert_eq!(db.rows().await, [0; 0]);
    }
}

mod out_of_step {
    use super::*;
    use crate::options::retry::conflict::Conflict;

    for_engines! {
        [postgres]

        /// Its COMMIT would be answered by what the first attempt has left behind.
        #[test]
        async fn one_of_the_callers_is_followed_by_none(db: &TestDb<DB>) {
            let mut lent = db.pool.acquire().await.unwrap();
            let runs = Cell::new(0);
            let ended = on(&mut lent).retry(quick(3)).run(async |tx| {
                runs.set(tx.attempt());
                let failed = tx.savepoint(async |tx| DB::conflict(tx, &db.observer).await).await;
                let connection = tx.connection().await?;
                drop(connection.copy_in_raw("copy notes from stdin").await?);
                failed
            });
            let error = ended.await.unwrap_err();
            assert_eq!(runs.get(), 1, "{error}");
            drop(lent);
            insert(&db.pool, 1).await.unwrap();
            assert_eq!(db.rows().await, [1]);
            db.assert_whole().await;
        }
    }
}
