//! Inside a transaction: the same or less, and nothing stronger.

use sqlx_transactional::{Isolation, on, transaction};
use sqlx_transactional_tests::{Backend, Engine, Setup, TestDb, for_each_engine};

use super::level::{self, LEVELS};
use crate::{
    app::AppError,
    expect::{doomed, own},
    options::assert_stored,
    sql::insert,
    wire_text::{assert_sent, sent},
};

/// What a transaction gives for certain whose outermost function named nothing.
fn unnamed<DB: Backend>() -> Isolation {
    match DB::ENGINE {
        Engine::Postgres => Isolation::ReadCommitted,
        Engine::MySql => Isolation::ReadUncommitted,
        Engine::Sqlite => Isolation::Serializable,
    }
}

/// Whether a function that asks may join where this was asked for.
fn may_join<DB: Backend>(asked: Isolation, open: Option<Isolation>) -> bool {
    asked <= open.map_or(unnamed::<DB>(), |open| open.max(unnamed::<DB>()))
}

for_each_engine! {
    /// Stores 1 at the level `open`, then calls what asks for `asked`, which stores
    /// 2, and says whether that ran.
    async fn inside(
        db: &TestDb<DB>,
        open: Option<Isolation>,
        asked: Isolation,
        savepoint: bool,
    ) -> (bool, Result<(), AppError>) {
        let mut ran = false;
        let mut block = on(&db.pool);
        if let Some(open) = open {
            block = block.isolation(open);
        }
        let ended = block.run(async |tx| {
            insert(&mut *tx, 1).await?;
            let mut block = on(&mut *tx).isolation(asked);
            if savepoint {
                block = block.savepoint();
            }
            let inner = block.run(async |tx| {
                ran = true;
                insert(tx, 2).await?;
                Ok::<_, AppError>(())
            });
            if let Err(error) = inner.await {
                let error = error.into_database();
                assert!(own(&error).is_unsupported(), "{error:?}");
                assert_eq!(own(&error).sqlstate(), "0A000");
                assert!(error.to_string().contains("isolation"), "{error}");
            }
            Ok(())
        });
        let ended = ended.await;
        (ran, ended)
    }

    #[test(Setup::wired())]
    async fn iso_02_what_is_stronger_is_not_called(db: &TestDb<DB>) {
        for open in [None].into_iter().chain(LEVELS.map(Some)) {
            for asked in LEVELS {
                let (ran, ended) = inside(db, open, asked, false).await;
                let case = format!("{asked:?} in {open:?}");
                assert_eq!(ran, may_join::<DB>(asked, open), "{case}");
                let sent = sent(db);
                let sent = |end: &str| sent.as_ref().is_none_or(|sent| sent.ends_with(end));
                if ran {
                    ended.unwrap();
                    assert!(sent("; insert 1; insert 2; COMMIT"), "{case}");
                    assert_stored(db, &[1, 2]).await;
                } else {
                    // As after every failure of what joined.
                    let ended = ended.unwrap_err();
                    let refused = doomed(&ended);
                    assert!(own(refused).is_unsupported() || own(refused).is_doomed(), "{case}");
                    assert!(sent("; insert 1; ROLLBACK"), "{case}");
                    assert_stored(db, &[]).await;
                }
            }
        }
        db.assert_whole().await;
    }

    /// A savepoint cannot change it, and its failure is its own.
    #[test(Setup::wired())]
    async fn iso_05_nor_in_a_savepoint(db: &TestDb<DB>) {
        for open in [None].into_iter().chain(LEVELS.map(Some)) {
            for asked in LEVELS {
                let (ran, ended) = inside(db, open, asked, true).await;
                let case = format!("{asked:?} in {open:?}");
                assert_eq!(ran, may_join::<DB>(asked, open), "{case}");
                ended.unwrap();
                let end = if ran {
                    "; insert 1; SAVEPOINT s1; insert 2; RELEASE SAVEPOINT s1; COMMIT"
                } else {
                    "; insert 1; COMMIT"
                };
                assert!(sent(db).is_none_or(|sent| sent.ends_with(end)), "{case}");
                assert_stored(db, if ran { &[1, 2] } else { &[1] }).await;
            }
        }
        db.assert_whole().await;
    }

    /// What the owner of the transaction asked for is not known.
    #[test(Setup::wired())]
    async fn in_a_transaction_of_sqlxs_only_the_engines_least_is_given(db: &TestDb<DB>) {
        for asked in LEVELS {
            let mut owner = db.pool.begin().await.unwrap();
            insert(&mut *owner, 1).await.unwrap();
            let _ = sent(db);
            let mut ran = false;
            let ended = on(&mut owner).isolation(asked).run(async |tx| {
                ran = true;
                insert(tx, 2).await?;
                Ok::<_, AppError>(())
            });
            match ended.await {
                Ok(()) => {}
                Err(error) => {
                    let error = error.into_database();
                    assert!(own(&error).is_unsupported(), "{error:?}");
                    assert_sent(db, "");
                }
            }
            assert_eq!(ran, asked <= unnamed::<DB>(), "{asked:?}");
            owner.commit().await.unwrap();
            assert_stored(db, if ran { &[1, 2] } else { &[1] }).await;
        }
        db.assert_whole().await;
    }

    /// What joins does not name it for those that join it.
    #[test]
    async fn a_weaker_one_in_between_takes_nothing_away(db: &TestDb<DB>) {
        let ended = on(&db.pool).isolation(Isolation::Serializable).run(async |tx| {
            insert(&mut *tx, 1).await?;
            let weaker = on(&mut *tx).isolation(Isolation::ReadUncommitted).run(async |tx| {
                on(tx).isolation(Isolation::Serializable).run(async |tx| {
                    insert(&mut *tx, 2).await?;
                    level::assert_level::<DB>(tx.connection().await?, Isolation::Serializable).await;
                    Ok::<_, AppError>(())
                }).await
            });
            weaker.await?;
            transaction(tx, async |tx| insert(tx, 3).await).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_stored(db, &[1, 2, 3]).await;
        db.assert_whole().await;
    }
}
