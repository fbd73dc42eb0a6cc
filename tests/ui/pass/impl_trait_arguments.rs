//! `impl Trait` in the place of other parameters.

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(
    tx: &mut Tx<'_, Sqlite>,
    titles: impl IntoIterator<Item = impl Into<String> + Send, IntoIter: Send> + Send,
    done: &mut (impl FnMut(usize) + Send),
) -> sqlx::Result<()> {
    for title in titles {
        let title = title.into();
        done(title.len());
        sqlx::query("select ?")
            .bind(title)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    let mut letters = 0;
    rename(&pool, ["a", "bc"], &mut |count| letters += count).await?;
    assert_eq!(letters, 3);
    Ok(())
}
