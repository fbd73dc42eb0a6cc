//! One call with an error in it.

use super::class::{Class, Rival};
use super::trap::Trap;
use crate::ledger::Run;
use crate::notes::Notes;
use sqlx::Error;
use sqlx::error::DatabaseError;
use sqlx_transactional::Tx;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// The note that is stored inside a savepoint or a joined function.
pub(crate) const INNER: i64 = 7;

/// The note that is stored after the error.
pub(crate) const MORE: i64 = 8;

/// The call, and what comes of it.
pub(crate) struct Provoked<DB: Notes> {
    pub(crate) class: &'static Class,
    pub(crate) trap: Trap,
    pub(crate) run: Run,
    /// How many notes are stored ahead of the error.
    pub(crate) notes: usize,
    pub(crate) rival: Rival<DB>,
    error: Mutex<Option<String>>,
    told: Mutex<Vec<i64>>,
}

impl<DB: Notes> Provoked<DB> {
    pub(crate) fn new(
        class: &'static Class,
        trap: Trap,
        run: Run,
        notes: usize,
        rival: Rival<DB>,
    ) -> Self {
        Self {
            class,
            trap,
            run,
            notes,
            rival,
            error: Mutex::default(),
            told: Mutex::default(),
        }
    }

    /// The error, with its code.
    pub(crate) fn error(&self) -> Option<String> {
        let error = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        error.clone()
    }

    /// The notes of which the body was told that they are stored.
    pub(crate) fn told(&self) -> Vec<i64> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.clone()
    }

    pub(crate) fn keep(&self, note: i64) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(note);
    }

    /// A savepoint failed, and what it stored is gone.
    pub(crate) fn forget(&self, note: i64) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|kept| *kept != note);
    }

    /// Runs the failing statement, with what provokes it.
    pub(crate) async fn provoke(
        &self,
        failing: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        self.provoke_through(failing, |error| Some(error)).await
    }

    /// The same, where others hand on the error of which `of_sqlx` gives what
    /// sqlx said.
    pub(crate) async fn provoke_through<E: fmt::Display>(
        &self,
        failing: impl Future<Output = Result<(), E>>,
        of_sqlx: fn(&E) -> Option<&Error>,
    ) -> Result<(), E> {
        self.rival.act(self.class.between).await;
        let (failed, ()) = tokio::join!(failing, self.rival.act(self.class.meanwhile));
        if let Err(error) = &failed {
            let database = of_sqlx(error).and_then(Error::as_database_error);
            let code = database.and_then(DatabaseError::code);
            let text = format!("{error} ({})", code.unwrap_or_default());
            *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        }
        failed
    }

    pub(crate) async fn insert(&self, tx: &mut Tx<'_, DB>, note: i64) -> Result<(), Error> {
        DB::insert(tx, self.run.id(note)).await?;
        self.keep(note);
        Ok(())
    }

    /// The note ahead of an error further inside; a transaction that is to be
    /// stale has written nothing before.
    pub(crate) async fn inner(&self, tx: &mut Tx<'_, DB>) -> Result<(), Error> {
        if self.class.is_stale {
            return Ok(());
        }
        self.insert(tx, INNER).await
    }

    pub(crate) async fn insert_on(
        &self,
        connection: &mut DB::Connection,
        note: i64,
    ) -> Result<(), Error> {
        DB::insert_on(connection, self.run.id(note)).await?;
        self.keep(note);
        Ok(())
    }

    pub(crate) fn notes(&self) -> impl Iterator<Item = i64> {
        (1..).take(self.notes)
    }
}
