//! What is known of a transaction's session, besides its connection.

use std::time::Duration;

use sqlx::{Connection, Database, Pool};
use tokio::{
    runtime::Handle,
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};

use crate::{
    backend::{self, Session, Terms},
    limits::GRACE,
};

/// What a lease knows besides its connection.
pub(crate) struct About<DB: Database> {
    pub(crate) terms: Terms,
    /// Who the transaction is to the server.
    pub(crate) session: Session,
    /// When the caller stops waiting.
    pub(crate) deadline: Option<Instant>,
    /// Where a connection comes from that ends this one's session, and since when
    /// that is the transaction's, where it may have to be ended.
    reach: Option<(Pool<DB>, Instant)>,
    pub(crate) runtime: Handle,
}

impl<DB: Database> Clone for About<DB> {
    fn clone(&self) -> Self {
        Self {
            terms: self.terms.clone(),
            session: self.session.clone(),
            deadline: self.deadline,
            reach: self.reach.clone(),
            runtime: self.runtime.clone(),
        }
    }
}

impl<DB: Database> About<DB> {
    pub(crate) fn new(pool: &Pool<DB>, terms: &Terms, deadline: Option<Instant>) -> Self {
        Self {
            terms: terms.clone(),
            session: Session::default(),
            deadline,
            reach: terms
                .want_identity()
                .then(|| (pool.clone(), Instant::now())),
            runtime: Handle::current(),
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
        let ((pool, begun), session) = (self.reach.as_ref()?, self.session.id?);
        for pause in PAUSES {
            if try_to_end(pool, session, *begun).await {
                return Some(true);
            }
            sleep(pause).await;
        }
        Some(try_to_end(pool, session, *begun).await)
    }
}

async fn try_to_end<DB: Database>(pool: &Pool<DB>, session: u64, begun: Instant) -> bool {
    let _turn = ENDING.acquire().await;
    let age = begun.elapsed();
    let ended = async {
        let mut connection = DB::Connection::connect_with(&pool.connect_options()).await?;
        let ended = backend::of::<DB>().end_session(&mut connection, session, age);
        let ended = ended.await;
        let _ = connection.close().await;
        ended
    };
    matches!(timeout(TRY, ended).await, Ok(Ok(())))
}
