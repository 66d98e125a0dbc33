//! A stream of many that broke is opened again, until everything was answered.

use std::time::{Duration, Instant};

use tonic::{Code, Status, Streaming};
use uuid::Uuid;

use crate::cli::call::Failure;
use crate::client::{Client, Error};
use crate::ledger;

/// A stream that broke is opened again for so long without an answer in between.
const PATIENCE: Duration = Duration::from_mins(1);
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What is sent by a stream, and goes on in another where that breaks.
pub(super) trait Resent {
    /// What the gateway answers.
    type Answer;

    /// How much is yet to be answered. 0: nothing.
    fn left(&self) -> usize;

    /// Opens a stream with what is yet to be answered.
    async fn open(&mut self, client: &Client) -> Result<Streaming<Self::Answer>, Status>;

    /// Takes an answer.
    fn take(&mut self, answer: Self::Answer) -> Result<(), Failure>;
}

/// Sends until everything was answered.
pub(super) async fn send_all(client: &Client, sent: &mut impl Resent) -> Result<(), Failure> {
    let mut heard = Instant::now();
    while sent.left() > 0 {
        let left = sent.left();
        let broken = send(client, sent).await?;
        heard = if sent.left() < left { Instant::now() } else { heard };
        if let Some(broken) = broken {
            if heard.elapsed() > PATIENCE {
                return Err(Error::from(broken).into());
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
    Ok(())
}

/// Sends by one stream. Returns why it broke before it was over, where it may be sent again.
async fn send(client: &Client, sent: &mut impl Resent) -> Result<Option<Status>, Failure> {
    let mut answers = match sent.open(client).await {
        Ok(answers) => answers,
        Err(status) => return broken(status).map(Some),
    };
    loop {
        match answers.message().await {
            Ok(Some(answer)) => sent.take(answer)?,
            Ok(None) if sent.left() == 0 => return Ok(None),
            Ok(None) => return Err(anyhow::anyhow!("the stream ended before everything was answered").into()),
            Err(status) => return broken(status).map(Some),
        }
    }
}

/// Whether the rest may be sent again by another stream.
fn broken(status: Status) -> Result<Status, Failure> {
    // A token that ran out is renewed with the next stream.
    let again = matches!(status.code(), Code::Unavailable | Code::ResourceExhausted | Code::Unauthenticated);
    if again { Ok(status) } else { Err(Error::from(status).into()) }
}

/// A request id that follows from what is asked, so that the same request has the same when it is sent again. A UUID of
/// version 8 (RFC 9562).
pub(super) fn request_id(named: &[u8]) -> Uuid {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(ledger::leaf_hash(named).as_bytes()).for_each(|(to, from)| *to = *from);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
