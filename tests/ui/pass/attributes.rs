//! Attributes around the function, on parameters, and inside the body.
#![deny(unused, unused_qualifications)]

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[doc = "Documented twice."]
/// In both ways.
#[must_use = "for the test"]
#[inline]
#[transactional]
#[expect(clippy::unused_async, reason = "to see that it arrives")]
pub async fn outer(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional]
pub async fn inner(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    #![expect(unused_variables, reason = "to see that it reaches the statements")]
    //! Documented inside.
    let unused = 1;
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[transactional]
pub async fn on_parameters(
    #[expect(unused_variables, reason = "to see that it stays with the handle")] tx: &mut Tx<
        '_,
        Sqlite,
    >,
    #[expect(unused_variables, reason = "to see that it stays with the parameter")] id: i64,
    #[cfg(any())] absent: i64,
    #[cfg(all())] present: i64,
) -> sqlx::Result<i64> {
    Ok(present)
}

#[cfg(any())]
#[transactional]
pub async fn switched_off(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<NoSuchType> {}

#[cfg_attr(all(), transactional)]
pub async fn switched_on(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    #[cfg(any())]
    no_such_macro!();
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[deprecated = "for the test"]
#[transactional]
pub async fn deprecated(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(tx).await
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    assert_eq!(outer(&pool).await? + inner(&pool).await?, 2);
    assert_eq!(on_parameters(&pool, 1, 5).await?, 5);
    assert_eq!(switched_on(&pool).await?, 1);
    #[expect(deprecated, reason = "to see that the mark arrives")]
    let old = deprecated(&pool).await?;
    assert_eq!(old, 1);
    Ok(())
}
