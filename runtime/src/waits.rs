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
            fn drop(&mut self) {
                self.0.0 = FRAMES.with_borrow_mut(Vec::pop).flatten();
            }
        }
        FRAMES.with_borrow_mut(|frames| frames.push(self.0));
        let _leave = Leave(self);
        poll()
    }
}

/// Takes a connection for the body that is being polled.
pub(crate) async fn acquire<DB: Database>(
    pool: &Pool<DB>,
) -> Result<PoolConnection<DB>, sqlx::Error> {
    let id = id(pool);
    let held =
        FRAMES.with_borrow(|frames| frames.iter().filter(|frame| **frame == Some(id)).count());
    let connection = if held == 0 {
        pool.acquire().await?
    } else {
        Box::pin(acquire_another(pool, held)).await?
    };
    FRAMES.with_borrow_mut(|frames| {
        if let Some(innermost) = frames.last_mut() {
            *innermost = Some(id);
        }
    });
    Ok(connection)
}

/// The body that is being polled has given back the connection it took last.
pub(crate) fn gave_back() {
    FRAMES.with_borrow_mut(|frames| {
        if let Some(innermost) = frames.last_mut() {
            *innermost = None;
        }
    });
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
