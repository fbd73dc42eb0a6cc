//! What is known of an open transaction besides its connection.

use std::{sync::Arc, time::Instant};

use sqlx::Database;

use crate::{
    backend::{self, Damage, Interrupt, Terms},
    error::{Cause, Error, Kind},
    hooks::Hooks,
    observe::{self, Outcome, Tally},
    recorded::record,
    retry::Attempt,
    testing::Witness,
};

/// The state that all handles of one transaction share.
#[derive(Debug, Default)]
pub(crate) struct State {
    doom: Option<Doom>,
    /// An error after which the engine has to be asked whether the transaction
    /// is still there (SQLite).
    pub(crate) suspect: Option<Cause>,
    /// The last statement's error that went to the caller, whatever its damage.
    pub(crate) recent: Option<Cause>,
    /// What was sent and is not yet answered.
    pub(crate) in_flight: Option<Flight>,
    /// Whether dropped statements may still answer.
    pub(crate) unsettled: bool,
    /// What could have ended the transaction unseen.
    pub(crate) unseen: Unseen,
    /// Whether ROLLBACK was asked for, in the innermost scope.
    pub(crate) roll_back: bool,
    /// The outermost savepoint whose handle was dropped and that is still set.
    pub(crate) owed: Option<u32>,
    pub(crate) hooks: Hooks,
    savepoints: u32,
    pub(crate) tally: Tally,
    /// What a test wants to know of it.
    pub(crate) witness: Option<Box<Witness>>,
    pub(crate) opened: Option<Instant>,
    /// What BEGIN is told.
    pub(crate) terms: Terms,
    /// What was asked for by the function that stands for a transaction in a test.
    pub(crate) part: Option<Box<Terms>>,
    /// Which attempt this is, of a function that is repeated.
    pub(crate) attempt: Option<Box<Attempt>>,
    /// Whether the last failure is one that goes away when all is done again.
    pub(crate) transient: bool,
    /// Ends the statement that runs.
    pub(crate) interrupt: Interrupt,
    /// The idempotency key that was written in it.
    pub(crate) key: Option<Arc<str>>,
}

/// Why the transaction cannot commit, and how much of it is lost.
#[derive(Debug)]
struct Doom {
    damage: Damage,
    cause: Cause,
    /// Set where the transaction's end is told in other words than "doomed".
    instead: Option<Kind>,
}

/// What this crate did not see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unseen {
    #[default]
    Nothing,
    /// What a statement did whose text does not tell: asked before the next one,
    /// which would otherwise commit by itself.
    Text,
    /// What was done with the connection itself: asked at the end.
    Connection,
}

/// Something on its way to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flight {
    /// The user's statement.
    Statement,
    /// A savepoint's own SQL.
    Savepoint,
}

impl State {
    pub(crate) fn new(name: &'static str, terms: Terms, attempt: Option<Box<Attempt>>) -> Self {
        Self {
            witness: Witness::of(name),
            terms,
            attempt,
            ..Self::default()
        }
    }

    /// Whether the next statement may be sent without further ado.
    pub(crate) fn is_clear(&self) -> bool {
        self.doom.is_none()
            && self.suspect.is_none()
            && self.in_flight.is_none()
            && self.owed.is_none()
            && self.unseen != Unseen::Text
    }

    /// What holds for whoever is called now.
    pub(crate) fn given(&self) -> &Terms {
        self.part.as_deref().unwrap_or(&self.terms)
    }

    pub(crate) fn is_doomed(&self) -> bool {
        self.doom.is_some()
    }

    /// How much is lost.
    pub(crate) fn damage(&self) -> Damage {
        self.doom.as_ref().map_or(Damage::None, |doom| doom.damage)
    }

    /// Takes note of an error whose damage reaches as far as `damage`. The first
    /// cause stays the cause; the damage only grows.
    pub(crate) fn hurt(&mut self, damage: Damage, cause: impl FnOnce() -> Cause) {
        if damage == Damage::Suspect {
            self.suspect.get_or_insert_with(cause);
        } else if let Some(doom) = &mut self.doom {
            doom.damage = doom.damage.max(damage);
        } else if damage > Damage::Suspect {
            let cause = cause();
            observe::doomed(&cause);
            self.doom = Some(Doom {
                damage,
                cause,
                instead: None,
            });
        }
    }

    /// Takes note of a statement's error.
    pub(crate) fn failed<DB: Database>(&mut self, damage: Damage, error: &sqlx::Error) {
        // After the first cause of a doom the rest is its consequence.
        self.transient = match self.doom {
            Some(_) => self.transient,
            None => backend::of::<DB>().is_transient(error),
        };
        if !matches!(error, sqlx::Error::Database(_)) && damage == Damage::None {
            return;
        }
        let cause = record(error);
        self.recent = Some(cause.clone());
        self.hurt(damage, || cause);
    }

    /// Takes note of an error, and gives it as the caller is told it: in a function
    /// that is repeated, with the number of the attempt.
    pub(crate) fn met<DB: Database>(&mut self, damage: Damage, error: sqlx::Error) -> sqlx::Error {
        self.failed::<DB>(damage, &error);
        match &self.attempt {
            Some(attempt) if self.transient => Error::transient(error, attempt.number).into(),
            _ => error,
        }
    }

    /// Which attempt this is.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt.as_ref().map_or(1, |attempt| attempt.number)
    }

    /// Tells a test how it ended.
    pub(crate) fn testify(&mut self, outcome: Outcome) {
        if let Some(witness) = self.witness.take() {
            let attempt = self.attempt();
            witness.ended(attempt, outcome, self.tally);
        }
    }

    /// A statement was answered well.
    pub(crate) fn succeeded(&mut self) {
        self.in_flight = None;
        self.transient = false;
    }

    /// Dooms the transaction for a reason of this crate's own, which is also
    /// what the caller is told at the end.
    pub(crate) fn forbid(&mut self, damage: Damage, kind: Kind) {
        let fresh = self.doom.is_none();
        self.hurt(damage, || Cause::new(Error::new(kind).into()));
        if let Some(doom) = &mut self.doom
            && fresh
        {
            doom.instead = Some(kind);
        }
    }

    /// Takes note of whatever was dropped on its way. `survives` says whether
    /// the connection's protocol does.
    pub(crate) fn notice_interruption(&mut self, survives: bool) {
        let (damage, kind) = match self.in_flight.take() {
            None => return,
            Some(_) if !survives => (Damage::Connection, Kind::Interrupted),
            Some(Flight::Statement) => (Damage::Scope, Kind::Interrupted),
            Some(Flight::Savepoint) => (Damage::Transaction, Kind::SavepointInterrupted),
        };
        self.unsettled = true;
        self.hurt(damage, || Cause::new(Error::new(kind).into()));
    }

    /// A statement was given up before its answer came.
    pub(crate) fn statement_timed_out(&mut self, survives: bool) -> sqlx::Error {
        let error = || Error::new(Kind::StatementTimedOut);
        self.in_flight = None;
        self.transient = false;
        self.unsettled = true;
        self.interrupt.raise();
        let damage = if survives {
            Damage::Scope
        } else {
            Damage::Connection
        };
        let cause = Cause::new(error().into());
        self.recent = Some(cause.clone());
        self.hurt(damage, || cause);
        error().into()
    }

    /// Forgets a doom that a rollback to a savepoint undoes.
    pub(crate) fn forgive(&mut self) {
        if self.damage() <= Damage::Scope {
            self.doom = None;
        }
    }

    /// The error of a statement that is not sent.
    pub(crate) fn refusal(&self) -> Option<sqlx::Error> {
        let doom = self.doom.as_ref()?;
        if self.is_ended_early() {
            return Some(Error::new(Kind::EndedEarly).into());
        }
        Some(Error::because(Kind::Refused, doom.cause.clone()).into())
    }

    /// The error of a body that claims success all the same.
    pub(crate) fn verdict(&self) -> Option<Error> {
        let doom = self.doom.as_ref()?;
        let attempts = self.attempt.as_ref().filter(|_| self.transient);
        let attempts = attempts.map(|attempt| attempt.number);
        Some(match doom.instead {
            Some(kind) => Error::new(kind),
            None => Error::because(Kind::Doomed, doom.cause.clone()).after(attempts),
        })
    }

    /// Whether a rollback comes too late.
    pub(crate) fn is_ended_early(&self) -> bool {
        let doom = self.doom.as_ref();
        doom.is_some_and(|doom| doom.instead == Some(Kind::EndedEarly))
    }

    /// A number for a savepoint, unique in this transaction.
    pub(crate) fn next_savepoint(&mut self) -> u32 {
        self.savepoints += 1;
        self.savepoints
    }
}
