//! The codec of every generated client and server: prost, but requests with unknown fields are refused.
//!
//! Requests are strict, since nobody authorized a field that nobody knows. Answers are lenient, so that an older client
//! can talk to a newer gateway.

use std::marker::PhantomData;

use prost::bytes::Buf as _;
use prost::{Message, Name};
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic::{Code, Status};
use tonic_prost::ProstEncoder;

use crate::wire::failure::Failure;
use crate::wire::methods;
use crate::wire::v1::ErrorReason;
use crate::wire::wire_walk;

/// Encodes `T`, decodes `U`.
#[derive(Debug)]
pub struct StrictCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for StrictCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for StrictCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = StrictDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        StrictDecoder { decoded: 0, message: PhantomData }
    }
}

/// Decodes `U`, for the messages of one call.
#[derive(Debug)]
pub struct StrictDecoder<U> {
    decoded: usize,
    message: PhantomData<U>,
}

impl<U: Message + Name + Default> Decoder for StrictDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, src: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let bytes = src.copy_to_bytes(src.remaining());
        self.decoded = self.decoded.saturating_add(1);
        if U::NAME.ends_with("Request") {
            // Whoever reads the last of several messages would not read the one that was authorized.
            if self.decoded > 1 && !methods::takes_stream_of(&U::full_name()) {
                return Err(malformed("more than one message"));
            }
            wire_walk::check(&U::full_name(), &bytes).map_err(|error| malformed(&error.to_string()))?;
        }
        U::decode(bytes).map(Some).map_err(|_| malformed("the message is not valid protobuf"))
    }
}

fn malformed(message: &str) -> Status {
    Failure::new(Code::InvalidArgument, ErrorReason::MalformedMessage, message).into()
}
