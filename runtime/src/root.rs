//! The outermost scope of a transaction, or of what this crate sees of one.

mod ending;
mod place;

use std::{io, mem, time::Duration};

use futures_core::future::BoxFuture;
use sqlx::Database;
use tokio::time::timeout;
use tracing::Span;

pub(crate) use self::place::Place;
use crate::{
    backend::{self, Damage, Mode},
    before_commit::BeforeCommit,
    begin::DynSource,
    borrowed::Borrowed,
    characteristics::{Characteristics, Locking},
    deadline::Deadline,
    error::Kind,
    lean::{boxed, rarely},
    lease::Lease,
    limits::{DEFAULT_TIMEOUT, Limits},
    observe,
    private::{Options, Special},
    savepoint,
    scope::{Core, OTHER_SETTING},
    state::{Flight, State, Unseen},
    testing::runs_twice,
};

/// A transaction from its first statement to its end.
pub(crate) struct Root<'c, DB: Database> {
    link: Link<'c, DB>,
    /// When the whole call has to be over.
    deadline: Option<Deadline>,
    state: State,
    before_commit: BeforeCommit<DB>,
    /// Why the body is not called at all.
    unfit: Option<Kind>,
    /// How long to wait before the next attempt, if there is to be one.
    pause: Option<Duration>,
    /// Whether this is the first of two runs, for a test.
    rehearses: bool,
    span: Option<Span>,
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

impl<'c, DB: Database> Root<'c, DB> {
    pub(crate) fn new(place: Place<'c, DB>, mode: Mode, options: &Options) -> Self {
        let mut state = State::new(options.name, mode);
        let mut rehearses = false;
        if options.special.is_some() || !place.is_plain() {
            rarely();
            let special = options.special.unwrap_or(Special::NOTHING);
            state.terms = place.terms(mode, &special);
            let attempt = place.attempt(&special);
            rehearses = attempt.as_ref().is_some_and(|attempt| attempt.number == 1)
                && place.pool().is_some_and(runs_twice);
            if let Some(attempt) = attempt {
                state.set_attempt(attempt);
            }
            place.add_hooks(&mut state);
        }
        Self {
            deadline: match state.terms.limits.timeout {
                Some(limit) => Deadline::exact(limit),
                None => Deadline::coarse(DEFAULT_TIMEOUT),
            },
            state,
            before_commit: BeforeCommit::default(),
            unfit: None,
            pause: None,
            rehearses,
            span: observe::begun(options.name, || {
                (backend::of::<DB>().engine(), place.name())
            }),
            link: Link::Idle(place),
        }
    }

    /// Gives a setting its value from BEGIN on.
    pub(crate) fn set(&mut self, name: &'static str, value: String) {
        if let Err(kind) = self.state.terms.set(name, value) {
            self.unfit = Some(kind);
        }
    }

    /// How long to wait before the next attempt, if there is to be one.
    pub(crate) fn pause(&self) -> Option<Duration> {
        self.pause
    }

    pub(crate) fn span(&self) -> Option<&Span> {
        self.span.as_ref()
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// Why the body is not called at all.
    #[inline]
    pub(crate) fn refused(&self) -> Option<Kind> {
        let terms = &self.state.terms;
        let on_connection = matches!(self.link, Link::Idle(Place::Connection(_)));
        if terms.are_plain() && self.unfit.is_none() && !on_connection {
            return None;
        }
        rarely();
        let unfit = self.unfit.or_else(|| {
            let unsupported = backend::of::<DB>().unsupported(terms);
            unsupported.map(Kind::Unsupported)
        });
        let Link::Idle(Place::Connection(borrowed)) = &self.link else {
            return unfit;
        };
        if unfit.is_some() {
            unfit
        } else if terms.resolvable {
            Some(Kind::Unsupported(NOT_RESOLVABLE))
        } else if !borrowed.is_nested() {
            None
        } else if !terms.settings.is_empty() {
            Some(OTHER_SETTING)
        } else {
            // What its owner asked for is not known. On SQLite that is the least.
            let beyond = terms.limits.beyond(&Limits::new()).or_else(|| {
                let open = Characteristics {
                    locking: Some(Locking::Deferred),
                    ..Characteristics::new()
                };
                terms.characteristics.beyond::<DB>(open, terms.mode)
            });
            beyond.map(Kind::Unsupported)
        }
    }

    async fn open(&mut self) -> Result<(), sqlx::Error> {
        let Link::Idle(place) = &mut self.link else {
            return Ok(());
        };
        let timer = observe::Timer::start();
        // The statement that waits for this is lost with it.
        self.state.in_flight = Some(Flight::Statement);
        let (terms, deadline) = (&self.state.terms, self.deadline.map(|deadline| deadline.at));
        let begun = match place.pool() {
            Some(pool) if terms.are_plain() => Lease::begin(pool, terms, deadline).await.map(Some),
            _ => {
                rarely();
                Box::pin(place.begin(terms, deadline)).await
            }
        };
        self.state.in_flight = None;
        let lease = match begun {
            Ok(lease) => lease,
            Err(error) => {
                rarely();
                return Err(self.not_begun(error));
            }
        };
        timer.event("begin");
        self.state.opened = self.span.is_some().then(std::time::Instant::now);
        let source = place.source();
        self.link = match (lease, mem::replace(&mut self.link, Link::Ended)) {
            (Some(lease), _) => {
                self.state.set_interrupt(lease.interrupt());
                Link::Leased(lease)
            }
            (None, Link::Idle(Place::Connection(borrowed))) => {
                rarely();
                Link::Borrowed(borrowed)
            }
            _ => unreachable!("what is not a connection begins with a lease"),
        };
        match source {
            Some(source) => {
                rarely();
                Box::pin(self.prepare(source)).await
            }
            None => Ok(()),
        }
    }

    /// The statement did not run, so the body must not go on without it.
    #[cold]
    fn not_begun(&mut self, error: sqlx::Error) -> sqlx::Error {
        let damage = backend::of::<DB>().damage(&error).max(Damage::Transaction);
        self.state.met::<DB>(damage, error)
    }

    /// Lets the user's own place do what it does in every transaction of its.
    async fn prepare(&mut self, source: &'c dyn DynSource<DB>) -> Result<(), sqlx::Error> {
        let (Some(connection), state) = self.link.parts(&mut self.state) else {
            return Ok(());
        };
        state.in_flight = Some(Flight::Savepoint);
        let prepared = source.after_begin(connection).await;
        state.in_flight = None;
        prepared.map_err(|error| {
            // Without it nothing may run: a tenant's role was not set, say.
            let damage = backend::of::<DB>().damage(&error).max(Damage::Transaction);
            state.met::<DB>(damage, error)
        })
    }

    /// Asks the engine what this crate could not see.
    async fn verify(&mut self) {
        let backend = backend::of::<DB>();
        let depth_of_ours = self.link.depth();
        let (Some(connection), state) = self.link.parts(&mut self.state) else {
            return;
        };
        if backend::depth::<DB>(connection) > depth_of_ours {
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
        let suspect = state.take_suspect();
        match (verified, suspect) {
            (Ok(true), _) if state.unseen == Unseen::Text => state.unseen = Unseen::Nothing,
            (Ok(true), _) => {}
            (Ok(false), Some(cause)) => state.hurt(worst, || cause),
            (Ok(false), None) => state.forbid(worst, Kind::EndedEarly),
            (Err(error), _) => {
                let damage = backend.damage(&error).max(worst);
                state.failed::<DB>(damage, &error);
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

    /// Brings the state up to date, so that only a doom is left to look at.
    async fn cleared_up(&mut self) {
        let survives = backend::of::<DB>().survives_interruption();
        self.state.notice_interruption(survives);
        let asks = self.state.is_suspect() || self.state.unseen == Unseen::Text;
        if asks && !self.state.is_doomed() {
            self.verify().await;
        }
        if self.state.owed.is_some() && self.state.damage() <= Damage::Scope {
            self.pay().await;
        }
    }
}

const NOT_RESOLVABLE: &str = "`resolvable` needs a pool to begin on: on a connection of the \
                              caller's, the outcome is for the caller to ask";

const NESTED_LEFT_OPEN: &str =
    "a nested transaction begun on `connection()` was still open at the end";

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
    fn opened(&mut self) -> Option<(&mut DB::Connection, &mut State)> {
        match self.link.parts(&mut self.state) {
            (Some(connection), state) if state.is_clear() => Some((connection, state)),
            _ => None,
        }
    }

    #[inline]
    fn ready(&mut self) -> BoxFuture<'_, Result<(), sqlx::Error>> {
        if self.state.is_clear() {
            return boxed(|| self.open());
        }
        rarely();
        Box::pin(async move {
            self.cleared_up().await;
            match self.state.refusal() {
                Some(refused) => Err(refused),
                None => self.open().await,
            }
        })
    }

    fn parts(&mut self) -> (Option<&mut DB::Connection>, &mut State) {
        self.link.parts(&mut self.state)
    }

    fn mode(&self) -> Mode {
        self.state.terms.mode
    }

    fn before_commit(&mut self) -> &mut BeforeCommit<DB> {
        &mut self.before_commit
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

/// The body was dropped, or panicked, unless it has ended.
impl<DB: Database> Drop for Root<'_, DB> {
    #[inline]
    fn drop(&mut self) {
        if !matches!(self.link, Link::Ended) {
            rarely();
            self.abandon("the future was dropped, or the body panicked");
        }
    }
}
