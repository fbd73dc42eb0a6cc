//! What is told of an end that fails, and what becomes of a transaction whose
//! listener fails.

use std::{fmt::Debug, future::pending, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use sqlx::pool::PoolOptions;
use sqlx_transactional::{Limits, Tx, on, transaction};
use sqlx_transactional_tests::{Action, Point, Setup, TestDb, for_each_engine, for_engines};
use tokio::time::timeout;
use tracing::{
    Event, Id, Subscriber,
    field::{Field, Visit},
    instrument::WithSubscriber,
    span::Record,
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt},
};

use crate::{
    app::AppError,
    diary::Diary,
    sql::{insert, run},
    traces::Traces,
};

/// Asserts that the one transaction of `traces` was told to have ended so, once,
/// after these events.
#[track_caller]
fn assert_told(traces: &Traces, outcome: &str, messages: &str) {
    let spans = traces.spans();
    assert_eq!(spans.len(), 1, "{spans:#?}");
    assert_eq!(spans[0].field("outcome"), outcome);
    assert_eq!(spans[0].ends, 1, "{spans:#?}");
    assert_eq!(traces.messages(), messages);
}

/// A listener that panics when it hears this message, or of this field of a span.
struct Broken(&'static str);

impl Broken {
    fn hear(&self, told: &str) {
        if told == self.0 {
            std::panic::resume_unwind(Box::new("the listener's own panic"));
        }
    }
}

impl Visit for &Broken {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.hear(field.name());
        self.hear(&format!("{value:?}"));
    }
}

impl<S: Subscriber> Layer<S> for Broken {
    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut &*self);
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut &*self);
    }
}

for_each_engine! {
    /// The only connection is held by somebody else.
    #[test]
    async fn obs_07_a_failure_to_begin_is_told(db: &TestDb<DB>) {
        let impatient = PoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_millis(100));
        let pool = db.pool_with(impatient).await;
        let held = pool.acquire().await.unwrap();
        let (traces, ended) = Traces::of(transaction(&pool, async |tx| insert(tx, 1).await)).await;
        assert!(matches!(ended, Err(sqlx::Error::PoolTimedOut)), "{ended:?}");
        assert_told(&traces, "rolled_back", "doomed, rolled back");
        drop(held);
        pool.close().await;
    }

    #[test]
    async fn obs_07_a_hook_that_refuses_is_told(db: &TestDb<DB>) {
        let refused = transaction(&db.pool, async |tx| {
            tx.before_commit(|_| Box::pin(async { Err("the sum is wrong".into()) }));
            insert(tx, 1).await
        });
        let (traces, ended) = Traces::of(refused).await;
        ended.unwrap_err();
        assert_eq!(traces.messages(), "begin, doomed, rolled back, rollback");
        let events = traces.events();
        assert_eq!(events[2].field("why"), "a hook before COMMIT refused");
    }

    #[test]
    async fn obs_07_the_end_of_the_time_is_told(db: &TestDb<DB>) {
        let limits = Limits::new().timeout(Duration::from_millis(200));
        let endless = on(&db.pool).limits(limits).run(async |tx| {
            insert(tx, 1).await?;
            pending::<Result<(), AppError>>().await
        });
        let (traces, ended) = Traces::of(endless).await;
        ended.unwrap_err();
        assert_told(&traces, "rolled_back", "begin, timed out, doomed, rolled back");
        db.assert_whole().await;
    }

    #[test]
    async fn obs_06_a_broken_listener_does_not_change_a_commit(db: &TestDb<DB>) {
        for (id, told) in (1..).zip(["begin", "commit", "outcome", "held_us"]) {
            let diary = Diary::default();
            let ended = transaction(&db.pool, async |tx| {
                tx.after_commit(diary.hook("committed"));
                tx.after_rollback(diary.hook("rolled back"));
                insert(tx, id).await
            });
            let heard = ended.with_subscriber(Registry::default().with(Broken(told)));
            let caught = AssertUnwindSafe(heard).catch_unwind().await;
            db.assert_whole().await;
            assert_eq!(db.rows().await.last(), Some(&id), "{told}");
            assert!(matches!(caught, Ok(Ok(()))), "{told}: {caught:?}");
            assert_eq!(diary.read(), "committed", "{told}");
        }
    }

    #[test]
    async fn obs_06_a_broken_listener_does_not_change_a_rollback(db: &TestDb<DB>) {
        for told in ["begin", "doomed", "rolled back", "rollback", "outcome"] {
            let diary = Diary::default();
            let ended = transaction(&db.pool, async |tx: &mut Tx<'_, DB>| {
                tx.after_commit(diary.hook("committed"));
                tx.after_rollback(diary.hook("rolled back"));
                insert(&mut *tx, 1).await?;
                let refused = transaction(tx, async |tx| {
                    insert(tx, 2).await?;
                    Err::<(), _>(AppError::Refused(3))
                });
                refused.await
            });
            let heard = ended.with_subscriber(Registry::default().with(Broken(told)));
            let caught = AssertUnwindSafe(heard).catch_unwind().await;
            db.assert_whole().await;
            assert_eq!(db.rows().await, [0; 0], "{told}");
            let Ok(ended) = caught else {
                panic!("{told}: the panic went on to the caller");
            };
            assert!(ended.unwrap_err().is_refused(3), "{told}");
            diary.assert_becomes("rolled back").await;
        }
    }
}

mod commit_refused {
    use super::*;

    for_engines! {
        [sqlite, postgres]

        #[test]
        async fn obs_07_a_refused_commit_is_told(db: &TestDb<DB>) {
            let replies = "create table replies (note bigint not null references notes (id) \
                           deferrable initially deferred)";
            run(&db.pool, replies).await.unwrap();
            let call = transaction(&db.pool, async |tx| {
                run(tx, "insert into replies (note) values (99)").await
            });
            let (traces, ended) = Traces::of(call).await;
            ended.unwrap_err();
            assert_told(&traces, "rolled_back", "begin, COMMIT refused, rollback");
            db.assert_whole().await;
        }
    }
}

mod behind_a_wire {
    use super::*;

    for_engines! {
        [postgres, mysql]

        #[test(Setup::wired())]
        async fn obs_07_a_rollback_that_fails_is_told(db: &TestDb<DB>) {
            db.wire().arm(Point::command("ROLLBACK"), Action::Cut);
            let call = transaction(&db.pool, async |tx| {
                insert(tx, 1).await?;
                Err::<(), _>(AppError::Refused(6))
            });
            let (traces, ended) = Traces::of(call).await;
            assert!(ended.unwrap_err().is_refused(6));
            let told = "begin, rolled back, connection not clean, connection closed";
            assert_told(&traces, "rolled_back", told);
            db.assert_whole().await;
        }

        /// The caller goes away while it is under way: the span waits for it.
        #[test(Setup::wired())]
        async fn can_03_the_end_of_a_commit_without_its_caller_is_told(db: &TestDb<DB>) {
            let wire = db.wire();
            wire.arm(Point::reply_to("COMMIT"), Action::Hold);
            let call = transaction(&db.pool, async |tx| insert(tx, 1).await);
            let dropped = async {
                tokio::select! {
                    _ = call => panic!("its COMMIT is held"),
                    () = wire.wait_until_held() => {}
                }
            };
            let (traces, ()) = Traces::of(dropped).await;
            assert_eq!(traces.spans()[0].ends, 0, "nobody knows yet");
            wire.release();
            db.assert_whole().await;
            let told = async {
                while traces.spans()[0].ends == 0 {
                    tokio::task::yield_now().await;
                }
            };
            timeout(Duration::from_secs(5), told).await.expect("it is told");
            let spans = traces.spans();
            assert_eq!(spans[0].field("outcome"), "committed");
            assert_eq!(spans[0].field("statements"), "1");
            assert_eq!(spans[0].ends, 1);
        }

        /// Nor does the answer come.
        #[test(Setup::wired())]
        async fn can_03_a_commit_that_nobody_hears_of_is_told_to_be_unknown(db: &TestDb<DB>) {
            let wire = db.wire();
            wire.arm(Point::reply_to("COMMIT"), Action::BlackHole);
            let limits = Limits::new().timeout(Duration::from_secs(1));
            let call = on(&db.pool).limits(limits).run(async |tx| insert(tx, 1).await);
            let dropped = async {
                tokio::select! {
                    ended = call => panic!("its answer is swallowed: {ended:?}"),
                    () = wire.wait_for("COMMIT") => {}
                }
            };
            let (traces, ()) = Traces::of(dropped).await;
            assert_eq!(traces.spans()[0].ends, 0, "nobody knows yet");
            let told = async {
                while traces.spans()[0].ends == 0 {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            };
            timeout(Duration::from_secs(10), told).await.expect("it is told");
            assert_eq!(traces.spans()[0].field("outcome"), "unknown");
            db.assert_whole().await;
            assert_eq!(db.rows().await, [1]);
        }
    }
}
