//! A place of the user's own that says all that a [`Db`](sqlx_transactional::Db) can.

use sqlx::Pool;
use sqlx_transactional::{Hook, Isolation, Limits, Retry, Source};
use sqlx_transactional_tests::Backend;

use super::Says;
use crate::diary::Diary;

#[derive(Debug)]
pub(super) struct Own<DB: Backend> {
    pub(super) pool: Pool<DB>,
    pub(super) says: Says,
    pub(super) diary: Diary,
}

impl<DB: Backend> Source<DB> for Own<DB> {
    fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    fn limits(&self) -> Limits {
        self.says.limits
    }

    fn isolation(&self) -> Option<Isolation> {
        self.says.isolation
    }

    fn retry(&self) -> Retry {
        self.says.retry
    }

    fn name(&self) -> Option<&str> {
        self.says.name
    }

    fn after_commit(&self) -> Option<Hook> {
        Some(Box::pin(self.diary.hook("place committed")))
    }

    fn after_rollback(&self) -> Option<Hook> {
        Some(Box::pin(self.diary.hook("place rolled back")))
    }
}
