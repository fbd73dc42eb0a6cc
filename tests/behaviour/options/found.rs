//! A connection that somebody left inside a transaction, most of all as text past
//! sqlx: BEGIN cannot be told what it is asked for, and nothing was sent before it.

use sqlx_transactional::{Isolation, on, transaction};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_engines};

use crate::{
    app::AppError,
    options::{
        assert_stored,
        isolation::level::{assert_level, default},
    },
    sql::{ids, insert, run},
};

for_engines! {
    [postgres, mysql]

    /// Leaves the pool's only connection inside a transaction that has done
    /// something.
    async fn leave_open(db: &TestDb<DB>) {
        let mut connection = db.pool.acquire().await.unwrap();
        run(&mut *connection, "begin").await.unwrap();
        insert(&mut *connection, 100).await.unwrap();
    }

    /// PostgreSQL refuses it with 25001, MySQL with 1568.
    #[test(Setup::wired())]
    async fn an_isolation_is_asked_for_again_on_a_clean_one(db: &TestDb<DB>) {
        leave_open(db).await;
        let ended = on(&db.pool).isolation(Isolation::Serializable).run(async |tx| {
            assert_eq!(ids(&mut *tx).await?, [0; 0]);
            assert_level::<DB>(tx.connection().await?, Isolation::Serializable).await;
            insert(tx, 1).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_stored(db, &[1]).await;
        transaction(&db.pool, async |tx| {
            insert(&mut *tx, 2).await?;
            assert_level::<DB>(tx.connection().await?, default::<DB>()).await;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
        assert_stored(db, &[2]).await;
        assert_eq!(db.wire().by_connection().len(), 1);
        db.assert_whole().await;
    }

    /// One that failed, besides: PostgreSQL then refuses BEGIN itself.
    #[test]
    async fn nor_does_one_that_was_aborted_stand_in_the_way(db: &TestDb<DB>) {
        if db.engine() != Engine::Postgres {
            return;
        }
        leave_open(db).await;
        run(&db.pool, "select 1 / 0").await.unwrap_err();
        transaction(&db.pool, async |tx| insert(tx, 1).await).await.unwrap();
        assert_stored(db, &[1]).await;
        db.assert_whole().await;
    }
}

mod with_sqlx {
    use super::*;
    use sqlx::Connection;
    use sqlx_transactional_tests::for_each_engine;

    for_each_engine! {
        #[test]
        async fn what_was_begun_before_is_rolled_back(db: &TestDb<DB>) {
            let mut connection = db.pool.acquire().await.unwrap();
            let mut left = connection.begin().await.unwrap();
            insert(&mut *left, 100).await.unwrap();
            std::mem::forget(left);
            drop(connection);
            let ended = transaction(&db.pool, async |tx| {
                assert_eq!(ids(&mut *tx).await?, [0; 0]);
                insert(tx, 1).await
            });
            ended.await.unwrap();
            assert_stored(db, &[1]).await;
            db.assert_whole().await;
        }
    }
}
