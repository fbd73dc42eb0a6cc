//! Requests of axum with the transactions of axum-sqlx-tx.

use super::on_sqlx::OnSqlx;
use super::work::Work;
use crate::notes::Notes;
use crate::subject::Answer;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::response::Response;
use axum::routing::post;
use axum_sqlx_tx::{Error, Tx};
use sqlx::Pool;
use std::sync::Arc;
use tower::ServiceExt;

/// Sends a request whose handler does the work. A request that is dropped is one
/// whose client has gone away.
pub(super) async fn run<DB: Notes>(pool: &Pool<DB>, work: Work<DB>) -> Answer {
    let (state, layer) = Tx::<DB>::setup(pool.clone());
    let work = Arc::new(work);
    let handler = post(move |tx: Tx<DB>| handle(tx, work));
    let app = Router::new()
        .route("/", handler)
        .layer(layer)
        .with_state(state);
    let request = Request::post("/").body(Body::empty())?;
    told(app.oneshot(request).await?).await
}

async fn handle<DB: Notes>(mut tx: Tx<DB>, work: Arc<Work<DB>>) -> Result<(), Error> {
    Ok(work.on(&mut OnSqlx(&mut tx)).await?)
}

/// What a client sees: the status is the answer, and the body says why.
async fn told(response: Response) -> Answer {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let body = to_bytes(response.into_body(), usize::MAX).await?;
    let why = String::from_utf8_lossy(&body);
    Err(format!("{status}: {why}").into())
}

#[tokio::test]
async fn only_a_status_of_success_is_one() {
    use axum::response::IntoResponse;
    assert!(told(().into_response()).await.is_ok());
    let failed = Error::Database {
        error: sqlx::Error::PoolClosed,
    };
    let told = told(failed.into_response()).await.unwrap_err().to_string();
    let wanted = "500 Internal Server Error: ";
    assert!(told.starts_with(wanted), "{told}");
    assert!(
        told.ends_with(&sqlx::Error::PoolClosed.to_string()),
        "{told}"
    );
}
