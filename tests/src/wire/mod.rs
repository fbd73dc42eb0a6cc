//! A proxy between a pool and its server that reads along message by message,
//! counts what was said, and lets a chosen message meet a fault.
//!
//! It answers two questions that neither the client nor the server answers
//! alone: what exactly crossed the wire, and what happens when it does not.

mod dialect;
mod fault;
mod mysql;
mod postgres;
mod record;
mod relay;
mod shared;
mod sweep;

pub use fault::{Action, Direction, Point};
pub use record::Counts;

use shared::{Shared, locked};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use url::Url;

/// How long a test waits for something on the wire before it gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The proxy. Dropping it closes every connection through it.
#[derive(Debug)]
pub struct Wire {
    url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Clone, Copy)]
enum Protocol {
    Postgres,
    MySql,
}

impl Protocol {
    /// The port of a URL without one.
    fn port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::MySql => 3306,
        }
    }

    /// The `ssl-mode` without encryption: the proxy reads along.
    fn plain(self) -> &'static str {
        match self {
            Self::Postgres => "disable",
            Self::MySql => "disabled",
        }
    }
}

impl Wire {
    /// A proxy in front of the `PostgreSQL` server of this URL.
    ///
    /// # Panics
    ///
    /// When the URL names no host to connect to over TCP.
    pub async fn postgres(url: &str) -> Self {
        Self::start(Protocol::Postgres, url).await
    }

    /// A proxy in front of the `MySQL` or `MariaDB` server of this URL.
    ///
    /// # Panics
    ///
    /// When the URL names no host to connect to over TCP.
    pub async fn mysql(url: &str) -> Self {
        Self::start(Protocol::MySql, url).await
    }

    async fn start(protocol: Protocol, url: &str) -> Self {
        let mut url = Url::parse(url).expect("a database URL");
        let host = url.host_str().expect("a URL with a host").to_owned();
        let upstream = format!("{host}:{}", url.port().unwrap_or(protocol.port()));
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port on loopback");
        let port = listener.local_addr().expect("a bound socket").port();
        url.set_host(Some("127.0.0.1"))
            .and_then(|()| {
                url.set_port(Some(port))
                    .map_err(|()| url::ParseError::EmptyHost)
            })
            .expect("a URL whose host can be replaced");
        let others: Vec<(String, String)> = url
            .query_pairs()
            .into_owned()
            .filter(|(key, _)| key != "sslmode" && key != "ssl-mode")
            .collect();
        url.query_pairs_mut()
            .clear()
            .extend_pairs(others)
            .append_pair("ssl-mode", protocol.plain());
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(accept(protocol, listener, upstream, Arc::clone(&shared)));
        Self {
            url: url.into(),
            shared,
            task,
        }
    }

    /// The URL of the database through the proxy.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every command since the last call, of all connections, in the order in
    /// which they reached the proxy: the SQL of a text statement as it is,
    /// `PREPARE …` and `EXECUTE …` with the SQL of their statement, `PING`,
    /// `CLOSE STATEMENT`, `QUIT`. White space is collapsed. The login is left
    /// out, but not the `SET` that sqlx sends after it on `MySQL`.
    #[must_use]
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut locked(&self.shared.state).record.log)
    }

    /// [`Wire::take_log`] without what only the driver cares for: pings,
    /// PREPARE, CLOSE STATEMENT, QUIT, and the word EXECUTE. What is left reads
    /// alike on every engine, on a cold connection and on a warm one.
    #[must_use]
    pub fn take_statements(&self) -> Vec<String> {
        self.take_log()
            .into_iter()
            .filter(|line| !matches!(line.as_str(), "PING" | "CLOSE STATEMENT" | "QUIT"))
            .filter(|line| !line.starts_with("PREPARE "))
            .map(|line| match line.strip_prefix("EXECUTE ") {
                Some(sql) => sql.to_owned(),
                None => line,
            })
            .collect()
    }

    /// Every command of each connection since the proxy began, in the order in
    /// which the connections were opened.
    #[must_use]
    pub fn by_connection(&self) -> Vec<Vec<String>> {
        locked(&self.shared.state).record.by_connection.clone()
    }

    /// What was counted since the last [`Wire::take_counts`].
    #[must_use]
    pub fn counts(&self) -> Counts {
        locked(&self.shared.state).record.counts
    }

    /// What was counted since the last call; begins again at 0.
    #[must_use]
    pub fn take_counts(&self) -> Counts {
        std::mem::take(&mut locked(&self.shared.state).record.counts)
    }

    /// Lets the message at `point` meet `action`, once.
    pub fn arm(&self, point: Point, action: Action) {
        locked(&self.shared.state).faults.arm(point, action);
    }

    /// Forgets the faults that have not fired.
    pub fn disarm(&self) {
        locked(&self.shared.state).faults.disarm();
    }

    /// How many faults have fired since the proxy began.
    #[must_use]
    pub fn fired(&self) -> usize {
        locked(&self.shared.state).faults.fired
    }

    /// Waits until a message is held.
    ///
    /// # Panics
    ///
    /// When none is within ten seconds.
    pub async fn wait_until_held(&self) {
        let mut held = self.shared.held.subscribe();
        let wait = held.wait_for(|held| held.now > 0);
        let waited = timeout(PATIENCE, wait).await.map(drop);
        assert!(waited.is_ok(), "no message is held; {}", self.story());
    }

    /// Waits until the log has a line that contains `text`: for what happens in
    /// the background.
    ///
    /// # Panics
    ///
    /// When it has none within ten seconds.
    pub async fn wait_for(&self, text: &str) {
        let mut heard = self.shared.heard.subscribe();
        let waited = timeout(PATIENCE, async {
            while !locked(&self.shared.state).record.has(text) {
                // The sender lives as long as `self`.
                let _ = heard.changed().await;
            }
        });
        let waited = waited.await;
        assert!(waited.is_ok(), "nobody says {text}; {}", self.story());
    }

    /// The log as a failure shows it.
    fn story(&self) -> String {
        let lines = locked(&self.shared.state).record.log.join("\n  ");
        format!("after {PATIENCE:?} the log is:\n  {lines}")
    }

    /// Lets everything go on that is held now.
    pub fn release(&self) {
        self.shared.release();
    }

    /// Closes both sockets of every connection there is now.
    pub async fn cut_all(&self) {
        // Connections that come later are not waited for.
        let cut = std::mem::take(&mut locked(&self.shared.state).cut);
        cut.send_replace(());
        cut.closed().await;
    }

    /// From now on closes every new connection at once, or no longer does.
    pub fn refuse_connections(&self, refuse: bool) {
        locked(&self.shared.state).refusing = refuse;
    }

    /// From now on forwards each message after this long.
    pub fn set_latency(&self, latency: Duration) {
        locked(&self.shared.state).latency = latency;
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // The task owns the tasks of the connections: they end with it.
        self.task.abort();
    }
}

async fn accept(protocol: Protocol, listener: TcpListener, upstream: String, shared: Arc<Shared>) {
    let mut relays = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let mut cut = {
            let state = locked(&shared.state);
            if state.refusing {
                continue;
            }
            state.cut.subscribe()
        };
        let (upstream, shared) = (upstream.clone(), Arc::clone(&shared));
        relays.spawn(async move {
            // An error is the end of the connection, which both sides see.
            tokio::select! {
                _ = relay::relay(protocol, client, &upstream, &shared) => {}
                _ = cut.changed() => {}
            }
        });
        while relays.try_join_next().is_some() {}
    }
}
