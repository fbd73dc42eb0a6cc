//! What is known of a pool besides what sqlx knows of it.
//!
//! A pool is known by its address. sqlx marks a pool as closed when it is dropped,
//! before its memory is free (`PoolInner::drop`), and whoever listens for that is
//! told at once. So an entry whose pool has not been closed is that of the pool at
//! its address, and not of one that was there before.

use std::{
    any::Any,
    collections::BTreeMap,
    pin::Pin,
    ptr,
    sync::{
        Arc, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
};

use sqlx::{Database, Pool};
use sqlx_core::pool::CloseEvent;

use crate::{lean::rarely, session::Sessions};

/// What tells one pool from another as long as it lives: where its options are.
pub(crate) type Id = usize;

pub(crate) fn id<DB: Database>(pool: &Pool<DB>) -> Id {
    ptr::from_ref(pool.options()).addr()
}

/// What is known of a pool, at a glance.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Whether transactions take its idle connections as they are.
    pub(crate) as_they_are: bool,
    /// Whether a second transaction is always an error.
    pub(crate) second_forbidden: bool,
    /// Whether what can be repeated is.
    pub(crate) runs_twice: bool,
    /// Whether sessions run on that nobody could end.
    pub(crate) has_strays: bool,
}

/// What is known of a pool as long as it lives.
pub(crate) struct Entry {
    pub(crate) second_forbidden: bool,
    pub(crate) runs_twice: bool,
    sessions: Arc<Sessions>,
    /// What the pool connects with as long as its idle connections are taken as they
    /// are. Held so, the options leave their address to no others.
    as_they_are: Option<Weak<dyn Any + Send + Sync>>,
    life: Arc<Life>,
    /// Tells `life` when the pool is closed or dropped.
    _end: CloseEvent,
}

/// Whether a pool has come to its end.
#[derive(Default)]
struct Life {
    is_over: AtomicBool,
}

impl Wake for Life {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_over.store(true, Ordering::Release);
    }
}

/// The pools of which something is known.
static POOLS: RwLock<BTreeMap<Id, Entry>> = RwLock::new(BTreeMap::new());

/// Whether there ever was one.
static ANY: AtomicBool = AtomicBool::new(false);

/// What is known of `pool`.
#[inline]
pub(crate) fn known<DB: Database>(pool: &Pool<DB>) -> Known {
    if !ANY.load(Ordering::Relaxed) {
        return Known::default();
    }
    let pools = POOLS.read().unwrap_or_else(PoisonError::into_inner);
    let entry = pools.get(&id(pool)).filter(|entry| entry.is_alive());
    entry.map_or_else(Known::default, |entry| entry.known(pool))
}

/// Takes note of something about `pool`.
pub(crate) fn note<DB: Database, T>(pool: &Pool<DB>, note: impl FnOnce(&mut Entry) -> T) -> T {
    let (id, is_closed) = (id(pool), pool.is_closed());
    let mut pools = POOLS.write().unwrap_or_else(PoisonError::into_inner);
    // A pool that is closed has lost what it is asked at a BEGIN, but its sessions
    // still end.
    pools.retain(|other, entry| entry.is_alive() || (*other == id && is_closed));
    ANY.store(true, Ordering::Relaxed);
    note(pools.entry(id).or_insert_with(|| Entry::of(pool)))
}

/// What is known of the sessions of `pool`.
pub(crate) fn sessions<DB: Database>(pool: &Pool<DB>) -> Arc<Sessions> {
    note(pool, |entry| Arc::clone(&entry.sessions))
}

impl Entry {
    fn of<DB: Database>(pool: &Pool<DB>) -> Self {
        let life = Arc::<Life>::default();
        let mut end = pool.close_event();
        let waker = Waker::from(Arc::clone(&life));
        if Pin::new(&mut end)
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
        {
            // It is closed already, and nothing is begun on it any more.
            rarely();
            life.wake_by_ref();
        }
        Self {
            second_forbidden: false,
            runs_twice: false,
            sessions: Arc::default(),
            as_they_are: None,
            life,
            _end: end,
        }
    }

    fn is_alive(&self) -> bool {
        !self.life.is_over.load(Ordering::Acquire)
    }

    /// From now on the idle connections of `pool`, whose entry this is, are taken as
    /// they are.
    pub(crate) fn take_as_they_are<DB: Database>(&mut self, pool: &Pool<DB>) {
        self.as_they_are = Some(Arc::downgrade(&pool.connect_options()) as _);
    }

    fn known<DB: Database>(&self, pool: &Pool<DB>) -> Known {
        let as_they_are = self.as_they_are.as_ref();
        Known {
            as_they_are: as_they_are.is_some_and(|options| {
                ptr::addr_eq(options.as_ptr(), Arc::as_ptr(&pool.connect_options()))
            }),
            second_forbidden: self.second_forbidden,
            runs_twice: self.runs_twice,
            has_strays: self.sessions.has_strays(),
        }
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use std::time::Duration;

    use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};
    use tokio::time::{sleep, timeout};

    use super::{Known, POOLS, id, known, note};

    fn open() -> SqlitePool {
        SqlitePool::connect_lazy("sqlite::memory:").unwrap()
    }

    #[tokio::test]
    async fn pool_at_the_address_of_one_that_is_gone_inherits_nothing() {
        let (mut kept, mut addresses) = (None, Vec::new());
        for _ in 0..200 {
            // What keeps a pool alive in the background lets go of it.
            sleep(Duration::from_millis(1)).await;
            let pool = open();
            assert_eq!(known(&pool), Known::default());
            note(&pool, |entry| {
                entry.second_forbidden = true;
                entry.runs_twice = true;
                entry.take_as_they_are(&pool);
            });
            let all = known(&pool.clone());
            assert!(all.second_forbidden && all.runs_twice && all.as_they_are);
            addresses.push(id(&pool));
            // A copy of its options outlives it.
            kept = Some(pool.connect_options());
        }
        drop(kept);
        addresses.sort_unstable();
        addresses.dedup();
        assert!(addresses.len() < 200, "no address was used again");
    }

    #[tokio::test]
    async fn pool_that_lives_is_known_and_one_that_is_gone_is_forgotten() {
        let (gone, kept) = (open(), open());
        for pool in [&gone, &kept] {
            note(pool, |entry| entry.runs_twice = true);
        }
        assert!(known(&gone).runs_twice && known(&kept).runs_twice);
        let address = id(&gone);
        drop(gone);
        let forgotten = async {
            while POOLS.read().unwrap().contains_key(&address) {
                sleep(Duration::from_millis(1)).await;
                note(&kept, |_| {});
            }
        };
        timeout(Duration::from_secs(10), forgotten).await.unwrap();
        assert!(known(&kept).runs_twice);
    }

    #[tokio::test]
    async fn connections_are_taken_as_they_are_until_the_options_are_replaced() {
        let pool = open();
        note(&pool, |entry| entry.take_as_they_are(&pool));
        let options = pool.connect_options();
        assert!(known(&pool).as_they_are);
        pool.set_connect_options(SqliteConnectOptions::new());
        assert!(!known(&pool).as_they_are);
        drop(options);
    }

    #[tokio::test]
    async fn pool_that_is_closed_is_not_noted() {
        let pool = open();
        pool.close().await;
        note(&pool, |entry| entry.runs_twice = true);
        assert_eq!(known(&pool), Known::default());
    }
}
