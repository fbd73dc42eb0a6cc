//! What is known of a transaction's session, besides its connection.

mod closing;

use std::time::Duration;

use sqlx::{Database, Pool};
use tokio::{runtime::Handle, time::Instant};

pub(crate) use self::closing::Sessions;
use crate::{
    backend::{self, Interrupt, Session, Terms},
    limits::GRACE,
};

/// What a lease knows besides its connection.
pub(crate) struct About<DB: Database> {
    pub(crate) terms: Terms,
    /// When the caller stops waiting.
    pub(crate) deadline: Option<Instant>,
    pub(crate) runtime: Handle,
    /// Ends the statement that an embedded engine runs.
    pub(crate) interrupt: Interrupt,
    pub(crate) pool: Pool<DB>,
    /// Whether the connection has a setting that is to be set back.
    pub(crate) sets_back: bool,
    /// Whether the session is not to be used by others.
    pub(crate) is_spoiled: bool,
    /// Whether that is to be asked.
    pub(crate) is_suspect: bool,
    identity: Option<Box<Identity>>,
}

/// Who the transaction is to the server, where that may have to be known.
#[derive(Clone)]
struct Identity {
    session: Session,
    /// Since when the session is the transaction's, at the latest.
    since: Instant,
    /// Until when it is that, at the least: what may end it is sent then.
    until: Option<Instant>,
}

impl<DB: Database> Clone for About<DB> {
    fn clone(&self) -> Self {
        Self {
            terms: self.terms.clone(),
            deadline: self.deadline,
            runtime: self.runtime.clone(),
            interrupt: self.interrupt.clone(),
            pool: self.pool.clone(),
            sets_back: self.sets_back,
            is_spoiled: self.is_spoiled,
            is_suspect: self.is_suspect,
            identity: self.identity.clone(),
        }
    }
}

impl Identity {
    #[cold]
    fn unknown() -> Self {
        Self {
            session: Session::default(),
            since: Instant::now(),
            until: None,
        }
    }
}

impl<DB: Database> About<DB> {
    #[inline]
    pub(crate) fn new(
        pool: &Pool<DB>,
        terms: &Terms,
        deadline: Option<Instant>,
        runtime: Handle,
    ) -> Self {
        let asks = terms.want_identity();
        Self {
            terms: terms.clone(),
            deadline,
            runtime,
            interrupt: Interrupt::default(),
            pool: pool.clone(),
            sets_back: false,
            is_spoiled: false,
            is_suspect: false,
            identity: asks.then(|| Box::new(Identity::unknown())),
        }
    }

    /// What BEGIN's answer told, if it was asked.
    #[inline]
    pub(crate) fn session(&self) -> Option<&Session> {
        self.identity.as_deref().map(|identity| &identity.session)
    }

    pub(crate) fn set_session(&mut self, session: Session) {
        self.sets_back = session.sets_back;
        if let Some(identity) = &mut self.identity {
            identity.session = session;
        }
    }

    /// What may end the transaction is sent from now on.
    #[inline]
    pub(crate) fn ends(&mut self) {
        if let Some(identity) = &mut self.identity {
            identity.until.get_or_insert_with(Instant::now);
        }
    }

    /// How long a connection may take to become clean: behind the deadline its
    /// locks are in others' way.
    pub(crate) fn patience(&self) -> Duration {
        let backend = backend::of::<DB>();
        let patience = backend.patience();
        match self.deadline {
            // What an embedded engine runs has an end, but no other session.
            Some(deadline) if !backend.is_embedded() => {
                let left = deadline.saturating_duration_since(Instant::now());
                patience.min(left.saturating_add(GRACE))
            }
            _ => patience,
        }
    }
}
