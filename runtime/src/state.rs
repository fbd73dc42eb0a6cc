//! What is known of an open transaction besides its connection.

mod proof;
mod rare;

use std::time::Instant;

use sqlx::Database;

#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) use self::proof::fresh_number;
pub(crate) use self::proof::{Mark, Proof, Sight};
use self::rare::Rare;
use crate::{
    backend::{self, Damage, Mode, Terms},
    deadline::Deadline,
    error::{Cause, Error, Kind},
    observe::{self, Tally},
    recorded::record,
    testing::Witness,
};

/// The state that all handles of one transaction share.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug, Default)]
pub(crate) struct State {
    /// What was sent and is not yet answered.
    pub(crate) in_flight: Option<Flight>,
    /// Whether dropped statements may still answer.
    pub(crate) unsettled: bool,
    /// Whether rows of the last statement have not been read.
    pub(crate) half_read: bool,
    /// Whether the transaction that is open is still this one.
    pub(crate) proof: Proof,
    /// Whether ROLLBACK was asked for, in the innermost scope.
    pub(crate) roll_back: bool,
    /// Whether the last statement does not wait for locks.
    pub(crate) no_wait: bool,
    /// Whether the last failure is one that goes away when all is done again.
    transient: bool,
    /// Whether that failure was undone with a savepoint.
    overcome: bool,
    /// The outermost savepoint whose handle was dropped and that is still set.
    pub(crate) owed: Option<u32>,
    savepoints: u32,
    pub(crate) tally: Tally,
    pub(crate) opened: Option<Instant>,
    /// When the time of the whole is over.
    pub(crate) deadline: Option<Deadline>,
    /// What BEGIN is told.
    pub(crate) terms: Terms,
    rare: Option<Box<Rare>>,
}

/// Why the transaction cannot commit, and how much of it is lost.
#[derive(Debug)]
struct Doom {
    damage: Damage,
    cause: Cause,
    /// Set where the transaction's end is told in other words than "doomed".
    instead: Option<Kind>,
}

/// Something on its way to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flight {
    /// The user's statement.
    Statement,
    /// What is left of a text of several statements, one of which was answered.
    Rest,
    /// A savepoint's own SQL.
    Savepoint,
}

impl State {
    #[inline]
    pub(crate) fn new(name: &'static str, mode: Mode) -> Self {
        let mut state = Self::default();
        state.terms.mode = mode;
        if let Some(witness) = Witness::of(name) {
            state.rare().witness = Some(witness);
        }
        state
    }

    #[inline]
    fn doom(&self) -> Option<&Doom> {
        self.rare.as_ref()?.doom.as_ref()
    }

    /// Whether the next statement may be sent without further ado.
    #[inline]
    pub(crate) fn is_clear(&self) -> bool {
        let is_well =
            |rare: &Rare| rare.doom.is_none() && rare.suspect.is_none() && !rare.wants_interrupt;
        self.rare.as_deref().is_none_or(is_well)
            && self.in_flight.is_none()
            && self.owed.is_none()
            && self.proof.is_clear()
    }

    /// What holds for whoever is called now.
    #[inline]
    pub(crate) fn given(&self) -> &Terms {
        self.part().unwrap_or(&self.terms)
    }

    #[inline]
    pub(crate) fn is_doomed(&self) -> bool {
        self.doom().is_some()
    }

    /// How much is lost.
    #[inline]
    pub(crate) fn damage(&self) -> Damage {
        self.doom().map_or(Damage::None, |doom| doom.damage)
    }

    /// Takes note of an error whose damage reaches as far as `damage`. The first
    /// cause stays the cause; the damage only grows.
    pub(crate) fn hurt(&mut self, damage: Damage, cause: impl FnOnce() -> Cause) {
        match damage {
            Damage::None => {}
            Damage::Suspect => {
                self.rare().suspect.get_or_insert_with(cause);
            }
            _ => self.doom_with(damage, cause),
        }
    }

    fn doom_with(&mut self, damage: Damage, cause: impl FnOnce() -> Cause) {
        let doom = &mut self.rare().doom;
        if let Some(doom) = doom {
            doom.damage = doom.damage.max(damage);
            return;
        }
        let cause = cause();
        observe::doomed(&cause);
        *doom = Some(Doom {
            damage,
            cause,
            instead: None,
        });
    }

    /// Takes note of a statement's error.
    pub(crate) fn failed<DB: Database>(&mut self, damage: Damage, error: &sqlx::Error) {
        // After the first cause of a doom the rest is its consequence.
        if !self.is_doomed() {
            self.transient = backend::of::<DB>().is_transient(error);
            self.overcome = false;
        }
        if !matches!(error, sqlx::Error::Database(_)) && damage == Damage::None {
            return;
        }
        let cause = record(error);
        self.rare().recent = Some(cause.clone());
        self.hurt(damage, || cause);
    }

    /// Takes note of an error, and gives it as the caller is told it: in a function
    /// that is repeated, with the number of the attempt.
    pub(crate) fn met<DB: Database>(&mut self, damage: Damage, error: sqlx::Error) -> sqlx::Error {
        self.failed::<DB>(damage, &error);
        // The server keeps the same limit, and may notice it first.
        if backend::of::<DB>().is_session_limit(&error)
            && self.deadline.is_some_and(Deadline::is_over)
        {
            return Error::because(Kind::TimedOut, record(&error)).into();
        }
        match self.repeated() {
            Some(attempt) if self.transient => {
                let number = attempt.number;
                self.forget_carrier();
                Error::transient(error, number)
                    .carried_by(self.carry())
                    .into()
            }
            _ => error,
        }
    }

    /// Whether the body failed for a reason that goes away when all is done again. What
    /// was undone with a savepoint is its reason only if it gave the error on.
    pub(crate) fn is_transient(&self) -> bool {
        self.transient && (!self.overcome || self.is_carried())
    }

    /// A statement was answered well.
    #[inline]
    pub(crate) fn succeeded(&mut self) {
        self.in_flight = None;
        self.half_read = false;
        self.transient = false;
    }

    /// Dooms the transaction for a reason of this crate's own, which is also
    /// what the caller is told at the end.
    pub(crate) fn forbid(&mut self, damage: Damage, kind: Kind) {
        let fresh = !self.is_doomed();
        self.fails_for_good();
        self.hurt(damage, || Cause::new(Error::new(kind).into()));
        if let Some(doom) = &mut self.rare().doom
            && fresh
        {
            doom.instead = Some(kind);
        }
    }

    /// Takes note of whatever was dropped on its way. `survives` says whether
    /// the connection's protocol does.
    #[inline]
    pub(crate) fn notice_interruption(&mut self, survives: bool) {
        if let Some(flight) = self.in_flight.take() {
            self.interrupted(flight, survives);
        }
    }

    #[cold]
    fn interrupted(&mut self, flight: Flight, survives: bool) {
        let (damage, kind) = match flight {
            // Between two answers every protocol can be left.
            Flight::Rest => (Damage::Scope, Kind::Interrupted),
            _ if !survives => (Damage::Connection, Kind::Interrupted),
            Flight::Statement => (Damage::Scope, Kind::Interrupted),
            Flight::Savepoint => (Damage::Transaction, Kind::SavepointInterrupted),
        };
        self.unsettled = true;
        self.fails_for_good();
        self.hurt(damage, || Cause::new(Error::new(kind).into()));
    }

    /// What comes now would happen again if all were done again.
    fn fails_for_good(&mut self) {
        if !self.is_doomed() {
            self.transient = false;
        }
    }

    /// A statement was given up before its answer came.
    pub(crate) fn statement_timed_out(&mut self, survives: bool) -> sqlx::Error {
        let error = || Error::new(Kind::StatementTimedOut);
        self.in_flight = None;
        self.transient = false;
        self.unsettled = true;
        self.stop_what_was_dropped();
        let damage = if survives {
            Damage::Scope
        } else {
            Damage::Connection
        };
        let cause = Cause::new(error().into());
        self.rare().recent = Some(cause.clone());
        self.hurt(damage, || cause);
        error().into()
    }

    /// Forgets a doom that a rollback to a savepoint undoes.
    pub(crate) fn forgive(&mut self) {
        if self.damage() <= Damage::Scope
            && let Some(rare) = &mut self.rare
        {
            rare.doom = None;
            self.overcome = true;
        }
    }

    /// The error of a statement that is not sent.
    pub(crate) fn refusal(&self) -> Option<sqlx::Error> {
        let doom = self.doom()?;
        if self.proof.is_ended_early() {
            return Some(Error::new(Kind::EndedEarly).into());
        }
        Some(match doom.instead {
            // It is told in its own words, whoever asks first.
            Some(kind @ Kind::Unsupported(_)) => Error::new(kind).into(),
            _ => Error::because(Kind::Refused, doom.cause.clone()).into(),
        })
    }

    /// The error of a body that claims success all the same.
    #[inline]
    pub(crate) fn verdict(&mut self) -> Option<Error> {
        self.doom()?;
        let carrier = (self.transient && self.repeated().is_some()).then(|| self.carry());
        let verdict = self.doom().map(|doom| self.verdict_on(doom))?;
        Some(match carrier {
            Some(carrier) => verdict.carried_by(carrier),
            None => verdict,
        })
    }

    #[cold]
    fn verdict_on(&self, doom: &Doom) -> Error {
        let attempts = self.repeated().filter(|_| self.transient);
        let attempts = attempts.map(|attempt| attempt.number);
        match doom.instead {
            // Told before whatever went wrong first: something of it may be durable.
            _ if self.proof.is_ended_early() => Error::new(Kind::EndedEarly),
            Some(kind) => Error::new(kind),
            None => Error::because(Kind::Doomed, doom.cause.clone()).after(attempts),
        }
    }

    /// Something else has ended the transaction, which dooms it. `survives` says whether
    /// the connection's protocol survives whatever else was done with the connection.
    pub(crate) fn ended_early(&mut self, survives: bool) {
        let is_lost = self.proof.is_exposed() && !survives;
        self.proof.ended_early();
        let damage = if is_lost {
            Damage::Connection
        } else {
            Damage::Transaction
        };
        self.forbid(damage, Kind::EndedEarly);
    }

    /// A number for a savepoint, unique in this transaction.
    pub(crate) fn next_savepoint(&mut self) -> u32 {
        self.savepoints += 1;
        self.savepoints
    }

    /// `mark` has been set.
    pub(crate) fn marked(&mut self, mark: Mark) {
        self.proof.marked(mark, self.savepoints);
    }
}
