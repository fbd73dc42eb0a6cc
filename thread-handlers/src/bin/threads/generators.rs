//! Title generators that make a point.

use futures_core::future::BoxFuture;
use sqlx::Pool;
use thread_handlers::titles::{FirstWords, TitleError, TitleGenerator};

use crate::engine::Engine;

/// A generator that needs the database itself: on a pool of one connection it
/// would wait for ever if the operation still held that one.
#[derive(Debug)]
pub(crate) struct Thinker<'p, DB: Engine>(pub(crate) &'p Pool<DB>);

impl<DB: Engine> TitleGenerator for Thinker<'_, DB> {
    fn title<'a>(&'a self, message: &'a str) -> BoxFuture<'a, Result<String, TitleError>> {
        Box::pin(async move {
            tracing::info!(target: "threads", "the title generator takes the pool's only connection");
            let asked = async {
                let mut connection = self.0.acquire().await?;
                DB::number(&mut connection, "select count(*) from messages").await
            };
            asked
                .await
                .map_err(|error| TitleError::Failed(error.into()))?;
            FirstWords.title(message).await
        })
    }
}

/// A generator that nobody answers at.
#[derive(Debug)]
pub(crate) struct Unplugged;

impl TitleGenerator for Unplugged {
    fn title<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<String, TitleError>> {
        Box::pin(std::future::ready(Err(TitleError::TimedOut)))
    }
}
