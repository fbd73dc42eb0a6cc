//! Futures that stop more often than they have to.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Waits once more after each wake-up before `future` is polled again. A sweep
/// over the polls then also drops it when its answer has come and nobody has
/// looked at it yet.
pub(crate) async fn with_pauses<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut woken = false;
    poll_fn(|context| {
        if woken {
            woken = false;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        woken = true;
        future.as_mut().poll(context)
    })
    .await
}
