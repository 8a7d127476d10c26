//! The accept loop.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use chat_domain::Timestamp;
use tokio::sync::mpsc;

use crate::clock::Clock;

/// How long the accept loop waits after an error, for instance when no file descriptor is free.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// How much time passes between two lines of the log about such errors, at least, in milliseconds.
const ACCEPT_LOG_INTERVAL_MS: i64 = 10_000;

/// Accepts connections and hands them to the shards in turn.
pub(crate) async fn accept_all(
    listener: TcpListener,
    streams: Vec<mpsc::Sender<(TcpStream, SocketAddr)>>,
    clock: &dyn Clock,
) {
    let listener = listener.set_nonblocking(true).and_then(|()| tokio::net::TcpListener::from_std(listener));
    let listener = match listener {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the listener can't be used"),
    };
    let mut logged_at: Option<Timestamp> = None;
    for shard in (0..streams.len()).cycle() {
        let accepted = listener.accept().await.and_then(|(stream, peer)| Ok((stream.into_std()?, peer)));
        match accepted {
            Ok(accepted) => {
                if let Some(stream) = streams.get(shard)
                    && stream.send(accepted).await.is_err()
                {
                    return;
                }
            }
            Err(error) => {
                let now = clock.now();
                if logged_at.is_none_or(|at| now.ms_since(at) >= ACCEPT_LOG_INTERVAL_MS) {
                    logged_at = Some(now);
                    tracing::warn!(%error, "no connection can be accepted");
                }
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}
