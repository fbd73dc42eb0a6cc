//! An attempt of which nobody knows what became of it, and the attempts behind it.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use sqlx_transactional::{Limits, Resolution, Tx, on, transactional};
use sqlx_transactional_tests::{
    Action, Engine, Point, Setup, TestDb, for_each_engine, for_engines,
};
use tokio::time::{sleep, timeout};

use super::{
    conflict::{Conflict, block, rows},
    quick,
};
use crate::{
    app::AppError,
    diary::Diary,
    expect::own,
    sql::{insert, run},
};

/// How an attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Its COMMIT is answered.
    Committed,
    Refused,
    Conflict,
    RolledBack,
    Vetoed,
    Doomed,
    /// Its time is over.
    Late,
    /// It cannot begin, because the database is away.
    Away,
    /// The answer to its COMMIT is lost as well.
    Unanswered,
    /// The COMMIT itself is lost.
    Unsent,
}

impl End {
    const ALL: [Self; 10] = [
        Self::Committed,
        Self::Refused,
        Self::Conflict,
        Self::RolledBack,
        Self::Vetoed,
        Self::Doomed,
        Self::Late,
        Self::Away,
        Self::Unanswered,
        Self::Unsent,
    ];
}

for_engines! {
    [postgres, mysql]

    fn begin(db: &TestDb<DB>) -> &'static str {
        match db.engine() {
            Engine::MySql => "START TRANSACTION",
            _ => "BEGIN",
        }
    }

    /// The first attempt commits without an answer, the second ends as `end` says. Each
    /// stores its own number.
    async fn two(db: &TestDb<DB>, end: End, diary: &Diary) -> Result<(), AppError> {
        db.wire().arm(Point::reply_to("COMMIT"), Action::Cut);
        let limits = Limits::new().timeout(Duration::from_millis(700));
        let ended = on(&db.pool).limits(limits).retry(quick(2).idempotent()).run(async |tx| {
            let attempt = i64::from(tx.attempt());
            tx.after_commit(diary.hook(format!("committed {attempt}")));
            tx.after_rollback(diary.hook(format!("rolled back {attempt}")));
            if attempt == 1 {
                return Ok(insert(tx, 1).await?);
            }
            match end {
                End::Unanswered => db.wire().arm(Point::reply_to("COMMIT"), Action::Cut),
                End::Unsent => db.wire().arm(Point::command("COMMIT"), Action::Cut),
                End::Away => db.wire().arm(Point::command(begin(db)), Action::BlackHole),
                _ => {}
            }
            insert(&mut *tx, 2).await?;
            match end {
                End::Refused => return Err(AppError::Refused(1)),
                End::Conflict => DB::conflict(tx, &db.observer).await?,
                End::RolledBack => tx.roll_back(),
                End::Vetoed => tx.before_commit(|_| Box::pin(async { Err("no".into()) })),
                End::Doomed => {
                    // Swallowed.
                    let again = on(tx).run(async |_| Err::<(), _>(AppError::Refused(2)));
                    again.await.unwrap_err();
                }
                End::Late => sleep(Duration::from_secs(30)).await,
                End::Committed | End::Away | End::Unanswered | End::Unsent => {}
            }
            Ok(())
        });
        ended.await
    }

    /// Whatever else is told of the last attempt, the first may have committed, and has.
    #[test(Setup::wired())]
    async fn unknown_outcome_is_not_forgotten(db: &TestDb<DB>) {
        for end in End::ALL {
            let diary = Diary::default();
            let ended = two(db, end, &diary).await;
            db.wire().disarm();
            match ended {
                Ok(()) => assert_eq!(end, End::Committed),
                Err(error) => {
                    assert_ne!(end, End::Committed);
                    assert!(own(&error).is_outcome_unknown(), "{end:?}: {error:?}");
                }
            }
            db.assert_whole().await;
            let hooks = if end == End::Committed { "committed 2" } else { "" };
            assert_eq!(diary.read(), hooks, "{end:?}");
            let second = matches!(end, End::Committed | End::Unanswered);
            let stored: &[i64] = if second { &[1, 2] } else { &[1] };
            assert_eq!(db.rows().await, stored, "{end:?}");
            run(&db.observer, "delete from notes").await.unwrap();
        }
    }

    /// Nobody is told anything, and nothing is done for it.
    #[test(Setup::wired())]
    async fn unknown_outcome_runs_no_hook_of_a_dropped_attempt(db: &TestDb<DB>) {
        let diary = Diary::default();
        db.wire().arm(Point::reply_to("COMMIT"), Action::Cut);
        let ended = on(&db.pool).retry(quick(2).idempotent()).run(async |tx| {
            let attempt = i64::from(tx.attempt());
            tx.after_rollback(diary.hook(format!("rolled back {attempt}")));
            insert(&mut *tx, attempt).await?;
            if attempt == 2 {
                sleep(Duration::from_secs(30)).await;
            }
            Ok::<_, AppError>(())
        });
        assert!(timeout(Duration::from_millis(500), ended).await.is_err());
        db.assert_whole().await;
        assert_eq!((diary.read(), db.rows().await), (String::new(), vec![1]));
    }

    /// A panic goes on, as ever.
    #[test(Setup::wired())]
    async fn unknown_outcome_lets_a_panic_go_on(db: &TestDb<DB>) {
        let diary = Diary::default();
        db.wire().arm(Point::reply_to("COMMIT"), Action::Cut);
        let ended = on(&db.pool).retry(quick(2).idempotent()).run(async |tx| {
            tx.after_rollback(diary.hook("rolled back"));
            let attempt = i64::from(tx.attempt());
            insert(&mut *tx, attempt).await?;
            assert_eq!(attempt, 1, "the second attempt panics");
            Ok::<_, AppError>(())
        });
        assert!(AssertUnwindSafe(ended).catch_unwind().await.is_err());
        db.assert_whole().await;
        assert_eq!((diary.read(), db.rows().await), (String::new(), vec![1]));
    }
}

mod on_postgres {
    use super::*;

    for_engines! {
        [postgres]

        #[transactional(resolvable, retry(attempts = 2, base = "1ms"), idempotent)]
        async fn both_unknown(tx: &mut Tx<'_, DB>, db: &TestDb<DB>, points: [Point; 2]) -> Result<(), AppError> {
            let attempt = tx.attempt();
            insert(&mut *tx, i64::from(attempt)).await?;
            let [first, second] = points;
            db.wire().arm(if attempt == 1 { first } else { second }, Action::Cut);
            Ok(())
        }

        /// Each attempt is asked about.
        #[test(Setup::wired())]
        async fn unknown_outcomes_are_resolved_together(db: &TestDb<DB>) {
            let (sent, unsent) = (Point::reply_to("COMMIT"), Point::command("COMMIT"));
            for (first, second, rows) in [
                (&sent, &unsent, vec![1]),
                (&unsent, &sent, vec![2]),
                (&unsent, &unsent, vec![]),
                (&sent, &sent, vec![1, 2]),
            ] {
                let points = [first.clone(), second.clone()];
                let error = both_unknown(&db.pool, db, points).await.unwrap_err();
                let resolved = own(&error).resolve(&db.pool).await.unwrap();
                assert_eq!(db.rows().await, rows);
                let expected = if rows.is_empty() {
                    Resolution::RolledBack
                } else {
                    Resolution::Committed
                };
                assert_eq!(resolved, expected, "{rows:?}");
                run(&db.observer, "delete from notes").await.unwrap();
            }
        }
    }
}

mod asked_for {
    use super::*;

    for_each_engine! {
        /// The body said what it wanted, and gets it.
        #[test]
        async fn rollback_that_was_asked_for_is_not_repeated(db: &TestDb<DB>) {
            let runs = Diary::default();
            let ended = block(&db.pool, quick(5)).run(async |tx| {
                runs.write("run");
                tx.roll_back();
                let _ = DB::conflict(tx, &db.observer).await;
                Ok::<_, AppError>("rehearsed")
            });
            assert_eq!(ended.await.unwrap(), "rehearsed");
            assert_eq!((runs.read(), rows(db).await), ("run".to_owned(), vec![]));
            db.assert_whole().await;
        }
    }
}

mod overcome {
    use super::*;

    for_engines! {
        [postgres]

        /// What a savepoint has undone is not why the body failed.
        #[test]
        async fn conflict_that_was_overcome_is_not_repeated(db: &TestDb<DB>) {
            let runs = Diary::default();
            let ended = block(&db.pool, quick(5)).run(async |tx| {
                runs.write("run");
                insert(&mut *tx, 1).await?;
                let part = tx.savepoint(async |tx| DB::conflict(tx, &db.observer).await);
                drop(part.await);
                Err::<(), _>(AppError::Refused(1))
            });
            assert!(ended.await.unwrap_err().is_refused(1));
            assert_eq!((runs.read(), rows(db).await), ("run".to_owned(), vec![]));
        }

        /// The same error, given on through the savepoint, is.
        #[test]
        async fn conflict_in_a_savepoint_that_is_given_on_is_repeated(db: &TestDb<DB>) {
            let runs = Diary::default();
            let ended = block(&db.pool, quick(3)).run(async |tx| {
                runs.write("run");
                let part = tx.savepoint(async |tx| DB::conflict(tx, &db.observer).await);
                Ok::<_, AppError>(part.await?)
            });
            ended.await.unwrap_err();
            assert_eq!(runs.read(), "run, run, run");
        }
    }
}
