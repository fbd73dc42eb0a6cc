//! A COMMIT that the database refuses.

use sqlx::Executor;
use sqlx_transactional::{Tx, transaction, transactional};
use sqlx_transactional_tests::{Action, Backend, Engine, Point, Setup, TestDb, for_engines};

use crate::{
    app::AppError,
    expect::engine_code,
    sql::{insert, run},
};

/// A constraint that is checked at COMMIT alone.
async fn defer<DB: Backend>(db: &TestDb<DB>) {
    let mut connection = db.observer.acquire().await.unwrap();
    DB::execute(
        &mut connection,
        "create table replies (\
             id bigint primary key, \
             note bigint not null references notes (id) deferrable initially deferred\
         )",
    )
    .await
    .unwrap();
}

for_engines! {
    [sqlite, postgres]

    #[transactional]
    async fn reply_to_nothing(tx: &mut Tx<'_, DB>) -> Result<u32, AppError> {
        insert(&mut *tx, 1).await?;
        run(&mut *tx, "insert into replies (id, note) values (1, 99)").await?;
        Ok(7)
    }

    #[test(Setup::wired())]
    async fn out_03_a_refused_commit_is_the_databases_own_error(db: &TestDb<DB>) {
        defer(db).await;
        let error = reply_to_nothing(&db.pool).await.unwrap_err().into_database();
        let expected = if db.engine() == Engine::Postgres { "23503" } else { "787" };
        assert_eq!(engine_code(&error), expected);
        assert!(error.as_database_error().unwrap().is_foreign_key_violation());
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    /// Its owner goes on, in no transaction.
    #[test(Setup::wired())]
    async fn on_a_lent_connection_it_is_the_same(db: &TestDb<DB>) {
        defer(db).await;
        let mut lent = db.pool.acquire().await.unwrap();
        let error = reply_to_nothing(&mut lent).await.unwrap_err().into_database();
        let expected = if db.engine() == Engine::Postgres { "23503" } else { "787" };
        assert_eq!(engine_code(&error), expected);
        insert(&mut *lent, 2).await.unwrap();
        assert_eq!(db.rows().await, [2]);
        drop(lent);
        db.assert_whole().await;
    }
}

mod on_postgres {
    use super::*;

    for_engines! {
        [postgres]

        /// Both read what the other writes: the second COMMIT cannot be.
        #[test]
        async fn out_03_a_serialization_failure_at_commit_is_the_databases_own(db: &TestDb<DB>) {
            let serializable = "set transaction isolation level serializable";
            let count = "select count(*) from notes";
            let refused = transaction(&db.pool, async |tx| {
                run(&mut *tx, serializable).await?;
                run(&mut *tx, count).await?;
                let mut other = db.observer.begin().await?;
                run(&mut *other, serializable).await?;
                run(&mut *other, count).await?;
                insert(&mut *tx, 1).await?;
                insert(&mut *other, 2).await?;
                other.commit().await?;
                Ok::<_, AppError>(())
            });
            let error = refused.await.unwrap_err().into_database();
            assert_eq!(engine_code(&error), "40001");
            assert_eq!(db.rows().await, [2]);
            db.assert_whole().await;
        }

        #[test(Setup::wired())]
        async fn out_05_the_first_error_stays_when_the_rollback_fails_too(db: &TestDb<DB>) {
            defer(db).await;
            db.wire().arm(Point::command("ROLLBACK"), Action::Cut);
            let refused = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                tx.execute("insert into replies (id, note) values (1, 99)").await?;
                Ok::<_, AppError>(())
            });
            let error = refused.await.unwrap_err().into_database();
            assert_eq!(engine_code(&error), "23503");
            assert_eq!(db.wire().fired(), 1);
            db.assert_whole().await;
            assert_eq!(db.rows().await, [0; 0]);
        }
    }
}

mod on_mysql {
    use super::*;
    use sqlx::pool::PoolOptions;

    for_engines! {
        [mysql]

        /// An account that has made all the queries it may: 1226. ROLLBACK is
        /// refused as well, and the server rolls back when the connection goes.
        #[test]
        async fn out_03_a_commit_too_many_is_the_databases_own_error(db: &TestDb<DB>) {
            let account = format!("few_{}", std::process::id());
            let create = format!(
                "create user {account} identified by 'few' with max_queries_per_hour 40; \
                 grant all on *.* to {account}"
            );
            run(&db.observer, &create).await.unwrap();
            let options = db.options().username(&account).password("few");
            let pool = PoolOptions::<DB>::new().max_connections(1).connect_with(options);
            let pool = pool.await.unwrap();
            let refused = transaction(&pool, async |tx| {
                insert(&mut *tx, 1).await?;
                while run(&mut *tx, "do 0").await.is_ok() {}
                Ok::<_, AppError>(())
            });
            let error = refused.await.unwrap_err().into_database();
            run(&db.observer, &format!("drop user {account}")).await.unwrap();
            assert_eq!(engine_code(&error), "42000");
            pool.close().await;
            assert_eq!(db.rows().await, [0; 0]);
            db.assert_whole().await;
        }
    }
}
