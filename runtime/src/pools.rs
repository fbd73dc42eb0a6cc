//! Sets of pools, which are known by their address.

use std::{
    collections::BTreeSet,
    ptr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sqlx::{Database, Pool};

/// What tells one pool from another as long as it lives: where its options are.
pub(crate) type Id = usize;

pub(crate) fn id<DB: Database>(pool: &Pool<DB>) -> Id {
    ptr::from_ref(pool.options()).addr()
}

/// Some pools.
#[derive(Debug)]
pub(crate) struct Pools(Mutex<BTreeSet<Id>>);

impl Pools {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(BTreeSet::new()))
    }

    pub(crate) fn add<DB: Database>(&self, pool: &Pool<DB>) {
        self.ids().insert(id(pool));
    }

    pub(crate) fn have<DB: Database>(&self, pool: &Pool<DB>) -> bool {
        self.ids().contains(&id(pool))
    }

    fn ids(&self) -> MutexGuard<'_, BTreeSet<Id>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use std::time::Duration;

    use sqlx::SqlitePool;
    use tokio::time::sleep;

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
}
