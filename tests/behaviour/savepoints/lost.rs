//! A savepoint that somebody else has taken away.

use sqlx_transactional::{Tx, transaction, transactional};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine};

use crate::{
    app::AppError,
    expect::{code, doomed, engine_code},
    sql::{insert, run},
};

for_each_engine! {
    /// Goes back to a savepoint that was set before the one this runs in, which
    /// is then gone.
    #[transactional(savepoint)]
    async fn go_back_too_far(tx: &mut Tx<'_, DB>, refuse: bool) -> Result<(), AppError> {
        insert(&mut *tx, 2).await?;
        run(&mut *tx, "rollback to savepoint mine").await?;
        if refuse { Err(AppError::Refused(5)) } else { Ok(()) }
    }

    #[test(Setup::wired())]
    async fn sp_08_a_release_that_fails_is_told_and_dooms(db: &TestDb<DB>) {
        let expected = match db.engine() {
            Engine::Postgres => "3B001",
            Engine::MySql => "42000",
            Engine::Sqlite => "1",
        };
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            run(&mut *tx, "savepoint mine").await?;
            let error = go_back_too_far(&mut *tx, false).await.unwrap_err();
            assert_eq!(engine_code(&error.into_database()), expected);
            let refused = insert(&mut *tx, 3).await.unwrap_err();
            assert_eq!(code(doomed(&refused)), expected);
            Ok::<_, AppError>(())
        });
        assert_eq!(code(doomed(&ended.await.unwrap_err())), expected);
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn sp_08_the_bodys_error_is_not_masked(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            run(&mut *tx, "savepoint mine").await?;
            let error = go_back_too_far(&mut *tx, true).await.unwrap_err();
            assert!(error.is_refused(5), "{error:?}");
            let _ = doomed(&insert(&mut *tx, 3).await.unwrap_err());
            Ok::<_, AppError>(())
        });
        let _ = doomed(&ended.await.unwrap_err());
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }
}
