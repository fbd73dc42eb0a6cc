//! Where a handle stands: at the root of a transaction, at a savepoint in it, or
//! joined to one of these.

use std::{fmt, time::Duration};

use futures_core::future::BoxFuture;
use sqlx::Database;
use tracing::Span;

use crate::{
    backend::{self, Damage, Mode},
    before_commit::BeforeCommit,
    conclude::{Aftermath, Concluded},
    deadline::{Clock, Deadline},
    error::{Cause, Error, Kind},
    finish::FinishOnDrop,
    observe,
    private::Options,
    root::Root,
    run::Bounds,
    savepoint::Savepoint,
    state::State,
    waits::Frame,
};

/// A transaction, as seen by the handles inside it. The trait object hides the
/// lifetimes of what it borrows, so that a joined handle has only its own.
pub(crate) trait Core<DB: Database>: Send {
    /// The open connection and the state, if a statement may be sent at once.
    fn opened(&mut self) -> Option<(&mut DB::Connection, &mut State)>;

    /// Makes it so: begins, sets the savepoint, clears up what dropped handles
    /// left. Fails without a round trip when the transaction is doomed.
    fn ready(&mut self) -> BoxFuture<'_, Result<(), sqlx::Error>>;

    /// The open connection, if there is one, and the state.
    fn parts(&mut self) -> (Option<&mut DB::Connection>, &mut State);

    fn state(&mut self) -> &mut State {
        self.parts().1
    }

    /// What the engine enforces for the whole transaction.
    fn mode(&self) -> Mode;

    /// How many transactions and savepoints of sqlx's there are, with this one.
    fn level(&self) -> usize;

    /// Whether something of this crate's own is sent before the next statement.
    fn sends_first(&self) -> bool {
        false
    }

    /// Asks whether the transaction that is open is still this one, as the `last` thing in
    /// it or not.
    fn prove(&mut self, succeeded: bool, last: bool) -> BoxFuture<'_, ()>;

    /// The place among the waits for a pool of a body that stands for all of it.
    fn frame(&self) -> Frame;

    /// Whether this crate sees the outermost end, and can run hooks after it.
    fn sees_the_end(&self) -> bool;

    /// The hooks that run as the last of the transaction.
    fn before_commit(&mut self) -> &mut BeforeCommit<DB>;
}

/// What every handle is made of.
pub struct Scope<'c, DB: Database> {
    place: Place<'c, DB>,
    /// Whether its body was left before it began: its key is there, say.
    unbegun: bool,
}

/// Where a handle stands.
#[expect(clippy::large_enum_variant, reason = "most are roots, and need no box")]
enum Place<'c, DB: Database> {
    Root(Root<'c, DB>),
    Savepoint(Savepoint<'c, DB>),
    Joined(Joined<'c, DB>),
}

impl<'c, DB: Database> Scope<'c, DB> {
    fn at(place: Place<'c, DB>) -> Self {
        Self {
            place,
            unbegun: false,
        }
    }

    pub(crate) fn root(root: Root<'c, DB>) -> Self {
        Self::at(Place::Root(root))
    }

    pub(crate) fn savepoint(savepoint: Savepoint<'c, DB>) -> Self {
        Self::at(Place::Savepoint(savepoint))
    }

    pub(crate) fn joined(joined: Joined<'c, DB>) -> Self {
        Self::at(Place::Joined(joined))
    }

    pub(crate) fn core(&mut self) -> &mut (dyn Core<DB> + 'c) {
        match &mut self.place {
            Place::Root(root) => root,
            Place::Savepoint(savepoint) => savepoint,
            Place::Joined(joined) => &mut *joined.core,
        }
    }

    pub(crate) fn span(&self) -> Option<&Span> {
        match &self.place {
            Place::Root(root) => root.span(),
            Place::Savepoint(savepoint) => savepoint.span(),
            Place::Joined(joined) => joined.span.as_ref(),
        }
    }

    /// Its body is left before it begins.
    pub(crate) fn leave(&mut self) {
        self.unbegun = true;
    }

    /// Whether what was returned is not the body's.
    pub(crate) fn is_unbegun(&self) -> bool {
        self.unbegun
    }

    pub(crate) fn is_root(&self) -> bool {
        matches!(self.place, Place::Root(_))
    }

    /// Gives a setting its value for as long as the transaction lasts.
    pub(crate) fn set(&mut self, name: &'static str, value: String) {
        match &mut self.place {
            Place::Root(root) => root.set(name, value),
            Place::Savepoint(savepoint) => savepoint.set_to(name, value),
            Place::Joined(joined) => {
                if !joined.core.state().given().settings.has(name, &value) {
                    joined.refused.get_or_insert(OTHER_SETTING);
                }
            }
        }
    }

    /// What comes behind the end of an attempt.
    pub(crate) fn take_aftermath(&mut self) -> Option<Box<Aftermath>> {
        match &mut self.place {
            Place::Root(root) => root.take_aftermath(),
            Place::Savepoint(_) | Place::Joined(_) => None,
        }
    }

    /// What surrounds the body of whoever has this scope. `limit` is that of its
    /// own call.
    #[inline]
    pub(crate) fn bounds(&mut self, limit: Option<Duration>) -> Bounds {
        if limit.is_some() && !self.is_root() && backend::of::<DB>().is_embedded() {
            self.core().state().want_interrupt();
        }
        let within = || limit.and_then(Deadline::exact);
        let (deadline, refused, frame) = match &mut self.place {
            Place::Root(root) => (root.deadline(), root.refused(), Some(root.frame())),
            Place::Savepoint(savepoint) => (within(), savepoint.refused(), savepoint.own_frame()),
            Place::Joined(joined) => (within(), joined.refused, None),
        };
        Bounds {
            span: self.span().cloned(),
            clock: Clock::new(deadline),
            refused,
            frame,
        }
    }

    /// Ends the scope whose body's time was over.
    pub(crate) fn expire(&mut self) -> sqlx::Error {
        let error = || Error::new(Kind::TimedOut);
        match &mut self.place {
            Place::Root(root) => return root.expire(),
            Place::Savepoint(savepoint) => {
                observe::timed_out();
                savepoint.abandon();
            }
            Place::Joined(joined) => {
                observe::timed_out();
                joined.abandon(Cause::new(error().into()));
            }
        }
        self.core().state().stop_what_was_dropped();
        error().into()
    }

    /// Whether the time of a part is over, though its body returned. A whole
    /// transaction asks itself, because one without a statement is never late.
    #[inline]
    pub(crate) fn is_late(&self, clock: &Clock) -> bool {
        !self.is_root() && clock.is_over()
    }

    /// Ends the scope as its body's result asks, as far as that is done without
    /// asking the database for more than COMMIT.
    #[inline]
    pub(crate) fn end_at_once(&mut self, succeeded: bool) -> AtOnce {
        match &mut self.place {
            Place::Root(root) if succeeded => {
                if let Some(committing) = root.commit_at_once() {
                    return AtOnce::Commits(committing);
                }
            }
            Place::Joined(joined) => {
                joined.end(succeeded);
                return AtOnce::Ended;
            }
            Place::Root(_) | Place::Savepoint(_) => {}
        }
        AtOnce::Later(self.span().cloned())
    }

    /// Takes note of the answer to a COMMIT that was sent at once, or that there
    /// was none in time. Gives it back if something [follows](Self::follow).
    #[inline]
    pub(crate) fn committed(
        &mut self,
        concluded: Option<Concluded>,
    ) -> Result<Result<(), sqlx::Error>, Concluded> {
        match &mut self.place {
            Place::Root(root) => root.committed(concluded),
            Place::Savepoint(_) | Place::Joined(_) => unreachable!("it has no COMMIT"),
        }
    }

    /// Does what comes behind the end.
    pub(crate) async fn follow(&mut self, concluded: Concluded) -> Result<(), sqlx::Error> {
        match &mut self.place {
            Place::Root(root) => root.follow(concluded, false, root.deadline()).await,
            Place::Savepoint(_) | Place::Joined(_) => concluded.answer,
        }
    }

    /// Ends the scope as its body's result asks, within its time; an error replaces
    /// an `Ok`.
    pub(crate) async fn end(
        &mut self,
        succeeded: bool,
        clock: &mut Clock,
    ) -> Result<(), sqlx::Error> {
        match &mut self.place {
            Place::Root(root) => root.end(succeeded).await,
            Place::Savepoint(savepoint) => {
                if let Some(answer) = savepoint.end(succeeded, clock).await {
                    return answer;
                }
                let expired = self.expire();
                if succeeded { Err(expired) } else { Ok(()) }
            }
            Place::Joined(joined) => {
                joined.end(succeeded);
                Ok(())
            }
        }
    }
}

/// How far an end is.
pub(crate) enum AtOnce {
    /// It is over.
    Ended,
    /// COMMIT is ready to be sent.
    Commits(FinishOnDrop<Concluded>),
    /// There is more to do, inside this span.
    Later(Option<Span>),
}

/// Only the outermost function can say what holds for all.
pub(crate) const OTHER_SETTING: Kind = Kind::Unsupported(
    "its `settings` are not those of the transaction it joins: give them at the outermost \
     function",
);

impl<DB: Database> fmt::Debug for Scope<'_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("database", &DB::NAME)
            .finish_non_exhaustive()
    }
}

/// A handle that shares its caller's transaction to the full: what it fails, the
/// caller cannot commit.
pub(crate) struct Joined<'c, DB: Database> {
    core: &'c mut (dyn Core<DB> + 'c),
    name: &'static str,
    span: Option<Span>,
    /// Why the body is not called at all.
    refused: Option<Kind>,
    ended: bool,
}

impl<'c, DB: Database> Joined<'c, DB> {
    pub(crate) fn new(core: &'c mut (dyn Core<DB> + 'c), options: &Options) -> Self {
        let mode = core.mode();
        let state = core.state();
        let _ = state.take_recent();
        let refused = options.refused_inside::<DB>(mode, state);
        Self {
            core,
            name: options.name,
            span: observe::inside(options.name, backend::of::<DB>().engine(), "joined"),
            refused,
            ended: false,
        }
    }

    fn end(&mut self, succeeded: bool) {
        let span = self.span.clone();
        let _inside = span.as_ref().map(Span::enter);
        self.ended = true;
        if succeeded {
            observe::part_ended(self.span.as_ref(), "ok");
        } else {
            observe::part_ended(self.span.as_ref(), "err");
            self.doom(Kind::JoinedFailed(self.name));
        }
    }

    /// Its time is over.
    fn abandon(&mut self, cause: Cause) {
        self.ended = true;
        observe::part_ended(self.span.as_ref(), "dropped");
        let state = self.core.state();
        state.hurt(Damage::Scope, || cause);
        state.notice_interruption(backend::of::<DB>().survives_interruption());
    }

    /// The cause is the statement that failed in here, if one did.
    fn doom(&mut self, kind: Kind) {
        let state = self.core.state();
        state.notice_interruption(backend::of::<DB>().survives_interruption());
        let recent = state.take_recent();
        state.hurt(Damage::Scope, || {
            recent.unwrap_or_else(|| Cause::new(Error::new(kind).into()))
        });
    }
}

impl<DB: Database> Drop for Joined<'_, DB> {
    fn drop(&mut self) {
        if !self.ended {
            observe::part_ended(self.span.as_ref(), "dropped");
            self.doom(Kind::JoinedDropped(self.name));
        }
    }
}
