//! Witnessing: parties cosign each other's view of a log, so that nobody can be shown another history (C2SP tlog-witness).
//!
//! Two sides. `comity witness` is the witness: [`daemon`] serves `add-checkpoint` and follows logs that nobody pushes,
//! [`Keeper`] decides and keeps what it saw ([`state`] on disk). A gateway is the log: [`push`] sends its heads to the
//! witnesses of its policy, and [`Cosignatures`] shows who has cosigned what. Cosigning never delays or alters a receipt.

mod config;
mod cosigned;
pub mod daemon;
mod follow;
mod http;
mod keeper;
pub mod push;
mod request;
mod state;

pub use config::{FollowConfig, LogConfig, PushConfig, TlsConfig, WitnessConfig, WitnessError};
pub use cosigned::{Cosignatures, Witnessed};
pub use keeper::{Answer, Keeper};
pub use request::{AddCheckpoint, REQUEST_LEN_MAX};
pub use state::{establish, read_cosigner};
