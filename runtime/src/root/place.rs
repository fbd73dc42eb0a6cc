//! Where a transaction begins, and what that place says for all that do.

use sqlx::{Database, Pool};
use tokio::time::Instant;

use crate::{
    backend::{self, Terms},
    begin::DynSource,
    borrowed::Borrowed,
    characteristics::{Isolation, Locking},
    hooks::Hooks,
    lease::Lease,
    limits::Limits,
    retry::Retry,
};

/// Where the connection of a transaction comes from.
pub(crate) enum Place<'c, DB: Database> {
    Source(&'c dyn DynSource<DB>),
    Owned(Pool<DB>),
    Connection(Borrowed<'c, DB>),
}

impl<DB: Database> Place<'_, DB> {
    /// Whoever has defaults for what is begun here.
    pub(super) fn source(&self) -> Option<&dyn DynSource<DB>> {
        match self {
            Self::Source(source) => Some(*source),
            Self::Owned(pool) => Some(pool),
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

    pub(super) fn add_hooks(&self, hooks: &mut Hooks) {
        if let Some(source) = self.source() {
            source.add_hooks(hooks);
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
        // One future that takes a connection is large enough.
        let pool = match self {
            Self::Source(source) => source.pool(),
            Self::Owned(pool) => pool,
            Self::Connection(borrowed) => {
                return Box::pin(borrowed.begin(terms)).await.map(|()| None);
            }
        };
        Lease::begin(pool, terms, deadline).await.map(Some)
    }
}
