//! Storing the conversations that ship with the program.

use std::sync::Arc;

use sqlx::Pool;
use thread_handlers::{
    AppError, Caller,
    events::Collected,
    handlers::{create_thread, send_message},
};

use crate::{data::Data, engine::Engine};

/// Stores all conversations, each with its thread in one transaction.
///
/// `create_thread` and `send_message` know nothing of each other, and join the
/// transaction that they are given here.
pub(crate) async fn load<DB: Engine>(
    pool: &Pool<DB>,
    data: &Data,
    events: &Arc<Collected>,
) -> Result<(), AppError> {
    for user in &data.users {
        let caller = Caller::new(&user.id, events.clone());
        for conversation in &user.threads {
            sqlx_transactional::on(pool)
                .name("load")
                .run(async |tx| {
                    let thread = create_thread(&mut *tx, &caller, conversation.thread()).await?;
                    for message in &conversation.messages {
                        send_message(&mut *tx, &caller, &thread.id, message.clone()).await?;
                    }
                    Ok::<_, AppError>(())
                })
                .await?;
        }
    }
    Ok(())
}
