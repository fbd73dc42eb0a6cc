//! When something has to be over.
//!
//! A limit that somebody names is kept to the millisecond, by a timer of tokio's.
//! The defaults are far away and passed by hardly anyone: a timer for each would
//! wake the runtime at each transaction, which costs more than all else that this
//! crate does. One thread looks at all of these together, four times a second,
//! as long as there are any.

use std::{
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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

/// A line in the book of the one thread. Dropped, it is struck out: at once,
/// because what a waker keeps alive is memory that the next one could use while
/// it is still in the processor's cache.
#[derive(Debug)]
pub(crate) struct Alarm {
    line: usize,
    bell: Arc<Mutex<Bell>>,
}

/// Whom an alarm wakes.
#[derive(Debug)]
enum Bell {
    Nobody,
    Waiting(Waker),
    Rung,
}

/// How often the book is read.
const PERIOD: Duration = Duration::from_millis(250);

/// How often it is read in vain before nobody reads it any more.
const IDLE_PERIODS: u32 = 40;

static BOOK: Mutex<Book> = Mutex::new(Book {
    lines: Vec::new(),
    free: Vec::new(),
    is_read: false,
});

#[derive(Debug)]
struct Book {
    lines: Vec<Option<(Instant, Arc<Mutex<Bell>>)>>,
    /// The numbers of those that were struck out.
    free: Vec<usize>,
    /// Whether there is a thread that reads it.
    is_read: bool,
}

impl Alarm {
    fn at(at: Instant) -> Self {
        let bell = Arc::new(Mutex::new(Bell::Nobody));
        let entry = Some((at, Arc::clone(&bell)));
        let mut book = locked(&BOOK);
        let line = book.free.pop().unwrap_or(book.lines.len());
        if line == book.lines.len() {
            book.lines.push(entry);
        } else {
            book.lines[line] = entry;
        }
        if !book.is_read {
            let reader = thread::Builder::new().name("sqlx-transactional".to_owned());
            // Without a thread nothing is late but what would have been ended.
            book.is_read = reader.spawn(read).is_ok();
        }
        Self { line, bell }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut *locked(&self.bell) {
            Bell::Rung => return Poll::Ready(()),
            Bell::Waiting(waker) => waker.clone_from(context.waker()),
            bell @ Bell::Nobody => *bell = Bell::Waiting(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let mut book = locked(&BOOK);
        let entry = book.lines[self.line].take();
        book.free.push(self.line);
        // A waker's destructor may be that of a task with an alarm of its own.
        drop(book);
        drop(entry);
    }
}

/// Reads the book until nobody has written into it for a while.
fn read() {
    let mut idle = 0;
    while idle < IDLE_PERIODS {
        thread::sleep(PERIOD);
        let now = Instant::now();
        let mut book = locked(&BOOK);
        let lines = book.lines.iter().flatten();
        let due = lines.filter(|(at, _)| *at <= now);
        let due: Vec<_> = due.map(|(_, bell)| Arc::clone(bell)).collect();
        let is_empty = book.lines.len() == book.free.len();
        idle = if is_empty { idle + 1 } else { 0 };
        book.is_read = idle < IDLE_PERIODS;
        drop(book);
        for bell in due {
            ring(&bell);
        }
    }
}

fn ring(bell: &Mutex<Bell>) {
    let rung = mem::replace(&mut *locked(bell), Bell::Rung);
    if let Bell::Waiting(waker) = rung {
        waker.wake();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::{
        Alarm, Arc, BOOK, Deadline, Duration, IDLE_PERIODS, Instant, PERIOD, locked, thread,
    };

    #[tokio::test]
    async fn an_alarm_rings_once_its_moment_has_come() {
        for wait in [Duration::ZERO, PERIOD * 2] {
            let deadline = Deadline::coarse(wait).unwrap();
            let mut timer = deadline.timer().unwrap();
            poll_fn(|context| timer.poll(context)).await;
            assert!(Instant::now() >= deadline.at);
        }
    }

    #[test]
    fn one_that_is_not_needed_is_struck_out() {
        let far = Instant::now() + Duration::from_hours(1);
        let (kept, dropped) = (Alarm::at(far), Alarm::at(far));
        let bell = Arc::downgrade(&dropped.bell);
        drop(dropped);
        assert_eq!(bell.strong_count(), 0);
        let book = locked(&BOOK);
        let entry = book.lines[kept.line].as_ref();
        assert!(entry.is_some_and(|(_, bell)| Arc::ptr_eq(bell, &kept.bell)));
    }

    /// Takes ten seconds, which is how long it is read in vain.
    #[test]
    fn the_book_is_read_as_long_as_something_is_in_it_and_a_while_longer() {
        let alarm = Alarm::at(Instant::now() + Duration::from_hours(1));
        thread::sleep(PERIOD * 4);
        assert!(locked(&BOOK).is_read);
        drop(alarm);
        let late = Instant::now() + PERIOD * IDLE_PERIODS * 3;
        while locked(&BOOK).is_read {
            assert!(Instant::now() < late, "it is read for ever");
            thread::sleep(PERIOD);
        }
    }
}
