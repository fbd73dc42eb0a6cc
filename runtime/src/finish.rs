//! Futures that run to their end even when nobody waits any more.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::future::BoxFuture;
use tokio::runtime::Handle;
use tracing::Instrument;

/// BEGIN, COMMIT and ROLLBACK: once the first bytes may be on the wire, only the
/// answer tells what state the connection is in. Dropped after its first poll,
/// this future goes on in a task of its own.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct FinishOnDrop<T: Send + 'static> {
    work: Option<BoxFuture<'static, T>>,
    runtime: Handle,
    started: bool,
}

impl<T: Send + 'static> FinishOnDrop<T> {
    pub(crate) fn new(runtime: Handle, work: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            work: Some(Box::pin(work)),
            runtime,
            started: false,
        }
    }
}

impl<T: Send + 'static> Future for FinishOnDrop<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.started = true;
        let Some(work) = &mut self.work else {
            panic!("polled after its end");
        };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for FinishOnDrop<T> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take()
            && self.started
        {
            let rest = async move { drop(work.await) };
            self.runtime.spawn(rest.in_current_span());
        }
    }
}
