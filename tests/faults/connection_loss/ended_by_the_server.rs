//! A session that the server ends inside a transaction.

use super::is_unknown;
use crate::ledger::Run;
use crate::notes::Notes;
use crate::pools::{assert_closes, full, recommended};
use crate::sessions;
use sqlx::Error;
use sqlx_transactional::{Tx, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_engines, inspect};

#[transactional]
async fn interrupted<DB: Notes>(
    tx: &mut Tx<'_, DB>,
    run: &Run,
    interruption: impl AsyncFnOnce(&mut Tx<'_, DB>) -> Result<(), Error>,
) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(&mut *tx, run.id(1)).await?;
    interruption(tx).await
}

for_engines! {
    [postgres, mysql]

    /// At COMMIT it looks like a connection lost during COMMIT, and is called so.
    #[test(Setup::wired())]
    async fn before_commit(db: &TestDb<DB>) {
        let (pool, _) = full(db, recommended(db.url(), 1)).await;
        let run = Run::new(1);
        let call = interrupted(&pool, &run, async |_| {
            sessions::end_all(db).await;
            Ok(())
        });
        let error = call.await.unwrap_err();
        assert!(!matches!(error, Error::Io(_)), "{error:?}");
        assert!(error.as_database_error().is_some(), "{error:?}");
        inspect::assert_whole(db, &pool).await;
        assert_eq!(db.rows().await, [0; 0]);
        let ran = if is_unknown(&error) { (0, 0) } else { (0, 1) };
        assert_eq!(run.wait_for_hooks(ran.1).await, ran);
        assert_closes(&pool).await;
    }

    #[test(Setup::wired())]
    async fn before_a_statement(db: &TestDb<DB>) {
        let (pool, _) = full(db, recommended(db.url(), 1)).await;
        let run = Run::new(1);
        let call = interrupted(&pool, &run, async |tx| {
            sessions::end_all(db).await;
            DB::insert(tx, run.id(2)).await
        });
        let error = call.await.unwrap_err();
        assert!(!is_unknown(&error), "COMMIT was not sent: {error}");
        inspect::assert_whole(db, &pool).await;
        assert_eq!(db.rows().await, [0; 0]);
        assert_eq!(run.wait_for_hooks(1).await, (0, 1));
        assert!(!db.wire().take_log().contains(&"COMMIT".to_owned()));
        assert_closes(&pool).await;
    }

    /// The statement's error is swallowed.
    #[test(Setup::wired())]
    async fn before_a_statement_whose_error_goes_nowhere(db: &TestDb<DB>) {
        let (pool, _) = full(db, recommended(db.url(), 1)).await;
        let run = Run::new(1);
        let call = interrupted(&pool, &run, async |tx| {
            sessions::end_all(db).await;
            assert!(DB::insert(&mut *tx, run.id(2)).await.is_err());
            assert!(DB::insert(tx, run.id(3)).await.is_err(), "it is not sent elsewhere");
            Ok(())
        });
        let error = call.await.unwrap_err();
        let found = sqlx_transactional::Error::find(&error).unwrap();
        assert!(found.is_doomed(), "{found}");
        inspect::assert_whole(db, &pool).await;
        assert_eq!(db.rows().await, [0; 0]);
        assert_eq!(run.wait_for_hooks(1).await, (0, 1));
    }
}

mod timeouts {
    use super::*;

    for_engines! {
        [postgres]

        /// The server says that it was too slow before it reads COMMIT, so that
        /// the outcome is known, and the words are the server's own.
        #[test(Setup::wired())]
        async fn idle_for_too_long(db: &TestDb<DB>) {
            let (pool, _) = full(db, recommended(db.url(), 1)).await;
            let run = Run::new(1);
            let call = interrupted(&pool, &run, async |tx| {
                DB::run(tx, "set local idle_in_transaction_session_timeout = '20ms'").await?;
                sessions::wait_until_idle(db).await;
                Ok(())
            });
            let error = call.await.unwrap_err();
            assert_eq!(error.as_database_error().unwrap().code().unwrap(), "25P03");
            assert!(sqlx_transactional::Error::find(&error).is_none(), "{error:?}");
            inspect::assert_whole(db, &pool).await;
            assert_eq!(db.rows().await, [0; 0]);
            assert_eq!(run.wait_for_hooks(1).await, (0, 1));
            assert_closes(&pool).await;
        }
    }
}
