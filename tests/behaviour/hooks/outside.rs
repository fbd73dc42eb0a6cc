//! Hooks outside a runtime, where there was no statement: they run all the same.

use std::{
    future::pending,
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use sqlx_transactional::{Tx, transaction};
use sqlx_transactional_tests::{TestDb, for_each_engine};
use tokio::time::sleep;

use crate::{app::AppError, diary::Diary};

/// Polls `future` on a thread that is in no runtime, once, and drops it there.
fn once_outside<F: Future + Send>(future: F) -> Option<F::Output>
where
    F::Output: Send,
{
    let poll = || {
        let future = pin!(future);
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    };
    thread::scope(|scope| scope.spawn(poll).join().expect("it does not panic"))
}

for_each_engine! {
    #[test]
    async fn a_call_without_a_statement_runs_them_where_it_is_polled(db: &TestDb<DB>) {
        let diary = Diary::default();
        for end in [Ok(()), Err(1)] {
            let call = transaction(&db.pool, async |tx: &mut Tx<'_, DB>| {
                tx.after_commit(diary.hook("committed"));
                tx.after_rollback(diary.hook("rolled back"));
                end.map_err(AppError::Refused)
            });
            let ended = once_outside(call).expect("nothing is waited for");
            assert_eq!(ended.is_ok(), end.is_ok());
        }
        assert_eq!(diary.read(), "committed, rolled back");
    }

    /// Whose caller goes away there.
    #[test]
    async fn a_call_that_is_dropped_runs_them_on_a_thread(db: &TestDb<DB>) {
        let diary = Diary::default();
        let late = diary.clone();
        let call = transaction(&db.pool, async |tx: &mut Tx<'_, DB>| -> Result<(), AppError> {
            tx.after_commit(diary.hook("committed"));
            tx.after_rollback(async move {
                // As in a runtime, there are timers.
                sleep(Duration::from_millis(1)).await;
                late.write("rolled back");
            });
            tx.after_rollback(diary.hook("next"));
            pending().await
        });
        assert!(once_outside(call).is_none());
        diary.assert_becomes("rolled back, next").await;
    }

    #[test]
    async fn a_hook_that_waits_goes_on_without_its_caller(db: &TestDb<DB>) {
        let diary = Diary::default();
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let slow = diary.clone();
        let call = transaction(&db.pool, async |tx: &mut Tx<'_, DB>| {
            tx.after_commit(async move {
                slow.write("begun");
                wait.await.unwrap();
                slow.write("done");
            });
            Ok::<_, AppError>(())
        });
        assert!(once_outside(call).is_none());
        assert_eq!(diary.read(), "begun");
        go.send(()).unwrap();
        diary.assert_becomes("begun, done").await;
    }
}
