//! `key`: once, however often the call is made.

use crate::ledger::Run;
use crate::notes::Notes;
use sqlx::{Error, Pool};
use sqlx_transactional::{Tx, keys, on, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine};
use std::time::Duration;

pub(super) fn setup() -> Setup {
    Setup::wired().limit(Duration::from_mins(2))
}

#[transactional(key = run.id(0), timeout = "2s")]
pub(super) async fn once<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    DB::insert(tx, run.id(1)).await?;
    DB::insert(tx, run.id(2)).await
}

#[transactional(key = key)]
async fn once_each<DB: Notes>(tx: &mut Tx<'_, DB>, key: &str, id: i64) -> Result<(), Error> {
    DB::insert(tx, id).await
}

#[transactional(key = "fails", on = pool)]
async fn fails_once<DB: Notes>(
    tx: &mut Tx<'_, DB>,
    pool: &Pool<DB>,
    fails: bool,
) -> Result<(), Error> {
    DB::insert(tx, 1).await?;
    if fails {
        Err(Error::RowNotFound)
    } else {
        Ok(())
    }
}

pub(super) fn is_already_done(error: &Error) -> bool {
    let found = sqlx_transactional::Error::find(error);
    found.is_some_and(sqlx_transactional::Error::is_already_done)
}

for_each_engine! {
    #[test(setup())]
    async fn the_second_call_does_nothing_and_says_so(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        once_each(&db.pool, "a", 1).await.unwrap();
        let error = once_each(&db.pool, "a", 2).await.unwrap_err();
        assert!(is_already_done(&error), "{error:?}");
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        assert_eq!(code.as_deref(), Some("23505"));
        // Keys are told apart byte by byte.
        once_each(&db.pool, "A", 3).await.unwrap();
        once_each(&db.pool, "\u{e4}", 4).await.unwrap();
        assert_eq!(db.rows().await, [1, 3, 4]);
        db.assert_whole().await;
    }

    /// The key goes with the work.
    #[test(setup())]
    async fn a_call_that_failed_can_be_made_again(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        fails_once(&db.pool, true).await.unwrap_err();
        assert_eq!(db.rows().await, [0; 0]);
        fails_once(&db.pool, false).await.unwrap();
        assert_eq!(db.rows().await, [1]);
        assert!(is_already_done(&fails_once(&db.pool, false).await.unwrap_err()));
        db.assert_whole().await;
    }

    #[test(setup())]
    async fn a_key_that_cannot_be_kept_is_refused(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        for key in [String::new(), "k".repeat(256)] {
            let error = once_each(&db.pool, &key, 1).await.unwrap_err();
            assert!(sqlx_transactional::Error::find(&error).unwrap().is_unsupported());
        }
        once_each(&db.pool, &"k".repeat(255), 1).await.unwrap();
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    /// Without the table nothing is done, and the engine says why.
    #[test(setup())]
    async fn a_missing_table_is_an_error(db: &TestDb<DB>) {
        let error = once_each(&db.pool, "a", 1).await.unwrap_err();
        assert!(error.to_string().contains("sqlx_transactional_keys"), "{error:?}");
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[test(setup())]
    async fn a_block_can_have_one(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        let call = async || {
            on(&db.pool).key("a").run(async |tx| DB::insert(tx, 1).await).await
        };
        call().await.unwrap();
        assert!(is_already_done(&call().await.unwrap_err()));
        db.assert_whole().await;
    }

    /// In a savepoint that is undone it is undone as well.
    #[test(setup())]
    async fn inside_a_transaction_it_goes_with_its_scope(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        let ended = on(&db.pool).run(async |tx| {
            let undone = tx.savepoint(async |tx| {
                once_each(&mut *tx, "a", 1).await?;
                Err::<(), _>(Error::RowNotFound)
            });
            undone.await.unwrap_err();
            once_each(tx, "a", 2).await
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [2]);
        db.assert_whole().await;
    }

    /// At once: one does it, the others are told.
    #[test(Setup::default().connections(4))]
    async fn many_calls_at_once_do_it_once(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        let mut calls = tokio::task::JoinSet::new();
        for id in 1..=4 {
            let pool = db.pool.clone();
            calls.spawn(async move { once_each(&pool, "a", id).await });
        }
        let ended = calls.join_all().await;
        let done = ended.iter().filter(|ended| ended.is_ok()).count();
        assert_eq!(done, 1, "{ended:?}");
        for error in ended.iter().filter_map(|ended| ended.as_ref().err()) {
            assert!(is_already_done(error), "{error:?}");
        }
        assert_eq!(db.rows().await.len(), 1);
        db.assert_whole().await;
    }
}
