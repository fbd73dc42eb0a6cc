//! Functions that are never called inside a transaction: what is `durable`
//! elsewhere.

use sqlx_transactional::{Tx, testing::TestTransaction, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine};

use crate::{
    app::AppError,
    sql::{ids, insert},
    wire_text::assert_sent,
};

for_each_engine! {
    #[transactional(outermost)]
    async fn durable(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        plain(&mut *tx, id).await?;
        nested(tx, id + 1).await
    }

    #[transactional]
    async fn plain(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        insert(tx, id).await?;
        Ok(())
    }

    #[transactional(savepoint)]
    async fn nested(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        insert(tx, id).await?;
        Ok(())
    }

    #[test(Setup::wired())]
    async fn prop_22_one_can_call_what_joins_or_nests(db: &TestDb<DB>) {
        durable(&db.pool, 1).await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        assert_sent(
            db,
            "BEGIN; insert 1; SAVEPOINT s1; insert 2; RELEASE SAVEPOINT s1; COMMIT",
        );
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn prop_23_two_in_sequence_commit_each_by_itself(db: &TestDb<DB>) {
        durable(&db.pool, 1).await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        durable(db.pool.clone(), 3).await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 3, 4]);
        durable(&db.pool, 3).await.unwrap_err();
        assert_eq!(db.rows().await, [1, 2, 3, 4]);
        db.assert_whole().await;
    }

    /// Inside it each call is the outermost: one that fails undoes itself alone.
    #[test]
    async fn prop_24_the_transaction_of_a_test_is_not_counted(db: &TestDb<DB>) {
        let mut test = TestTransaction::new(&db.pool);
        durable(&mut test, 1).await.unwrap();
        durable(&mut test, 2).await.unwrap_err();
        durable(&mut test, 3).await.unwrap();
        let seen = ids(test.connection().await.unwrap()).await.unwrap();
        assert_eq!(seen, [1, 2, 3, 4]);
        assert_eq!(db.rows().await, [0; 0]);
        test.roll_back().await.unwrap();
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }
}
