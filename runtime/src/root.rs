//! The outermost scope of a transaction, or of what this crate sees of one.

mod ending;
mod place;
mod proof;

use std::mem;

use futures_core::future::BoxFuture;
use sqlx::Database;
use tracing::Span;

pub(crate) use self::place::Place;
use crate::{
    backend::{self, Damage, Interrupt, Mode},
    before_commit::BeforeCommit,
    begin::DynSource,
    borrowed::Borrowed,
    characteristics::{Characteristics, Locking},
    conclude::Aftermath,
    deadline::Deadline,
    error::Kind,
    lean::{boxed, rarely},
    lease::Lease,
    limits::{DEFAULT_TIMEOUT, Limits},
    observe,
    pools::{self, Id, id},
    private::{Options, Special},
    savepoint,
    scope::{Core, OTHER_SETTING},
    state::{Flight, State},
    waits::{Frame, Holder},
};

/// A transaction from its first statement to its end.
pub(crate) struct Root<'c, DB: Database> {
    link: Link<'c, DB>,
    /// When the whole call has to be over.
    deadline: Option<Deadline>,
    state: State,
    /// The pool that it holds a connection of.
    holds: Option<Id>,
    before_commit: BeforeCommit<DB>,
    /// Why the body is not called at all.
    unfit: Option<Kind>,
    /// What comes behind the end of an attempt.
    aftermath: Option<Box<Aftermath>>,
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
            if state.terms.limits.interrupt::<DB>() {
                state.want_interrupt();
            }
            let attempt = place.attempt(&special);
            rehearses = attempt.as_ref().is_some_and(|attempt| attempt.number == 1)
                && place
                    .pool()
                    .is_some_and(|pool| pools::known(pool).runs_twice);
            if let Some(attempt) = attempt {
                state.set_attempt(attempt);
            }
            place.add_hooks(&mut state);
        }
        state.deadline = match state.terms.limits.timeout {
            Some(limit) => Deadline::exact(limit),
            None => Deadline::coarse(DEFAULT_TIMEOUT),
        };
        Self {
            deadline: state.deadline,
            state,
            holds: None,
            before_commit: BeforeCommit::default(),
            unfit: None,
            aftermath: None,
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

    /// What comes behind the end, of a function that is repeated.
    pub(crate) fn take_aftermath(&mut self) -> Option<Box<Aftermath>> {
        self.aftermath.take()
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
        let holder = Holder::of(self);
        let Link::Idle(place) = &mut self.link else {
            return Ok(());
        };
        let timer = observe::Timer::start();
        let mark = if place.tells_begin() {
            self.state.proof.wanted(OUTERMOST)
        } else {
            None
        };
        self.state.terms.mark = mark;
        // The statement that waits for this is lost with it.
        self.state.in_flight = Some(Flight::Statement);
        let (terms, deadline) = (&self.state.terms, self.deadline.map(|deadline| deadline.at));
        let begun = match place.pool() {
            Some(pool) if terms.are_plain() => {
                let begun = Lease::begin(pool, holder, terms, deadline).await;
                begun.map(Some)
            }
            _ => {
                rarely();
                Box::pin(place.begin(holder, terms, deadline)).await
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
        if let Some(mark) = mark {
            self.state.marked(mark);
        }
        self.state.opened = self.span.is_some().then(std::time::Instant::now);
        self.holds = place.pool().map(id);
        let source = place.source();
        self.link = match (lease, mem::replace(&mut self.link, Link::Ended)) {
            (Some(lease), _) => Link::Leased(lease),
            (None, Link::Idle(Place::Connection(borrowed))) => {
                rarely();
                Link::Borrowed(borrowed)
            }
            _ => unreachable!("what is not a connection begins with a lease"),
        };
        let Some(source) = source else {
            return Ok(());
        };
        rarely();
        self.make_interruptible().await?;
        Box::pin(self.prepare(source)).await
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

    /// Prepares for ending the statements of what has only so much time. SQLite ends the
    /// whole transaction with one that writes, so not inside one of the owner's.
    async fn make_interruptible(&mut self) -> Result<(), sqlx::Error> {
        if !self.state.takes_interrupt() {
            return Ok(());
        }
        self.state.in_flight = Some(Flight::Savepoint);
        let made = match &mut self.link {
            Link::Leased(lease) => lease.make_interruptible().await,
            Link::Borrowed(borrowed) if !borrowed.is_nested() => {
                borrowed.make_interruptible().await
            }
            _ => Ok(Interrupt::default()),
        };
        self.state.in_flight = None;
        match made {
            Ok(interrupt) => self.state.set_interrupt(interrupt),
            Err(error) => return Err(self.not_begun(error)),
        }
        Ok(())
    }

    /// Rolls back to the savepoint that a dropped handle left.
    async fn pay(&mut self) {
        let level = self.link.depth();
        let (Some(connection), state) = self.link.parts(&mut self.state) else {
            return;
        };
        if let Some(number) = state.owed.take() {
            savepoint::roll_back_to::<DB>(connection, state, level, number).await;
        }
    }

    /// Brings the state up to date, so that only a doom is left to look at.
    async fn cleared_up(&mut self) {
        let survives = backend::of::<DB>().survives_interruption();
        self.state.notice_interruption(survives);
        // Before anything is asked: what failed inside the savepoint goes with it.
        if self.state.owed.is_some() && self.state.damage() <= Damage::Scope {
            self.pay().await;
        }
        let asks = self.state.is_suspect() || self.state.proof.is_unverified();
        if asks && !self.state.is_doomed() {
            self.verify().await;
        }
    }
}

/// What sqlx counts in a transaction that is inside no other.
const OUTERMOST: usize = 1;

const NOT_RESOLVABLE: &str = "`resolvable` needs a pool to begin on: on a connection of the \
                              caller's, the outcome is for the caller to ask";

impl<DB: Database> Link<'_, DB> {
    /// What sqlx counts while this transaction is open and nothing is nested in it.
    fn depth(&self) -> usize {
        match self {
            Self::Idle(Place::Connection(borrowed)) | Self::Borrowed(borrowed) => borrowed.depth(),
            _ => OUTERMOST,
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
            if let Some(refused) = self.state.refusal() {
                self.state.proof.want_no_mark();
                return Err(refused);
            }
            self.open().await?;
            self.make_interruptible().await?;
            self.mark().await
        })
    }

    fn parts(&mut self) -> (Option<&mut DB::Connection>, &mut State) {
        self.link.parts(&mut self.state)
    }

    fn mode(&self) -> Mode {
        self.state.terms.mode
    }

    fn level(&self) -> usize {
        self.link.depth()
    }

    fn prove(&mut self, succeeded: bool, last: bool) -> BoxFuture<'_, ()> {
        Box::pin(self.prove(succeeded, last))
    }

    fn before_commit(&mut self) -> &mut BeforeCommit<DB> {
        &mut self.before_commit
    }

    fn frame(&self) -> Frame {
        Frame::new(Holder::of(self), self.holds)
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
