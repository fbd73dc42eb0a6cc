//! Every kind of receiver, with the transaction right after it.

use std::{pin::Pin, rc::Rc, sync::Arc};

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

struct Notes {
    pool: SqlitePool,
    renamed: u64,
}

impl Notes {
    #[transactional]
    async fn by_reference(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<u64> {
        count(tx).await.map(|count| count + self.renamed)
    }

    #[transactional]
    async fn by_mutable_reference(&mut self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<u64> {
        self.renamed += count(tx).await?;
        Ok(self.renamed)
    }

    #[transactional]
    async fn by_value(self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<u64> {
        count(tx).await.map(|count| count + self.renamed)
    }

    #[transactional]
    async fn by_mutable_value(mut self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<u64> {
        self.renamed += count(tx).await?;
        Ok(self.renamed)
    }

    #[transactional]
    async fn by_box(self: Box<Self>, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<u64> {
        count(tx).await.map(|count| count + self.renamed)
    }

    #[transactional]
    async fn by_arc(self: Arc<Self>, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<u64> {
        count(tx).await.map(|count| count + self.renamed)
    }

    #[transactional]
    async fn by_rc(self: &Rc<Self>, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<u64> {
        count(tx).await.map(|count| count + self.renamed)
    }

    #[transactional]
    async fn by_pin(self: Pin<&mut Self>, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<u64> {
        count(tx).await.map(|count| count + self.renamed)
    }

    #[transactional]
    async fn by_a_named_lifetime<'n>(&'n self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<&'n u64> {
        count(tx).await.map(|_| &self.renamed)
    }

    #[transactional(on = self.pool)]
    async fn injected(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<u64> {
        count(tx).await.map(|count| count + self.renamed)
    }

    #[transactional(on = self.pool)]
    async fn injected_by_value(self, tx: &mut Tx<'_, Sqlite>, add: u64) -> sqlx::Result<u64> {
        count(tx).await.map(|count| count + add)
    }

    #[transactional]
    async fn none(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<u64> {
        count(tx).await
    }
}

#[transactional]
async fn count(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<u64> {
    sqlx::query_scalar("select 2").fetch_one(tx).await
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    let make = || Notes {
        pool: pool.clone(),
        renamed: 1,
    };
    let mut notes = make();
    assert_eq!(notes.by_reference(&pool).await?, 3);
    assert_eq!(*notes.by_a_named_lifetime(&pool).await?, 1);
    assert_eq!(notes.injected().await?, 3);
    assert_eq!(notes.by_mutable_reference(&pool).await?, 3);
    assert_eq!(Pin::new(&mut notes).by_pin(&pool).await?, 5);
    assert_eq!(make().by_value(&pool).await?, 3);
    assert_eq!(make().by_mutable_value(&pool).await?, 3);
    assert_eq!(make().injected_by_value(7).await?, 9);
    assert_eq!(Box::new(make()).by_box(&pool).await?, 3);
    assert_eq!(Arc::new(make()).by_arc(&pool).await?, 3);
    assert_eq!(Rc::new(make()).by_rc(&pool).await?, 3);
    assert_eq!(Notes::none(&pool).await?, 2);
    Ok(())
}
