//! The options of the attribute: each is what the block's is.

use sqlx::{Postgres, Sqlite};
use sqlx_transactional::{Isolation, ReadTx, Tx, transactional};
use sqlx_transactional_tests::{Backend, Setup, TestDb, for_each_engine, for_engines};

use super::{
    assert_stored,
    isolation::level::{self, LEVELS, assert_level},
};
use crate::{
    app::AppError,
    expect::{code, doomed, own},
    sql::{ids, insert},
};

for_each_engine! {
    #[transactional(isolation = read_uncommitted)]
    async fn uncommitted(tx: &mut Tx<'_, DB>) -> Result<(), AppError> {
        store(tx, Isolation::ReadUncommitted).await
    }

    #[transactional(isolation = read_committed)]
    async fn committed(tx: &mut Tx<'_, DB>) -> Result<(), AppError> {
        store(tx, Isolation::ReadCommitted).await
    }

    #[transactional(isolation = repeatable_read)]
    async fn repeatable(tx: &mut Tx<'_, DB>) -> Result<(), AppError> {
        store(tx, Isolation::RepeatableRead).await
    }

    #[transactional(isolation = serializable)]
    async fn serializable(tx: &mut Tx<'_, DB>) -> Result<(), AppError> {
        store(tx, Isolation::Serializable).await
    }

    async fn store(tx: &mut Tx<'_, DB>, asked: Isolation) -> Result<(), AppError> {
        insert(&mut *tx, 1).await?;
        assert_level::<DB>(tx.connection().await?, asked).await;
        Ok(())
    }

    #[test(Setup::wired())]
    async fn iso_01_each_level_is_given(db: &TestDb<DB>) {
        for asked in LEVELS {
            let ended = match asked {
                Isolation::ReadUncommitted => uncommitted(&db.pool).await,
                Isolation::ReadCommitted => committed(&db.pool).await,
                Isolation::RepeatableRead => repeatable(&db.pool).await,
                Isolation::Serializable => serializable(&db.pool).await,
            };
            ended.unwrap();
            if let Some(wire) = &db.wire {
                assert_eq!(wire.take_statements()[0], level::begin::<DB>(asked, ""));
            }
            assert_stored(db, &[1]).await;
        }
        db.assert_whole().await;
    }

    #[transactional]
    async fn calls_a_stronger(tx: &mut Tx<'_, DB>) -> Result<(), AppError> {
        insert(&mut *tx, 2).await?;
        let _ = serializable(tx).await;
        Ok(())
    }

    /// SQLite has no weaker one.
    #[test]
    async fn iso_02_a_stronger_one_does_not_join(db: &TestDb<DB>) {
        let ended = calls_a_stronger(&db.pool).await;
        if db.engine() == sqlx_transactional_tests::Engine::Sqlite {
            ended.unwrap();
            return assert_stored(db, &[1, 2]).await;
        }
        let _ = doomed(&ended.unwrap_err());
        assert_stored(db, &[]).await;
        db.assert_whole().await;
    }
}

mod on_postgres {
    use super::*;

    #[transactional(isolation = serializable, deferrable)]
    async fn report(tx: &mut ReadTx<'_, Postgres>) -> Result<Vec<i64>, sqlx::Error> {
        ids(tx).await
    }

    #[transactional(settings("app.user" = user, "app.tenant" = tenant + 1))]
    async fn told(
        tx: &mut Tx<'_, Postgres>,
        user: &str,
        tenant: i64,
    ) -> Result<Vec<String>, sqlx::Error> {
        let told = "select current_setting('app.user') || ' ' || current_setting('app.tenant')";
        Postgres::texts(tx.connection().await?, told).await
    }

    /// Each attempt has them, and arguments by value are there for each. There are
    /// more than if nothing was said.
    #[transactional(settings("app.user" = user), retry(attempts = 7, base = "1ms"))]
    async fn again(tx: &mut Tx<'_, Postgres>, user: String) -> Result<(u32, String), sqlx::Error> {
        let told = "select current_setting('app.user')";
        let told = Postgres::texts(tx.connection().await?, told).await?;
        if tx.attempt() < 7 {
            let raise = "do $$ begin raise 'conflict' using errcode = '40001'; end $$";
            sqlx::query(raise).execute(&mut *tx).await?;
        }
        assert_eq!(told, [user.as_str()]);
        Ok((tx.attempt(), user))
    }

    #[transactional(settings("app.user" = "Ada"))]
    async fn calls_another(tx: &mut Tx<'_, Postgres>) -> Result<(), sqlx::Error> {
        let same = told(&mut *tx, "Ada", 0).await.unwrap_err();
        assert!(
            own(&same).is_unsupported(),
            "the tenant is not set: {same:?}"
        );
        Ok(())
    }

    for_engines! {
        [postgres]

        #[test(Setup::wired())]
        async fn deferrable_is_in_the_message_of_begin(db: &TestDb<DB>) {
            report(&db.pool).await.unwrap();
            let begin = "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE";
            assert_eq!(db.wire().take_statements()[0], begin);
            db.assert_whole().await;
        }

        #[test(Setup::wired())]
        async fn settings_are_expressions_over_the_parameters(db: &TestDb<DB>) {
            assert_eq!(told(&db.pool, "O'Hara", 6).await.unwrap(), ["O'Hara 7"]);
            let begin = "BEGIN; SELECT set_config(E'app.user', E'O''Hara', true); \
                         SELECT set_config(E'app.tenant', E'7', true)";
            // Behind it is the mark, because the connection comes first.
            let sent = db.wire().take_statements().swap_remove(0);
            assert!(sent.starts_with(begin), "{sent}");
            let nul = told(&db.pool, "\0", 6).await.unwrap_err();
            assert_eq!(own(&nul).sqlstate(), "22021");
            assert_eq!(again(&db.pool, "Bob".to_owned()).await.unwrap(), (7, "Bob".to_owned()));
            let _ = doomed(&calls_another(&db.pool).await.unwrap_err());
            db.assert_whole().await;
        }
    }
}

mod on_sqlite {
    use super::*;

    /// Whether another connection can write after the first statement.
    async fn is_free(tx: &mut Tx<'_, Sqlite>, db: &TestDb<Sqlite>) -> Result<bool, AppError> {
        ids(&mut *tx).await?;
        let mut other = db.observer.acquire().await?;
        Sqlite::execute(&mut other, "pragma busy_timeout = 0").await?;
        match insert(&mut *other, 1).await {
            Ok(()) => Ok(true),
            Err(error) => {
                assert_eq!(code(&error), "5");
                Ok(false)
            }
        }
    }

    #[transactional(deferred)]
    async fn deferred(tx: &mut Tx<'_, Sqlite>, db: &TestDb<Sqlite>) -> Result<bool, AppError> {
        is_free(tx, db).await
    }

    #[transactional(immediate)]
    async fn immediate(tx: &mut Tx<'_, Sqlite>, db: &TestDb<Sqlite>) -> Result<bool, AppError> {
        is_free(tx, db).await
    }

    #[transactional(exclusive)]
    async fn exclusive(tx: &mut Tx<'_, Sqlite>, db: &TestDb<Sqlite>) -> Result<bool, AppError> {
        is_free(tx, db).await
    }

    #[transactional]
    async fn calls_exclusive(
        tx: &mut Tx<'_, Sqlite>,
        db: &TestDb<Sqlite>,
    ) -> Result<bool, AppError> {
        exclusive(tx, db).await
    }

    for_engines! {
        [sqlite]

        #[test]
        async fn each_mode_takes_its_locks(db: &TestDb<DB>) {
            assert!(deferred(&db.pool, db).await.unwrap());
            assert!(!immediate(&db.pool, db).await.unwrap());
            assert!(!exclusive(&db.pool, db).await.unwrap());
            let refused = calls_exclusive(&db.pool, db).await.unwrap_err().into_database();
            assert!(own(&refused).is_unsupported(), "{refused:?}");
            assert_stored(db, &[1]).await;
            db.assert_whole().await;
        }
    }
}
