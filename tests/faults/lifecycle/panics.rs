//! A body that panics: everything is rolled back, and the panic goes on.

use crate::ledger::Run;
use crate::notes::Notes;
use crate::pools::{assert_closes, full, recommended};
use futures_util::{FutureExt, TryStreamExt};
use sqlx::Error;
use sqlx_transactional::{Tx, transactional};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine, inspect};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;

/// Where a body panics.
#[derive(Clone, Copy, Debug)]
enum Place {
    BeforeTheFirstStatement,
    AfterAStatement,
    InAJoinedCall,
    InASavepoint,
    WhileRowsAreRead,
}

const PLACES: [Place; 5] = [
    Place::BeforeTheFirstStatement,
    Place::AfterAStatement,
    Place::InAJoinedCall,
    Place::InASavepoint,
    Place::WhileRowsAreRead,
];

/// What the panics here say.
const WORDS: &str = "the body panics, as it should";

#[transactional]
async fn panicking<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run, place: Place) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    if let Place::BeforeTheFirstStatement = place {
        panic!("{WORDS}");
    }
    DB::insert(&mut *tx, run.id(1)).await?;
    match place {
        Place::BeforeTheFirstStatement | Place::AfterAStatement => panic!("{WORDS}"),
        Place::InAJoinedCall => joined(tx, run).await,
        Place::InASavepoint => tx.savepoint(async |tx| joined(tx, run).await).await,
        Place::WhileRowsAreRead => {
            let mut rows = DB::rows(tx, 2_000);
            let first = rows.try_next().await?;
            panic!("{WORDS}, with {} row read", usize::from(first.is_some()));
        }
    }
}

#[transactional]
async fn joined<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert_cold(tx, run.id(2)).await?;
    panic!("{WORDS}")
}

/// Panics in a savepoint, catches that, and goes on.
#[transactional]
async fn catching<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(&mut *tx, run.id(1)).await?;
    let part = tx.savepoint(async |tx| {
        tx.after_commit(run.forbidden());
        joined(tx, run).await
    });
    assert!(AssertUnwindSafe(part).catch_unwind().await.is_err());
    DB::insert(tx, run.id(3)).await
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<String>().map_or("", String::as_str)
}

for_each_engine! {
    #[test(Setup::wired())]
    async fn in_a_task(db: &TestDb<DB>) {
        let (pool, opened) = full(db, recommended(db.url(), 1)).await;
        for (place, number) in PLACES.into_iter().zip(1..) {
            let run = Run::new(number);
            let task = tokio::spawn({
                let (pool, run) = (pool.clone(), run.clone());
                async move { panicking(&pool, &run, place).await }
            });
            let panic = task.await.unwrap_err().into_panic();
            assert!(words(&*panic).starts_with(WORDS), "{place:?}: {}", words(&*panic));
            inspect::assert_whole(db, &pool).await;
            assert_eq!(run.wait_for_hooks(1).await, (0, 1), "{place:?}");
            assert_eq!(db.rows().await, [0; 0], "{place:?}");
        }
        // Between two statements there is nothing that must be closed.
        if db.engine() != Engine::MySql {
            assert_eq!(opened.load(Ordering::SeqCst), 0);
        }
        assert_closes(&pool).await;
    }

    #[test]
    async fn caught_around_the_call(db: &TestDb<DB>) {
        for (place, number) in PLACES.into_iter().zip(1..) {
            let run = Run::new(number);
            let call = AssertUnwindSafe(panicking(&db.pool, &run, place));
            let panic = call.catch_unwind().await.unwrap_err();
            assert!(words(&*panic).starts_with(WORDS), "{place:?}: {}", words(&*panic));
            db.assert_whole().await;
            assert_eq!(run.wait_for_hooks(1).await, (0, 1), "{place:?}");
            assert_eq!(db.rows().await, [0; 0], "{place:?}");
        }
        assert_closes(&db.pool).await;
    }

    #[test]
    async fn caught_around_a_savepoint(db: &TestDb<DB>) {
        let run = Run::new(1);
        catching(&db.pool, &run).await.unwrap();
        db.assert_whole().await;
        assert_eq!(run.wait_for_hooks(1).await, (1, 0));
        assert_eq!(run.stored(db).await, [1, 3]);
    }

    /// A joined call is no part of its own, so nothing can be saved of it.
    #[test]
    async fn caught_around_a_joined_call(db: &TestDb<DB>) {
        let run = Run::new(1);
        let call = sqlx_transactional::transaction(&db.pool, async |tx: &mut Tx<'_, DB>| {
            tx.after_rollback(run.on_rollback());
            tx.after_commit(run.on_commit());
            let part = AssertUnwindSafe(joined(tx, &run));
            assert!(part.catch_unwind().await.is_err());
            Ok(())
        });
        let error: Error = call.await.unwrap_err();
        let found = sqlx_transactional::Error::find(&error).unwrap();
        assert!(found.is_doomed(), "{found}");
        db.assert_whole().await;
        assert_eq!(run.wait_for_hooks(1).await, (0, 1));
        assert_eq!(db.rows().await, [0; 0]);
    }

    /// The transaction has ended, and the other hooks run.
    #[test]
    async fn in_a_hook(db: &TestDb<DB>) {
        for (succeeds, ran) in [(true, (1, 0)), (false, (0, 1))] {
            let run = Run::new(i64::from(succeeds));
            let call = sqlx_transactional::transaction(&db.pool, async |tx: &mut Tx<'_, DB>| {
                tx.after_commit(async { panic!("{WORDS}") });
                tx.after_rollback(async { panic!("{WORDS}") });
                tx.after_commit(run.on_commit());
                tx.after_rollback(run.on_rollback());
                DB::insert(tx, run.id(1)).await?;
                if succeeds { Ok(()) } else { Err(Error::RowNotFound) }
            });
            assert_eq!(call.await.is_ok(), succeeds);
            assert_eq!(run.ran(), ran, "before the call returned");
            db.assert_whole().await;
        }
        assert_eq!(db.rows().await, [Run::new(1).id(1)]);
    }
}
