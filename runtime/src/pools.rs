//! Sets of pools, which are known by their address.

use std::{
    any::Any,
    collections::BTreeMap,
    ptr,
    sync::{Arc, PoisonError, RwLock, Weak},
};

use sqlx::{Database, Pool};

/// What tells one pool from another as long as it lives: where its options are.
pub(crate) type Id = usize;

pub(crate) fn id<DB: Database>(pool: &Pool<DB>) -> Id {
    ptr::from_ref(pool.options()).addr()
}

/// Some pools, as long as they live.
#[derive(Debug)]
pub(crate) struct Pools(RwLock<BTreeMap<Id, Life>>);

/// The options a pool connects with, which go when the pool does. Held so, they
/// leave their own address to nobody, but that of the pool is free again.
type Life = Weak<dyn Any + Send + Sync>;

impl Pools {
    pub(crate) const fn new() -> Self {
        Self(RwLock::new(BTreeMap::new()))
    }

    pub(crate) fn add<DB: Database>(&self, pool: &Pool<DB>) {
        let mut pools = self.0.write().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|_, life| life.strong_count() > 0);
        pools.insert(id(pool), Arc::downgrade(&pool.connect_options()) as Life);
    }

    pub(crate) fn have<DB: Database>(&self, pool: &Pool<DB>) -> bool {
        let pools = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let life = pools.get(&id(pool));
        life.is_some_and(|life| life.strong_count() > 0)
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use std::time::Duration;

    use sqlx::SqlitePool;
    use tokio::time::{sleep, timeout};

    use super::Pools;

    #[tokio::test]
    async fn one_that_is_gone_is_not_taken_for_another() {
        let pools = Pools::new();
        for _ in 0..200 {
            // What keeps a pool alive in the background lets go of it.
            sleep(Duration::from_millis(1)).await;
            let pool = SqlitePool::connect_lazy("sqlite::memory:").unwrap();
            assert!(!pools.have(&pool), "it has the address of one that is gone");
            pools.add(&pool);
            assert!(pools.have(&pool.clone()));
        }
    }

    #[tokio::test]
    async fn those_that_live_are_known_and_one_that_is_gone_is_forgotten() {
        let pools = Pools::new();
        let open = || SqlitePool::connect_lazy("sqlite::memory:").unwrap();
        let (gone, kept) = (open(), open());
        pools.add(&gone);
        pools.add(&kept);
        assert!(pools.have(&gone) && pools.have(&kept));
        drop(gone);
        let forgotten = async {
            while pools.0.read().unwrap().len() > 1 {
                sleep(Duration::from_millis(1)).await;
                pools.add(&kept);
            }
        };
        timeout(Duration::from_secs(10), forgotten).await.unwrap();
        assert!(pools.have(&kept));
    }
}
