//! Waiting for a pool of which one holds a connection already.
//!
//! Whoever begins a second transaction on a pool while the first is open waits
//! for a connection that may never come back: those who hold the others may be
//! waiting for the same. Bodies that are being polled on this thread are known
//! here, so the wait can be told from an ordinary one, and ends at once.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use sqlx::{Database, Pool, pool::PoolConnection};
use tokio::time::timeout;

use crate::{
    error::{Error, Kind},
    pools::{Id, id, known},
};

/// How long a connection may be on its way back to a pool: it is pinged first.
const ON_ITS_WAY: Duration = Duration::from_millis(100);

thread_local! {
    /// The body that is being polled on this thread, the innermost.
    static INNERMOST: Cell<Top> = const {
        Cell::new(Top {
            body: Body::None,
            around: 0,
        })
    };
    /// The pools whose connections those around it hold.
    static AROUND: RefCell<Vec<Id>> = const { RefCell::new(Vec::new()) };
}

/// What a body holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// There is no body.
    None,
    HoldsNothing,
    /// A connection of this pool.
    Holds(Id),
}

/// The innermost body, and how many of those around it hold a connection.
#[derive(Clone, Copy, Debug)]
struct Top {
    body: Body,
    around: u32,
}

/// A body's place among those that are being polled.
#[derive(Debug)]
pub(crate) struct Frame(Body);

impl Default for Frame {
    fn default() -> Self {
        Self(Body::HoldsNothing)
    }
}

impl Frame {
    /// The body is polled as long as the guard lives.
    #[inline]
    pub(crate) fn enter(&mut self) -> Entered<'_> {
        let around = INNERMOST.get();
        let mut top = Top {
            body: self.0,
            ..around
        };
        if let Body::Holds(id) = around.body {
            surround(id);
            top.around += 1;
        }
        INNERMOST.set(top);
        Entered {
            frame: self,
            around,
        }
    }
}

/// Takes the body off again, also when it panics.
pub(crate) struct Entered<'f> {
    frame: &'f mut Frame,
    around: Top,
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        self.frame.0 = INNERMOST.replace(self.around).body;
        if let Body::Holds(_) = self.around.body {
            uncover();
        }
    }
}

#[cold]
fn surround(id: Id) {
    AROUND.with_borrow_mut(|held| held.push(id));
}

#[cold]
fn uncover() {
    AROUND.with_borrow_mut(Vec::pop);
}

/// How many of the bodies hold a connection of the pool.
#[inline]
pub(crate) fn held<DB: Database>(pool: &Pool<DB>) -> usize {
    let (top, id) = (INNERMOST.get(), id(pool));
    let around = if top.around == 0 { 0 } else { around(id) };
    around + usize::from(top.body == Body::Holds(id))
}

#[cold]
fn around(id: Id) -> usize {
    AROUND.with_borrow(|held| held.iter().filter(|held| **held == id).count())
}

/// This is what the body that is being polled holds, if there is one.
#[inline]
fn hold(body: Body) {
    let top = INNERMOST.get();
    if top.body != Body::None {
        INNERMOST.set(Top { body, ..top });
    }
}

/// The body that is being polled has taken a connection.
pub(crate) fn took<DB: Database>(pool: &Pool<DB>) {
    hold(Body::Holds(id(pool)));
}

/// The body that is being polled has given back the connection it took last.
#[inline]
pub(crate) fn gave_back() {
    hold(Body::HoldsNothing);
}

/// Takes a connection for a body inside others, which hold so many.
pub(crate) async fn acquire_another<DB: Database>(
    pool: &Pool<DB>,
    held: usize,
) -> Result<PoolConnection<DB>, sqlx::Error> {
    if known(pool).second_forbidden {
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
