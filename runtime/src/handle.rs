//! The two handles, and the types that say which one a function takes.

use std::{
    fmt,
    marker::PhantomData,
    pin::{Pin, pin},
};

use sqlx::{Database, error::BoxDynError};

use crate::{
    backend::{self, Damage},
    before_commit::Vote,
    deadline::Clock,
    end::end,
    error::Kind,
    executor::open,
    hooks::When,
    private::Options,
    run::run,
    savepoint::Savepoint,
    scope::{Core, Joined, Scope},
    state::{Flight, Sight},
};

/// A transaction that reads and writes.
///
/// A function marked [`#[transactional]`](macro@crate::transactional) takes
/// `&mut Tx<'_, DB>` as its first parameter. `&mut *tx` (or `tx` itself, where
/// it is not used again) is a [`sqlx::Executor`], so every kind of query runs on
/// it, and it is what the next transactional function is called with.
///
/// A plain function that takes `&mut Tx` can only be called inside a
/// transaction, and can neither begin nor end one.
pub struct Tx<'c, DB: Database> {
    scope: Scope<'c, DB>,
}

/// A transaction that only reads; the engine refuses to write in it.
///
/// It can be passed to functions that take a `ReadTx`, not to one that takes a
/// [`Tx`]. A function that takes a `ReadTx` and joins a `Tx` sees what has been
/// written in it, and is then only held to reading by this type.
///
/// | engine | how it is refused |
/// |---|---|
/// | PostgreSQL | `BEGIN READ ONLY`: 25006 |
/// | MySQL, MariaDB | `START TRANSACTION READ ONLY`: 1792 (25006) |
/// | SQLite | `query_only`: 8 (`SQLITE_READONLY`) |
pub struct ReadTx<'c, DB: Database> {
    scope: Scope<'c, DB>,
}

/// A handle on a transaction: [`Tx`] or [`ReadTx`]. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a transaction handle",
    label = "not a handle",
    note = "the first parameter is `&mut Tx<'_, DB>` or `&mut ReadTx<'_, DB>`, or an alias of one of these"
)]
pub trait Handle: sealed::Sealed {
    /// What a transaction must allow to be held by this handle.
    type Access: Access;
}

/// What a transaction must allow: [`Write`] or [`Read`]. Sealed.
///
/// These types carry no lifetime, on purpose: a bound with one on a function's
/// parameter is "not general enough" for `tokio::spawn`.
pub trait Access: sealed::Sealed + Send + Sync + Sized + 'static {
    /// The database.
    type Database: Database;
    /// The handle a body gets.
    type Handle<'c>: Handle<Access = Self>;

    #[doc(hidden)]
    fn scope<'h, 'c>(handle: &'h mut Self::Handle<'c>) -> &'h mut Scope<'c, Self::Database>;
}

/// What a function with the handle `H` asks of the transaction it is called in.
pub type AccessOf<H> = <H as Handle>::Access;

/// Reading and writing: the access of [`Tx`].
pub struct Write<DB>(PhantomData<fn() -> DB>);

/// Reading only: the access of [`ReadTx`].
pub struct Read<DB>(PhantomData<fn() -> DB>);

mod sealed {
    pub trait Sealed {}
}

macro_rules! handle {
    ($handle:ident, $access:ident, $name:literal) => {
        impl<'c, DB: Database> $handle<'c, DB> {
            pub(crate) fn new(scope: Scope<'c, DB>) -> Self {
                Self { scope }
            }

            pub(crate) fn core(&mut self) -> &mut (dyn Core<DB> + 'c) {
                self.scope.core()
            }

            /// The connection itself, for code that wants one.
            ///
            /// What is done with it is not seen. So the transaction is marked before
            /// the connection is handed out, and the mark is looked for afterwards:
            /// before the next statement through this handle, and before COMMIT. If
            /// the transaction was ended, whether another was begun or not, that
            /// statement is not sent, and the function fails with
            /// [`is_ended_early`](crate::Error::is_ended_early). If an answer does
            /// not belong to what was asked, as behind a COPY that was left half-way,
            /// the connection is closed.
            ///
            /// | message to the server | when |
            /// |---|---|
            /// | the mark | in that of BEGIN, where nothing was sent before; otherwise one |
            /// | a question | one before the next statement through the handle, if there is one |
            /// | the proof | one at the end |
            ///
            /// A transaction begun on it with sqlx is a savepoint.
            ///
            /// # Errors
            ///
            /// As for a statement: the transaction could not begin, or is doomed.
            pub async fn connection(&mut self) -> Result<&mut DB::Connection, sqlx::Error> {
                expose(self.core()).await
            }

            /// Runs `hook` after the transaction has committed.
            ///
            /// Hooks run in the order they were registered, once, after COMMIT
            /// was answered and the connection given back, and before the
            /// outermost function returns; also when its caller has gone away by
            /// then. They are dropped when the transaction, or the savepoint they
            /// were registered in, is rolled back, and when nobody knows whether
            /// it was. A hook that panics is logged; it stops no other and does
            /// not change the function's result.
            ///
            /// Inside a [`sqlx::Transaction`] nobody here sees the commit: the
            /// function then fails with
            /// [`is_unsupported`](crate::Error::is_unsupported). On a connection of
            /// the caller's own, a COMMIT that its caller does not wait for runs no
            /// hooks, because nobody is there to take its answer; an event
            /// `hooks dropped` tells of it.
            ///
            /// An application that shuts down waits with
            /// [`drained`](crate::drained) for hooks that run without their caller.
            pub fn after_commit(&mut self, hook: impl Future<Output = ()> + Send + 'static) {
                self.hook(When::Committed, hook);
            }

            /// Runs `hook` after the transaction was rolled back, for whatever
            /// reason; otherwise as
            #[doc = concat!("[`after_commit`](", $name, "::after_commit).")]
            ///
            /// It does not run where something else may have committed work of the
            /// transaction: where that is known, and where
            #[doc = concat!("[`connection`](", $name, "::connection)")]
            /// was used and the line was lost before the server could be asked.
            pub fn after_rollback(&mut self, hook: impl Future<Output = ()> + Send + 'static) {
                self.hook(When::RolledBack, hook);
            }

            /// Runs `hook` inside the transaction, after the body of the outermost
            /// function and before COMMIT.
            ///
            /// Hooks run in the order they were registered; what one registers runs
            /// after it. An `Err` refuses the commit: the transaction is rolled
            /// back, and the outermost function returns that error if it is a
            /// [`sqlx::Error`], otherwise
            /// [`is_vetoed`](crate::Error::is_vetoed) with it as the source. A
            /// panic goes on in the outermost function. They are dropped when the
            /// transaction, or the savepoint they were registered in, is rolled
            /// back; and refused, like the others, inside a [`sqlx::Transaction`].
            ///
            /// ```
            /// # use sqlx::Sqlite;
            /// # use sqlx_transactional::{Tx, transactional};
            /// #[transactional]
            /// async fn book(tx: &mut Tx<'_, Sqlite>, amount: i64) -> Result<(), sqlx::Error> {
            ///     tx.before_commit(|tx| {
            ///         Box::pin(async move {
            ///             let sum = sqlx::query_scalar("select sum(amount) from entries");
            ///             let sum: i64 = sum.fetch_one(tx).await?;
            ///             if sum == 0 { Ok(()) } else { Err(format!("{sum} is missing").into()) }
            ///         })
            ///     });
            ///     let insert = sqlx::query("insert into entries (amount) values (?), (?)");
            ///     insert.bind(amount).bind(-amount).execute(tx).await?;
            ///     Ok(())
            /// }
            /// ```
            pub fn before_commit<F>(&mut self, hook: F)
            where
                F: for<'t> FnOnce(
                        &'t mut $handle<'_, DB>,
                    ) -> Pin<
                        Box<dyn Future<Output = Result<(), BoxDynError>> + Send + 't>,
                    > + Send
                    + 'static,
            {
                let core = self.core();
                if !core.sees_the_end() {
                    return refuse_hook(core);
                }
                core.before_commit().push(move |core| -> Vote<'_> {
                    Box::pin(async move {
                        let options = Options::new("before_commit");
                        let joined = Joined::new(core, &options);
                        let mut handle = $handle::new(Scope::joined(joined));
                        let voted = hook(&mut handle).await;
                        handle
                            .scope
                            .end(voted.is_ok(), &mut Clock::default())
                            .await?;
                        voted
                    })
                });
            }

            /// Which attempt this is: 1, and more in a function that runs again
            /// because of its option `retry`.
            pub fn attempt(&mut self) -> u32 {
                self.core().state().attempt()
            }

            fn hook(&mut self, when: When, hook: impl Future<Output = ()> + Send + 'static) {
                let core = self.core();
                if core.sees_the_end() {
                    core.state().add_hook(when, hook);
                } else {
                    refuse_hook(core);
                }
            }

            /// Asks for ROLLBACK instead of COMMIT, whatever the body returns.
            ///
            /// The body goes on, and its `Ok` is returned. In a function that
            /// joined, this is asked of the transaction it joined; in a
            /// savepoint, of the savepoint.
            pub fn roll_back(&mut self) {
                self.core().state().roll_back = true;
            }

            /// Runs `body` so that its failure undoes only what it did.
            ///
            /// On `Err` the transaction goes back to where it was before `body`
            /// and can go on. The savepoint is set before the first statement,
            /// and is gone afterwards whatever the end.
            ///
            /// # Errors
            ///
            /// The body's; or, where it returned `Ok`, that of a statement whose
            /// failure it swallowed, as
            /// [`is_doomed`](crate::Error::is_doomed); or that of the savepoint
            /// itself, which dooms the transaction.
            pub async fn savepoint<T, E, F>(&mut self, body: F) -> Result<T, E>
            where
                E: From<sqlx::Error>,
                F: AsyncFnOnce(&mut $handle<'_, DB>) -> Result<T, E>,
            {
                let savepoint = Savepoint::new(self.core(), &Options::new("savepoint"));
                let mut inner = $handle::new(Scope::savepoint(savepoint));
                let mut bounds = inner.scope.bounds(None);
                let ran = run(&mut bounds, pin!(body(&mut inner))).await;
                end::<$access<DB>, _>(inner, &mut bounds, ran).await
            }
        }

        impl<DB: Database> fmt::Debug for $handle<'_, DB> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct($name)
                    .field("database", &DB::NAME)
                    .finish_non_exhaustive()
            }
        }

        impl<DB: Database> sealed::Sealed for $handle<'_, DB> {}

        impl<DB: Database> Handle for $handle<'_, DB> {
            type Access = $access<DB>;
        }

        impl<DB> sealed::Sealed for $access<DB> {}

        impl<DB: Database> Access for $access<DB> {
            type Database = DB;
            type Handle<'c> = $handle<'c, DB>;

            fn scope<'h, 'c>(handle: &'h mut Self::Handle<'c>) -> &'h mut Scope<'c, DB> {
                &mut handle.scope
            }
        }

        impl<DB> fmt::Debug for $access<DB> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($access))
            }
        }
    };
}

handle!(Tx, Write, "Tx");
handle!(ReadTx, Read, "ReadTx");

fn refuse_hook<DB: Database>(core: &mut (dyn Core<DB> + '_)) {
    core.state()
        .forbid(Damage::Scope, Kind::Unsupported(NO_HOOKS));
}

/// Hands out the connection, after which the transaction is checked at its end.
pub(crate) async fn expose<'t, DB: Database>(
    core: &'t mut (dyn Core<DB> + '_),
) -> Result<&'t mut DB::Connection, sqlx::Error> {
    let sends_first = core.sends_first();
    let proof = &mut core.state().proof;
    if !sends_first {
        proof.hand_out_again();
    }
    proof.want_mark();
    let (connection, state) = open(core).await?;
    state.proof.lose_sight(Sight::Connection);
    state.in_flight = Some(Flight::Savepoint);
    let exposed = backend::of::<DB>().expose(connection).await;
    state.in_flight = None;
    let Err(error) = exposed else {
        return Ok(connection);
    };
    // sqlx looks whether a transaction is open before it counts one.
    if matches!(error, sqlx::Error::BeginFailed) {
        state.ended_early(backend::of::<DB>().survives_interruption());
        return Err(state.refusal().unwrap_or(error));
    }
    let damage = backend::of::<DB>().damage(&error).max(Damage::Transaction);
    Err(state.met::<DB>(damage, error))
}

const NO_HOOKS: &str = "hooks cannot be kept here: this runs inside a transaction that somebody \
                        else ends";
