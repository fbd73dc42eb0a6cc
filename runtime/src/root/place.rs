//! Where a transaction begins, and what that place says for all that do.

use sqlx::{Database, Pool};
use tokio::time::{Instant, timeout};

use crate::{
    backend::{self, Terms},
    begin::{DynSource, Source},
    borrowed::Borrowed,
    characteristics::{Isolation, Locking},
    error::{Error, Kind},
    lease::Lease,
    limits::Limits,
    retry::Retry,
    state::State,
};

/// Where the connection of a transaction comes from.
pub(crate) enum Place<'c, DB: Database> {
    Pool(&'c Pool<DB>),
    Owned(Pool<DB>),
    /// One with more to say than which pool it has.
    Source(&'c dyn DynSource<DB>),
    Connection(Borrowed<'c, DB>),
}

impl<'c, DB: Database> Place<'c, DB> {
    #[inline]
    pub(crate) fn of<S: Source<DB>>(source: &'c S) -> Self {
        if source.is_pool() {
            Self::Pool(source.pool())
        } else {
            Self::Source(source)
        }
    }

    /// Whoever has defaults for what is begun here, and something to do.
    pub(super) fn source(&self) -> Option<&'c dyn DynSource<DB>> {
        match self {
            Self::Source(source) => Some(*source),
            _ => None,
        }
    }

    /// Where a connection comes from, if it is not there already.
    pub(super) fn pool(&self) -> Option<&Pool<DB>> {
        match self {
            Self::Pool(pool) => Some(pool),
            Self::Owned(pool) => Some(pool),
            Self::Source(source) => Some(source.pool()),
            Self::Connection(_) => None,
        }
    }

    pub(super) fn limits(&self) -> Limits {
        self.source().map_or_else(Limits::new, DynSource::limits)
    }

    pub(super) fn isolation(&self) -> Option<Isolation> {
        self.source().and_then(DynSource::isolation)
    }

    /// How a transaction of the owner's on SQLite takes its locks, as far as anyone
    /// here knows.
    pub(super) fn locking(&self) -> Option<Locking> {
        let unknown = backend::of::<DB>().is_embedded() && !self.is_outermost();
        unknown.then_some(Locking::Deferred)
    }

    pub(super) fn retry(&self) -> Retry {
        self.source().map_or_else(Retry::new, DynSource::retry)
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.source().and_then(DynSource::name)
    }

    pub(super) fn add_hooks(&self, state: &mut State) {
        if let Some(source) = self.source() {
            source.add_hooks(state);
        }
    }

    /// Whether what begins here ends here.
    pub(super) fn is_outermost(&self) -> bool {
        match self {
            Self::Connection(borrowed) => !borrowed.is_nested(),
            _ => true,
        }
    }

    /// Begins; on a source's connection, which comes with a lease.
    pub(super) async fn begin(
        &mut self,
        terms: &Terms,
        deadline: Option<Instant>,
    ) -> Result<Option<Lease<DB>>, sqlx::Error> {
        let beginning = async {
            if let Self::Connection(borrowed) = self {
                return borrowed.begin(terms).await.map(|()| None);
            }
            let Some(pool) = self.pool() else {
                unreachable!("only a connection has no pool");
            };
            Lease::begin(pool, terms, deadline).await.map(Some)
        };
        match terms.limits.lock_timeout {
            Some(limit) if backend::of::<DB>().is_embedded() => {
                let begun = timeout(limit, beginning).await;
                begun.unwrap_or_else(|_| Err(Error::new(Kind::LockTimedOut).into()))
            }
            _ => beginning.await,
        }
    }
}
