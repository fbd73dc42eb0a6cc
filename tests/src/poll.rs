//! Dropping a future at each of its await points.

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

/// How long one position of a [`sweep`] may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Polls `future` until it has been pending `k` times and drops it there, or
/// gives its output when it finishes before that. With `k` 0 it is dropped
/// without a poll. Between two polls it waits for the wake-up, as a runtime does.
pub async fn poll_k_then_drop<F: Future>(future: F, k: usize) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut pending = 0;
    if k == 0 {
        return None;
    }
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            pending += 1;
            if pending == k {
                Poll::Ready(None)
            } else {
                Poll::Pending
            }
        }
    })
    .await
}

/// Drops the future that `make` gives at its await point 0, 1, 2 … until it
/// finishes by itself, and calls `after_each` after each with the position and
/// the output, if there was one. Gives the number of positions at which the
/// future was dropped.
///
/// # Panics
///
/// When the future does not finish within `max` positions, or one position
/// takes more than 30 seconds: then something hangs.
pub async fn sweep<T>(
    max: usize,
    mut make: impl AsyncFnMut() -> T,
    mut after_each: impl AsyncFnMut(usize, Option<T>),
) -> usize {
    for k in 0..max {
        let output = tokio::time::timeout(PATIENCE, poll_k_then_drop(make(), k))
            .await
            .unwrap_or_else(|_| panic!("position {k}: the future hangs"));
        let finished = output.is_some();
        tokio::time::timeout(PATIENCE, after_each(k, output))
            .await
            .unwrap_or_else(|_| panic!("position {k}: what follows the drop hangs"));
        if finished {
            return k;
        }
    }
    panic!("the future has not finished after {max} positions");
}
