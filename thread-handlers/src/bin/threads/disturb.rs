//! Ways to disturb an operation that need more than a fault.

use std::{future::poll_fn, pin::Pin, task::Poll};

use sqlx::Pool;
use sqlx_transactional::Source;

use crate::engine::Engine;

/// A place to begin whose transactions can do anything but commit: a foreign
/// key that is checked at COMMIT is broken from the start.
#[derive(Debug)]
pub(crate) struct Uncommittable<'p, DB: Engine>(pub(crate) &'p Pool<DB>);

impl<DB: Engine> Source<DB> for Uncommittable<'_, DB> {
    fn pool(&self) -> &Pool<DB> {
        self.0
    }

    async fn after_begin(&self, connection: &mut DB::Connection) -> Result<(), sqlx::Error> {
        DB::run(connection, "insert into demo_child values (404)").await
    }
}

/// Polls `future` so many times, then drops it where it stands: at once, or when
/// what it waits for has come. Its output, if that was enough.
pub(crate) async fn drop_after<F: Future>(
    polls: usize,
    late: bool,
    mut future: Pin<Box<F>>,
) -> Option<F::Output> {
    let mut polled = 0;
    poll_fn(|context| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polled == polls && !late => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
