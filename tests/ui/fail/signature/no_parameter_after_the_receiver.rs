//! In a method the transaction comes right after the receiver.

use sqlx_transactional::transactional;

struct Notes;

impl Notes {
    #[transactional]
    async fn rename(&self) -> sqlx::Result<()> {
        Ok(())
    }
}

fn main() {}
