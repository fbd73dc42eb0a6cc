//! `crate = ::path` finds the runtime crate wherever it was put.

use sqlx::SqlitePool;

mod vendored {
    pub use sqlx_transactional::*;
}

mod absolute {
    use sqlx::Sqlite;

    use crate::vendored::{Tx, transactional};

    #[transactional(crate = ::sqlx_transactional)]
    pub async fn load(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
        sqlx::query_scalar("select 1").fetch_one(tx).await
    }
}

mod re_exported {
    use sqlx::Sqlite;

    use crate::vendored::{Tx, transactional};

    #[transactional(crate = crate::vendored, savepoint)]
    pub async fn load(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
        sqlx::query_scalar("select 1").fetch_one(tx).await
    }
}

macro_rules! loader {
    ($name:ident) => {
        #[$crate::vendored::transactional(crate = $crate::vendored)]
        async fn $name(tx: &mut $crate::vendored::Tx<'_, sqlx::Sqlite>) -> sqlx::Result<i64> {
            sqlx::query_scalar("select 1").fetch_one(tx).await
        }
    };
}

loader!(load);

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    let three =
        absolute::load(&pool).await? + re_exported::load(&pool).await? + load(&pool).await?;
    assert_eq!(three, 3);
    Ok(())
}
