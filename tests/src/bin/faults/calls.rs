//! A form twice: on a pool, and on a place whose transactions have a deadline.

use crate::ledger::Run;
use crate::notes::Notes;
use crate::subject::Answer;
use futures_util::future::LocalBoxFuture;
use sqlx::{Database, Error, Pool};
use sqlx_transactional::{Limits, Source};
use std::error::Error as StdError;
use std::time::Duration;

/// The deadline of a call that may meet a line that is dead.
pub(crate) const LIMIT: Duration = Duration::from_millis(300);

/// What a form does: a place, a run, and what chance decided.
type Call<P> = Box<dyn for<'a> Fn(&'a P, &'a Run, u64) -> LocalBoxFuture<'a, Answer>>;

/// The same form on both places.
pub(crate) struct Calls<DB: Notes> {
    pub(crate) free: Call<Pool<DB>>,
    pub(crate) within: Call<Within<DB>>,
}

/// Both calls of one expression, which is typed once for each place.
macro_rules! calls {
    (|$place:pat_param, $run:pat_param, $seed:pat_param| $call:expr) => {
        $crate::calls::Calls {
            free: Box::new(|$place, $run, $seed| $crate::calls::answering($call)),
            within: Box::new(|$place, $run, $seed| $crate::calls::answering($call)),
        }
    };
}
pub(crate) use calls;

/// The call with an answer for its caller, whatever its errors are.
pub(crate) fn answering<'a, E>(
    call: impl Future<Output = Result<(), E>> + 'a,
) -> LocalBoxFuture<'a, Answer>
where
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    Box::pin(async move { call.await.map_err(Into::into) })
}

/// A pool whose transactions have a deadline.
#[derive(Debug)]
pub(crate) struct Within<DB: Database>(pub(crate) Pool<DB>);

/// The limits of a call that has a deadline.
pub(crate) fn limits() -> Limits {
    Limits::new().timeout(LIMIT)
}

impl<DB: Notes> Source<DB> for Within<DB> {
    fn pool(&self) -> &Pool<DB> {
        &self.0
    }

    fn limits(&self) -> Limits {
        limits()
    }
}

/// One that stores a note of its own in each transaction as well.
#[derive(Debug)]
pub(crate) struct TenantWithin<'a, DB: Database> {
    pub(crate) pool: &'a Pool<DB>,
    pub(crate) run: &'a Run,
}

impl<DB: Notes> Source<DB> for TenantWithin<'_, DB> {
    fn pool(&self) -> &Pool<DB> {
        self.pool
    }

    fn limits(&self) -> Limits {
        limits()
    }

    async fn after_begin(&self, connection: &mut DB::Connection) -> Result<(), Error> {
        DB::insert_on(connection, self.run.id(0)).await
    }
}
