//! A body on its way: inside its span, within its time, and known to the waits
//! for a pool.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tracing::Span;

use crate::{
    deadline::{Deadline, Timer},
    end::Verdict,
    error::{Error, Kind},
    lean::rarely,
    waits::Frame,
};

/// What surrounds a body.
#[derive(Debug)]
pub struct Bounds {
    pub(crate) span: Option<Span>,
    pub(crate) deadline: Option<Deadline>,
    /// Why the body does not run at all.
    pub(crate) refused: Option<Kind>,
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
pub fn run<F: Future>(bounds: Bounds, body: Pin<&mut F>) -> Run<'_, F> {
    Run {
        bounds,
        body,
        timer: None,
        frame: Frame::default(),
    }
}

/// A body that runs.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Run<'f, F> {
    bounds: Bounds,
    body: Pin<&'f mut F>,
    /// Set when the body has to wait for the first time.
    timer: Option<Timer>,
    frame: Frame,
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
        let body = &mut run.body;
        if let Poll::Ready(result) = run.frame.around(|| body.as_mut().poll(context)) {
            return Poll::Ready(Ran::Returned(result));
        }
        Deadline::poll(run.bounds.deadline, &mut run.timer, context).map(|()| Ran::TimedOut)
    }
}
