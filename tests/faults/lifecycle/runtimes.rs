//! A runtime that ends too early, and a future that outlives being inside one.

use crate::ledger::{PATIENCE, Run};
use crate::notes::Notes;
use crate::panics;
use crate::pauses::with_pauses;
use crate::pools::recommended;
use sqlx::{Error, Pool};
use sqlx_transactional::{Tx, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine, inspect};
use std::future::{pending, poll_fn};
use std::task::Poll;
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

#[transactional]
async fn stores<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert(&mut *tx, run.id(1)).await?;
    DB::insert_cold(tx, run.id(2)).await
}

/// A runtime of its own, whose threads have this name.
fn runtime(name: &str) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).thread_name(name).enable_all();
    builder.build().expect("a runtime")
}

async fn connect<DB: Notes>(url: &str) -> Pool<DB> {
    let slow =
        recommended(url, 1).after_connect(|connection, _| Box::pin(DB::slow_down(connection)));
    slow.connect(url).await.expect("a pool")
}

/// Runs `work` on a thread that is in no runtime. It has to end in time, and
/// neither it nor a thread of the same name may panic.
async fn on_a_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    panics::watch();
    let (tell, told) = oneshot::channel();
    let thread = thread::Builder::new().name(name.to_owned());
    let spawned = thread.spawn(move || {
        let _ = tell.send(work());
    });
    spawned.expect("a thread");
    let told = timeout(2 * PATIENCE, told).await;
    let told = told.unwrap_or_else(|_| panic!("{name}: it hangs"));
    assert_eq!(panics::on_threads(name), [""; 0]);
    told.unwrap_or_else(|_| panic!("{name}: it panicked"))
}

/// Waits until the server has nothing of the call any more.
async fn wait_until_gone<DB: Notes>(db: &TestDb<DB>) {
    let gone = async {
        while !inspect::left_behind(db).await.is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("the server ends it");
}

/// Polls `future` until it has been pending `k` times. Whether it finished.
async fn poll_k<F: Future + Unpin>(mut future: F, k: usize) -> bool {
    let mut pending = 0;
    poll_fn(|context| {
        if pending == k {
            return Poll::Ready(false);
        }
        match std::pin::Pin::new(&mut future).poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending => {
                pending += 1;
                if pending == k {
                    Poll::Ready(false)
                } else {
                    Poll::Pending
                }
            }
        }
    })
    .await
}

/// The thread's name, so that panics are told apart.
fn name<DB: Notes>(what: &str) -> String {
    format!("{} {what}", DB::ENGINE)
}

for_each_engine! {
    #[test]
    async fn shut_down_with_an_open_transaction(db: &TestDb<DB>) {
        let (url, name) = (db.url().to_owned(), name::<DB>("shut down"));
        let threads = name.clone();
        on_a_thread(&name, move || {
            let runtime = runtime(&threads);
            runtime.block_on(async {
                let pool = connect::<DB>(&url).await;
                let (tell, told) = oneshot::channel();
                tokio::spawn(async move {
                    sqlx_transactional::transaction(&pool, async |tx: &mut Tx<'_, DB>| {
                        stores(tx, &Run::new(1)).await?;
                        let _ = tell.send(());
                        pending::<Result<(), Error>>().await
                    })
                    .await
                });
                told.await.expect("the transaction is open");
            });
            drop(runtime);
        })
        .await;
        wait_until_gone(db).await;
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    /// Its first statement says so, before it takes a connection.
    #[test]
    async fn polled_outside_a_runtime_is_an_error(db: &TestDb<DB>) {
        let (url, name) = (db.url().to_owned(), name::<DB>("polled outside"));
        let threads = name.clone();
        on_a_thread(&name, move || {
            let runtime = runtime(&threads);
            let pool = runtime.block_on(connect::<DB>(&url));
            sqlx_transactional::pool::take_as_is(&pool);
            let run = Run::new(1);
            let error = futures_util::FutureExt::now_or_never(stores(&pool, &run));
            let error = error.expect("it does not wait").unwrap_err();
            let found = sqlx_transactional::Error::find(&error);
            assert!(found.is_some_and(sqlx_transactional::Error::is_unsupported), "{error:?}");
            assert_eq!(pool.num_idle(), 1);
            runtime.block_on(async {
                stores(&pool, &run).await.expect("the pool is whole");
                timeout(PATIENCE, pool.close()).await.expect("the pool closes");
            });
        })
        .await;
        assert_eq!(db.rows().await, [11, 12]);
        db.assert_whole().await;
    }

    /// A future that is polled by `block_on` and dropped after it.
    #[test(Setup::default().limit(Duration::from_mins(2)))]
    async fn dropped_outside_a_runtime(db: &TestDb<DB>) {
        let mut finished = false;
        for k in 0..100 {
            let (url, name) = (db.url().to_owned(), name::<DB>("outside"));
            let run = Run::new(k);
            let (threads, call) = (name.clone(), run.clone());
            finished = on_a_thread(&name, move || {
                let runtime = runtime(&threads);
                let pool = runtime.block_on(connect::<DB>(&url));
                let mut future = Box::pin(with_pauses(stores(&pool, &call)));
                let polls = usize::try_from(k).expect("a few");
                let finished = runtime.block_on(poll_k(&mut future, polls));
                drop(future);
                runtime.block_on(async {
                    let mut connection = pool.acquire().await.expect("the pool is whole");
                    DB::insert_on(&mut connection, call.id(9)).await.expect("it can write");
                    drop(connection);
                    let closed = timeout(PATIENCE, pool.close()).await;
                    closed.expect("the pool closes");
                });
                finished
            })
            .await;
            wait_until_gone(db).await;
            let stored = run.stored(db).await;
            let whole = if finished { stored == [1, 2, 9] } else { true };
            assert!(whole && (stored == [9] || stored == [1, 2, 9]), "poll {k}: {stored:?}");
            if finished {
                break;
            }
        }
        assert!(finished, "the future has no end");
        db.assert_whole().await;
    }

    /// The runtime it was polled in is gone, too.
    #[test(Setup::default().limit(Duration::from_mins(2)))]
    async fn dropped_after_its_runtime(db: &TestDb<DB>) {
        let mut finished = false;
        for k in 0..100 {
            let (url, name) = (db.url().to_owned(), name::<DB>("after"));
            let run = Run::new(k);
            let (threads, call) = (name.clone(), run.clone());
            finished = on_a_thread(&name, move || {
                let runtime = runtime(&threads);
                let pool = runtime.block_on(connect::<DB>(&url));
                let mut future = Box::pin(with_pauses(stores(&pool, &call)));
                let polls = usize::try_from(k).expect("a few");
                let finished = runtime.block_on(poll_k(&mut future, polls));
                drop(runtime);
                drop(future);
                finished
            })
            .await;
            wait_until_gone(db).await;
            let stored = run.stored(db).await;
            let whole = stored == [1, 2];
            assert!(whole || (stored.is_empty() && !finished), "poll {k}: {stored:?}");
            if finished {
                break;
            }
        }
        assert!(finished, "the future has no end");
        db.assert_whole().await;
    }
}

mod control {
    use super::*;
    use sqlx_transactional_tests::for_engines;

    for_engines! {
        [sqlite, postgres, mysql]

        /// That a panic on such a thread is seen: plain sqlx panics.
        #[test]
        async fn plain_sqlx_panics_outside_a_runtime(db: &TestDb<DB>) {
            panics::watch();
            let (url, name) = (db.url().to_owned(), name::<DB>("control"));
            let thread = thread::Builder::new().name(name.clone());
            let spawned = thread.spawn(move || {
                let runtime = runtime("control");
                let pool = runtime.block_on(connect::<DB>(&url));
                let tx = runtime.block_on(pool.begin());
                drop(tx);
            });
            let joined = tokio::task::spawn_blocking(|| spawned.unwrap().join());
            assert!(timeout(PATIENCE, joined).await.unwrap().unwrap().is_err());
            let seen = panics::on_threads(&name);
            assert!(seen[0].contains("requires a Tokio context"), "{seen:?}");
        }
    }
}
