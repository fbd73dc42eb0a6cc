//! Two that read the same and write across.

use std::sync::Arc;

use sqlx::{Pool, pool::PoolOptions};
use sqlx_transactional::{Isolation, Tx};
use sqlx_transactional_tests::{TestDb, for_each_engine};
use tokio::sync::Barrier;

use super::{conflict::block, quick};
use crate::sql::{bound, ids, insert};

for_each_engine! {
    /// Goes home if somebody else stays. In its first attempt it looks when the
    /// other one has looked too. Gives the number of attempts.
    async fn go_home(pool: &Pool<DB>, id: i64, both: &Barrier) -> Result<u32, sqlx::Error> {
        let block = block(pool, quick(50)).isolation(Isolation::Serializable);
        let ended = block.run(async |tx: &mut Tx<'_, DB>| {
            let here = ids(&mut *tx).await?;
            if tx.attempt() == 1 {
                both.wait().await;
            }
            if here.len() > 1 {
                let delete = sqlx::query(bound::<DB>("delete from notes where id = ?"));
                delete.bind(id).execute(&mut *tx).await?;
            }
            Ok(tx.attempt())
        });
        ended.await
    }

    #[test]
    async fn retry_01_of_two_that_rely_on_each_other_one_stays(db: &TestDb<DB>) {
        insert(&db.observer, 1).await.unwrap();
        insert(&db.observer, 2).await.unwrap();
        let pool = db.pool_with(PoolOptions::new().max_connections(2)).await;
        let both = Arc::new(Barrier::new(2));
        let (first, second) = tokio::join!(go_home(&pool, 1, &both), go_home(&pool, 2, &both));
        assert!(first.unwrap() + second.unwrap() > 2, "there was no conflict");
        assert_eq!(db.rows().await.len(), 1);
        pool.close().await;
    }
}
