//! `timeout` on a part: a call that joins, and a savepoint.

use super::{SHORT, is_timed_out, setup};
use crate::ledger::Run;
use crate::notes::Notes;
use sqlx::Error;
use sqlx_transactional::{Limits, Tx, on, transaction, transactional};
use sqlx_transactional_tests::{TestDb, for_each_engine};
use std::future::pending;

#[transactional(timeout = "300ms")]
async fn joined<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert(tx, run.id(2)).await?;
    pending().await
}

#[transactional(savepoint, timeout = "300ms")]
async fn nested<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert(tx, run.id(2)).await?;
    pending().await
}

for_each_engine! {
    /// Swallowed, it dooms what it has joined.
    #[test(setup())]
    async fn a_call_that_joined_dooms_the_whole(db: &TestDb<DB>) {
        let run = Run::new(1);
        let ended = transaction(&db.pool, async |tx| {
            DB::insert(&mut *tx, run.id(1)).await?;
            let error = joined(&mut *tx, &run).await.unwrap_err();
            assert!(is_timed_out(&error), "{error:?}");
            Ok::<_, Error>(())
        });
        let error = ended.await.unwrap_err();
        let found = sqlx_transactional::Error::find(&error).unwrap();
        assert!(found.is_doomed(), "{error:?}");
        let cause = std::error::Error::source(found).and_then(|cause| cause.downcast_ref());
        assert!(cause.is_some_and(is_timed_out), "{error:?}");
        assert!(run.stored(db).await.is_empty());
        db.assert_whole().await;
    }

    #[test(setup())]
    async fn a_savepoint_is_gone_back_to(db: &TestDb<DB>) {
        let run = Run::new(1);
        let ended = transaction(&db.pool, async |tx| {
            DB::insert(&mut *tx, run.id(1)).await?;
            let error = nested(&mut *tx, &run).await.unwrap_err();
            assert!(is_timed_out(&error), "{error:?}");
            DB::insert(tx, run.id(3)).await
        });
        ended.await.unwrap();
        assert_eq!(run.stored(db).await, [1, 3]);
        db.assert_whole().await;
    }

    /// What is set at BEGIN cannot be made stricter afterwards; as strict or
    /// weaker it is kept already.
    #[test(setup())]
    async fn a_part_that_asks_for_more_is_not_called(db: &TestDb<DB>) {
        let limits = |limit| Limits::new().statement_timeout(limit).lock_timeout(limit);
        let ended = on(&db.pool).limits(limits(SHORT * 10)).run(async |tx| {
            DB::insert(&mut *tx, 1).await?;
            let as_strict = on(&mut *tx).limits(limits(SHORT * 10));
            as_strict.run(async |tx| DB::insert(tx, 2).await).await?;
            let weaker = on(&mut *tx).limits(limits(SHORT * 20)).savepoint();
            weaker.run(async |tx| DB::insert(tx, 3).await).await?;
            let stricter = on(&mut *tx).limits(limits(SHORT)).savepoint();
            let refused = stricter.run(async |_: &mut Tx<'_, DB>| -> Result<(), Error> {
                panic!("it is not called")
            });
            let error = refused.await.unwrap_err();
            let found = sqlx_transactional::Error::find(&error).unwrap();
            assert!(found.is_unsupported(), "{error:?}");
            Ok::<_, Error>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 3]);
        db.assert_whole().await;
    }
}
