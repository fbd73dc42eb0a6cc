//! Waiting for a pool of which one holds a connection already.
//!
//! Whoever begins a second transaction on a pool while the first is open waits
//! for a connection that may never come back: those who hold the others may be
//! waiting for the same. Bodies that are being polled on this thread are known
//! here, so the wait can be told from an ordinary one, and ends at once.

use std::{cell::RefCell, time::Duration};

use sqlx::{Database, Pool, pool::PoolConnection};
use tokio::time::timeout;

use crate::{
    error::{Error, Kind},
    pools::{Id, id},
    rarely::rarely,
    testing::FORBIDDEN,
};

/// How long a connection may be on its way back to a pool: it is pinged first.
const ON_ITS_WAY: Duration = Duration::from_millis(100);

thread_local! {
    /// The bodies that are being polled on this thread, the outermost first,
    /// each with the pool whose connection it holds.
    static FRAMES: RefCell<Vec<Option<Id>>> = const { RefCell::new(Vec::new()) };
}

/// A body's place among those that are being polled.
#[derive(Debug, Default)]
pub(crate) struct Frame(Option<Id>);

impl Frame {
    /// Polls the body.
    pub(crate) fn around<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        /// Takes the body off also when it panics.
        struct Leave<'a>(&'a mut Frame);
        impl Drop for Leave<'_> {
            #[inline]
            fn drop(&mut self) {
                self.0.0 = leave();
            }
        }
        enter(self.0);
        let _leave = Leave(self);
        poll()
    }
}

fn enter(held: Option<Id>) {
    FRAMES.with_borrow_mut(|frames| frames.push(held));
}

fn leave() -> Option<Id> {
    FRAMES.with_borrow_mut(Vec::pop).flatten()
}

/// How many of the bodies hold a connection of the pool.
fn held(id: Id) -> usize {
    FRAMES.with_borrow(|frames| frames.iter().filter(|frame| **frame == Some(id)).count())
}

/// The body that is being polled holds a connection of this pool, or of none.
fn hold(id: Option<Id>) {
    FRAMES.with_borrow_mut(|frames| {
        if let Some(innermost) = frames.last_mut() {
            *innermost = id;
        }
    });
}

/// Takes a connection for the body that is being polled.
pub(crate) async fn acquire<DB: Database>(
    pool: &Pool<DB>,
) -> Result<PoolConnection<DB>, sqlx::Error> {
    let id = id(pool);
    let held = held(id);
    let connection = if held == 0 {
        pool.acquire().await?
    } else {
        rarely();
        Box::pin(acquire_another(pool, held)).await?
    };
    hold(Some(id));
    Ok(connection)
}

/// The body that is being polled has given back the connection it took last.
pub(crate) fn gave_back() {
    hold(None);
}

/// Takes a connection for a body inside others, which hold so many.
async fn acquire_another<DB: Database>(
    pool: &Pool<DB>,
    held: usize,
) -> Result<PoolConnection<DB>, sqlx::Error> {
    if FORBIDDEN.have(pool) {
        return Err(Error::new(Kind::SecondTransaction).into());
    }
    let most = pool.options().get_max_connections();
    if pool.num_idle() > 0 || pool.size() < most {
        return pool.acquire().await;
    }
    let exhausted = || Error::new(Kind::PoolExhausted).into();
    if held >= most as usize {
        return Err(exhausted());
    }
    let acquired = timeout(ON_ITS_WAY, pool.acquire()).await;
    acquired.unwrap_or_else(|_| Err(exhausted()))
}
