//! Settings of functions that run in a transaction that is never committed.

use sqlx_transactional::{Isolation, Tx, on, testing::TestTransaction, transactional};
use sqlx_transactional_tests::{TestDb, for_engines};

use crate::expect::own;

for_engines! {
    [postgres]

    #[transactional(settings("app.user" = user))]
    async fn user(tx: &mut Tx<'_, DB>, user: &str) -> Result<String, sqlx::Error> {
        seen(tx).await
    }

    /// Joins only where the setting is the same.
    #[transactional(settings("app.user" = user), isolation = serializable)]
    async fn twice(tx: &mut Tx<'_, DB>, user: &str) -> Result<String, sqlx::Error> {
        self::user(&mut *tx, user).await
    }

    #[transactional]
    async fn seen(tx: &mut Tx<'_, DB>) -> Result<String, sqlx::Error> {
        let setting = "select coalesce(current_setting('app.user', true), '')";
        sqlx::query_scalar(setting).fetch_one(tx).await
    }

    #[test]
    async fn a_setting_holds_as_long_as_its_function(db: &TestDb<DB>) {
        let mut test = TestTransaction::new(&db.pool);
        assert_eq!(user(&mut test, "O'Hara").await.unwrap(), "O'Hara");
        assert_eq!(seen(&mut test).await.unwrap(), "");
        assert_eq!(twice(&mut test, "Ada").await.unwrap(), "Ada");
        assert_eq!(seen(&mut test).await.unwrap(), "");
        let failed = on(&mut test).setting("app.user", "Bob").run(async |tx| {
            assert_eq!(seen(&mut *tx).await?, "Bob");
            Err::<(), _>(sqlx::Error::RowNotFound)
        });
        failed.await.unwrap_err();
        assert_eq!(seen(&mut test).await.unwrap(), "");
        let unfit = on(&mut test).setting("app.user", "a\0b");
        let unfit = unfit.run(async |tx| seen(tx).await).await.unwrap_err();
        assert_eq!(own(&unfit).sqlstate(), "22021");
        test.roll_back().await.unwrap();
        db.assert_whole().await;
    }

    /// As outside a test: what is set for the whole is not changed for a part of it.
    #[test]
    async fn a_savepoint_in_it_has_the_settings_of_its_function(db: &TestDb<DB>) {
        let mut test = TestTransaction::new(&db.pool);
        let ended = on(&mut test).setting("app.user", "Ada").run(async |tx| {
            let same = on(&mut *tx).savepoint().setting("app.user", "Ada");
            assert_eq!(same.run(async |tx| seen(tx).await).await?, "Ada");
            let other = on(&mut *tx).savepoint().setting("app.user", "Bob");
            let refused = other.run(async |tx| seen(tx).await).await.unwrap_err();
            assert!(own(&refused).is_unsupported(), "{refused:?}");
            assert_eq!(seen(tx).await?, "Ada");
            Ok::<_, sqlx::Error>(())
        });
        ended.await.unwrap();
        test.roll_back().await.unwrap();
    }

    /// What the first function asks for is not the transaction's.
    #[test]
    async fn the_first_function_decides_nothing_for_the_others(db: &TestDb<DB>) {
        let mut test = TestTransaction::new(&db.pool);
        let failed = on(&mut test).setting("app.user", "Bob").isolation(Isolation::Serializable);
        let failed = failed.run(async |tx| {
            assert_eq!(seen(tx).await?, "Bob");
            Err::<(), _>(sqlx::Error::RowNotFound)
        });
        failed.await.unwrap_err();
        assert_eq!(seen(&mut test).await.unwrap(), "");
        let level = "select current_setting('transaction_isolation')";
        let level: String = sqlx::query_scalar(level)
            .fetch_one(test.connection().await.unwrap())
            .await
            .unwrap();
        assert_eq!(level, "read committed");
        test.roll_back().await.unwrap();
    }
}
