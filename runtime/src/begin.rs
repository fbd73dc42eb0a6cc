//! The places where a transaction can begin, or be joined.

use std::{fmt::Debug, future, pin::Pin, sync::Arc};

use sqlx::{Database, Pool, Transaction, pool::PoolConnection};

use crate::{
    backend::Mode,
    borrowed::Borrowed,
    characteristics::Isolation,
    handle::{Access, Read, ReadTx, Tx, Write},
    hooks::When,
    limits::Limits,
    private::Options,
    retry::Retry,
    root::{Place, Root},
    savepoint::Savepoint,
    scope::{Core, Joined, Scope},
    state::State,
};

/// What a transactional function accepts in place of its handle.
///
/// | passed | what happens |
/// |---|---|
/// | `&pool`, or a reference to any [`Source`] | a transaction begins, and ends with the function |
/// | `pool` | the same |
/// | `&mut PoolConnection`, `&mut PgConnection`, … | the same, on that connection; inside a transaction of its owner's a savepoint |
/// | `&mut sqlx::Transaction` | a savepoint in it; the commit stays the caller's |
/// | `&mut Tx` | the function joins |
/// | `&mut ReadTx` | the function joins, if it only reads |
///
/// Nothing is sent when a transaction "begins": the first statement takes a
/// connection, sends BEGIN and then itself.
///
/// A connection of the caller's cannot be taken away from it. On one that is not
/// a pool's, a future dropped during the round trip of BEGIN leaves the empty
/// transaction open. On MySQL, a future dropped while any statement is under way
/// leaves the connection out of step, and its owner has to close it. A transaction
/// that its owner began as text (`BEGIN`), past sqlx, is not seen: what is begun
/// on it then ends it.
///
/// Inside a [`sqlx::Transaction`] hooks are refused, because nobody here sees its
/// end. Nor does anybody see the answer to a COMMIT on a connection of the caller's
/// when the caller does not wait for it: hooks then do not run, and an event tells
/// so. sqlx does not tell of which pool a `PoolConnection` is, so that a second
/// transaction on that pool, inside one on the connection, is not noticed: it waits
/// as long as the pool lets it.
///
/// The trait is sealed: to make a type of your own a place to begin, implement
/// [`Source`] for it.
#[diagnostic::on_unimplemented(
    message = "a transaction with `{A}` access cannot begin on `{Self}`",
    label = "neither a place to begin nor a transaction to join",
    note = "pass `&pool` to begin a transaction, or the handle you have, as `&mut *tx`, to join it",
    note = "a `ReadTx` can only be passed to functions that take a `ReadTx`: a reader cannot call a writer",
    note = "a type of your own becomes a place to begin by implementing `Source` for it"
)]
pub trait Begin<A: Access>: sealed::Place<A> + Debug + Send {
    /// Makes the handle. No I/O.
    #[doc(hidden)]
    fn begin(&mut self, options: Options) -> A::Handle<'_>;
}

/// A place to [`Begin`] that is never inside a transaction: a pool, or a
/// [`Source`]. This is what `#[transactional(outermost)]` accepts. Sealed.
#[diagnostic::on_unimplemented(
    message = "this function must be the outermost: it cannot be called with `{Self}`",
    label = "not a pool",
    note = "pass `&pool`: a function marked `outermost` is never called inside a transaction"
)]
pub trait Outermost<A: Access>: sealed::NeverInside<A> + Begin<A> {}

/// What [`Begin`] and [`Outermost`] are sealed with.
pub(crate) mod sealed {
    #[diagnostic::on_unimplemented(
        message = "`Begin` is sealed: it cannot be implemented for `{Self}`",
        label = "no place to begin of this crate's",
        note = "a type of your own becomes a place to begin by implementing `Source` for it"
    )]
    pub trait Place<A> {}

    #[diagnostic::on_unimplemented(
        message = "`Outermost` is sealed: it cannot be implemented for `{Self}`",
        label = "may be inside a transaction",
        note = "a type of your own becomes a place to begin by implementing `Source` for it"
    )]
    pub trait NeverInside<A> {}
}

/// What runs after a transaction.
pub type Hook = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A place of your own where transactions begin.
///
/// ```
/// use sqlx::{Pool, Sqlite, SqliteConnection};
/// use sqlx_transactional::Source;
///
/// #[derive(Debug)]
/// struct Tenant {
///     id: i64,
///     pool: Pool<Sqlite>,
/// }
///
/// impl Source<Sqlite> for Tenant {
///     fn pool(&self) -> &Pool<Sqlite> {
///         &self.pool
///     }
///
///     async fn after_begin(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
///         let sql = "update current_tenant set id = ?";
///         sqlx::query(sql).bind(self.id).execute(connection).await.map(drop)
///     }
/// }
/// ```
///
/// `&tenant` can then be passed wherever `&pool` can.
pub trait Source<DB: Database>: Debug + Send + Sync {
    /// The pool whose connections the transactions run on.
    fn pool(&self) -> &Pool<DB>;

    /// The limits of each transaction that begins here, where its function, or
    /// block, says nothing else.
    fn limits(&self) -> Limits {
        Limits::new()
    }

    /// The isolation of each transaction that begins here, where its function, or
    /// block, says nothing else.
    fn isolation(&self) -> Option<Isolation> {
        None
    }

    /// How functions and blocks that ask for a `retry` here are repeated, where
    /// they say nothing else. One that does not ask is never repeated.
    fn retry(&self) -> Retry {
        Retry::new()
    }

    /// What this place is called in spans.
    fn name(&self) -> Option<&str> {
        None
    }

    /// Runs after each transaction that began here and committed, as
    /// [`Tx::after_commit`], before the hooks of its own. It is called when a
    /// transaction begins; what is only for one that has committed belongs into the
    /// future.
    fn after_commit(&self) -> Option<Hook> {
        None
    }

    /// Runs after each transaction that began here and was rolled back, as
    /// [`Tx::after_rollback`], before the hooks of its own; otherwise as
    /// [`after_commit`](Source::after_commit).
    fn after_rollback(&self) -> Option<Hook> {
        None
    }

    /// Runs inside each transaction, after BEGIN and before its first statement:
    /// `SET LOCAL ROLE`, say. What it changes should end with the transaction,
    /// which it must not end itself: that would not be seen.
    ///
    /// # Errors
    ///
    /// An error is that first statement's, and dooms the transaction.
    fn after_begin(
        &self,
        connection: &mut DB::Connection,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send {
        let _ = connection;
        future::ready(Ok(()))
    }

    /// Whether this is known to be a pool and no more: nothing else of it needs to
    /// be called.
    #[doc(hidden)]
    fn is_pool(&self) -> bool {
        false
    }
}

impl<DB: Database> Source<DB> for Pool<DB> {
    fn pool(&self) -> &Pool<DB> {
        self
    }

    fn is_pool(&self) -> bool {
        true
    }
}

/// A pointer to a place is the same place.
macro_rules! pointers {
    ($($pointer:ty),*) => {$(
        impl<DB: Database, S: Source<DB>> Source<DB> for $pointer {
            fn pool(&self) -> &Pool<DB> {
                (**self).pool()
            }

            fn limits(&self) -> Limits {
                (**self).limits()
            }

            fn isolation(&self) -> Option<Isolation> {
                (**self).isolation()
            }

            fn retry(&self) -> Retry {
                (**self).retry()
            }

            fn name(&self) -> Option<&str> {
                (**self).name()
            }

            fn after_commit(&self) -> Option<Hook> {
                (**self).after_commit()
            }

            fn after_rollback(&self) -> Option<Hook> {
                (**self).after_rollback()
            }

            fn after_begin(
                &self,
                connection: &mut DB::Connection,
            ) -> impl Future<Output = Result<(), sqlx::Error>> + Send {
                (**self).after_begin(connection)
            }

            fn is_pool(&self) -> bool {
                (**self).is_pool()
            }
        }
    )*};
}

pointers!(&S, Arc<S>);

/// [`Source`], as a trait object.
pub(crate) trait DynSource<DB: Database>: Send + Sync {
    fn pool(&self) -> &Pool<DB>;

    fn limits(&self) -> Limits;

    fn isolation(&self) -> Option<Isolation>;

    fn retry(&self) -> Retry;

    fn name(&self) -> Option<&str>;

    fn add_hooks(&self, state: &mut State);

    fn after_begin<'a>(
        &'a self,
        connection: &'a mut DB::Connection,
    ) -> Pin<Box<dyn Future<Output = Result<(), sqlx::Error>> + Send + 'a>>;
}

impl<DB: Database, S: Source<DB>> DynSource<DB> for S {
    fn pool(&self) -> &Pool<DB> {
        Source::pool(self)
    }

    fn limits(&self) -> Limits {
        Source::limits(self)
    }

    fn isolation(&self) -> Option<Isolation> {
        Source::isolation(self)
    }

    fn retry(&self) -> Retry {
        Source::retry(self)
    }

    fn name(&self) -> Option<&str> {
        Source::name(self)
    }

    fn add_hooks(&self, state: &mut State) {
        if let Some(hook) = Source::after_commit(self) {
            state.add_hook(When::Committed, hook);
        }
        if let Some(hook) = Source::after_rollback(self) {
            state.add_hook(When::RolledBack, hook);
        }
    }

    fn after_begin<'a>(
        &'a self,
        connection: &'a mut DB::Connection,
    ) -> Pin<Box<dyn Future<Output = Result<(), sqlx::Error>> + Send + 'a>> {
        Box::pin(Source::after_begin(self, connection))
    }
}

/// [`Begin`] for both kinds of access, on a place that makes a root.
macro_rules! roots {
    ($($(#[$cfg:meta])? [$($generics:tt)*] $place:ty, $database:ty: |$this:ident| $root:expr;)*) => {$(
        $(#[$cfg])?
        impl<$($generics)*> sealed::Place<Write<$database>> for $place {}

        $(#[$cfg])?
        impl<$($generics)*> sealed::Place<Read<$database>> for $place {}

        $(#[$cfg])?
        impl<$($generics)*> Begin<Write<$database>> for $place {
            fn begin(&mut self, options: Options) -> Tx<'_, $database> {
                let $this = self;
                Tx::new(Scope::root(Root::new($root, Mode::Write, &options)))
            }
        }

        $(#[$cfg])?
        impl<$($generics)*> Begin<Read<$database>> for $place {
            fn begin(&mut self, options: Options) -> ReadTx<'_, $database> {
                let $this = self;
                ReadTx::new(Scope::root(Root::new($root, Mode::Read, &options)))
            }
        }
    )*};
}

roots! {
    [DB: Database, S: Source<DB>] &S, DB: |source| Place::of(*source);
    [DB: Database] Pool<DB>, DB: |pool| Place::Pool(pool);
    [DB: Database] &mut PoolConnection<DB>, DB: |connection| {
        Place::Connection(Borrowed::pooled(connection))
    };
    [DB: Database] &mut Transaction<'_, DB>, DB: |transaction| {
        Place::Connection(Borrowed::plain(&mut ***transaction))
    };
    #[cfg(feature = "postgres")]
    [] &mut sqlx::PgConnection, sqlx::Postgres: |connection| {
        Place::Connection(Borrowed::plain(&mut **connection))
    };
    #[cfg(feature = "mysql")]
    [] &mut sqlx::MySqlConnection, sqlx::MySql: |connection| {
        Place::Connection(Borrowed::plain(&mut **connection))
    };
    #[cfg(feature = "sqlite")]
    [] &mut sqlx::SqliteConnection, sqlx::Sqlite: |connection| {
        Place::Connection(Borrowed::plain(&mut **connection))
    };
}

impl<A: Access, S: Source<A::Database>> Outermost<A> for &S where Self: Begin<A> {}

impl<A: Access<Database = DB>, DB: Database> Outermost<A> for Pool<DB> where Self: Begin<A> {}

impl<A: Access, S: Source<A::Database>> sealed::NeverInside<A> for &S {}

impl<A: Access<Database = DB>, DB: Database> sealed::NeverInside<A> for Pool<DB> {}

impl<DB: Database> sealed::Place<Write<DB>> for &mut Tx<'_, DB> {}

impl<DB: Database> sealed::Place<Read<DB>> for &mut Tx<'_, DB> {}

impl<DB: Database> sealed::Place<Read<DB>> for &mut ReadTx<'_, DB> {}

impl<DB: Database> Begin<Write<DB>> for &mut Tx<'_, DB> {
    fn begin(&mut self, options: Options) -> Tx<'_, DB> {
        Tx::new(inside(self.core(), options))
    }
}

impl<DB: Database> Begin<Read<DB>> for &mut Tx<'_, DB> {
    fn begin(&mut self, options: Options) -> ReadTx<'_, DB> {
        ReadTx::new(inside(self.core(), options))
    }
}

impl<DB: Database> Begin<Read<DB>> for &mut ReadTx<'_, DB> {
    fn begin(&mut self, options: Options) -> ReadTx<'_, DB> {
        ReadTx::new(inside(self.core(), options))
    }
}

/// The scope of a function that is called inside a transaction.
fn inside<'c, DB: Database>(core: &'c mut (dyn Core<DB> + 'c), options: Options) -> Scope<'c, DB> {
    if options.savepoint {
        Scope::savepoint(Savepoint::new(core, &options))
    } else {
        Scope::joined(Joined::new(core, &options))
    }
}
