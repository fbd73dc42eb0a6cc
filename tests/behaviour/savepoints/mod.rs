//! Parts of a transaction that can fail by themselves.

mod dropped;
mod exposed;
mod lost;
mod nested;
mod undone;

use sqlx_transactional::{ReadTx, Tx, on, read, transaction, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine};

use crate::{
    app::AppError,
    sql::{ids, insert, run},
    wire_text::assert_sent,
};

for_each_engine! {
    #[transactional(savepoint)]
    async fn add_nested(tx: &mut Tx<'_, DB>, id: i64) -> Result<i64, AppError> {
        insert(tx, id).await?;
        Ok(id)
    }

    #[transactional]
    async fn add_three(tx: &mut Tx<'_, DB>) -> Result<(), AppError> {
        insert(&mut *tx, 1).await?;
        assert_eq!(add_nested(&mut *tx, 2).await?, 2);
        assert_eq!(add_nested(tx, 3).await?, 3);
        Ok(())
    }

    #[test(Setup::wired())]
    async fn sp_02_two_in_sequence_have_distinct_names_and_are_released(db: &TestDb<DB>) {
        add_three(&db.pool).await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 3]);
        assert_sent(
            db,
            "BEGIN; insert 1; SAVEPOINT s1; insert 2; RELEASE SAVEPOINT s1; \
             SAVEPOINT s2; insert 3; RELEASE SAVEPOINT s2; COMMIT",
        );
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn the_attribute_on_a_pool_begins(db: &TestDb<DB>) {
        assert_eq!(add_nested(&db.pool, 1).await.unwrap(), 1);
        let on_a_pool = on(&db.pool).savepoint().run(async |tx| insert(tx, 2).await);
        on_a_pool.await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        assert_sent(db, "BEGIN; insert 1; COMMIT; BEGIN; insert 2; COMMIT");
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn the_three_forms_are_one(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            add_nested(&mut *tx, 1).await?;
            let block = on(&mut *tx).savepoint().run(async |tx| insert(tx, 2).await);
            block.await?;
            tx.savepoint(async |tx| insert(tx, 3).await).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 3]);
        assert_sent(
            db,
            "BEGIN; SAVEPOINT s1; insert 1; RELEASE SAVEPOINT s1; \
             SAVEPOINT s2; insert 2; RELEASE SAVEPOINT s2; \
             SAVEPOINT s3; insert 3; RELEASE SAVEPOINT s3; COMMIT",
        );
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn what_was_released_still_goes_with_the_transaction(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            add_nested(&mut *tx, 1).await?;
            Err::<(), _>(AppError::Refused(1))
        });
        assert!(ended.await.unwrap_err().is_refused(1));
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[transactional(savepoint)]
    async fn list_nested(tx: &mut ReadTx<'_, DB>) -> Result<Vec<i64>, AppError> {
        Ok(ids(tx).await?)
    }

    #[test(Setup::wired())]
    async fn a_reader_can_have_them_too(db: &TestDb<DB>) {
        insert(&db.observer, 1).await.unwrap();
        let ended = read(&db.pool, async |tx| {
            let seen = list_nested(&mut *tx).await?;
            let again = tx.savepoint(async |tx| Ok::<_, AppError>(ids(tx).await?));
            assert_eq!(again.await?, seen);
            Ok::<_, AppError>(seen)
        });
        assert_eq!(ended.await.unwrap(), [1]);
        let select = "select id from notes order by id";
        assert_sent(
            db,
            &format!(
                "BEGIN READ ONLY; SAVEPOINT s1; {select}; RELEASE SAVEPOINT s1; \
                 SAVEPOINT s2; {select}; RELEASE SAVEPOINT s2; COMMIT"
            ),
        );
        db.assert_whole().await;
    }

    /// Plain SQL, which the project has nothing to do with.
    #[test(Setup::wired())]
    async fn sp_11_a_savepoint_by_hand_can_be_gone_back_to(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            run(&mut *tx, "savepoint mine").await?;
            insert(&mut *tx, 2).await?;
            run(&mut *tx, "rollback to savepoint mine").await?;
            insert(&mut *tx, 3).await?;
            run(&mut *tx, "release savepoint mine").await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 3]);
        db.assert_whole().await;
    }
}
