//! The only room that knows protobuf: generated types, the strict codec, conversions, and an entry's canonical bytes.
//!
//! A request comes in through [`codec`] and [`parse`]. An answer is built in [`show`]. What is recorded is encoded in
//! [`entry`].

pub mod bulk;
pub mod codec;
pub mod entry;
pub mod enums;
pub mod failure;
pub mod filter;
mod has_receipt;
pub mod json;
pub mod methods;
pub mod normalized;
pub mod parse;
pub mod raw_codec;
pub mod show;
pub mod timeout;
mod violations;
pub mod wire_walk;

pub use has_receipt::HasReceipt;
pub use prost::{Message, Name as Named};
pub use prost_types::Timestamp;
pub use violations::{Violation, Violations};

/// The generated messages, clients and servers of `comity.v1`.
#[expect(
    missing_docs,
    clippy::pedantic,
    clippy::as_conversions,
    clippy::large_enum_variant,
    clippy::allow_attributes_without_reason,
    unused_qualifications,
    reason = "generated code"
)]
pub mod v1 {
    tonic::include_proto!("comity.v1");
}

/// The contract as a serialized `FileDescriptorSet` with our field options, for reflection and [`wire_walk`].
pub const DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/comity.descriptor.bin"));
