//! What the attribute's expansion calls. Not part of the public API.

use std::{fmt::Display, ops::Deref, time::Duration};

use sqlx::{Database, Pool};

use crate::{
    backend::{Damage, Mode},
    begin::Begin,
    characteristics::{BeginMode, Characteristics, Deferrable, Isolation, Locking},
    end::Outcome,
    error::{Error, Kind},
    handle::Access,
    keys,
    limits::{IdleTimeout, Limits},
    resolve::{Resolvable, Writes},
    retry::{Retry, Turn},
    run::Bounds,
    settings::Settings,
    state::State,
};

pub use crate::{
    end::{Verdict, end, judge},
    retry::{Attempts, again},
    run::{Ran, run},
};

/// How a function wants its transaction.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub(crate) name: &'static str,
    pub(crate) savepoint: bool,
    /// The rest, of which most functions say nothing.
    pub(crate) special: Option<Special>,
}

/// What few functions want.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Special {
    pub(crate) resolvable: bool,
    /// Whether it waits for what the other nodes of a cluster have committed.
    pub(crate) up_to_date: bool,
    pub(crate) limits: Limits,
    pub(crate) characteristics: Characteristics,
    /// How the outermost function is repeated.
    pub(crate) retry: Option<Retry>,
    /// Which attempt this is, of a function that is repeated.
    pub(crate) attempt: Option<Turn>,
}

impl Special {
    pub(crate) const NOTHING: Self = Self {
        resolvable: false,
        up_to_date: false,
        limits: Limits::new(),
        characteristics: Characteristics::new(),
        retry: None,
        attempt: None,
    };
}

impl Options {
    /// The defaults, for the function called `name`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            savepoint: false,
            special: None,
        }
    }

    /// What is wanted besides, to be changed.
    pub(crate) const fn special(&mut self) -> &mut Special {
        if self.special.is_none() {
            self.special = Some(Special::NOTHING);
        }
        match &mut self.special {
            Some(special) => special,
            None => unreachable!(),
        }
    }

    /// Inside a transaction, a savepoint instead of joining.
    #[must_use]
    pub const fn savepoint(mut self) -> Self {
        self.savepoint = true;
        self
    }

    /// The outcome can be asked for when it is not known.
    #[must_use]
    pub const fn resolvable<A: Writes<Database: Resolvable>>(mut self) -> Self {
        self.special().resolvable = true;
        self
    }

    /// With the limit of the whole call, in milliseconds.
    #[must_use]
    pub const fn timeout(mut self, limit: u64) -> Self {
        self.special().limits.timeout = Some(Duration::from_millis(limit));
        self
    }

    /// With the limit of each statement, in milliseconds.
    #[must_use]
    pub const fn statement_timeout(mut self, limit: u64) -> Self {
        self.special().limits.statement_timeout = Some(Duration::from_millis(limit));
        self
    }

    /// With the limit of each wait for a lock, in milliseconds.
    #[must_use]
    pub const fn lock_timeout(mut self, limit: u64) -> Self {
        self.special().limits.lock_timeout = Some(Duration::from_millis(limit));
        self
    }

    /// With the limit of each pause between two statements, in milliseconds.
    #[must_use]
    pub const fn idle_timeout<DB: IdleTimeout>(mut self, limit: u64) -> Self {
        self.special().limits.idle_timeout = Some(Duration::from_millis(limit));
        self
    }

    /// With at least this isolation.
    #[must_use]
    pub const fn isolation(mut self, isolation: Isolation) -> Self {
        self.special().characteristics.isolation = Some(isolation);
        self
    }

    /// Waits for a snapshot that no other transaction can make fail.
    #[must_use]
    pub const fn deferrable<A: Deferrable>(mut self) -> Self {
        self.special().characteristics.deferrable = true;
        self
    }

    /// Takes each lock when it is needed.
    #[must_use]
    pub const fn deferred<DB: BeginMode>(mut self) -> Self {
        self.special().characteristics.locking = Some(Locking::Deferred);
        self
    }

    /// Takes the lock of the one who writes at once.
    #[must_use]
    pub const fn immediate<DB: BeginMode>(mut self) -> Self {
        self.special().characteristics.locking = Some(Locking::Immediate);
        self
    }

    /// Keeps others from reading as well, where that is possible.
    #[must_use]
    pub const fn exclusive<DB: BeginMode>(mut self) -> Self {
        self.special().characteristics.locking = Some(Locking::Exclusive);
        self
    }

    /// Is run again after a failure that goes away.
    #[must_use]
    pub const fn retry(mut self) -> Self {
        self.special().retry = Some(Retry::new());
        self
    }

    /// At most so often.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.special().retry = Some(self.policy().attempts(attempts));
        self
    }

    /// For at most so long, in milliseconds.
    #[must_use]
    pub const fn deadline(mut self, deadline: u64) -> Self {
        let deadline = Duration::from_millis(deadline);
        self.special().retry = Some(self.policy().deadline(deadline));
        self
    }

    /// With this longest first pause, in milliseconds.
    #[must_use]
    pub const fn base(mut self, base: u64) -> Self {
        self.special().retry = Some(self.policy().base(Duration::from_millis(base)));
        self
    }

    /// With this longest pause, in milliseconds.
    #[must_use]
    pub const fn cap(mut self, cap: u64) -> Self {
        self.special().retry = Some(self.policy().cap(Duration::from_millis(cap)));
        self
    }

    /// Also when its outcome is unknown.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.special().retry = Some(self.policy().idempotent());
        self
    }

    const fn policy(&mut self) -> Retry {
        match self.special().retry {
            Some(retry) => retry,
            None => Retry::new(),
        }
    }

    /// Why a function with these options cannot be called in the transaction that
    /// is `open`.
    pub(crate) fn refused_inside<DB: Database>(&self, mode: Mode, open: &State) -> Option<Kind> {
        let (special, terms) = (self.special.as_ref()?, open.given());
        let resolvable = special.resolvable.then_some(NOT_RESOLVABLE);
        let beyond = special.limits.beyond(&terms.limits).or_else(|| {
            let open = terms.characteristics;
            special.characteristics.beyond::<DB>(open, mode)
        });
        beyond.or(resolvable).map(Kind::Unsupported)
    }
}

const NOT_RESOLVABLE: &str = "`resolvable` is for the outermost function, whose COMMIT it is about";

const KEY_OF_A_READER: &str = "a `key` is written in the transaction, and this one only reads";

/// What `on = expr` stands for: see [`on`].
#[derive(Debug)]
pub struct On<'a, T: ?Sized>(ByReference<'a, T>);

/// A place that is not a pool.
#[derive(Debug)]
pub struct ByReference<'a, T: ?Sized>(&'a T);

/// Makes a place of `on = expr`: `on(&(expr)).place()`.
///
/// A pool is cloned, which is cheap, so that the body can move the value it is a
/// field of. Anything else is borrowed. An inherent method is found before one
/// behind `Deref`, and that tells the two apart.
pub fn on<T: ?Sized>(place: &T) -> On<'_, T> {
    On(ByReference(place))
}

impl<DB: Database> On<'_, Pool<DB>> {
    /// The pool.
    #[must_use]
    pub fn place(&self) -> Pool<DB> {
        self.0.0.clone()
    }
}

impl<'a, T: ?Sized> ByReference<'a, T> {
    /// A reference to the place.
    #[must_use]
    pub fn place(&self) -> &'a T {
        self.0
    }
}

impl<'a, T: ?Sized> Deref for On<'a, T> {
    type Target = ByReference<'a, T>;

    fn deref(&self) -> &ByReference<'a, T> {
        &self.0
    }
}

/// Begins on `place`, or joins it.
pub fn begin<A: Access, B: Begin<A>>(place: &mut B, options: Options) -> A::Handle<'_> {
    place.begin(options)
}

/// Gives a setting its value for as long as the transaction lasts.
pub fn set<A>(handle: &mut A::Handle<'_>, name: &'static str, value: &(impl Display + ?Sized))
where
    A: Access<Database: Settings>,
{
    A::scope(handle).set(name, value.to_string());
}

/// What surrounds the body of the function with `handle`.
pub fn bounds<A: Access>(handle: &mut A::Handle<'_>, options: Options) -> Bounds {
    let timeout = options.special.and_then(|special| special.limits.timeout);
    A::scope(handle).bounds(timeout)
}

/// The text of an idempotency key.
pub fn key(key: &(impl Display + ?Sized)) -> String {
    key.to_string()
}

/// Writes the idempotency key; gives what the function returns if that fails.
pub async fn claim<A: Access, R: Outcome>(
    handle: &mut A::Handle<'_>,
    key: impl AsRef<str>,
) -> Option<R> {
    let (scope, key) = (A::scope(handle), key.as_ref());
    let state = scope.core().state();
    if state.given().mode == Mode::Read {
        let kind = Kind::Unsupported(KEY_OF_A_READER);
        state.forbid(Damage::Scope, kind);
        scope.leave();
        return Some(R::from_error(Error::new(kind).into()));
    }
    let is_root = scope.is_root();
    match keys::claim(scope.core(), key).await {
        Err(error) => {
            scope.leave();
            return Some(R::from_error(error));
        }
        // Elsewhere it may be undone while the rest commits.
        Ok(claim) if is_root => scope.core().state().set_claim(claim),
        Ok(_) => {}
    }
    None
}

/// Never called: gives a body its declared type where inference would take
/// another.
///
/// # Panics
///
/// Always.
#[must_use]
pub fn declared<R>() -> R {
    unreachable!("only the type of this call matters")
}
