//! When something has to be over.
//!
//! A limit that somebody names is kept to the millisecond, by a timer of tokio's.
//! The defaults are far away and passed by hardly anyone: a timer for each would
//! wake the runtime at each transaction, which costs more than all else that this
//! crate does. One thread looks at all of these together, four times a second,
//! as long as there are any.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use tokio::{
    runtime::Handle,
    time::{Instant, Sleep, sleep_until},
};

/// A moment, and how exactly it is meant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    is_exact: bool,
}

impl Deadline {
    /// So long from now, to the millisecond.
    pub(crate) fn exact(limit: Duration) -> Option<Self> {
        let at = Instant::now().checked_add(limit)?;
        Some(Self { at, is_exact: true })
    }

    /// So long from now, or up to [`PERIOD`] later.
    pub(crate) fn coarse(limit: Duration) -> Option<Self> {
        let at = Instant::now().checked_add(limit)?;
        let is_exact = false;
        Some(Self { at, is_exact })
    }

    pub(crate) fn is_over(self) -> bool {
        self.at <= Instant::now()
    }

    /// What wakes whoever waits for it. Outside tokio there is no exact timer,
    /// and no statement either.
    pub(crate) fn timer(self) -> Option<Timer> {
        if !self.is_exact {
            return Some(Timer::Coarse(Alarm::at(self.at)));
        }
        Handle::try_current().ok()?;
        Some(Timer::Exact(Box::pin(sleep_until(self.at))))
    }
}

/// Wakes once its moment has come.
#[derive(Debug)]
pub(crate) enum Timer {
    Exact(Pin<Box<Sleep>>),
    Coarse(Alarm),
}

impl Timer {
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Exact(sleep) => sleep.as_mut().poll(context),
            Self::Coarse(alarm) => alarm.poll(context),
        }
    }
}

/// An entry in the book of the one thread. Dropped, it is struck out.
#[derive(Debug)]
pub(crate) struct Alarm(Arc<Entry>);

#[derive(Debug)]
struct Entry {
    at: Instant,
    is_over: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

/// How often the book is read.
const PERIOD: Duration = Duration::from_millis(250);

/// How often it is read in vain before nobody reads it any more.
const IDLE_PERIODS: u32 = 40;

static BOOK: Mutex<Book> = Mutex::new(Book {
    entries: Vec::new(),
    is_read: false,
});

#[derive(Debug)]
struct Book {
    entries: Vec<Arc<Entry>>,
    /// Whether there is a thread that reads it.
    is_read: bool,
}

impl Alarm {
    fn at(at: Instant) -> Self {
        let entry = Arc::new(Entry {
            at,
            is_over: AtomicBool::new(false),
            waker: Mutex::new(None),
        });
        let mut book = locked(&BOOK);
        book.entries.push(Arc::clone(&entry));
        if !book.is_read {
            let reader = thread::Builder::new().name("sqlx-transactional".to_owned());
            // Without a thread nothing is late but what would have been ended.
            book.is_read = reader.spawn(read).is_ok();
        }
        Self(entry)
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut waker = locked(&self.0.waker);
        if self.0.is_over.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        match &mut *waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Release);
    }
}

/// Reads the book until nobody has written into it for a while.
fn read() {
    let mut idle = 0;
    while idle < IDLE_PERIODS {
        thread::sleep(PERIOD);
        let now = Instant::now();
        let mut book = locked(&BOOK);
        let due = book.entries.extract_if(.., |entry| {
            entry.at <= now || entry.is_over.load(Ordering::Acquire)
        });
        let due: Vec<_> = due.collect();
        idle = if book.entries.is_empty() && due.is_empty() {
            idle + 1
        } else {
            0
        };
        book.is_read = idle < IDLE_PERIODS;
        drop(book);
        for entry in due {
            entry.ring();
        }
    }
}

impl Entry {
    fn ring(&self) {
        let waker = {
            let mut waker = locked(&self.waker);
            self.is_over.store(true, Ordering::Release);
            waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::{Alarm, BOOK, Deadline, Duration, Instant, PERIOD, locked};

    #[tokio::test]
    async fn an_alarm_rings_once_its_moment_has_come() {
        for wait in [Duration::ZERO, PERIOD * 2] {
            let deadline = Deadline::coarse(wait).unwrap();
            let mut timer = deadline.timer().unwrap();
            poll_fn(|context| timer.poll(context)).await;
            assert!(Instant::now() >= deadline.at);
        }
    }

    #[tokio::test]
    async fn one_that_is_not_needed_is_struck_out() {
        let far = Instant::now() + Duration::from_hours(1);
        let (kept, dropped) = (Alarm::at(far), Alarm::at(far));
        let entry = std::sync::Arc::downgrade(&dropped.0);
        drop(dropped);
        for _ in 0..40 {
            tokio::time::sleep(PERIOD).await;
            if entry.strong_count() == 0 {
                break;
            }
        }
        assert_eq!(entry.strong_count(), 0);
        let book = locked(&BOOK);
        assert!(
            book.entries
                .iter()
                .any(|entry| std::sync::Arc::ptr_eq(entry, &kept.0))
        );
    }
}
