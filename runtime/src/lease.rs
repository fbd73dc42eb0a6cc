//! A pool's connection while it is inside a transaction.

mod ending;

use std::fmt;

use sqlx::{Database, Pool, SqlStr, pool::PoolConnection};
use sqlx_core::transaction::TransactionManager;
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};

use crate::{
    backend::{self, Damage, Interrupt, Terms},
    conclude::{before, timed_out},
    deadline::{Clock, Deadline},
    detached::Work,
    error::{Error, Kind},
    finish::{FinishOnDrop, Patience},
    hooks::Hooks,
    lean::{boxed, rarely},
    observe::{self, SPOILED},
    pools,
    resolve::Number,
    session::About,
    state::{Mark, Proof},
    waits::{self, Holder},
};

/// Owns a connection until it is known to be clean. Dropping a lease hands the
/// connection to a task that rolls back, or closes it.
pub(crate) struct Lease<DB: Database> {
    /// In a box, because it is handed on several times.
    held: Box<Held<DB>>,
}

struct Held<DB: Database> {
    connection: Option<PoolConnection<DB>>,
    about: About<DB>,
    /// Whether this is the background's lease, after which there is no other.
    orphan: bool,
}

/// Without a runtime there is no way back for a connection, nor a timer.
const NO_RUNTIME: &str = "a transaction on a pool has to be polled inside a tokio runtime";

impl<DB: Database> Lease<DB> {
    #[inline]
    fn of(connection: Option<PoolConnection<DB>>, about: About<DB>, orphan: bool) -> Self {
        Self {
            held: Box::new(Held {
                connection,
                about,
                orphan,
            }),
        }
    }

    /// Takes a connection from `pool` and begins.
    ///
    /// A pool that does not test its connections may give one that died while it
    /// was idle. Nothing has been sent in this transaction yet, so it is begun
    /// on the next one instead, at most once for each connection of the pool.
    pub(crate) async fn begin(
        pool: &Pool<DB>,
        holder: Holder,
        terms: &Terms,
        deadline: Option<Instant>,
    ) -> Result<Self, sqlx::Error> {
        let Ok(runtime) = Handle::try_current() else {
            rarely();
            return Err(Error::new(Kind::Unsupported(NO_RUNTIME)).into());
        };
        let backend = backend::of::<DB>();
        let mut spares = pool.options().get_max_connections();
        loop {
            let mut known = pools::known(pool);
            let idle = || known.as_they_are.then(|| pool.try_acquire()).flatten();
            let connection = match waits::held(pool) {
                0 => {
                    if let Some(connection) = idle() {
                        connection
                    } else {
                        let acquired = pool.acquire().await?;
                        known = pools::known(pool);
                        acquired
                    }
                }
                held => {
                    rarely();
                    let acquired = Box::pin(waits::acquire_another(pool, held)).await?;
                    known = pools::known(pool);
                    acquired
                }
            };
            // What is dropped from now on has to be found on the server.
            let identified = known.has_strays.then(|| terms.identified());
            let terms = identified.as_ref().unwrap_or(terms);
            let taken = waits::took(holder, pool);
            let about = About::new(pool, terms, deadline, runtime.clone());
            let mut lease = Self::of(Some(connection), about, false);
            let begun = if let Some(sql) = lease.begin_in_place() {
                // Dropped half-way, the lease is, and restores the connection.
                let connection = lease.connection();
                match DB::TransactionManager::begin(connection, Some(sql)).await {
                    Ok(()) => {
                        taken.keep();
                        return Ok(lease);
                    }
                    Err(error) => Box::pin(lease.not_begun(error)).await,
                }
            } else {
                let (runtime, patience) = (lease.held.about.runtime.clone(), lease.patience());
                let beginning = FinishOnDrop::new(runtime, Work::Begin, patience, || lease.begun());
                terms.limits.begun::<DB, _>(beginning).await
            };
            let error = match begun {
                Ok(lease) => {
                    taken.keep();
                    return Ok(lease);
                }
                Err(error) => error,
            };
            rarely();
            if !backend.is_found_unfit(&error) || spares == 0 {
                return Err(error);
            }
            // Nothing of this one's was lost with it.
            spares -= 1;
        }
    }

    /// What sqlx's own way to begin sends, where nothing else is to be done.
    #[inline]
    fn begin_in_place(&mut self) -> Option<SqlStr> {
        if backend::depth::<DB>(self.connection()) > 0 {
            rarely();
            return None;
        }
        let connection = self.held.connection.as_ref()?;
        backend::of::<DB>().begin_in_place(connection, &self.held.about.terms)
    }

    /// How long BEGIN may go on by itself.
    fn patience(&self) -> Patience {
        match backend::of::<DB>() {
            embedded if embedded.is_embedded() => Patience::For(embedded.patience()),
            server => Patience::Least(server.patience(), self.held.about.deadline),
        }
    }

    async fn begun(mut self) -> Result<Self, sqlx::Error> {
        if backend::depth::<DB>(self.connection()) > 0 {
            // Whoever had it before left a transaction open, or sqlx believes so.
            Box::pin(self.restored(None)).await?;
        }
        let about = &self.held.about;
        let Some(connection) = &mut self.held.connection else {
            unreachable!("a lease gives its connection up only when it ends");
        };
        match backend::of::<DB>().begin(connection, &about.terms).await {
            Ok(session) => {
                self.held.about.set_session(session);
                Ok(self)
            }
            Err(error) => Box::pin(self.not_begun(error)).await,
        }
    }

    async fn not_begun(self, error: sqlx::Error) -> Result<Self, sqlx::Error> {
        let damage = backend::of::<DB>().damage(&error);
        if damage >= Damage::Connection {
            // Nothing runs on it that would have to be ended.
            self.close("it was lost before the transaction began", Damage::Session);
        } else {
            self.restore(None).await;
        }
        Err(error)
    }

    /// What ends the statement that runs.
    fn interrupt(&self) -> Interrupt {
        self.held.about.interrupt.clone()
    }

    /// Prepares that, in the midst of the transaction.
    pub(crate) async fn make_interruptible(&mut self) -> Result<Interrupt, sqlx::Error> {
        let made = backend::of::<DB>().interruptible(self.connection());
        self.held.about.interrupt = made.await?;
        Ok(self.interrupt())
    }

    /// What the server calls the transaction, if it was asked.
    pub(crate) fn number(&self) -> Option<Number> {
        self.held.about.session()?.number
    }

    /// The session is looked at before others get it.
    pub(crate) fn suspect(&mut self) {
        self.held.about.is_suspect = true;
    }

    /// The connection is closed behind the transaction.
    pub(crate) fn spoil(&mut self) {
        self.held.about.is_spoiled = true;
    }

    /// The connection, which is there until the lease ends.
    pub(crate) fn connection(&mut self) -> &mut PoolConnection<DB> {
        let Some(connection) = &mut self.held.connection else {
            unreachable!("a lease gives its connection up only when it ends");
        };
        connection
    }

    /// Gives the connection back clean, or closes it. Whether the transaction with `mark`
    /// was committed before, where that is known.
    async fn restore(mut self, mark: Option<Mark>) -> Option<bool> {
        match self.restored(mark).await {
            Ok(kept) => {
                self.give_back();
                Some(kept)
            }
            Err(error) => {
                observe::unclean(&error);
                let damage = backend::of::<DB>().damage(&error);
                self.close("it could not be brought back to a clean state", damage);
                None
            }
        }
    }

    async fn restored(&mut self, mark: Option<Mark>) -> Result<bool, sqlx::Error> {
        let (backend, sets_back) = (backend::of::<DB>(), self.held.about.sets_back);
        self.held.about.ends();
        let timer = observe::Timer::start();
        let patience = self.held.about.patience();
        let (interrupt, is_suspect) = (self.interrupt(), self.held.about.is_suspect);
        let connection = self.connection();
        let restored = async {
            if interrupt.is_raised() {
                backend.settle(connection).await?;
                interrupt.lower();
            }
            let kept = backend.restore(connection, sets_back, mark).await?;
            let is_spoiled = is_suspect && backend.is_spoiled(connection).await?;
            Ok((kept, is_spoiled))
        };
        let (kept, is_spoiled) = timeout(patience, restored)
            .await
            .unwrap_or_else(|_| Err(timed_out()))?;
        timer.event("rollback");
        if is_spoiled {
            self.spoil();
        }
        Ok(kept)
    }

    /// Gives the connection back. The caller need not wait for what is of no use
    /// to it.
    #[inline]
    fn give_back(mut self) {
        let backend = backend::of::<DB>();
        if self.held.about.interrupt.is_prepared() {
            rarely();
            self.held.about.interrupt.lower();
        }
        if !self.held.about.terms.are_plain() {
            rarely();
            let terms = self.held.about.terms.clone();
            if backend.reset(self.connection(), &terms).is_some() {
                let runtime = self.held.about.runtime.clone();
                let resetting = self.reset_and_give_back();
                return observe::spawn_apart(&runtime, Work::Return, resetting);
            }
        }
        if self.held.about.is_spoiled {
            rarely();
            return self.close(SPOILED, Damage::None);
        }
        let Some(mut connection) = self.held.connection.take() else {
            return;
        };
        if backend.is_embedded() {
            let _inside = self.held.about.runtime.enter();
            return drop(connection);
        }
        // In a box, because tokio moves what it spawns, and this is large.
        let returning = boxed(|| connection.return_to_pool());
        observe::spawn_apart(&self.held.about.runtime, Work::Return, async move {
            // sqlx pings the server on the way, and would wait for ever.
            let mut clock = Clock::new(Deadline::coarse(backend.patience()));
            if before(&mut clock, returning).await.is_none() {
                observe::closed("it did not come back to the pool");
            }
            // What is left of it, which may open another for the pool.
            drop(connection);
        });
    }

    async fn reset_and_give_back(mut self) {
        let (backend, terms) = (backend::of::<DB>(), self.held.about.terms.clone());
        let reset = async {
            match backend.reset(self.connection(), &terms) {
                Some(reset) => reset.await,
                None => Ok(()),
            }
        };
        match timeout(backend.patience(), reset).await {
            Ok(Ok(())) => {
                self.held.about.terms = Terms::default();
                self.give_back();
            }
            _ => self.close("a setting of it could not be set back", Damage::None),
        }
    }

    /// Closes the connection, of which `damage` is known.
    fn close(mut self, why: &'static str, damage: Damage) {
        if let Some(connection) = self.held.connection.take() {
            observe::closed(why);
            let about = self.held.about.clone();
            about.close(connection, damage == Damage::Session);
        }
    }
}

impl<DB: Database> Drop for Lease<DB> {
    fn drop(&mut self) {
        let Some(connection) = self.held.connection.take() else {
            return;
        };
        if self.held.orphan {
            // Only a runtime that shuts down drops the background's work. The
            // server ends the transaction when the connection goes.
            let _inside = self.held.about.runtime.enter();
            drop(connection.detach());
        } else {
            let lease = Self::of(Some(connection), self.held.about.clone(), true);
            lease.abandon(Damage::None, Proof::default(), Hooks::default());
        }
    }
}

impl<DB: Database> fmt::Debug for Lease<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("terms", &self.held.about.terms)
            .finish_non_exhaustive()
    }
}
