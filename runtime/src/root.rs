//! The outermost scope of a transaction, or of what this crate sees of one.

mod ending;

use std::{io, mem};

use futures_core::future::BoxFuture;
use sqlx::Database;
use tokio::time::{Instant, timeout};
use tracing::Span;

use crate::{
    backend::{self, Damage, Mode, Terms},
    begin::DynSource,
    borrowed::Borrowed,
    deadline::Deadline,
    error::{Error, Kind},
    lease::{Lease, depth},
    limits::{self, DEFAULT_TIMEOUT, Limits},
    observe,
    private::Options,
    savepoint,
    scope::Core,
    state::{Flight, State, Unseen},
};

/// A transaction from its first statement to its end.
pub(crate) struct Root<'c, DB: Database> {
    link: Link<'c, DB>,
    terms: Terms,
    /// When the whole call has to be over.
    deadline: Option<Deadline>,
    state: State,
    span: Span,
}

/// The transaction's way to the database.
enum Link<'c, DB: Database> {
    /// Nothing has been sent and no connection taken.
    Idle(Place<'c, DB>),
    Leased(Lease<DB>),
    Borrowed(Borrowed<'c, DB>),
    /// The transaction has ended, or is being ended by somebody else.
    Ended,
}

/// Where the connection of a transaction comes from.
pub(crate) enum Place<'c, DB: Database> {
    Source(&'c dyn DynSource<DB>),
    Connection(Borrowed<'c, DB>),
}

impl<'c, DB: Database> Root<'c, DB> {
    pub(crate) fn new(place: Place<'c, DB>, mode: Mode, options: &Options) -> Self {
        let backend = backend::of::<DB>();
        let limits = limits::Shared::from(options.limits.or(place.limits()));
        // A timer that is ours leaves a session behind that is not.
        let timed = limits.timeout.is_some()
            || (limits.statement_timeout.is_some() && !backend.limits_statements());
        Self {
            deadline: match limits.timeout {
                Some(limit) => Deadline::exact(limit),
                None => Deadline::coarse(DEFAULT_TIMEOUT),
            },
            state: State::new(limits.clone()),
            terms: Terms {
                mode,
                limits,
                identify: timed && matches!(place, Place::Source(_)),
                resolvable: options.resolvable && mode == Mode::Write,
            },
            link: Link::Idle(place),
            span: observe::begun(options.name, backend.engine()),
        }
    }

    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// Why the body is not called at all.
    pub(crate) fn refused(&self) -> Option<Kind> {
        let backend = backend::of::<DB>();
        if self.terms.limits.idle_timeout.is_some() && !backend.limits_idleness() {
            return Some(Kind::Unsupported(NO_IDLE_TIMEOUT));
        }
        match &self.link {
            Link::Idle(Place::Connection(borrowed)) => {
                if self.terms.resolvable {
                    Some(Kind::Unsupported(NOT_RESOLVABLE))
                } else if borrowed.is_nested() {
                    self.terms
                        .limits
                        .beyond(&Limits::new())
                        .map(Kind::Unsupported)
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    async fn open(&mut self) -> Result<(), sqlx::Error> {
        let Link::Idle(place) = &mut self.link else {
            return Ok(());
        };
        let timer = observe::Timer::start();
        // The statement that waits for this is lost with it.
        self.state.in_flight = Some(Flight::Statement);
        let (terms, deadline) = (&self.terms, self.deadline.map(|deadline| deadline.at));
        let begun = match terms.limits.lock_timeout {
            Some(limit) if backend::of::<DB>().is_embedded() => {
                let begun = timeout(limit, place.begin(terms, deadline)).await;
                begun.unwrap_or_else(|_| Err(Error::new(Kind::LockTimedOut).into()))
            }
            _ => place.begin(terms, deadline).await,
        };
        self.state.in_flight = None;
        if let Err(error) = &begun {
            // The statement did not run, so the body must not go on without it.
            let damage = backend::of::<DB>().damage(error).max(Damage::Transaction);
            self.state.failed(damage, error);
        }
        let lease = begun?;
        timer.event("begin");
        self.state.opened = (!self.span.is_none()).then(std::time::Instant::now);
        match (mem::replace(&mut self.link, Link::Ended), lease) {
            (Link::Idle(Place::Source(source)), Some(lease)) => {
                self.state.interrupt = lease.interrupt();
                self.link = Link::Leased(lease);
                self.prepare(source).await
            }
            (Link::Idle(Place::Connection(borrowed)), _) => {
                self.link = Link::Borrowed(borrowed);
                Ok(())
            }
            _ => unreachable!("a source begins with a lease, a connection without"),
        }
    }

    /// Lets the user's own place do what it does in every transaction of its.
    async fn prepare(&mut self, source: &'c dyn DynSource<DB>) -> Result<(), sqlx::Error> {
        let (Some(connection), state) = self.link.parts(&mut self.state) else {
            return Ok(());
        };
        state.in_flight = Some(Flight::Savepoint);
        let prepared = source.after_begin(connection).await;
        state.in_flight = None;
        if let Err(error) = &prepared {
            // Without it nothing may run: a tenant's role was not set, say.
            let damage = backend::of::<DB>().damage(error).max(Damage::Transaction);
            state.failed(damage, error);
        }
        prepared
    }

    /// Asks the engine what this crate could not see.
    async fn verify(&mut self) {
        let backend = backend::of::<DB>();
        let depth_of_ours = self.link.depth();
        let (Some(connection), state) = self.link.parts(&mut self.state) else {
            return;
        };
        if depth::<DB>(connection) > depth_of_ours {
            return state.forbid(Damage::Transaction, Kind::Unsupported(NESTED_LEFT_OPEN));
        }
        // Answers may be out of step after what was not seen.
        let worst = if state.unseen == Unseen::Connection && !backend.survives_interruption() {
            Damage::Connection
        } else {
            Damage::Transaction
        };
        state.in_flight = Some(Flight::Savepoint);
        let verified = timeout(backend.patience(), backend.verify(connection))
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
        state.in_flight = None;
        let suspect = state.suspect.take();
        match (verified, suspect) {
            (Ok(true), _) if state.unseen == Unseen::Text => state.unseen = Unseen::Nothing,
            (Ok(true), _) => {}
            (Ok(false), Some(cause)) => state.hurt(worst, || cause),
            (Ok(false), None) => state.forbid(worst, Kind::EndedEarly),
            (Err(error), _) => {
                let damage = backend.damage(&error).max(worst);
                state.failed(damage, &error);
            }
        }
    }

    /// Rolls back to the savepoint that a dropped handle left.
    async fn pay(&mut self) {
        let (Some(connection), state) = self.link.parts(&mut self.state) else {
            return;
        };
        if let Some(number) = state.owed.take() {
            savepoint::roll_back_to::<DB>(connection, state, number).await;
        }
    }

    /// Brings the state up to date, so that only a doom is left to look at. In a
    /// box, like everything here that is rarely done: a future is as large, and
    /// as slow to move, as the largest of its parts.
    fn clear_up(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.cleared_up())
    }

    async fn cleared_up(&mut self) {
        let survives = backend::of::<DB>().survives_interruption();
        self.state.notice_interruption(survives);
        let asks = self.state.suspect.is_some() || self.state.unseen == Unseen::Text;
        if asks && !self.state.is_doomed() {
            self.verify().await;
        }
        if self.state.owed.is_some() && self.state.damage() <= Damage::Scope {
            self.pay().await;
        }
    }
}

const NO_IDLE_TIMEOUT: &str = "`idle_timeout` is an option for PostgreSQL";

const NOT_RESOLVABLE: &str = "`resolvable` needs a pool to begin on: on a connection of the \
                              caller's, the outcome is for the caller to ask";

const NESTED_LEFT_OPEN: &str =
    "a nested transaction begun on `connection()` was still open at the end";

impl<DB: Database> Place<'_, DB> {
    /// The limits of whatever is begun here.
    fn limits(&self) -> Limits {
        match self {
            Self::Source(source) => source.limits(),
            Self::Connection(_) => Limits::new(),
        }
    }

    /// Begins; on a source's connection, which comes with a lease.
    async fn begin(
        &mut self,
        terms: &Terms,
        deadline: Option<Instant>,
    ) -> Result<Option<Lease<DB>>, sqlx::Error> {
        match self {
            Self::Source(source) => {
                let lease = Lease::begin(source.pool(), terms, deadline).await;
                lease.map(Some)
            }
            Self::Connection(borrowed) => borrowed.begin(terms).await.map(|()| None),
        }
    }
}

impl<DB: Database> Link<'_, DB> {
    /// What sqlx counts while this transaction is open and nothing is nested in it.
    fn depth(&self) -> usize {
        match self {
            Self::Borrowed(borrowed) => borrowed.depth(),
            _ => 1,
        }
    }

    fn parts<'a>(
        &'a mut self,
        state: &'a mut State,
    ) -> (Option<&'a mut DB::Connection>, &'a mut State) {
        let connection = match self {
            Self::Leased(lease) => Some(&mut **lease.connection()),
            Self::Borrowed(borrowed) => Some(borrowed.connection()),
            Self::Idle(_) | Self::Ended => None,
        };
        (connection, state)
    }
}

impl<DB: Database> Core<DB> for Root<'_, DB> {
    fn is_ready(&self) -> bool {
        matches!(self.link, Link::Leased(_) | Link::Borrowed(_)) && self.state.is_clear()
    }

    fn ready(&mut self) -> BoxFuture<'_, Result<(), sqlx::Error>> {
        Box::pin(async move {
            if !self.state.is_clear() {
                self.clear_up().await;
                if let Some(refused) = self.state.refusal() {
                    return Err(refused);
                }
            }
            self.open().await
        })
    }

    fn parts(&mut self) -> (Option<&mut DB::Connection>, &mut State) {
        self.link.parts(&mut self.state)
    }

    fn mode(&self) -> Mode {
        self.terms.mode
    }

    fn sees_the_end(&self) -> bool {
        match &self.link {
            Link::Idle(Place::Connection(borrowed)) | Link::Borrowed(borrowed) => {
                !borrowed.is_nested()
            }
            _ => true,
        }
    }
}

/// The body was dropped, or panicked.
impl<DB: Database> Drop for Root<'_, DB> {
    fn drop(&mut self) {
        self.abandon("the future was dropped, or the body panicked");
    }
}
