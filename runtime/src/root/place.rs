//! Where a transaction begins, and what that place says for all that do.

use sqlx::{Database, Pool};
use tokio::time::Instant;

use crate::{
    backend::{self, Extras, Mode, Terms},
    begin::{DynSource, Source},
    borrowed::Borrowed,
    characteristics::{Characteristics, Locking},
    lease::Lease,
    limits::Limits,
    private::Special,
    retry::{Attempt, Retry},
    state::State,
    waits::Holder,
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

    /// Whether what begins here is told what BEGIN is to carry. Inside a transaction of
    /// the owner's, sqlx sets a savepoint.
    pub(super) fn tells_begin(&self) -> bool {
        self.is_outermost()
    }

    /// Whether it has nothing to say but which pool it has.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Pool(_) | Self::Owned(_))
    }

    /// What BEGIN is told here for a function that wants `special`.
    pub(super) fn terms(&self, mode: Mode, special: &Special) -> Terms {
        let source = self.source();
        let limits = source.map_or_else(Limits::new, DynSource::limits);
        let limits = special.limits.or(limits);
        let Characteristics {
            isolation, locking, ..
        } = special.characteristics;
        let asked = Extras {
            characteristics: Characteristics {
                isolation: isolation.or_else(|| source.and_then(DynSource::isolation)),
                locking: locking.or_else(|| self.locking()),
                ..special.characteristics
            },
            limits,
            // A timer that is ours leaves a session behind that is not.
            identify: limits.are_timed::<DB>() && self.pool().is_some(),
            resolvable: special.resolvable,
            up_to_date: special.up_to_date,
            ..Extras::NOTHING
        };
        let mut terms = Terms::new(mode, asked);
        terms.lent = matches!(self, Self::Connection(_));
        terms
    }

    /// How a transaction of the owner's on SQLite takes its locks, as far as anyone
    /// here knows.
    fn locking(&self) -> Option<Locking> {
        let unknown = backend::of::<DB>().is_embedded() && !self.is_outermost();
        unknown.then_some(Locking::Deferred)
    }

    /// Which attempt begins here of a function that is repeated.
    pub(super) fn attempt(&self, special: &Special) -> Option<Attempt> {
        let turn = special.attempt.filter(|_| self.is_outermost())?;
        let retry = self.source().map_or_else(Retry::new, DynSource::retry);
        let retry = special.retry.unwrap_or_default().or(retry);
        Some(Attempt::new(turn, retry))
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
    fn is_outermost(&self) -> bool {
        match self {
            Self::Connection(borrowed) => !borrowed.is_nested(),
            _ => true,
        }
    }

    /// Begins; on a source's connection, which comes with a lease.
    pub(super) async fn begin(
        &mut self,
        holder: Holder,
        terms: &Terms,
        deadline: Option<Instant>,
    ) -> Result<Option<Lease<DB>>, sqlx::Error> {
        if let Self::Connection(borrowed) = self {
            let begun = terms.limits.begun::<DB, _>(borrowed.begin(terms)).await;
            return begun.map(|()| None);
        }
        let Some(pool) = self.pool() else {
            unreachable!("only a connection has no pool");
        };
        let begun = Lease::begin(pool, holder, terms, deadline).await;
        begun.map(Some)
    }
}
