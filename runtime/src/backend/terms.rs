//! What is asked of BEGIN, and what its answer tells.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    characteristics::Characteristics, error::Kind, limits::Limits, resolve::Number,
    settings::Given, state::Mark,
};

/// What a transaction may do; the engine enforces it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    Write,
    Read,
}

/// What is asked of BEGIN.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    pub(crate) mode: Mode,
    /// What the transaction is marked with from the beginning.
    pub(crate) mark: Option<Mark>,
    /// Whether the connection is the caller's.
    pub(crate) lent: bool,
    /// Shared by the parts of a transaction. Most ask for nothing.
    extras: Option<Arc<Extras>>,
}

/// What may be asked of BEGIN besides the mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extras {
    pub(crate) characteristics: Characteristics,
    pub(crate) settings: Given,
    pub(crate) limits: Limits,
    /// Whether the session may have to be ended from another connection.
    pub(crate) identify: bool,
    /// Whether the outcome may have to be asked for later.
    pub(crate) resolvable: bool,
    /// Whether it waits for what the other nodes of a cluster have committed.
    pub(crate) up_to_date: bool,
}

impl Extras {
    pub(crate) const NOTHING: Self = Self {
        characteristics: Characteristics::new(),
        settings: Given::new(),
        limits: Limits::new(),
        identify: false,
        resolvable: false,
        up_to_date: false,
    };
}

impl Terms {
    pub(crate) fn new(mode: Mode, extras: Extras) -> Self {
        let extras = (extras != Extras::NOTHING).then(|| Arc::new(extras));
        Self {
            mode,
            mark: None,
            lent: false,
            extras,
        }
    }

    /// Whether nothing is asked for but the mode.
    #[inline]
    pub(crate) fn are_plain(&self) -> bool {
        self.extras.is_none()
    }

    /// Whether BEGIN's answer has to tell who the transaction is.
    #[inline]
    pub(crate) fn want_identity(&self) -> bool {
        self.identify || self.resolvable
    }

    /// The same, and that BEGIN's answer tells who the transaction is.
    #[cold]
    pub(crate) fn identified(&self) -> Self {
        let mut terms = self.clone();
        let extras = terms
            .extras
            .get_or_insert_with(|| Arc::new(Extras::NOTHING));
        Arc::make_mut(extras).identify = true;
        terms
    }

    /// Asks for a setting.
    pub(crate) fn set(&mut self, name: &'static str, value: String) -> Result<(), Kind> {
        let extras = self.extras.get_or_insert_with(|| Arc::new(Extras::NOTHING));
        Arc::make_mut(extras).settings.push(name, value)
    }
}

impl Deref for Terms {
    type Target = Extras;

    #[inline]
    fn deref(&self) -> &Extras {
        const NOTHING: &Extras = &Extras::NOTHING;
        self.extras.as_deref().unwrap_or(NOTHING)
    }
}

/// Ends the statement that an embedded engine runs, where that was prepared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Option<Arc<AtomicBool>>);

impl Interrupt {
    #[cfg(feature = "sqlite")]
    pub(super) fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// Whether there is something to raise.
    #[inline]
    pub(crate) fn is_prepared(&self) -> bool {
        self.0.is_some()
    }

    /// From now on every statement is ended.
    #[inline]
    pub(crate) fn raise(&self) {
        if let Some(flag) = &self.0 {
            flag.store(true, Ordering::Relaxed);
        }
    }

    /// From now on none is.
    #[inline]
    pub(crate) fn lower(&self) {
        if let Some(flag) = &self.0 {
            flag.store(false, Ordering::Relaxed);
        }
    }

    /// Whether it is the very same.
    #[cfg(feature = "sqlite")]
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let both = self.0.as_ref().zip(other.0.as_ref());
        both.is_some_and(|(flag, other)| Arc::ptr_eq(flag, other))
    }

    pub(crate) fn is_raised(&self) -> bool {
        let flag = self.0.as_ref();
        flag.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}

/// What BEGIN's answer told of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    /// Whether BEGIN has changed a setting of the connection that is to be set back.
    pub(crate) sets_back: bool,
    /// What the server calls the session: a seat, which others have before and after.
    pub(crate) id: Option<u64>,
    /// When the transaction began, in microseconds since 1970 by the server's clock,
    /// where the server tells.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(dead_code, reason = "PostgreSQL alone tells")
    )]
    pub(crate) began: Option<u64>,
    /// What tells the server from others at the same address.
    #[cfg_attr(
        not(any(feature = "postgres", feature = "mysql")),
        expect(dead_code, reason = "an embedded engine has no server")
    )]
    pub(crate) server: Option<u64>,
    /// What the server calls the transaction.
    pub(crate) number: Option<Number>,
}

/// The first of `terms` that PostgreSQL alone can give.
pub(super) fn only_postgres(terms: &Terms) -> Option<&'static str> {
    if terms.limits.idle_timeout.is_some() {
        Some("`idle_timeout` is an option for PostgreSQL")
    } else if terms.resolvable {
        Some("`resolvable` is an option for PostgreSQL: a `key` makes an outcome known everywhere")
    } else if terms.characteristics.deferrable {
        Some("`deferrable` is an option for PostgreSQL")
    } else if !terms.settings.is_empty() {
        Some("`settings` is an option for PostgreSQL")
    } else {
        None
    }
}

/// The first of `terms` that SQLite alone can give.
pub(super) fn only_sqlite(terms: &Terms) -> Option<&'static str> {
    let locking = terms.characteristics.locking;
    locking.map(|_| "`deferred`, `immediate` and `exclusive` are options for SQLite")
}
