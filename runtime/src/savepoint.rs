//! A part of a transaction that can fail by itself.
//!
//! Savepoints are plain SQL: sqlx's own nesting, cancelled or failing, ends the
//! outer transaction and lets later statements autocommit.

mod alone;

use std::{mem, pin::pin};

use futures_core::future::BoxFuture;
use sqlx::{AssertSqlSafe, Database, SqlSafeStr, SqlStr};
use tracing::Span;

use self::alone::Alone;
use crate::{
    backend::{self, Damage, Mode, savepoint_name},
    before_commit::BeforeCommit,
    conclude::before,
    deadline::Clock,
    error::Kind,
    hooks::Due,
    observe,
    private::Options,
    scope::{Core, OTHER_SETTING},
    state::{Flight, State},
    waits::Frame,
};

/// A savepoint, set before its first statement and gone after its end.
pub(crate) struct Savepoint<'c, DB: Database> {
    parent: &'c mut (dyn Core<DB> + 'c),
    span: Option<Span>,
    /// The savepoint's number once it is set.
    number: Option<u32>,
    /// The hooks that are not this scope's.
    hooks: usize,
    votes: usize,
    /// Whether the enclosing scope is to be rolled back.
    outer_roll_back: bool,
    /// Whether the enclosing scope was doomed already.
    outer_doomed: bool,
    refused: Option<Kind>,
    /// What is the enclosing transaction's, in a test's.
    alone: Option<Box<Alone>>,
    ended: bool,
}

impl<'c, DB: Database> Savepoint<'c, DB> {
    pub(crate) fn new(parent: &'c mut (dyn Core<DB> + 'c), options: &Options) -> Self {
        let mode = parent.mode();
        let state = parent.state();
        let refused = options.refused_inside::<DB>(mode, state);
        state.notice_interruption(backend::of::<DB>().survives_interruption());
        let hooks = state.hooks_mark();
        let votes = parent.before_commit().mark();
        let state = parent.state();
        let outer_roll_back = mem::take(&mut state.roll_back);
        let outer_doomed = state.is_doomed();
        Self {
            parent,
            span: observe::inside(options.name, backend::of::<DB>().engine(), "savepoint"),
            number: None,
            hooks,
            votes,
            outer_roll_back,
            outer_doomed,
            refused,
            alone: None,
            ended: false,
        }
    }

    pub(crate) fn span(&self) -> Option<&Span> {
        self.span.as_ref()
    }

    /// Asks for a setting; only the outermost function can say what holds for all.
    pub(crate) fn set_to(&mut self, name: &'static str, value: String) {
        let state = self.parent.state();
        let refused = match state.part_mut() {
            Some(own) if self.alone.is_some() => own.set(name, value).err(),
            _ => (!state.given().settings.has(name, &value)).then_some(OTHER_SETTING),
        };
        self.refused = self.refused.or(refused);
    }

    /// Why the body is not called at all.
    pub(crate) fn refused(&mut self) -> Option<Kind> {
        self.refused.or_else(|| self.unsupported())
    }

    async fn set(&mut self) -> Result<(), sqlx::Error> {
        if self.number.is_some() {
            return Ok(());
        }
        let (settings, level) = (self.settings_sql(), self.parent.level());
        let (Some(connection), state) = self.parent.parts() else {
            return Ok(());
        };
        let number = state.next_savepoint();
        let set = sql("SAVEPOINT", level, number, &settings);
        send::<DB>(connection, state, "savepoint", set, false).await?;
        self.number = Some(number);
        Ok(())
    }

    /// Ends the scope; nothing if there is no time for that.
    pub(crate) async fn end(
        &mut self,
        succeeded: bool,
        clock: &mut Clock,
    ) -> Option<Result<(), sqlx::Error>> {
        if self.alone.is_some() {
            return Box::pin(self.end_alone(succeeded, clock)).await;
        }
        let (answer, _) = before(clock, pin!(self.end_part(succeeded))).await?;
        Some(answer)
    }

    /// Gives besides the answer the hooks that are due, where this stands for a
    /// transaction.
    async fn end_part(&mut self, succeeded: bool) -> (Result<(), sqlx::Error>, Due) {
        let survives = backend::of::<DB>().survives_interruption();
        let state = self.parent.state();
        state.notice_interruption(survives);
        let commits = succeeded && !state.roll_back;
        if commits && self.number.is_some() && !state.is_clear() {
            // Clears up first; a failure of that is in the state as well.
            let _ = self.parent.ready().await;
        }
        let answer = match self.parent.state().verdict() {
            Some(doomed) if commits => Err(doomed.into()),
            _ if commits => self.release().await,
            _ => Ok(()),
        };
        let kept = commits && answer.is_ok();
        if !kept {
            self.roll_back().await;
        }
        let due = self.close(kept, if kept { "released" } else { "rolled_back" });
        (answer, due)
    }

    async fn release(&mut self) -> Result<(), sqlx::Error> {
        let (reset, level) = (self.reset_sql(), self.parent.level());
        match (self.parent.parts(), self.number) {
            ((Some(connection), state), Some(number)) => {
                let release = sql("RELEASE SAVEPOINT", level, number, &reset);
                send::<DB>(connection, state, "release", release, false).await?;
                if !backend::of::<DB>().keeps_marks() {
                    state.proof.savepoint_gone(number);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn roll_back(&mut self) {
        let (number, level) = (self.number, self.parent.level());
        self.forgive();
        let (connection, state) = self.parent.parts();
        if let (Some(connection), Some(number)) = (connection, number)
            && state.damage() <= Damage::Scope
        {
            state.owed = None;
            roll_back_to::<DB>(connection, state, level, number).await;
        }
    }

    /// Forgets what went wrong in here, and only that.
    fn forgive(&mut self) {
        if !self.outer_doomed {
            self.parent.state().forgive();
        }
    }

    /// Nobody waits for the scope's end: the next use of the transaction goes back
    /// to the savepoint first.
    pub(crate) fn abandon(&mut self) {
        if self.ended {
            return;
        }
        let survives = backend::of::<DB>().survives_interruption();
        self.parent.state().notice_interruption(survives);
        self.forgive();
        let state = self.parent.state();
        if let Some(number) = self.number {
            state.owed = Some(state.owed.map_or(number, |owed| owed.min(number)));
            // Going back to the savepoint tells whether it is still there.
            let _ = state.take_suspect();
        }
        let proof = state.proof;
        // Its hooks run in the background.
        let due = self.close(false, "dropped");
        // Nobody waits until it is known what was done out of sight.
        if !proof.is_whole() {
            due.forget();
        }
    }

    /// Gives the enclosing scope its own back, and the hooks that are due.
    fn close(&mut self, kept: bool, outcome: &'static str) -> Due {
        self.ended = true;
        observe::part_ended(self.span.as_ref(), outcome);
        let due = self.leave(kept);
        let state = self.parent.state();
        state.roll_back = self.outer_roll_back;
        if !kept {
            state.forget_hooks_since(self.hooks);
            self.parent.before_commit().forget_since(self.votes);
        }
        due
    }
}

impl<DB: Database> Core<DB> for Savepoint<'_, DB> {
    fn opened(&mut self) -> Option<(&mut DB::Connection, &mut State)> {
        self.number?;
        self.parent.opened()
    }

    fn ready(&mut self) -> BoxFuture<'_, Result<(), sqlx::Error>> {
        Box::pin(async move {
            if self.parent.opened().is_none() {
                self.parent.ready().await?;
            }
            self.set().await
        })
    }

    fn parts(&mut self) -> (Option<&mut DB::Connection>, &mut State) {
        self.parent.parts()
    }

    fn mode(&self) -> Mode {
        self.parent.mode()
    }

    fn level(&self) -> usize {
        self.parent.level()
    }

    fn sends_first(&self) -> bool {
        self.number.is_none() || self.parent.sends_first()
    }

    fn prove(&mut self, succeeded: bool, last: bool) -> BoxFuture<'_, ()> {
        self.parent.prove(succeeded, last)
    }

    fn frame(&self) -> Frame {
        self.parent.frame()
    }

    fn sees_the_end(&self) -> bool {
        self.parent.sees_the_end()
    }

    fn before_commit(&mut self) -> &mut BeforeCommit<DB> {
        self.parent.before_commit()
    }
}

/// The scope's future was dropped, or its body panicked.
impl<DB: Database> Drop for Savepoint<'_, DB> {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// Undoes everything since savepoint `number`, and the savepoint. What goes
/// wrong dooms the transaction.
pub(crate) async fn roll_back_to<DB: Database>(
    connection: &mut DB::Connection,
    state: &mut State,
    level: usize,
    number: u32,
) {
    let is_stopped = state.is_stopped();
    if state.takes_unsettled() {
        state.in_flight = Some(Flight::Savepoint);
        let settled = backend::of::<DB>().settle(connection).await;
        state.in_flight = None;
        state.lower_interrupt();
        if let Err(error) = settled {
            return state.failed::<DB>(Damage::Connection, &error);
        }
    }
    let name = savepoint_name(level, number);
    let both = format!("ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}");
    let both = AssertSqlSafe(both).into_sql_str();
    state.proof.savepoint_going(number);
    // An error is in the state, where the next statement finds it. The engine may have ended
    // the transaction with the statement.
    let sent = send::<DB>(connection, state, "rollback to savepoint", both, is_stopped).await;
    if sent.is_ok() {
        let _ = state.take_suspect();
        state.proof.savepoint_gone(number);
    }
}

/// Sends a savepoint's own SQL. If it fails, nobody knows which savepoints there
/// are, and the whole transaction is doomed. `may_be_gone` says whether the engine itself
/// may have ended it.
async fn send<DB: Database>(
    connection: &mut DB::Connection,
    state: &mut State,
    what: &'static str,
    sql: SqlStr,
    may_be_gone: bool,
) -> Result<(), sqlx::Error> {
    let backend = backend::of::<DB>();
    let timer = observe::Timer::start();
    state.in_flight = Some(Flight::Savepoint);
    let sent = backend.run(connection, sql).await;
    state.in_flight = None;
    match sent {
        Ok(()) => {
            timer.event(what);
            Ok(())
        }
        Err(error) => {
            if state.proof.is_missing() && !may_be_gone && backend.is_no_savepoint(&error) {
                state.ended_early(backend.survives_interruption());
            }
            let damage = backend.damage(&error).max(Damage::Transaction);
            Err(state.met::<DB>(damage, error))
        }
    }
}

/// The statement that does this to a savepoint, and what is sent behind it.
fn sql(verb: &str, level: usize, number: u32, rest: &str) -> SqlStr {
    let name = savepoint_name(level, number);
    AssertSqlSafe(format!("{verb} {name}{rest}")).into_sql_str()
}
