//! What is known of a transaction's session, besides its connection.

use std::time::Duration;

use sqlx::{Connection, Database, Pool};
use tokio::{
    runtime::Handle,
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};

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
    identity: Option<Box<Identity<DB>>>,
}

/// Who the transaction is to the server, where that may have to be known.
struct Identity<DB: Database> {
    session: Session,
    /// Where a connection comes from that ends the session.
    pool: Pool<DB>,
    /// Since when the session is the transaction's.
    since: Instant,
}

impl<DB: Database> Clone for About<DB> {
    fn clone(&self) -> Self {
        Self {
            terms: self.terms.clone(),
            deadline: self.deadline,
            runtime: self.runtime.clone(),
            interrupt: self.interrupt.clone(),
            identity: self.identity.clone(),
        }
    }
}

impl<DB: Database> Clone for Identity<DB> {
    fn clone(&self) -> Self {
        Self {
            session: self.session.clone(),
            pool: self.pool.clone(),
            since: self.since,
        }
    }
}

impl<DB: Database> Identity<DB> {
    #[cold]
    fn of_one_on(pool: &Pool<DB>) -> Self {
        Self {
            session: Session::default(),
            pool: pool.clone(),
            since: Instant::now(),
        }
    }
}

impl<DB: Database> About<DB> {
    #[inline]
    pub(crate) fn new(pool: &Pool<DB>, terms: &Terms, deadline: Option<Instant>) -> Self {
        let asks = terms.want_identity();
        Self {
            terms: terms.clone(),
            deadline,
            runtime: Handle::current(),
            interrupt: Interrupt::default(),
            identity: asks.then(|| Box::new(Identity::of_one_on(pool))),
        }
    }

    /// What BEGIN's answer told, if it was asked.
    #[inline]
    pub(crate) fn session(&self) -> Option<&Session> {
        self.identity.as_deref().map(|identity| &identity.session)
    }

    pub(crate) fn set_session(&mut self, session: Session) {
        self.interrupt = session.interrupt.clone();
        if let Some(identity) = &mut self.identity {
            identity.session = session;
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

/// How many sessions are ended at once: each takes a connection of its own.
static ENDING: Semaphore = Semaphore::const_new(4);

/// How long one try to end a session may take.
const TRY: Duration = Duration::from_secs(2);

/// How long to wait behind each try but the last. A server that is out of
/// connections has one as soon as somebody else goes.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
];

impl<DB: Database> About<DB> {
    /// Ends the server's session, whose locks are in others' way, from another
    /// connection: this one may be a dead line. Gives whether it is ended, if it
    /// is known which it is.
    pub(crate) async fn end_session(&self) -> Option<bool> {
        let Identity {
            session,
            pool,
            since,
        } = self.identity.as_deref()?;
        let session = session.id?;
        for pause in PAUSES {
            if try_to_end(pool, session, *since).await {
                return Some(true);
            }
            sleep(pause).await;
        }
        Some(try_to_end(pool, session, *since).await)
    }
}

async fn try_to_end<DB: Database>(pool: &Pool<DB>, session: u64, since: Instant) -> bool {
    let _turn = ENDING.acquire().await;
    let age = since.elapsed();
    let ended = async {
        let mut connection = DB::Connection::connect_with(&pool.connect_options()).await?;
        let ended = backend::of::<DB>().end_session(&mut connection, session, age);
        let ended = ended.await;
        let _ = connection.close().await;
        ended
    };
    matches!(timeout(TRY, ended).await, Ok(Ok(())))
}
