//! Who must not get in does not, learns nothing, leaves nothing behind, and is named in one audit line.
//!
//! The table: each group is a file, each case a row, and all run over the wire against `comity serve` in a process of
//! its own. `docs/hostile.md` says which defence each row is about.

mod call;
mod certificates;
mod denied;
mod floods;
mod floors;
mod forge;
mod frames;
mod grpc;
mod http2;
mod limits;
mod ops;
mod peer;
mod protobuf;
mod revoked;
mod siege;
mod slow;
mod tokens;

use siege::Siege;

#[tokio::test]
async fn the_hostile_table_holds() {
    let mut siege = Siege::lay().await;
    certificates::check(&mut siege).await;
    tokens::check(&mut siege).await;
    grpc::check(&mut siege).await;
    protobuf::check(&mut siege).await;
    http2::check(&mut siege).await;
    slow::check(&mut siege).await;
    floods::check(&mut siege).await;
    siege.lift().await;
}
