//! The attribute works in a crate that renamed its dependency: see
//! `renamed/src/lib.rs`.

use sqlx::SqlitePool;
use sqlx_transactional_renamed::Notes;

#[tokio::test]
async fn no_default_name_is_left_behind() -> sqlx::Result<()> {
    let notes = Notes::new(SqlitePool::connect("sqlite::memory:").await?);
    assert_eq!(notes.count().await?, 2);
    assert_eq!(notes.outermost().await?, 1);
    Ok(())
}
