//! One address for several servers.

use std::io;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

/// Sends each new connection to the next server. Dropping it closes every
/// connection through it.
#[derive(Debug)]
pub(crate) struct Balancer {
    url: String,
    task: JoinHandle<()>,
}

impl Balancer {
    /// In front of the servers of these URLs, which differ in their ports alone.
    pub(crate) async fn start(urls: &[String]) -> Result<Self, String> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(text)?;
        let mut url = Url::parse(&urls[0]).map_err(text)?;
        let ports = urls.iter().map(|url| port(url)).collect::<Result<_, _>>()?;
        let own = listener.local_addr().map_err(text)?.port();
        url.set_port(Some(own))
            .map_err(|()| "a URL without a port".to_owned())?;
        Ok(Self {
            url: url.into(),
            task: tokio::spawn(accept(listener, ports)),
        })
    }

    /// Where clients connect to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // The task owns the connections: they end with it.
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, ports: Vec<u16>) {
    let (mut relays, mut next) = (JoinSet::new(), ports.iter().cycle());
    while let (Ok((mut client, _)), Some(port)) = (listener.accept().await, next.next()) {
        let port = *port;
        relays.spawn(async move {
            let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
            copy_bidirectional(&mut client, &mut server).await.map(drop)
        });
        while let Some(ended) = relays.try_join_next() {
            // An error is the end of a connection, which both sides see.
            let _: Option<io::Result<()>> = ended.ok();
        }
    }
}

/// The port of a server's URL.
pub(crate) fn port(url: &str) -> Result<u16, String> {
    let port = Url::parse(url).map_err(text)?.port();
    port.ok_or_else(|| format!("{url} has no port"))
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn text(error: impl ToString) -> String {
    error.to_string()
}
