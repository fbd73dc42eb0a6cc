//! What joins may ask for what locks as much as the open transaction, or less.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, on};
use sqlx_transactional_tests::{TestDb, for_engines};

use crate::{
    app::AppError,
    expect::own,
    options::assert_stored,
    sql::{ids, insert},
};

/// What is asked for, the weakest first.
const MODES: [&str; 3] = ["deferred", "immediate", "exclusive"];

/// A block that asks for the mode of this number.
macro_rules! block {
    ($place:expr, $mode:expr) => {
        match $mode {
            Some(0) => on($place).deferred(),
            Some(1) => on($place).immediate(),
            Some(2) => on($place).exclusive(),
            _ => on($place),
        }
    };
}

/// Asserts that the error, if there is one, says that it locks more.
fn assert_refused(ended: Result<(), AppError>) {
    if let Err(error) = ended {
        let error = error.into_database();
        assert!(own(&error).is_unsupported(), "{error:?}");
        assert!(error.to_string().contains("locks more"), "{error}");
    }
}

/// Stores 20 in what joins, which asks for `mode`, and says whether it ran.
async fn inside(tx: &mut Tx<'_, Sqlite>, mode: usize, savepoint: bool) -> bool {
    let mut ran = false;
    let block = block!(&mut *tx, Some(mode));
    let block = if savepoint { block.savepoint() } else { block };
    let ended = block.run(async |tx| {
        ran = true;
        insert(tx, 20).await?;
        Ok(())
    });
    assert_refused(ended.await);
    ran
}

for_engines! {
    [sqlite]

    #[test]
    async fn a_writer_is_immediate_if_nobody_says_otherwise(db: &TestDb<DB>) {
        for open in [None, Some(0), Some(1), Some(2)] {
            for (asked, mode) in MODES.into_iter().enumerate() {
                for savepoint in [false, true] {
                    let mut ran = false;
                    let ended = block!(&db.pool, open).run(async |tx| {
                        insert(&mut *tx, 1).await?;
                        ran = inside(tx, asked, savepoint).await;
                        Ok::<_, AppError>(())
                    });
                    let ended = ended.await;
                    assert_eq!(ran, asked <= open.unwrap_or(1), "{mode} in {open:?}");
                    assert_eq!(ended.is_ok(), ran || savepoint);
                    let stored: &[i64] = match (ran, savepoint) {
                        (true, _) => &[1, 20],
                        (false, true) => &[1],
                        (false, false) => &[],
                    };
                    assert_stored(db, stored).await;
                }
            }
        }
        db.assert_whole().await;
    }

    #[test]
    async fn a_reader_is_deferred_if_nobody_says_otherwise(db: &TestDb<DB>) {
        for open in [None, Some(0), Some(1), Some(2)] {
            for (asked, mode) in MODES.into_iter().enumerate() {
                let mut ran = false;
                let ended = block!(&db.pool, open).read(async |tx| {
                    ids(&mut *tx).await?;
                    let inner = block!(tx, Some(asked)).read(async |tx| {
                        ran = true;
                        ids(tx).await?;
                        Ok::<_, AppError>(())
                    });
                    assert_refused(inner.await);
                    Ok::<_, AppError>(())
                });
                let ended = ended.await;
                assert_eq!(ran, asked <= open.unwrap_or(0), "{mode} in {open:?}");
                assert_eq!(ended.is_ok(), ran);
            }
        }
        db.assert_whole().await;
    }

    /// A reader inside a writer has the writer's lock already.
    #[test]
    async fn a_reader_inside_a_writer(db: &TestDb<DB>) {
        for (asked, mode) in MODES.into_iter().enumerate() {
            let mut ran = false;
            let ended = on(&db.pool).run(async |tx| {
                insert(&mut *tx, 1).await?;
                let inner = block!(&mut *tx, Some(asked)).read(async |tx| {
                    ran = true;
                    Ok::<_, AppError>(ids(tx).await?.len())
                });
                assert_refused(inner.await.map(drop));
                tx.roll_back();
                Ok::<_, AppError>(())
            });
            let _ = ended.await;
            assert_eq!(ran, asked <= 1, "{mode}");
        }
        db.assert_whole().await;
    }

    /// sqlx's own BEGIN takes no lock, and another is not known here.
    #[test]
    async fn in_a_transaction_of_sqlxs_no_lock_is_promised(db: &TestDb<DB>) {
        for (asked, mode) in MODES.into_iter().enumerate() {
            let mut owner = db.pool.begin().await.unwrap();
            let mut ran = false;
            let ended = block!(&mut owner, Some(asked)).run(async |tx| {
                ran = true;
                insert(tx, 2).await?;
                Ok(())
            });
            assert_refused(ended.await);
            assert_eq!(ran, asked == 0, "{mode}");
            // One that asks for nothing is taken as it is, and promises no more to
            // those that join it.
            let ended = on(&mut owner).run(async |tx| {
                insert(&mut *tx, 3).await?;
                Ok::<_, AppError>(inside(tx, asked, true).await)
            });
            assert_eq!(ended.await.unwrap(), asked == 0, "{mode}");
            owner.rollback().await.unwrap();
        }
        db.assert_whole().await;
    }
}
