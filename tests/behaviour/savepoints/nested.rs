//! Savepoints in savepoints.

use sqlx_transactional::{Tx, transaction, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine};

use crate::{
    app::AppError,
    sql::{ids, insert},
    wire_text::assert_sent,
};

for_each_engine! {
    /// Each level stores its note, lets the next one fail, and fails itself.
    #[transactional(savepoint)]
    async fn descend(tx: &mut Tx<'_, DB>, level: i64) -> Result<(), AppError> {
        let before = ids(&mut *tx).await?;
        assert_eq!(before, (0..level).collect::<Vec<_>>());
        insert(&mut *tx, level).await?;
        if level < 4 {
            let deeper = Box::pin(descend(&mut *tx, level + 1)).await.unwrap_err();
            assert!(deeper.is_refused(u32::try_from(level + 1).unwrap()));
        }
        assert_eq!(ids(&mut *tx).await?, (0..=level).collect::<Vec<_>>());
        Err(AppError::Refused(u32::try_from(level).unwrap()))
    }

    #[test(Setup::wired())]
    async fn sp_05_each_of_four_levels_sees_what_was_before_it(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 0).await?;
            assert!(descend(&mut *tx, 1).await.unwrap_err().is_refused(1));
            assert_eq!(ids(&mut *tx).await?, [0]);
            insert(&mut *tx, 9).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [0, 9]);
        db.assert_whole().await;
    }

    #[transactional(savepoint)]
    async fn pile_up(tx: &mut Tx<'_, DB>, level: i64) -> Result<(), AppError> {
        insert(&mut *tx, level).await?;
        if level < 4 {
            Box::pin(pile_up(tx, level + 1)).await?;
        }
        Ok(())
    }

    #[test(Setup::wired())]
    async fn four_levels_that_succeed_are_released_inside_out(db: &TestDb<DB>) {
        transaction(&db.pool, async |tx| pile_up(tx, 1).await).await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 3, 4]);
        assert_sent(
            db,
            "BEGIN; SAVEPOINT s1; insert 1; SAVEPOINT s2; insert 2; \
             SAVEPOINT s3; insert 3; SAVEPOINT s4; insert 4; RELEASE SAVEPOINT s4; \
             RELEASE SAVEPOINT s3; RELEASE SAVEPOINT s2; RELEASE SAVEPOINT s1; COMMIT",
        );
        db.assert_whole().await;
    }

    /// What a savepoint has released belongs to the one around it.
    #[test]
    async fn an_outer_one_undoes_what_an_inner_one_released(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 0).await?;
            let outer = tx.savepoint(async |tx| {
                pile_up(&mut *tx, 2).await?;
                Err::<(), _>(AppError::Refused(1))
            });
            assert!(outer.await.unwrap_err().is_refused(1));
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [0]);
        db.assert_whole().await;
    }

    /// An empty one in between sends nothing of its own.
    #[test(Setup::wired())]
    async fn one_is_set_by_the_first_statement_in_it(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            tx.savepoint(async |_| Ok::<_, AppError>(())).await?;
            insert(&mut *tx, 1).await?;
            tx.savepoint(async |_| Ok::<_, AppError>(())).await?;
            let failed = tx.savepoint(async |_| Err::<(), _>(AppError::Refused(1)));
            assert!(failed.await.unwrap_err().is_refused(1));
            // The inner statement sets both, the outer one first.
            tx.savepoint(async |tx| {
                tx.savepoint(async |tx| insert(tx, 2).await).await
            })
            .await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        assert_sent(
            db,
            "BEGIN; insert 1; SAVEPOINT s1; SAVEPOINT s2; insert 2; \
             RELEASE SAVEPOINT s2; RELEASE SAVEPOINT s1; COMMIT",
        );
        db.assert_whole().await;
    }
}
