//! A transaction that notifies itself. The notification comes amid the answer to
//! COMMIT, where sqlx expects none.

use crate::notes::Notes;
use sqlx::Error;
use sqlx_transactional::{Tx, transaction};
use sqlx_transactional_tests::{TestDb, for_engines};

for_engines! {
    [postgres]

    /// It is committed all the same, and the line is closed, because nobody knows how far
    /// it has been read.
    #[test]
    async fn listening_and_notifying_at_once_is_told_as_unknown(db: &TestDb<DB>) {
        for (number, notify) in (1..).zip(["notify itself", "select pg_notify('itself', '')"]) {
            let ended = transaction(&db.pool, async |tx: &mut Tx<'_, DB>| {
                DB::insert(&mut *tx, number).await?;
                DB::run(&mut *tx, "listen itself").await?;
                DB::run(tx, notify).await
            });
            let error: Error = ended.await.expect_err(notify);
            let found = sqlx_transactional::Error::find(&error).expect(notify);
            assert!(found.is_outcome_unknown(), "{error:?}");
            db.assert_whole().await;
        }
        assert_eq!(db.rows().await, [1, 2]);
    }

    /// With one of the two there is nothing amid the answer.
    #[test]
    async fn either_alone_is_told_as_committed(db: &TestDb<DB>) {
        for (number, text) in (1..).zip(["notify itself", "listen itself"]) {
            let ended = transaction(&db.pool, async |tx: &mut Tx<'_, DB>| {
                DB::insert(&mut *tx, number).await?;
                DB::run(tx, text).await
            });
            let ended: Result<(), Error> = ended.await;
            ended.expect(text);
        }
        assert_eq!(db.rows().await, [1, 2]);
    }
}
