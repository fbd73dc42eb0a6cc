//! The results of a statement.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::{Stream, stream::BoxStream};
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
use futures_util::TryStreamExt;
use futures_util::stream;
use sqlx::{Database, Either};
use tokio::time::{Sleep, sleep};

use super::{Step, limit, refused};
use crate::{
    backend::{self, Text},
    lean::rarely,
    state::{Flight, State},
};

/// The results of a statement, each one seen on its way to the caller.
pub(crate) struct Seen<'t, DB: Database> {
    results: BoxStream<'t, Step<DB>>,
    state: &'t mut State,
    changed: fn(&DB::QueryResult) -> u64,
    rows: u64,
    /// What is on its way still when a result has come.
    rest: Option<Flight>,
    /// When the statement has to be answered to the last.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<'t, DB: Database> Seen<'t, DB> {
    pub(crate) fn new(
        results: BoxStream<'t, Step<DB>>,
        state: &'t mut State,
        kind: Text,
        changed: fn(&DB::QueryResult) -> u64,
    ) -> Self {
        let timer = limit::<DB>(state).map(|limit| Box::pin(sleep(limit)));
        Self {
            results,
            state,
            changed,
            rows: 0,
            rest: kind.several.then_some(Flight::Rest),
            timer,
        }
    }
}

impl<DB: Database> Unpin for Seen<'_, DB> {}

impl<DB: Database> Stream for Seen<'_, DB> {
    type Item = Step<DB>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Step<DB>>> {
        let seen = &mut *self;
        // Set while the answer is outstanding: dropped in between, the statement
        // may have run or not.
        seen.state.in_flight = Some(Flight::Statement);
        let Poll::Ready(step) = seen.results.as_mut().poll_next(context) else {
            let timer = seen.timer.as_mut();
            if timer.is_none_or(|timer| timer.as_mut().poll(context).is_pending()) {
                return Poll::Pending;
            }
            seen.results = Box::pin(stream::empty());
            let survives = backend::of::<DB>().survives_interruption();
            let error = seen.state.statement_timed_out(survives);
            return Poll::Ready(Some(Err(error)));
        };
        seen.state.in_flight = seen.rest;
        seen.state.half_read = true;
        match &step {
            None => seen.state.succeeded(),
            Some(Ok(Either::Right(_))) => {
                seen.rows += 1;
                seen.state.tally.rows += 1;
            }
            // The engines count a query's own rows here too.
            Some(Ok(Either::Left(result))) if seen.rows == 0 => {
                seen.state.tally.rows += (seen.changed)(result);
            }
            Some(Ok(Either::Left(_))) => {}
            Some(Err(_)) => {
                rarely();
                let step = step.map(|step| step.map_err(|error| refused::<DB>(seen.state, error)));
                return Poll::Ready(step);
            }
        }
        Poll::Ready(step)
    }
}

/// The first row of a text of several statements. sqlx stops there, so that on SQLite
/// the rest is not done and elsewhere its errors are not told.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
#[cold]
pub(super) async fn first_row<DB: Database>(
    mut seen: Seen<'_, DB>,
) -> Result<Option<DB::Row>, sqlx::Error> {
    let mut first = None;
    while let Some(step) = seen.try_next().await? {
        if let Either::Right(row) = step {
            first.get_or_insert(row);
        }
    }
    Ok(first)
}
