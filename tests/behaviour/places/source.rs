//! A user's own place, with work of its own in every transaction.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use sqlx::{Error, Pool};
use sqlx_transactional::{ReadTx, Source, Tx, transaction, transactional};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine};

use crate::{
    app::AppError,
    expect::{code, doomed, engine_code},
    sql::{ids, insert, run},
    wire_text::assert_sent,
};

for_each_engine! {
    /// Runs a statement first, and counts how often.
    #[derive(Debug)]
    struct Tenant {
        pool: Pool<DB>,
        first: &'static str,
        begun: AtomicU32,
    }

    impl Source<DB> for Tenant {
        fn pool(&self) -> &Pool<DB> {
            &self.pool
        }

        async fn after_begin(
            &self,
            connection: &mut <DB as sqlx::Database>::Connection,
        ) -> Result<(), Error> {
            self.begun.fetch_add(1, Ordering::Relaxed);
            run(connection, self.first).await
        }
    }

    fn tenant(db: &TestDb<DB>, first: &'static str) -> Tenant {
        Tenant { pool: db.pool.clone(), first, begun: AtomicU32::new(0) }
    }

    #[transactional]
    async fn store(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        insert(tx, id).await?;
        Ok(())
    }

    #[transactional]
    async fn list(tx: &mut ReadTx<'_, DB>) -> Result<Vec<i64>, AppError> {
        Ok(ids(tx).await?)
    }

    #[test(Setup::wired())]
    async fn it_works_first_in_every_transaction_and_only_there(db: &TestDb<DB>) {
        let tenant = tenant(db, "select 'tenant'");
        let ended = transaction(&tenant, async |tx| {
            store(&mut *tx, 1).await?;
            store(&mut *tx, 2).await?;
            tx.savepoint(async |tx| store(tx, 3).await).await
        });
        ended.await.unwrap();
        assert_eq!(tenant.begun.load(Ordering::Relaxed), 1);
        assert_sent(
            db,
            "BEGIN; select 'tenant'; insert 1; insert 2; \
             SAVEPOINT s1; insert 3; RELEASE SAVEPOINT s1; COMMIT",
        );
        // A transaction that does not begin has nothing to prepare.
        transaction(&tenant, async |_: &mut Tx<'_, DB>| Ok::<_, AppError>(())).await.unwrap();
        assert_eq!(tenant.begun.load(Ordering::Relaxed), 1);
        assert_eq!(list(&tenant).await.unwrap(), [1, 2, 3]);
        assert_eq!(tenant.begun.load(Ordering::Relaxed), 2);
        let shared = Arc::new(tenant);
        store(&shared, 4).await.unwrap();
        assert_eq!(shared.begun.load(Ordering::Relaxed), 3);
        assert_eq!(db.rows().await, [1, 2, 3, 4]);
        db.assert_whole().await;
    }

    /// It is inside the transaction, and ends with it.
    #[test]
    async fn what_it_writes_goes_with_the_transaction(db: &TestDb<DB>) {
        let tenant = tenant(db, "insert into notes (id, body) values (100, 'tenant')");
        let ended = transaction(&tenant, async |tx| {
            insert(tx, 1).await?;
            Err::<(), _>(AppError::Refused(1))
        });
        assert!(ended.await.unwrap_err().is_refused(1));
        assert_eq!(db.rows().await, [0; 0]);
        store(&tenant, 1).await.unwrap();
        assert_eq!(db.rows().await, [1, 100]);
        db.assert_whole().await;
    }

    /// Without it nothing may run: the role is not set, say.
    #[test(Setup::wired())]
    async fn its_failure_is_the_first_statements_and_dooms(db: &TestDb<DB>) {
        let tenant = tenant(db, "select * from nowhere");
        let expected = match db.engine() {
            Engine::Postgres => "42P01",
            Engine::MySql => "42S02",
            Engine::Sqlite => "1",
        };
        let error = store(&tenant, 1).await.unwrap_err().into_database();
        assert_eq!(engine_code(&error), expected);
        assert_sent(db, "BEGIN; select * from nowhere; ROLLBACK");
        let ended = transaction(&tenant, async |tx| {
            let first = insert(&mut *tx, 1).await.unwrap_err();
            assert_eq!(engine_code(&first), expected);
            let second = insert(&mut *tx, 2).await.unwrap_err();
            assert_eq!(code(doomed(&second)), expected);
            Ok::<_, AppError>(())
        });
        assert_eq!(code(doomed(&ended.await.unwrap_err())), expected);
        assert_eq!(tenant.begun.load(Ordering::Relaxed), 2);
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    /// In a savepoint, too, which does not contain it.
    #[test]
    async fn its_failure_inside_a_savepoint_dooms_all(db: &TestDb<DB>) {
        let tenant = tenant(db, "select * from nowhere");
        let ended = transaction(&tenant, async |tx| {
            let nested = tx.savepoint(async |tx| insert(tx, 1).await);
            nested.await.unwrap_err();
            let _ = doomed(&insert(&mut *tx, 2).await.unwrap_err());
            Ok::<_, AppError>(())
        });
        let _ = doomed(&ended.await.unwrap_err());
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }
}

mod on_postgres {
    use super::*;
    use sqlx_transactional_tests::for_engines;

    /// Sets a role and a setting for the transaction, as row-level security wants.
    #[derive(Debug)]
    struct User {
        pool: Pool<sqlx::Postgres>,
        name: String,
    }

    impl Source<sqlx::Postgres> for User {
        fn pool(&self) -> &Pool<sqlx::Postgres> {
            &self.pool
        }

        async fn after_begin(&self, connection: &mut sqlx::PgConnection) -> Result<(), Error> {
            sqlx::query("select set_config('app.user', $1, true)")
                .bind(&self.name)
                .execute(&mut *connection)
                .await?;
            run(connection, "set local role pg_read_all_data").await
        }
    }

    const WHO: &str =
        "select current_user || ' for ' || coalesce(current_setting('app.user', true), '')";

    for_engines! {
        [postgres]

        #[transactional]
        async fn who(tx: &mut Tx<'_, DB>) -> Result<String, AppError> {
            Ok(sqlx::query_scalar(WHO).fetch_one(tx).await?)
        }

        #[test]
        async fn a_local_role_and_setting_end_with_the_transaction(db: &TestDb<DB>) {
            let user = User { pool: db.pool.clone(), name: "Ada".to_owned() };
            assert_eq!(who(&user).await.unwrap(), "pg_read_all_data for Ada");
            let after: String = sqlx::query_scalar(WHO).fetch_one(&db.pool).await.unwrap();
            assert!(after.ends_with(" for ") && !after.starts_with("pg_read"), "{after}");
            // What the role may not do is refused, and nothing is left of it.
            let refused = transaction(&user, async |tx| insert(tx, 1).await);
            assert_eq!(engine_code(&refused.await.unwrap_err()), "42501");
            db.assert_whole().await;
            insert(&db.pool, 2).await.unwrap();
            assert_eq!(db.rows().await, [2]);
        }
    }
}
