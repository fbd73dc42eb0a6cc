//! When something has to be over.
//!
//! A limit that somebody names is kept to the millisecond, by a timer of tokio's.
//! The defaults are far away and passed by hardly anyone: a timer for each would
//! wake the runtime at each transaction, which costs more than all else that this
//! crate does. One thread looks at all of these together, four times a second,
//! as long as there are any.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    ptr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
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
    #[inline]
    pub(crate) fn exact(limit: Duration) -> Option<Self> {
        let at = Instant::now().checked_add(limit)?;
        Some(Self { at, is_exact: true })
    }

    /// So long from now, or up to [`PERIOD`] later.
    #[inline]
    pub(crate) fn coarse(limit: Duration) -> Option<Self> {
        let at = Instant::now().checked_add(limit)?;
        let is_exact = false;
        Some(Self { at, is_exact })
    }

    #[inline]
    pub(crate) fn is_over(self) -> bool {
        self.at <= Instant::now()
    }

    /// What wakes whoever waits for it. Outside tokio there is no exact timer,
    /// and no statement either.
    #[inline]
    fn timer(self) -> Option<Timer> {
        if !self.is_exact {
            return Some(Timer::Coarse(Alarm::at(self.at)));
        }
        Handle::try_current().ok()?;
        Some(Timer::Exact(Box::pin(sleep_until(self.at))))
    }
}

/// Tells whether a deadline has come. One clock serves everything that has the
/// same deadline, one after another.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    deadline: Option<Deadline>,
    /// Set when somebody has to wait for the first time.
    timer: Option<Timer>,
}

impl Clock {
    /// What has no deadline waits for ever.
    #[inline]
    pub(crate) fn new(deadline: Option<Deadline>) -> Self {
        Self {
            deadline,
            timer: None,
        }
    }

    /// The deadline that it tells of.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// Whether that has come, also where nobody has waited for it.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.deadline.is_some_and(Deadline::is_over)
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.timer.is_none() {
            self.timer = self.deadline.and_then(Deadline::timer);
        }
        match &mut self.timer {
            Some(timer) => timer.poll(context),
            None => Poll::Pending,
        }
    }
}

/// Wakes once its moment has come.
#[derive(Debug)]
enum Timer {
    Exact(Pin<Box<Sleep>>),
    Coarse(Alarm),
}

impl Timer {
    #[inline]
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
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
struct Alarm {
    at: Instant,
    /// The number of the line, once it is written.
    line: Option<usize>,
    /// The addresses of the waker in it, which nothing else has while it is there.
    sleeper: (usize, usize),
    /// What [`LATE`] was when the time was last looked at.
    late: u32,
}

/// How often the one thread found somebody late. Before it does, nobody else need
/// look at the time.
static LATE: AtomicU32 = AtomicU32::new(0);

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
    lines: Vec<Option<(Instant, Waker)>>,
    /// The numbers of those that were struck out.
    free: Vec<usize>,
    /// Whether there is a thread that reads it.
    is_read: bool,
}

impl Alarm {
    #[inline]
    fn at(at: Instant) -> Self {
        Self {
            at,
            line: None,
            sleeper: (0, 0),
            late: LATE.load(Ordering::Acquire),
        }
    }

    #[inline]
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let late = LATE.load(Ordering::Acquire);
        if late != self.late {
            if self.at <= Instant::now() {
                return Poll::Ready(());
            }
            self.late = late;
        }
        let waker = context.waker();
        let sleeper = (waker.data().addr(), ptr::from_ref(waker.vtable()).addr());
        if self.line.is_none() || sleeper != self.sleeper {
            self.write(waker);
            self.sleeper = sleeper;
        }
        Poll::Pending
    }

    fn write(&mut self, waker: &Waker) {
        let mut entry = Some((self.at, waker.clone()));
        let mut book = locked(&BOOK);
        let line = self.line.or_else(|| book.free.pop());
        if let Some(line) = line {
            mem::swap(&mut book.lines[line], &mut entry);
            self.line = Some(line);
        } else {
            self.line = Some(book.lines.len());
            book.lines.push(entry.take());
        }
        if !book.is_read {
            let reader = thread::Builder::new().name("sqlx-transactional".to_owned());
            // Without a thread nothing is late but what would have been ended.
            book.is_read = reader.spawn(read).is_ok();
        }
        // A waker's destructor may be that of a task with an alarm of its own.
        drop(book);
        shielded(|| drop(entry));
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let Some(line) = self.line else {
            return;
        };
        let mut book = locked(&BOOK);
        let entry = book.lines[line].take();
        book.free.push(line);
        drop(book);
        shielded(|| drop(entry));
    }
}

/// Reads the book until nobody has written into it for a while. Whoever is late
/// is woken until the line is struck out.
///
/// A waker is somebody else's code. One that panics must not end the deadlines of
/// all others.
fn read() {
    let mut idle = 0;
    while idle < IDLE_PERIODS {
        thread::sleep(PERIOD);
        let now = Instant::now();
        let mut book = locked(&BOOK);
        let lines = book.lines.iter().flatten();
        let due = lines.filter(|(at, _)| *at <= now);
        let due: Vec<_> = due
            .filter_map(|(_, waker)| shielded(|| waker.clone()))
            .collect();
        let is_empty = book.lines.len() == book.free.len();
        idle = if is_empty { idle + 1 } else { 0 };
        book.is_read = idle < IDLE_PERIODS;
        drop(book);
        if !due.is_empty() {
            LATE.fetch_add(1, Ordering::Release);
        }
        for waker in due {
            shielded(|| waker.wake());
        }
    }
}

/// What `work` gives, unless it panics. The panic has been reported by then, and
/// what it carries may panic as well when it is dropped.
fn shielded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(mem::forget)
        .ok()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::{Arc, atomic::AtomicBool},
        task::Wake,
    };

    use super::{
        Alarm, AtomicU32, BOOK, Clock, Context, Deadline, Duration, IDLE_PERIODS, Instant,
        Ordering, PERIOD, Waker, locked, thread,
    };

    /// Counts how often it is woken.
    #[derive(Debug, Default)]
    struct Sleeper(AtomicU32);

    impl Wake for Sleeper {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// An alarm that was polled by each of `sleepers` in turn.
    fn polled_by(at: Instant, sleepers: &[&Arc<Sleeper>]) -> Alarm {
        let mut alarm = Alarm::at(at);
        for sleeper in sleepers {
            let waker = Waker::from(Arc::clone(sleeper));
            assert!(alarm.poll(&mut Context::from_waker(&waker)).is_pending());
        }
        alarm
    }

    #[tokio::test]
    async fn an_alarm_rings_once_its_moment_has_come() {
        for wait in [Duration::ZERO, PERIOD * 2] {
            let deadline = Deadline::coarse(wait).unwrap();
            let mut clock = Clock::new(Some(deadline));
            poll_fn(|context| clock.poll(context)).await;
            assert!(Instant::now() >= deadline.at);
        }
    }

    #[test]
    fn one_that_is_not_needed_is_struck_out() {
        let far = Instant::now() + Duration::from_hours(1);
        let [kept, dropped] = [Arc::<Sleeper>::default(), Arc::default()];
        let alarms = (polled_by(far, &[&kept]), polled_by(far, &[&dropped]));
        drop(alarms.1);
        assert_eq!(Arc::strong_count(&kept), 2);
        assert_eq!(Arc::strong_count(&dropped), 1);
        let book = locked(&BOOK);
        assert!(alarms.0.line.is_some_and(|line| book.lines[line].is_some()));
    }

    #[test]
    fn only_the_last_who_polled_is_woken_and_again_until_it_is_struck_out() {
        let [first, last] = [Arc::<Sleeper>::default(), Arc::default()];
        let soon = Instant::now() + Duration::from_millis(50);
        let alarm = polled_by(soon, &[&first, &first, &last]);
        assert_eq!(Arc::strong_count(&first), 1);
        let late = Instant::now() + PERIOD * 40;
        while last.0.load(Ordering::Relaxed) < 2 {
            assert!(Instant::now() < late, "nobody is woken");
            thread::sleep(PERIOD / 5);
        }
        drop(alarm);
        assert_eq!(first.0.load(Ordering::Relaxed), 0);
    }

    /// Panics when it is woken.
    struct Sulker(AtomicBool);

    impl Wake for Sulker {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
            panic!("a waker that panics");
        }
    }

    #[test]
    fn waker_that_panics_stops_no_other_deadline() {
        let sulker = Arc::new(Sulker(AtomicBool::new(false)));
        let patient = Arc::<Sleeper>::default();
        let mut sulking = Alarm::at(Instant::now());
        let waker = Waker::from(Arc::clone(&sulker));
        // It is written down before it is found late.
        sulking.late = super::LATE.load(Ordering::Acquire);
        let _ = sulking.poll(&mut Context::from_waker(&waker));
        let until = Instant::now() + PERIOD * 40;
        while !sulker.0.load(Ordering::Relaxed) {
            assert!(Instant::now() < until, "nobody is woken");
            thread::sleep(PERIOD / 5);
        }
        let alarm = polled_by(Instant::now() + PERIOD * 2, &[&patient]);
        while patient.0.load(Ordering::Relaxed) == 0 {
            assert!(Instant::now() < until, "the thread is gone");
            thread::sleep(PERIOD / 5);
        }
        drop((sulking, alarm));
    }

    /// Takes ten seconds, which is how long it is read in vain.
    #[test]
    fn the_book_is_read_as_long_as_something_is_in_it_and_a_while_longer() {
        let far = Instant::now() + Duration::from_hours(1);
        let alarm = polled_by(far, &[&Arc::default()]);
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
