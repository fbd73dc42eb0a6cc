//! Running a transaction again after a failure that goes away by itself.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    conclude::Aftermath,
    end::{self, finish},
    error::Error,
    handle::Access,
    observe::Outcome,
    private::Options,
    run::{Bounds, Ran},
};

/// How often, and for how long, a transaction is run again: the option `retry` of
/// the attribute and of a block, and the default of a
/// [`Source`](crate::Source) for those that ask for a retry and say no more.
/// What is `None` is not said.
///
/// The pause before attempt `n + 1` is random, evenly between nothing and
/// `base · 2ⁿ⁻¹`, but at most `cap` ("full jitter"): those who were in each
/// other's way come back at different times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retry {
    /// How often the body runs at most; 1 means once. 5 if nobody says otherwise.
    pub attempts: Option<u32>,
    /// How long after the first began an attempt may still begin. 10 s if nobody
    /// says otherwise.
    pub deadline: Option<Duration>,
    /// The longest pause after the first attempt. 5 ms if nobody says otherwise.
    pub base: Option<Duration>,
    /// The longest pause of all. 500 ms if nobody says otherwise.
    pub cap: Option<Duration>,
    /// Whether an [unknown outcome](crate::Error::is_outcome_unknown) may be
    /// repeated.
    pub idempotent: bool,
}

impl Retry {
    /// With the defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            attempts: None,
            deadline: None,
            base: None,
            cap: None,
            idempotent: false,
        }
    }

    /// With so many attempts at most, the first included.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// With so much time after which no attempt begins.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// With this longest pause after the first attempt.
    #[must_use]
    pub const fn base(mut self, base: Duration) -> Self {
        self.base = Some(base);
        self
    }

    /// With this longest pause of all.
    #[must_use]
    pub const fn cap(mut self, cap: Duration) -> Self {
        self.cap = Some(cap);
        self
    }

    /// An outcome that is not known may be repeated: doing the work twice is the
    /// same as doing it once.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// This, and `place` where this says nothing.
    pub(crate) fn or(self, place: Self) -> Self {
        Self {
            attempts: self.attempts.or(place.attempts),
            deadline: self.deadline.or(place.deadline),
            base: self.base.or(place.base),
            cap: self.cap.or(place.cap),
            idempotent: self.idempotent || place.idempotent,
        }
    }

    /// The longest pause after `attempt`.
    fn longest_pause(self, attempt: u32) -> Duration {
        let base = self.base.unwrap_or(Duration::from_millis(5));
        let cap = self.cap.unwrap_or(Duration::from_millis(500));
        let doubled = 2_u32.checked_pow(attempt.saturating_sub(1));
        let pause = doubled.and_then(|times| base.checked_mul(times));
        pause.unwrap_or(cap).min(cap)
    }

    /// The pause after `attempt`, given chance as a number between 0 and 1.
    fn pause(self, attempt: u32, chance: f64) -> Duration {
        self.longest_pause(attempt).mul_f64(chance)
    }
}

/// Which attempt a function is called for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    number: u32,
    started: Instant,
    is_doubtful: bool,
}

/// One of several attempts, as the transaction knows it.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) retry: Retry,
    /// When the first attempt began.
    pub(crate) started: Instant,
    /// Whether an earlier attempt may have committed.
    pub(crate) is_doubtful: bool,
    /// Whether another attempt follows. What goes on of this one learns it here.
    pub(crate) succession: Arc<Succession>,
}

/// Whether an attempt is followed by another: not known in the pause between the two.
#[derive(Debug)]
pub(crate) struct Succession(watch::Sender<Option<bool>>);

impl Succession {
    /// Whether another attempt follows, once that is known.
    pub(crate) async fn is_followed(&self) -> bool {
        let mut known = self.0.subscribe();
        // The sender is here, so that there is an answer.
        let known = known.wait_for(Option::is_some).await;
        known.is_ok_and(|known| *known == Some(true))
    }
}

/// The pause behind an attempt. Whoever is dropped in it has made the last attempt.
#[derive(Debug)]
pub(crate) struct Pause(Arc<Succession>);

impl Pause {
    /// The next attempt begins.
    fn end(self) {
        self.0.0.send_replace(Some(true));
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.0.0.send_if_modified(|known| {
            let is_open = known.is_none();
            known.get_or_insert(false);
            is_open
        });
    }
}

impl Attempt {
    pub(crate) fn new(turn: Turn, retry: Retry) -> Self {
        Self {
            number: turn.number,
            retry,
            started: turn.started,
            is_doubtful: turn.is_doubtful,
            succession: Arc::new(Succession(watch::Sender::new(Some(false)))),
        }
    }

    /// Another attempt follows after a pause, whatever becomes of this one.
    pub(crate) fn pause_behind(&self) -> Pause {
        self.succession.0.send_replace(None);
        Pause(Arc::clone(&self.succession))
    }

    /// The pause before the next attempt, if there may be one.
    pub(crate) fn pause(&self) -> Option<Duration> {
        let deadline = self.retry.deadline.unwrap_or(Duration::from_secs(10));
        if self.number >= self.retry.attempts.unwrap_or(5) {
            return None;
        }
        let pause = self.retry.pause(self.number, fastrand::f64());
        (self.started.elapsed() + pause < deadline).then_some(pause)
    }
}

/// The attempts of one call.
#[derive(Debug)]
pub struct Attempts {
    options: Options,
    started: Instant,
    number: u32,
    /// What is told as long as nobody knows what became of the earlier attempts.
    doubt: Option<Error>,
}

impl Attempts {
    /// Of a function with `options`.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            started: Instant::now(),
            number: 0,
            doubt: None,
        }
    }

    /// The options of the next attempt.
    pub fn options(&mut self) -> Options {
        self.number += 1;
        self.options.special().attempt = Some(Turn {
            number: self.number,
            started: self.started,
            is_doubtful: self.doubt.is_some(),
        });
        self.options
    }

    /// Ends the attempt: as [`end`](crate::__private::end) if it was the last,
    /// otherwise nothing, after the pause before the next.
    pub async fn end<A: Access, R: end::Outcome>(
        &mut self,
        mut handle: A::Handle<'_>,
        bounds: &mut Bounds,
        ran: Ran<R>,
    ) -> Option<R> {
        let returned = finish(A::scope(&mut handle), bounds, ran).await;
        let after = A::scope(&mut handle).take_aftermath();
        let Aftermath {
            outcome,
            pause,
            unknown,
            hooks,
            behind,
        } = after.map_or_else(Aftermath::default, |after| *after);
        self.doubt = match (unknown, self.doubt.take()) {
            (Some(unknown), Some(earlier)) => Some(unknown.joined(earlier)),
            (unknown, earlier) => unknown.or(earlier),
        };
        let Some(pause) = pause else {
            let is_done = outcome == Some(Outcome::Committed)
                || A::scope(&mut handle).core().state().is_already_done();
            return Some(match self.doubt.take() {
                // What may have committed may have, however a later attempt ended.
                Some(doubt) if !is_done => R::from_error(doubt.into()),
                _ => returned,
            });
        };
        // What the attempt held is not needed for the pause.
        drop((handle, returned));
        sleep(pause).await;
        // Whoever is dropped in the pause has made the last attempt, and they run.
        hooks.forget();
        if let Some(behind) = behind {
            behind.end();
        }
        None
    }
}

/// A copy of an argument for the next attempt.
pub fn again<T: Clone>(argument: &T) -> T {
    argument.clone()
}

#[cfg(test)]
mod tests {
    use super::{Duration, Retry};

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn retry_08_the_longest_pause_doubles_up_to_the_cap() {
        let retry = Retry::new().base(ms(5)).cap(ms(500));
        let pauses: Vec<_> = (1..=13).map(|attempt| retry.pause(attempt, 1.0)).collect();
        let expected = [5, 10, 20, 40, 80, 160, 320, 500, 500, 500, 500, 500, 500];
        assert_eq!(pauses, expected.map(ms));
        let none: Duration = (1..=13).map(|attempt| retry.pause(attempt, 0.0)).sum();
        assert_eq!(none, Duration::ZERO);
        assert_eq!(pauses.into_iter().sum::<Duration>(), ms(3_635));
    }

    #[test]
    fn a_pause_that_is_too_long_to_count_is_the_cap() {
        let retry = Retry::new().base(Duration::MAX).cap(ms(7));
        assert_eq!(retry.pause(u32::MAX, 1.0), ms(7));
        assert_eq!(retry.pause(2, 1.0), ms(7));
    }

    #[test]
    fn what_the_function_says_goes_before_what_the_place_says() {
        let both = Retry::new()
            .attempts(2)
            .or(Retry::new().attempts(3).cap(ms(1)));
        assert_eq!(both, Retry::new().attempts(2).cap(ms(1)));
        assert!(Retry::new().or(Retry::new().idempotent()).idempotent);
    }
}
