//! A body on its way: inside its span, within its time, and known to the waits
//! for a pool.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tracing::Span;

use crate::{
    deadline::Clock,
    end::Verdict,
    error::{Error, Kind},
    lean::rarely,
    waits::Frame,
};

/// What surrounds a body.
#[derive(Debug, Default)]
pub struct Bounds {
    pub(crate) span: Option<Span>,
    pub(crate) clock: Clock,
    /// Why the body does not run at all.
    pub(crate) refused: Option<Kind>,
    /// Its place among the waits for a pool, if it is one that holds a connection
    /// itself.
    pub(crate) frame: Option<Frame>,
}

/// What came of a body.
#[derive(Debug)]
pub enum Ran<R> {
    /// It returned.
    Returned(R),
    /// It returned, and its function has rules for that.
    Judged(R, Verdict),
    /// Its time was over, and it was dropped, or will be before the end.
    TimedOut,
    /// It was not called.
    Refused(sqlx::Error),
}

/// Runs `body` within `bounds`.
pub fn run<'f, F: Future>(bounds: &'f mut Bounds, body: Pin<&'f mut F>) -> Run<'f, F> {
    Run { bounds, body }
}

/// A body that runs.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Run<'f, F> {
    bounds: &'f mut Bounds,
    body: Pin<&'f mut F>,
}

impl<F: Future> Future for Run<'_, F> {
    type Output = Ran<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let run = &mut *self;
        if let Some(kind) = run.bounds.refused {
            rarely();
            return Poll::Ready(Ran::Refused(Error::new(kind).into()));
        }
        let _inside = run.bounds.span.as_ref().map(Span::enter);
        let entered = run.bounds.frame.as_mut().map(Frame::enter);
        let polled = run.body.as_mut().poll(context);
        drop(entered);
        if let Poll::Ready(result) = polled {
            return Poll::Ready(Ran::Returned(result));
        }
        run.bounds.clock.poll(context).map(|()| Ran::TimedOut)
    }
}
