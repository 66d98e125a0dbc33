//! The hash tiles of a log, and its checkpoint, for those who may read it.

use tonic::Status;

use crate::api::context::Api;
use crate::api::status;
use crate::domain::agency::Caller;
use crate::domain::ids::LogName;
use crate::ledger::{TilePath, tile_to_bytes, tile_width};

impl Api {
    /// The newest checkpoint that a quorum of the witnesses has cosigned, with their lines. Until there is one, the
    /// checkpoint of the published size. `NOT_FOUND` for an empty log, and for a log that the caller may not read.
    pub async fn witnessed_checkpoint(&self, caller: &Caller, log: LogName) -> Result<String, Status> {
        let log = self.readable(caller, Ok(log))?;
        if let Some(witnessed) = self.cosignatures.newest(&log).filter(|witnessed| witnessed.is_quorum) {
            return Ok(witnessed.note);
        }
        let head = self.head(&log);
        let checkpoint = self.read(move |reader| reader.checkpoint_at(&log, head)).await?;
        checkpoint.ok_or_else(status::not_found)
    }

    /// The hashes of a tile, one after another. `NOT_FOUND` where the published log has not filled it so far.
    pub async fn tile(&self, caller: &Caller, log: LogName, path: TilePath) -> Result<Vec<u8>, Status> {
        let TilePath { tile, width } = path;
        let log = self.readable(caller, Ok(log))?;
        if width > tile_width(tile, self.head(&log)) {
            return Err(status::not_found());
        }
        let hashes = self.read(move |reader| reader.tile(&log, tile)).await?;
        // The store may hold more than is published.
        hashes.get(..width).map(tile_to_bytes).ok_or_else(|| status::internal("a tile is shorter than its log"))
    }
}
