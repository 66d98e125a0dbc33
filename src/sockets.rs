//! Serves the sockets of a listener, each in a task of its own and a limited number at a time, until it is told to stop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Most sockets of a listener at a time. Above it new ones wait in the kernel's queue.
const SOCKETS_MAX: usize = 256;
/// The pause after a failed accept, most likely for want of file descriptors.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Serves every socket of a listener until `stop`. Sockets that are open then have `shutdown_timeout` to finish. `name` is
/// what the listener is called in the log.
pub async fn serve_sockets<F>(
    name: &'static str,
    listener: TcpListener,
    shutdown_timeout: Duration,
    stop: CancellationToken,
    serve: impl Fn(TcpStream) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(SOCKETS_MAX));
    let mut sockets = JoinSet::new();
    loop {
        let next = async {
            // The permit comes first, so that a socket above the limit is not accepted.
            let permit = Arc::clone(&permits).acquire_owned().await.map_err(io::Error::other)?;
            let (socket, _) = listener.accept().await?;
            Ok::<_, io::Error>((socket, permit))
        };
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = sockets.join_next(), if !sockets.is_empty() => {}
            next = next => match next {
                Ok((socket, permit)) => {
                    let served = serve(socket);
                    sockets.spawn(async move {
                        let _permit = permit;
                        served.await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, listener = name, "a listener cannot accept");
                    tokio::time::sleep(BACK_OFF).await;
                }
            },
        }
    }
    let ended = async { while sockets.join_next().await.is_some() {} };
    // Sockets that are still open are dropped with the set.
    drop(tokio::time::timeout(shutdown_timeout, ended).await);
}
