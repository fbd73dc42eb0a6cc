//! Futures that run to their end even when nobody waits any more.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::future::BoxFuture;
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};

use crate::{
    detached::Work,
    lean::boxed,
    limits::{DEFAULT_TIMEOUT, GRACE},
    observe::spawn,
};

/// BEGIN, COMMIT and ROLLBACK: once the first bytes may be on the wire, only the
/// answer tells what state the connection is in. Dropped after its first poll,
/// this future goes on in a task of its own.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct FinishOnDrop<T: Send + 'static> {
    work: Option<BoxFuture<'static, T>>,
    /// Where it goes on, if that is in a runtime.
    runtime: Option<Handle>,
    kind: Work,
    started: bool,
    patience: Patience,
}

/// How long work may go on by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    For(Duration),
    /// The least of this and what [`Patience::Until`] gives.
    Least(Duration, Option<Instant>),
    /// Until a little after this moment, or after now where that is later.
    Until(Option<Instant>),
    /// As long as it takes: it is somebody's own, or has bounds of its own.
    Endless,
}

impl<T: Send + 'static> FinishOnDrop<T> {
    #[inline]
    pub(crate) fn new<F: Future<Output = T> + Send + 'static>(
        runtime: impl Into<Option<Handle>>,
        kind: Work,
        patience: Patience,
        work: impl FnOnce() -> F,
    ) -> Self {
        Self {
            work: Some(boxed(work)),
            runtime: runtime.into(),
            kind,
            started: false,
            patience,
        }
    }
}

impl<T: Send + 'static> Future for FinishOnDrop<T> {
    type Output = T;

    #[inline]
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
    #[inline]
    fn drop(&mut self) {
        if let Some(work) = self.work.take()
            && self.started
        {
            go_on(self.runtime.as_ref(), self.kind, self.patience, work);
        }
    }
}

/// Lets `work` go on by itself, for as long as `patience` allows.
#[cold]
fn go_on<T: Send + 'static>(
    runtime: Option<&Handle>,
    kind: Work,
    patience: Patience,
    work: BoxFuture<'static, T>,
) {
    let rest = async move {
        let until = |moment: Option<Instant>| {
            moment.map_or(DEFAULT_TIMEOUT, |moment| {
                moment.saturating_duration_since(Instant::now()) + GRACE
            })
        };
        let limit = match patience {
            Patience::For(limit) => limit,
            Patience::Least(limit, moment) => limit.min(until(moment)),
            Patience::Until(moment) => until(moment),
            Patience::Endless => return drop(work.await),
        };
        drop(timeout(limit, work).await);
    };
    spawn(runtime, kind, rest);
}
