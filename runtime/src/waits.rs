//! Waiting for a pool of which one holds a connection already.
//!
//! Whoever begins a second transaction on a pool while the first is open waits
//! for a connection that may never come back: those who hold the others may be
//! waiting for the same. Bodies that are being polled on this thread are known
//! here, so the wait can be told from an ordinary one, and ends at once.

use std::{
    cell::{Cell, RefCell},
    ptr,
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
            body: Body::NONE,
            around: 0,
        })
    };
    /// Those around it, the outermost first.
    static AROUND: RefCell<Vec<Body>> = const { RefCell::new(Vec::new()) };
}

/// Whose connection a body holds: the address of the root that takes it, which
/// stays where it is, and is nobody else's, as long as a body borrows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder(usize);

impl Holder {
    #[inline]
    pub(crate) fn of<R>(root: &R) -> Self {
        Self(ptr::from_ref(root).addr())
    }
}

/// A body that holds a connection itself, or will: that of an outermost function,
/// of a call in a test's transaction, or the hooks before COMMIT. A function that
/// joins and a savepoint use what one of these holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Body {
    /// There is none where this is not said.
    holder: Option<Holder>,
    /// The pool of the connection it holds.
    holds: Option<Id>,
}

impl Body {
    const NONE: Self = Self {
        holder: None,
        holds: None,
    };
}

/// The innermost body, and how many there are around it.
#[derive(Clone, Copy, Debug)]
struct Top {
    body: Body,
    around: u32,
}

/// A body's place among those that are being polled.
#[derive(Debug)]
pub(crate) struct Frame(Body);

impl Frame {
    /// The place of a body whose connection `holder` takes, or has taken already
    /// from the pool `holds`.
    #[inline]
    pub(crate) fn new(holder: Holder, holds: Option<Id>) -> Self {
        Self(Body {
            holder: Some(holder),
            holds,
        })
    }

    /// The body is polled as long as the guard lives.
    #[inline]
    pub(crate) fn enter(&mut self) -> Entered<'_> {
        let outer = INNERMOST.get();
        let mut around = outer.around;
        if outer.body != Body::NONE {
            surround(outer.body);
            around += 1;
        }
        INNERMOST.set(Top {
            body: self.0,
            around,
        });
        Entered {
            frame: self,
            is_inner: outer.body != Body::NONE,
        }
    }
}

/// Takes the body off again, also when it panics.
pub(crate) struct Entered<'f> {
    frame: &'f mut Frame,
    is_inner: bool,
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        let Top { body, around } = INNERMOST.get();
        self.frame.0 = body;
        INNERMOST.set(if self.is_inner {
            uncovered(around)
        } else {
            Top {
                body: Body::NONE,
                around: 0,
            }
        });
    }
}

#[cold]
fn surround(outer: Body) {
    AROUND.with_borrow_mut(|around| around.push(outer));
}

#[cold]
fn uncovered(around: u32) -> Top {
    let body = AROUND.with_borrow_mut(Vec::pop);
    Top {
        body: body.unwrap_or(Body::NONE),
        around: around.saturating_sub(1),
    }
}

/// How many of the bodies hold a connection of the pool.
#[inline]
pub(crate) fn held<DB: Database>(pool: &Pool<DB>) -> usize {
    let (top, id) = (INNERMOST.get(), id(pool));
    let around = if top.around == 0 { 0 } else { around(id) };
    around + usize::from(top.body.holds == Some(id))
}

#[cold]
fn around(id: Id) -> usize {
    let holds = |body: &&Body| body.holds == Some(id);
    AROUND.with_borrow(|around| around.iter().filter(holds).count())
}

/// Says of the bodies whose connection `holder` takes what they hold.
#[inline]
fn hold(holder: Holder, holds: Option<Id>) {
    let mut top = INNERMOST.get();
    if top.body.holder == Some(holder) {
        top.body.holds = holds;
        INNERMOST.set(top);
    }
    if top.around > 0 {
        hold_around(holder, holds);
    }
}

/// A statement of an outer body's may be sent from an inner one.
#[cold]
fn hold_around(holder: Holder, holds: Option<Id>) {
    AROUND.with_borrow_mut(|around| {
        let its = around.iter_mut().filter(|body| body.holder == Some(holder));
        its.for_each(|body| body.holds = holds);
    });
}

/// A connection was taken to begin on. Unless it [has](Taken::keep), it is given
/// back.
#[derive(Debug)]
#[must_use = "dropped, the connection is one that was given back"]
pub(crate) struct Taken(Option<Holder>);

/// `holder` has taken a connection of the pool.
#[inline]
pub(crate) fn took<DB: Database>(holder: Holder, pool: &Pool<DB>) -> Taken {
    hold(holder, Some(id(pool)));
    Taken(Some(holder))
}

impl Taken {
    /// The transaction has begun on it.
    #[inline]
    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Taken {
    #[inline]
    fn drop(&mut self) {
        if let Some(holder) = self.0 {
            hold(holder, None);
        }
    }
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
    let (idle, size) = (pool.num_idle(), pool.size());
    // For a moment, while a connection comes or goes, sqlx counts below zero.
    let is_idle = (1..=size as usize).contains(&idle);
    if is_idle || size < most {
        return pool.acquire().await;
    }
    let exhausted = || Error::new(Kind::PoolExhausted).into();
    if held >= most as usize {
        return Err(exhausted());
    }
    let acquired = timeout(ON_ITS_WAY, pool.acquire()).await;
    acquired.unwrap_or_else(|_| Err(exhausted()))
}
