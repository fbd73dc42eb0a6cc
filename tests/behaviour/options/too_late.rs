//! An isolation that the body asks for by itself.

use sqlx_transactional::transaction;
use sqlx_transactional_tests::{TestDb, for_engines};

use crate::{
    expect::code,
    sql::{ids, insert, run},
};

for_engines! {
    [postgres, mysql]

    /// The server refuses it, and nothing hides that.
    #[test]
    async fn iso_15_once_the_transaction_is_open_it_is_refused(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            ids(&mut *tx).await?;
            insert(&mut *tx, 1).await?;
            run(tx, "set transaction isolation level serializable").await
        });
        // 25001: active SQL transaction.
        assert_eq!(code(&ended.await.unwrap_err()), "25001");
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }
}
