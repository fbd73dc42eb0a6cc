//! Everywhere a transaction can begin.

mod connection;
mod given_back;
mod idle;
mod source;
mod spoiled;
mod transaction;

use std::sync::Arc;

use sqlx_transactional::{ReadTx, Tx, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine};

use crate::{
    app::AppError,
    sql::{ids, insert},
    wire_text::assert_sent,
};

for_each_engine! {
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
    async fn a_pool_by_reference_by_value_and_shared(db: &TestDb<DB>) {
        store(&db.pool, 1).await.unwrap();
        store(db.pool.clone(), 2).await.unwrap();
        let shared = Arc::new(db.pool.clone());
        store(&shared, 3).await.unwrap();
        store(&*shared, 4).await.unwrap();
        store(&&db.pool, 5).await.unwrap();
        assert_eq!(list(&db.pool).await.unwrap(), [1, 2, 3, 4, 5]);
        assert_eq!(list(db.pool.clone()).await.unwrap(), [1, 2, 3, 4, 5]);
        assert_eq!(list(&shared).await.unwrap(), [1, 2, 3, 4, 5]);
        assert_eq!(db.rows().await, [1, 2, 3, 4, 5]);
        db.assert_whole().await;
    }

    /// The future owns its place and outlives whoever made it.
    #[test]
    async fn a_pool_by_value_can_be_spawned(db: &TestDb<DB>) {
        let spawned = tokio::spawn(store(db.pool.clone(), 1));
        spawned.await.unwrap().unwrap();
        let pool = db.pool.clone();
        tokio::spawn(async move { store(&pool, 2).await }).await.unwrap().unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        db.assert_whole().await;
    }

    /// What an axum application or a service holds.
    #[derive(Clone, Debug)]
    struct Service {
        pool: sqlx::Pool<DB>,
    }

    impl Service {
        #[transactional(on = self.pool)]
        async fn store(&self, tx: &mut Tx<'_, DB>, id: i64) -> Result<i64, AppError> {
            insert(tx, id).await?;
            Ok(id)
        }

        #[transactional(on = &self.pool)]
        async fn list(self: Arc<Self>, tx: &mut ReadTx<'_, DB>) -> Result<Vec<i64>, AppError> {
            Ok(ids(tx).await?)
        }
    }

    #[test(Setup::wired())]
    async fn an_injected_place_is_not_in_the_signature(db: &TestDb<DB>) {
        let service = Arc::new(Service { pool: db.pool.clone() });
        assert_eq!(service.store(1).await.unwrap(), 1);
        assert_sent(db, "BEGIN; insert 1; COMMIT");
        assert_eq!(Arc::clone(&service).list().await.unwrap(), [1]);
        service.store(1).await.unwrap_err();
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }
}
