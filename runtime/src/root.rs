//! The outermost end of a transaction, or of what this crate sees of one.

use std::{future::poll_fn, io, mem, pin::Pin, task::Poll};

use futures_core::future::BoxFuture;
use sqlx::Database;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::Span;

use crate::{
    backend::{self, Damage, Mode, Terms},
    begin::DynSource,
    borrowed::Borrowed,
    error::{Cause, Error, Kind},
    hooks::{Hooks, When},
    lease::{Concluded, End, Lease, depth},
    limits::{DEFAULT_TIMEOUT, Limits},
    observe::{self, Outcome},
    private::Options,
    resolve::Ticket,
    savepoint,
    scope::Core,
    state::{Flight, State, Unseen},
};

/// A transaction from its first statement to its end.
pub(crate) struct Root<'c, DB: Database> {
    link: Link<'c, DB>,
    terms: Terms,
    /// When the whole call has to be over.
    deadline: Option<Instant>,
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
        let limits = options.limits.or(place.limits());
        // A timer that is ours leaves a session behind that is not.
        let timed = limits.timeout.is_some()
            || (limits.statement_timeout.is_some() && !backend.limits_statements());
        Self {
            terms: Terms {
                mode,
                limits,
                identify: timed && matches!(place, Place::Source(_)),
                resolvable: options.resolvable && mode == Mode::Write,
            },
            deadline: Instant::now().checked_add(limits.timeout.unwrap_or(DEFAULT_TIMEOUT)),
            state: State::new(limits),
            link: Link::Idle(place),
            span: observe::begun(options.name, backend.engine()),
        }
    }

    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
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
        let (terms, deadline) = (&self.terms, self.deadline);
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

    /// Ends the transaction, within its time.
    pub(crate) async fn end(&mut self, succeeded: bool) -> Result<(), sqlx::Error> {
        let is_open = !matches!(self.link, Link::Idle(_));
        let deadline = self.deadline.filter(|_| is_open);
        if succeeded && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(self.expire());
        }
        if !self.is_settled(succeeded) {
            let settled = before(deadline, self.settle(succeeded)).await;
            if settled.is_none() {
                let expired = self.expire();
                return if succeeded { Err(expired) } else { Ok(()) };
            }
        }
        let end = match self.state.verdict() {
            _ if !succeeded => End::roll_back("the body returned an error"),
            _ if self.state.roll_back && !self.state.is_ended_early() => {
                End::roll_back("it was asked for")
            }
            Some(doomed) => End::RollBack(Some(doomed)),
            None => End::Commit(self.ticket()),
        };
        self.conclude(end, deadline).await
    }

    /// Whether the end can be decided without asking anybody.
    fn is_settled(&self, succeeded: bool) -> bool {
        let unseen = self.state.unseen == Unseen::Connection;
        if succeeded {
            self.state.is_clear() && !unseen
        } else {
            self.state.in_flight.is_none() && !unseen
        }
    }

    fn settle(&mut self, succeeded: bool) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let survives = backend::of::<DB>().survives_interruption();
            if succeeded {
                self.cleared_up().await;
                if self.state.unseen == Unseen::Connection && !self.state.is_doomed() {
                    self.verify().await;
                }
            } else {
                self.state.notice_interruption(survives);
                if self.state.unseen == Unseen::Connection && !survives {
                    self.verify().await;
                }
            }
        })
    }

    /// What is needed to ask what became of the transaction.
    fn ticket(&self) -> Ticket {
        let transaction = match &self.link {
            Link::Leased(lease) => lease.transaction(),
            _ => None,
        };
        Ticket {
            transaction,
            key: self.state.key.clone(),
        }
    }

    async fn conclude(&mut self, end: End, deadline: Option<Instant>) -> Result<(), sqlx::Error> {
        // For the caller that does not wait for the answer.
        let unanswered = match &end {
            End::Commit(ticket) => End::Commit(ticket.clone()),
            End::RollBack(None) => End::RollBack(None),
            End::RollBack(Some(_)) => End::RollBack(self.state.verdict()),
        };
        let state = mem::take(&mut self.state);
        let damage = state.damage();
        let concluding = match mem::replace(&mut self.link, Link::Ended) {
            Link::Leased(lease) => before(deadline, lease.conclude(end, damage, state.hooks)).await,
            Link::Borrowed(borrowed) => {
                let concluding = Box::pin(borrowed.conclude(end, damage, state.hooks));
                before(deadline, concluding).await
            }
            Link::Idle(_) | Link::Ended => Some(conclude_nothing(end, state.hooks)),
        };
        let concluded = concluding.unwrap_or_else(|| Concluded::unanswered(unanswered));
        let held = state.opened.map(|opened| opened.elapsed());
        observe::ended(&self.span, concluded.outcome, state.tally, held);
        // They go on behind the deadline, but nobody waits for them there.
        if let Some(hooks) = concluded.hooks.run() {
            before(deadline, hooks).await;
        }
        concluded.answer
    }

    /// The time is over and no COMMIT was sent: what is left is done in the
    /// background, as for a body that was dropped.
    pub(crate) fn expire(&mut self) -> sqlx::Error {
        observe::timed_out();
        let error = || Error::new(Kind::TimedOut);
        self.state
            .hurt(Damage::Scope, || Cause::new(error().into()));
        self.abandon("its time was over");
        error().into()
    }

    /// Rolls back in the background.
    fn abandon(&mut self, why: &'static str) {
        let mut state = mem::take(&mut self.state);
        let link = mem::replace(&mut self.link, Link::Ended);
        if let Link::Ended = link {
            return;
        }
        let _inside = self.span.enter();
        let survives = backend::of::<DB>().survives_interruption();
        state.notice_interruption(survives);
        if state.unseen == Unseen::Connection && !survives {
            // What was on its way when the body was dropped was not seen.
            state.forbid(Damage::Connection, Kind::Interrupted);
        }
        observe::rolled_back(why);
        let held = state.opened.map(|opened| opened.elapsed());
        observe::ended(&self.span, Outcome::RolledBack, state.tally, held);
        let damage = state.damage();
        match link {
            Link::Leased(lease) => lease.abandon(damage, state.hooks),
            Link::Borrowed(borrowed) => {
                borrowed.abandon(damage);
                state.hooks.run_in_background(When::RolledBack);
            }
            Link::Idle(_) | Link::Ended => state.hooks.run_in_background(When::RolledBack),
        }
    }
}

/// The output of `work`, if it comes before `deadline`.
async fn before<F: Future + Unpin>(deadline: Option<Instant>, mut work: F) -> Option<F::Output> {
    let mut timer = None;
    poll_fn(|context| {
        if let Poll::Ready(output) = Pin::new(&mut work).poll(context) {
            return Poll::Ready(Some(output));
        }
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        timer.as_mut().poll(context).map(|()| None)
    })
    .await
}

const NO_IDLE_TIMEOUT: &str = "`idle_timeout` is an option for PostgreSQL";

const NOT_RESOLVABLE: &str = "`resolvable` needs a pool to begin on: on a connection of the \
                              caller's, the outcome is for the caller to ask";

const NESTED_LEFT_OPEN: &str =
    "a nested transaction begun on `connection()` was still open at the end";

impl End {
    fn roll_back(why: &'static str) -> Self {
        observe::rolled_back(why);
        Self::RollBack(None)
    }
}

/// A transaction without a statement has no end in the database, but its hooks
/// have waited for one.
fn conclude_nothing(end: End, hooks: Hooks) -> Concluded {
    let (outcome, answer) = match end {
        End::Commit(_) => (Outcome::Committed, Ok(())),
        End::RollBack(None) => (Outcome::RolledBack, Ok(())),
        End::RollBack(Some(error)) => (Outcome::RolledBack, Err(error.into())),
    };
    Concluded {
        outcome,
        answer,
        hooks: hooks.due(outcome.when()),
    }
}

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
