//! Wherever a function can stand: in modules, in bodies, private and public, with
//! other functions of the same name around.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

mod outer {
    pub(crate) mod inner {
        use super::super::*;

        #[transactional]
        pub(in crate::outer) async fn load(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
            sqlx::query_scalar("select 1").fetch_one(tx).await
        }

        #[transactional]
        pub(crate) async fn twice(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
            Ok(load(&mut *tx).await? + super::load(tx).await?)
        }
    }

    #[super::transactional]
    async fn load(tx: &mut super::Tx<'_, sqlx::Sqlite>) -> sqlx::Result<i64> {
        inner::load(tx).await
    }
}

#[transactional]
async fn nested(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    #[transactional]
    async fn inside(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
        outer::inner::twice(tx).await
    }
    struct Local;
    impl Local {
        #[transactional]
        async fn inside(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
            inside(tx).await
        }
    }
    let first = inside(&mut *tx).await?;
    Ok(first + Local.inside(tx).await?)
}

#[transactional]
async unsafe fn careful(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    nested(tx).await
}

#[transactional]
async fn recursive(tx: &mut Tx<'_, Sqlite>, depth: u32) -> sqlx::Result<i64> {
    fn deeper<'t>(
        tx: &'t mut Tx<'_, Sqlite>,
        depth: u32,
    ) -> std::pin::Pin<Box<dyn Future<Output = sqlx::Result<i64>> + Send + 't>> {
        Box::pin(async move {
            match depth {
                0 => sqlx::query_scalar("select 1").fetch_one(tx).await,
                _ => deeper(tx, depth - 1).await.map(|sum| sum + 1),
            }
        })
    }
    deeper(tx, depth).await
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    // SAFETY: the function asks for nothing.
    assert_eq!(unsafe { careful(&pool) }.await?, 4);
    assert_eq!(recursive(&pool, 3).await?, 4);
    Ok(())
}
