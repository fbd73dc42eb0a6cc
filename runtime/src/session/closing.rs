//! How a connection that is not to be used again is closed, and its session ended.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use sqlx::{Connection, Database, Pool, pool::PoolConnection};
use tokio::{
    runtime::Handle,
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::{About, Identity};
use crate::{
    backend::{self, Ending},
    conclude::timed_out,
    detached::Work,
    lean::rarely,
    limits::DEFAULT_TIMEOUT,
    observe, pools,
};

/// The sessions of one pool that outlive their calls.
pub(crate) struct Sessions {
    /// How many are ended at once: each takes a connection of its own.
    endings: Semaphore,
    /// How many run on beside the pool.
    strays: AtomicU32,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            endings: Semaphore::new(4),
            strays: AtomicU32::new(0),
        }
    }
}

impl Sessions {
    /// Whether there are strays. From then on it is asked who begins, so that what is
    /// dropped can be ended.
    pub(crate) fn has_strays(&self) -> bool {
        self.strays.load(Ordering::Relaxed) > 0
    }
}

/// A session that runs on beside its pool, which may open another connection in its
/// place. It is counted as long as this lives.
struct Stray(Arc<Sessions>);

impl Stray {
    /// One more of at most `most`.
    fn of(sessions: &Arc<Sessions>, most: u32) -> Option<Self> {
        let more = |strays| (strays < most).then_some(strays + 1);
        let counted = sessions
            .strays
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        counted.is_ok().then(|| Self(Arc::clone(sessions)))
    }
}

impl Drop for Stray {
    fn drop(&mut self) {
        self.0.strays.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long saying good-bye to a server may take.
const GOOD_BYE: Duration = Duration::from_secs(1);

/// How long one try to end a session may take.
const TRY: Duration = Duration::from_secs(2);

/// How long to wait behind each try but the last. A server that is out of
/// connections has one as soon as somebody else goes.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
];

/// How many connections may reach another server. A balancer may choose better the
/// next time.
const ELSEWHERE: u32 = 12;

/// How long a session is counted, or waited for, that nobody could end.
const STRAYS: Duration = DEFAULT_TIMEOUT;

/// How long the line of a stray stays open. If its session has nothing to do, and sqlx
/// waits for an answer that never comes, then it ends with the line.
const LINE: Duration = Duration::from_millis(100);

/// How long a session may take to answer by itself before it is ended from elsewhere.
/// Most of the statements that are dropped half-way are over by then.
const AT_ONCE: Duration = Duration::from_millis(20);

/// Where a connection is that is not to be used again.
enum Side<DB: Database> {
    /// Beside the pool, which may open another in its place.
    Beside(DB::Connection, Option<Stray>),
    /// In its place in the pool, because enough run on beside it.
    Inside(PoolConnection<DB>),
}

impl<DB: Database> Side<DB> {
    fn connection(&mut self) -> &mut DB::Connection {
        match self {
            Self::Beside(connection, _) => connection,
            Self::Inside(connection) => connection,
        }
    }
}

/// A connection that is not to be used again, until it is dropped.
struct Closing<DB: Database> {
    side: Option<Side<DB>>,
    runtime: Handle,
}

/// What a session is asked for: a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// It has nothing more to do.
    Given,
    /// The line is cut.
    None,
    /// It may be doing something.
    Awaited,
}

/// The answer, and the connection to close.
type Answer<DB> = Pin<Box<dyn Future<Output = (Closing<DB>, Sign)> + Send>>;

impl<DB: Database> Closing<DB> {
    /// Takes the connection out of its pool, with what it is counted by.
    fn take(&mut self) -> Option<(DB::Connection, Option<Stray>)> {
        let _inside = self.runtime.enter();
        Some(match self.side.take()? {
            Side::Beside(connection, stray) => (connection, stray),
            Side::Inside(connection) => (connection.detach(), None),
        })
    }

    /// Asks the session for a sign of life. One in its place in the pool is waited for.
    fn answer(mut self) -> Answer<DB> {
        Box::pin(async move {
            let Some(side) = &mut self.side else {
                return (self, Sign::Given);
            };
            let limit = match side {
                Side::Beside(..) => LINE,
                Side::Inside(_) => GOOD_BYE,
            };
            let sign = match timeout(limit, side.connection().ping()).await {
                Ok(Ok(())) => Sign::Given,
                Ok(Err(_)) => Sign::None,
                Err(_) => Sign::Awaited,
            };
            (self, sign)
        })
    }

    /// Says good-bye to the server. An answer is not needed, only an end. Gives what
    /// the session is counted by.
    async fn say_good_bye(mut self) -> Option<Stray> {
        let (connection, stray) = self.take()?;
        let _ = timeout(GOOD_BYE, connection.close()).await;
        stray
    }
}

impl<DB: Database> Drop for Closing<DB> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<DB: Database> About<DB> {
    /// Takes a connection out of the pool, so that it opens another, and ends the
    /// server's session in the background, unless the server has done so.
    ///
    /// A session that nobody can end runs on, with its locks and its place among the
    /// server's connections. At most as many as the pool has connections do so beside
    /// it; another keeps its place in the pool for a second, in which it may end. More
    /// than that are only those on lines that are dead: whoever began while there were
    /// strays is known, and can be ended.
    pub(crate) fn close(self, connection: PoolConnection<DB>, has_ended: bool) {
        let runtime = self.runtime.clone();
        let _inside = runtime.enter();
        let has_ended = has_ended || backend::of::<DB>().is_embedded();
        let most = self.pool.options().get_max_connections();
        let side = if has_ended {
            Side::Beside(connection.detach(), None)
        } else if let Some(stray) = Stray::of(&pools::sessions(&self.pool), most) {
            Side::Beside(connection.detach(), Some(stray))
        } else {
            rarely();
            Side::Inside(connection)
        };
        let closing = Closing {
            side: Some(side),
            runtime: runtime.clone(),
        };
        observe::spawn_apart(&runtime, Work::Ending, async move {
            if has_ended {
                drop(closing.say_good_bye().await);
            } else {
                self.end(closing).await;
            }
        });
    }

    /// Ends the session behind a connection. While its socket is open nobody else can
    /// be called the same.
    async fn end(self, closing: Closing<DB>) {
        let mut answer = closing.answer();
        let first = timeout(AT_ONCE, &mut answer).await;
        if let Ok((closing, Sign::Given)) = first {
            return drop(closing.say_good_bye().await);
        }
        let ending = self.end_session().await;
        if let Some(ending) = ending {
            observe::session_ended(ending);
        }
        if let Ok((closing, _)) = first {
            return drop(closing.say_good_bye().await);
        }
        if !matches!(ending, Some(Some(Ending::Ended | Ending::Gone))) {
            // A pool that is closed, or that nobody has any more, waits for nobody.
            let (mut closed, runtime) = (self.pool.close_event(), self.runtime.clone());
            drop(self);
            observe::let_go(&runtime, async move {
                let _ = closed.do_until(wait_for_the_end(answer)).await;
            });
        }
    }

    /// Ends the server's session, whose locks are in others' way, from another
    /// connection: this one may be a dead line. Gives what came of it if it is known
    /// which session it is: nothing if nobody could be asked.
    async fn end_session(&self) -> Option<Option<Ending>> {
        let identity = self.identity.as_deref()?;
        identity.session.id?;
        let sessions = pools::sessions(&self.pool);
        let (mut elsewhere, mut pauses) = (0, PAUSES.into_iter());
        loop {
            match try_to_end(&self.pool, &sessions, identity).await {
                Ok(Ending::Elsewhere) if elsewhere < ELSEWHERE => elsewhere += 1,
                Ok(ending) => return Some(Some(ending)),
                Err(_) => match pauses.next() {
                    Some(pause) => sleep(pause).await,
                    None => return Some(None),
                },
            }
        }
    }
}

/// Waits until a session that nobody could end has ended, as far as that is seen.
async fn wait_for_the_end<DB: Database>(answer: Answer<DB>) {
    let (closing, sign) = answer.await;
    let counted = closing.say_good_bye().await;
    if sign == Sign::Awaited && counted.is_some() {
        sleep(STRAYS).await;
    }
}

async fn try_to_end<DB: Database>(
    pool: &Pool<DB>,
    sessions: &Sessions,
    identity: &Identity,
) -> Result<Ending, sqlx::Error> {
    let _turn = sessions.endings.acquire().await;
    let age = identity.since.elapsed();
    let open = identity.until.map_or(age, |until| until - identity.since);
    let ended = async {
        let mut connection = DB::Connection::connect_with(&pool.connect_options()).await?;
        let ended = backend::of::<DB>().end_session(&mut connection, &identity.session, age, open);
        let ended = ended.await;
        let _ = connection.close().await;
        ended
    };
    timeout(TRY, ended)
        .await
        .unwrap_or_else(|_| Err(timed_out()))
}
