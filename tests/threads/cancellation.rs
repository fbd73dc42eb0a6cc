//! Each operation dropped wherever it can be dropped.

use std::future::poll_fn;
use std::io::Write;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use sqlx::Pool;
use sqlx::pool::PoolOptions;
use sqlx_transactional::pool;
use sqlx_transactional_tests::{Action, Direction, Point, Setup, TestDb, inspect};
use tokio::time::timeout;

use crate::dump::Dump;
use crate::engine::Threads;
use crate::operation::{Operation, Target};
use crate::place::{PATIENCE, Place};

/// More places than any operation has.
const MAX: usize = 400;

/// How often the polls of an operation are swept, at most, until in one sweep
/// BEGIN, each statement and COMMIT had to be waited for.
const SWEEPS: usize = 10;

cases! {
    Setup::wired().limit(Duration::from_mins(3)) =>
    list_threads,
    create_thread,
    get_thread,
    update_thread,
    delete_thread,
    get_messages,
    auto_rename_thread,
    send_message,
}

async fn list_threads<DB: Threads>(db: &TestDb<DB>) {
    dropped_everywhere(db, Operation::ListThreads, 1).await;
}

async fn create_thread<DB: Threads>(db: &TestDb<DB>) {
    dropped_everywhere(db, Operation::CreateThread, 1).await;
}

async fn get_thread<DB: Threads>(db: &TestDb<DB>) {
    dropped_everywhere(db, Operation::GetThread, 1).await;
}

async fn update_thread<DB: Threads>(db: &TestDb<DB>) {
    dropped_everywhere(db, Operation::UpdateThread, 3).await;
}

async fn delete_thread<DB: Threads>(db: &TestDb<DB>) {
    dropped_everywhere(db, Operation::DeleteThread, 3).await;
}

async fn get_messages<DB: Threads>(db: &TestDb<DB>) {
    dropped_everywhere(db, Operation::GetMessages, 2).await;
}

async fn auto_rename_thread<DB: Threads>(db: &TestDb<DB>) {
    dropped_everywhere(db, Operation::AutoRenameThread, 3).await;
}

async fn send_message<DB: Threads>(db: &TestDb<DB>) {
    dropped_everywhere(db, Operation::SendMessage, 4).await;
}

/// Drops it at every poll, on a plain sqlx pool; then, where there is a wire,
/// while each message of the client is held, and each of the server, on a
/// recommended pool. `statements` is how many it has at least.
async fn dropped_everywhere<DB: Threads>(db: &TestDb<DB>, operation: Operation, statements: usize) {
    let place = Place::new(db).await;
    let sweep = Sweep { place, operation };
    let mut said = vec![sweep.polls(statements).await];
    if db.wire.is_some() {
        for from in [Direction::FromClient, Direction::FromServer] {
            let messages = sweep.messages(from).await;
            // BEGIN and COMMIT are a message each way, a statement is several.
            assert!(messages >= 2 + 2 * statements, "{messages}, {from:?}");
            said.push(format!("{messages} messages {from:?}"));
        }
    }
    // Past the capture of the harness: the count is the result.
    let (engine, said) = (db.engine(), said.join(", "));
    let _ = writeln!(
        std::io::stderr(),
        "cancellation on {engine}: {operation:?}: dropped at {said}"
    );
}

struct Sweep<'d, DB: Threads> {
    place: Place<'d, DB>,
    operation: Operation,
}

impl<DB: Threads> Sweep<'_, DB> {
    async fn polls(&self, statements: usize) -> String {
        let pool = self.pool(PoolOptions::new()).await;
        let (mut all, mut best) = (0, 0);
        for _ in 0..SWEEPS {
            let polls = self.sweep_polls(&pool).await;
            all += polls;
            best = polls.max(best);
            // Each await is met twice: before its answer and when it is there.
            if polls >= 2 * (statements + 2) {
                break;
            }
        }
        assert!(best > statements, "{best} polls are too few");
        closes(&pool).await;
        format!("{all} polls")
    }

    /// Drops it at poll 0, 1, 2 … until it is done by itself, and gives the
    /// number of polls at which it was dropped.
    async fn sweep_polls(&self, pool: &Pool<DB>) -> usize {
        for k in 0..MAX {
            let (target, before) = self.prepare().await;
            let run = self.operation.run::<DB, _>(pool, &self.place.user, &target);
            let dropped = sqlx_transactional_tests::poll_k_then_drop(with_pauses(run), k);
            let output = timeout(PATIENCE, dropped).await;
            let output = output.unwrap_or_else(|_| panic!("poll {k}: it hangs"));
            let answered = output.map(|answer| answer.map(drop));
            let finished = answered.is_some();
            let context = format!("poll {k}");
            self.check(pool, &context, (&target, &before), answered)
                .await;
            if finished {
                return k;
            }
        }
        panic!("it has not finished after {MAX} polls");
    }

    /// Drops it while its 1st, 2nd, 3rd … message is held, and gives the number
    /// of messages at which it was dropped.
    async fn messages(&self, from: Direction) -> usize {
        let wire = self.place.db.wire();
        let pool = self.pool(pool::options(self.place.db.url())).await;
        for at in 1..=MAX {
            let (target, before) = self.prepare().await;
            wire.arm(Point::nth(from, at), Action::Hold);
            let output = timeout(PATIENCE, async {
                tokio::select! {
                    biased;
                    output = self.operation.run::<DB, _>(&pool, &self.place.user, &target) => {
                        Some(output)
                    }
                    () = wire.wait_until_held() => None,
                }
            });
            let output = output.await;
            wire.disarm();
            wire.release();
            let output = output.unwrap_or_else(|_| panic!("message {at}: it hangs"));
            let answered = output.map(|answer| answer.map(drop));
            let finished = answered.is_some();
            let context = format!("message {at}, {from:?}");
            self.check(&pool, &context, (&target, &before), answered)
                .await;
            if finished {
                closes(&pool).await;
                return at - 1;
            }
        }
        panic!("it has not finished after {MAX} messages");
    }

    /// A pool of one connection that is slow enough, and at rest.
    async fn pool(&self, options: PoolOptions<DB>) -> Pool<DB> {
        let options = options
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .after_connect(|connection, _| Box::pin(DB::slow_down(connection)));
        let pool = self.place.db.pool_with(options).await;
        inspect::settle(&pool).await;
        pool
    }

    async fn prepare(&self) -> (Target, Dump) {
        let target = self.place.target(self.operation).await;
        (target, self.place.dump().await)
    }

    /// Asks everything that a dropped call could have spoiled.
    async fn check(
        &self,
        pool: &Pool<DB>,
        context: &str,
        (target, before): (&Target, &Dump),
        answer: Option<Result<(), thread_handlers::AppError>>,
    ) {
        let place = &self.place;
        place.assert_whole(pool, context).await;
        let done = self.operation.was_done(target, before, &place.dump().await);
        match answer {
            Some(Ok(())) => assert_eq!(done, self.operation.writes(), "{context}"),
            Some(Err(error)) => panic!("{context}: {error:?}"),
            None => {}
        }
        if done {
            // Its COMMIT went on without the caller, and so does the event.
            assert_eq!(place.hears().await, self.operation.events(), "{context}");
        } else {
            assert_eq!(place.heard(), [""; 0], "{context}");
        }
    }
}

/// Every connection is back, or known to be gone: a slot that is lost would
/// keep the pool from closing.
async fn closes<DB: Threads>(pool: &Pool<DB>) {
    let closed = timeout(PATIENCE, pool.close()).await;
    assert!(closed.is_ok(), "the pool does not close");
}

/// Waits once more after each wake-up before `future` is polled again. It can
/// then also be dropped when its answer has come and nobody has looked at it
/// yet.
async fn with_pauses<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut pausing = false;
    poll_fn(|context| {
        pausing = !pausing;
        if !pausing {
            // Woken up, but not yet looked.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        future.as_mut().poll(context)
    })
    .await
}
