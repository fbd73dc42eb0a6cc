//! The progress handler of a connection, by which a statement is ended: sqlx has no
//! `sqlite3_interrupt`. SQLite has one such handler for each connection, and sqlx forgets
//! the one that it replaces, so the application's has to come through here.
//!
//! What ends a statement has to be lowered when that has ended, and before the next one of
//! whoever the connection belongs to. Where nobody can wait for that, it is done on the
//! connection's own thread, by a collation that a statement behind it uses.

use std::{
    cmp::Ordering,
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sqlx::{SqliteConnection, sqlite::LockedSqliteHandle};

use crate::backend::Interrupt;

/// How many steps of its virtual machine SQLite makes before it asks whether to
/// go on: about a millisecond's, which costs next to nothing.
const STEPS: i32 = 10_000;

/// More than the statements that follow one that was ended need.
const LEAST_STEPS: i32 = 100;

/// The collation that lowers the interrupt of its connection.
const LOWERS: &str = "sqlx_transactional_lowers";

/// A statement that is short, and uses it.
pub(super) const LOWER: &str = "SELECT 'a' < 'b' COLLATE sqlx_transactional_lowers";

/// What ends the statements of a connection, by the address of its handle. An entry is
/// there as long as its handler, which sqlx drops before the handle is closed.
static HANDLERS: Mutex<Option<HashMap<usize, Interrupt>>> = Mutex::new(None);

fn handlers() -> MutexGuard<'static, Option<HashMap<usize, Interrupt>>> {
    HANDLERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The place of a handler among [`HANDLERS`], which it leaves when it is dropped.
struct Handler {
    address: usize,
    interrupt: Interrupt,
}

impl Drop for Handler {
    fn drop(&mut self) {
        let mut handlers = handlers();
        let Some(handlers) = handlers.as_mut() else {
            return;
        };
        // The one that replaces it may be there already.
        let entry = handlers.get(&self.address);
        if entry.is_some_and(|entry| entry.is_same(&self.interrupt)) {
            handlers.remove(&self.address);
        }
    }
}

/// Makes the connection's statements ones that can be ended.
pub(super) async fn interruptible(
    connection: &mut SqliteConnection,
) -> Result<Interrupt, sqlx::Error> {
    let mut handle = connection.lock_handle().await?;
    let address = address(&mut handle);
    let known = handlers()
        .as_ref()
        .and_then(|known| known.get(&address).cloned());
    let interrupt = match known {
        Some(interrupt) => interrupt,
        None => install(&mut handle, STEPS, || true)?,
    };
    // Whatever was to be ended has ended.
    interrupt.lower();
    Ok(interrupt)
}

/// See [`pool::progress_handler`](crate::pool::progress_handler).
pub(crate) async fn progress_handler(
    connection: &mut SqliteConnection,
    steps: i32,
    handler: impl FnMut() -> bool + Send + 'static,
) -> Result<(), sqlx::Error> {
    let mut handle = connection.lock_handle().await?;
    install(&mut handle, steps, handler).map(drop)
}

fn install(
    handle: &mut LockedSqliteHandle<'_>,
    steps: i32,
    mut goes_on: impl FnMut() -> bool + Send + 'static,
) -> Result<Interrupt, sqlx::Error> {
    let interrupt = Interrupt::new();
    let lowered = interrupt.clone();
    handle.create_collation(LOWERS, move |_, _| {
        lowered.lower();
        Ordering::Equal
    })?;
    let handler = Handler {
        address: address(handle),
        interrupt: interrupt.clone(),
    };
    let entry = (handler.address, interrupt.clone());
    handlers().get_or_insert_default().extend([entry]);
    handle.set_progress_handler(steps.max(LEAST_STEPS), move || {
        goes_on() && !handler.interrupt.is_raised()
    });
    Ok(interrupt)
}

fn address(handle: &mut LockedSqliteHandle<'_>) -> usize {
    handle.as_raw_handle().addr().get()
}
