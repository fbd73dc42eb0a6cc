//! A key beside rules about the result: they are about what the body returned.

use std::cell::Cell;

use sqlx_transactional::{Error, Tx, keys, on, transaction, transactional};
use sqlx_transactional_tests::{TestDb, for_each_engine};

use crate::{
    app::AppError,
    expect::own,
    sql::{insert, run},
};

for_each_engine! {
    #[transactional(key = "once", commit_on(Err(_)))]
    async fn committed(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        insert(tx, id).await?;
        Err(AppError::Refused(1))
    }

    #[transactional(key = "once", retry, commit_on(Err(_)), rollback_on(Ok(())))]
    async fn repeated(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        insert(tx, id).await?;
        Err(AppError::Refused(1))
    }

    fn is_already_done(error: AppError) -> bool {
        own(&error.into_database()).is_already_done()
    }

    #[test]
    async fn a_rule_does_not_hide_that_it_is_already_done(db: &TestDb<DB>) {
        run(&db.observer, keys::table::<DB>()).await.unwrap();
        assert!(committed(&db.pool, 1).await.unwrap_err().is_refused(1));
        assert!(is_already_done(committed(&db.pool, 2).await.unwrap_err()));
        assert!(is_already_done(repeated(&db.pool, 3).await.unwrap_err()));
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    /// The rule is not even asked.
    #[test]
    async fn a_rule_of_a_block_is_asked_of_its_body_alone(db: &TestDb<DB>) {
        run(&db.observer, keys::table::<DB>()).await.unwrap();
        let asked = Cell::new(0);
        for repeated in [false, true, false] {
            let block = on(&db.pool).key("once").commit_on(|ended: &Result<(), AppError>| {
                asked.set(asked.get() + 1);
                ended.is_err()
            });
            let body = async |tx: &mut Tx<'_, DB>| {
                insert(tx, 1).await?;
                Err::<(), _>(AppError::Refused(1))
            };
            let ended = if repeated {
                block.retry(sqlx_transactional::Retry::new()).run(body).await
            } else {
                block.run(body).await
            };
            let error = ended.unwrap_err();
            assert!(error.is_refused(1) || is_already_done(error));
        }
        assert_eq!(asked.get(), 1, "the body was called once");
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    /// A part that did not do its work is one that failed.
    #[test]
    async fn a_rule_of_a_part_does_not_hide_it_either(db: &TestDb<DB>) {
        run(&db.observer, keys::table::<DB>()).await.unwrap();
        committed(&db.pool, 1).await.unwrap_err();
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 2).await?;
            let joined = committed(tx, 3).await.unwrap_err();
            assert!(is_already_done(joined));
            Ok::<_, AppError>(())
        });
        let error = ended.await.unwrap_err().into_database();
        assert!(Error::find(&error).is_some_and(Error::is_doomed), "{error:?}");
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 4).await?;
            let block = on(&mut *tx).savepoint().key("once");
            let part = block.commit_on(Result::<(), AppError>::is_err);
            let part = part.run(async |tx| Ok(insert(tx, 5).await?)).await;
            assert!(is_already_done(part.unwrap_err()));
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 4]);
        db.assert_whole().await;
    }
}
