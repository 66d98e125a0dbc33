//! The methods that a gateway serves, from the descriptor: how each is called, and which field is its request id.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::OnceLock;

use prost::Message as _;
use prost::bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field};
use prost_reflect::{DescriptorPool, MethodDescriptor};

use crate::wire::{DESCRIPTOR, v1};

/// Length of the prefix of a message on the wire: the compression flag and the message's length.
const FRAME_HEADER_LEN: usize = 5;

/// A method of the contract, or of the standard services beside it.
#[derive(Clone)]
pub struct Method {
    pub(super) descriptor: MethodDescriptor,
    path: String,
    request_id: Option<u32>,
    receipt: Option<u32>,
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Method({})", self.path)
    }
}

/// Why a name means no method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoMethod {
    /// No method has this name.
    #[error("there is no such method")]
    Unknown,
    /// Several methods have it.
    #[error("could be any of {}", .0.join(", "))]
    Ambiguous(Vec<String>),
}

impl Method {
    /// The path, such as `/comity.v1.DetainerService/LodgeDetainer`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The full name, such as `comity.v1.DetainerService/LodgeDetainer`.
    pub fn full_name(&self) -> &str {
        self.path.trim_start_matches('/')
    }

    /// The name within its service, such as `LodgeDetainer`.
    pub fn name(&self) -> &str {
        self.descriptor.name()
    }

    /// The caller sends a stream.
    pub fn is_client_streaming(&self) -> bool {
        self.descriptor.is_client_streaming()
    }

    /// The answer is a stream.
    pub fn is_server_streaming(&self) -> bool {
        self.descriptor.is_server_streaming()
    }

    /// The receipt in a framed answer, of a method that answers with one.
    pub fn receipt_in(&self, frame: &[u8]) -> Option<v1::Receipt> {
        let number = self.receipt?;
        let (header, message) = frame.split_at_checked(FRAME_HEADER_LEN)?;
        // Nobody asked for a compressed answer.
        if header.first() != Some(&0) {
            return None;
        }
        v1::Receipt::decode(field(message, number)?).ok()
    }

    /// Adds a request id to a framed request that should have one and has none. Returns any other frame unchanged.
    pub fn with_request_id(&self, frame: Bytes, make: impl FnOnce() -> String) -> Bytes {
        let Some(number) = self.request_id else { return frame };
        let Some((header, message)) = frame.split_at_checked(FRAME_HEADER_LEN) else { return frame };
        // A compressed message is left alone. So is one that is not protobuf: the gateway refuses it.
        if header.first() != Some(&0) || has_text(message, number) != Some(false) {
            return frame;
        }
        let request_id = make();
        let mut message = BytesMut::from(message);
        encode_key(number, WireType::LengthDelimited, &mut message);
        encode_varint(u64::try_from(request_id.len()).unwrap_or_default(), &mut message);
        message.put_slice(request_id.as_bytes());
        let Ok(len) = u32::try_from(message.len()) else { return frame };
        let mut framed = BytesMut::with_capacity(message.len().saturating_add(FRAME_HEADER_LEN));
        framed.put_u8(0);
        framed.put_u32(len);
        framed.unsplit(message);
        framed.freeze()
    }
}

/// Every method, in the order of the services' files.
pub fn all() -> impl Iterator<Item = &'static Method> {
    table().methods.iter()
}

/// The method at a path.
pub fn at(path: &str) -> Option<&'static Method> {
    let table = table();
    table.methods.get(*table.by_path.get(path)?)
}

/// Whether a method takes a stream of such messages.
pub fn takes_stream_of(type_name: &str) -> bool {
    table().streamed.contains(type_name)
}

/// The method with this name. Package and service may be omitted (`DetainerService/LodgeDetainer`, `LodgeDetainer`),
/// and case is ignored.
pub fn named(name: &str) -> Result<&'static Method, NoMethod> {
    let wanted = name.trim_start_matches('/').to_ascii_lowercase();
    let is_meant = |method: &&Method| {
        let full = method.full_name().to_ascii_lowercase();
        full.strip_suffix(&wanted).is_some_and(|rest| rest.is_empty() || rest.ends_with(['.', '/']))
    };
    let meant: Vec<&'static Method> = all().filter(is_meant).collect();
    match meant.as_slice() {
        [] => Err(NoMethod::Unknown),
        [method] => Ok(method),
        several => Err(NoMethod::Ambiguous(several.iter().map(|method| method.full_name().to_owned()).collect())),
    }
}

struct Table {
    methods: Vec<Method>,
    by_path: HashMap<String, usize>,
    /// The messages that some method takes a stream of.
    streamed: HashSet<String>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let methods: Vec<Method> = pool()
            .services()
            .flat_map(|service| service.methods().collect::<Vec<_>>())
            .map(|descriptor| Method {
                path: format!("/{}/{}", descriptor.parent_service().full_name(), descriptor.name()),
                request_id: descriptor.input().get_field_by_name("request_id").map(|field| field.number()),
                receipt: descriptor.output().get_field_by_name("receipt").map(|field| field.number()),
                descriptor,
            })
            .collect();
        let by_path = methods.iter().enumerate().map(|(at, method)| (method.path.clone(), at)).collect();
        let streamed = methods.iter().filter(|method| method.is_client_streaming());
        let streamed = streamed.map(|method| method.descriptor.input().full_name().to_owned()).collect();
        Table { methods, by_path, streamed }
    })
}

/// The descriptors of the contract and of the standard services beside it.
pub(super) fn pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| {
        // Without a readable descriptor, no method is known. The tests show that each is readable.
        let mut pool = DescriptorPool::decode(DESCRIPTOR).unwrap_or_default();
        for beside in [
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ] {
            let _known = pool.decode_file_descriptor_set(beside);
        }
        pool
    })
}

/// The bytes of a field of a message. The last occurrence counts. `None`: it is not set, or it is not protobuf.
fn field(mut message: &[u8], number: u32) -> Option<&[u8]> {
    let mut found = None;
    while message.has_remaining() {
        let (at, wire_type) = decode_key(&mut message).ok()?;
        if at == number && wire_type == WireType::LengthDelimited {
            let len = usize::try_from(decode_varint(&mut message).ok()?).ok()?;
            let (bytes, rest) = message.split_at_checked(len)?;
            (found, message) = (Some(bytes), rest);
        } else {
            skip_field(wire_type, at, &mut message, DecodeContext::default()).ok()?;
        }
    }
    found
}

/// Whether a text field of a message is set and not empty. `None`: it is not protobuf.
fn has_text(mut message: &[u8], number: u32) -> Option<bool> {
    let mut found = false;
    while message.has_remaining() {
        let (at, wire_type) = decode_key(&mut message).ok()?;
        if at == number && wire_type == WireType::LengthDelimited {
            let len = usize::try_from(decode_varint(&mut message).ok()?).ok()?;
            message = message.get(len..)?;
            // The last occurrence counts.
            found = len > 0;
        } else {
            skip_field(wire_type, at, &mut message, DecodeContext::default()).ok()?;
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_has_each_method_that_the_domain_names() {
        use crate::domain::method;

        let writes = method::Method::ALL.iter().map(|write| write.rpc());
        for named in writes.chain(method::ReadMethod::ALL.iter().map(|read| read.word())) {
            assert!(at(&format!("/comity.v1.{named}")).is_some(), "{named}");
        }
    }

    #[test]
    fn a_method_is_found_by_any_name_that_means_it_alone() {
        let check = |name: &str, expected: Result<&str, NoMethod>| {
            assert_eq!(named(name).map(Method::full_name), expected, "{name}");
        };
        let lodge = Ok("comity.v1.DetainerService/LodgeDetainer");
        check("comity.v1.DetainerService/LodgeDetainer", lodge.clone());
        check("/comity.v1.DetainerService/LodgeDetainer", lodge.clone());
        check("DetainerService/LodgeDetainer", lodge.clone());
        check("detainerservice/lodgedetainer", lodge.clone());
        check("LodgeDetainer", lodge);
        check("Health/Check", Ok("grpc.health.v1.Health/Check"));
        check("grpc.health.v1.Health/Watch", Ok("grpc.health.v1.Health/Watch"));
        let [v1, v1alpha] =
            ["v1", "v1alpha"].map(|at| format!("grpc.reflection.{at}.ServerReflection/ServerReflectionInfo"));
        check(&v1, Ok(&v1));
        check(&v1alpha, Ok(&v1alpha));
        check("ServerReflectionInfo", Err(NoMethod::Ambiguous(vec![v1.clone(), v1alpha.clone()])));
        for unknown in ["Detainer", "Service/LodgeDetainer", "", "comity.v2.DetainerService/LodgeDetainer"] {
            check(unknown, Err(NoMethod::Unknown));
        }
    }

    /// This makes it safe to repeat a call: every recorded request has a request id, so it is recorded only once.
    #[test]
    fn every_method_that_answers_with_a_receipt_takes_a_request_id() {
        let recorded: Vec<&Method> =
            all().filter(|method| method.descriptor.output().get_field_by_name("receipt").is_some()).collect();
        assert!(recorded.len() >= 8, "{recorded:?}");
        for method in recorded {
            assert!(method.request_id.is_some(), "{method:?}");
        }
    }

    #[test]
    fn a_request_id_is_filled_in_where_there_is_none() {
        let framed = |message: &[u8]| {
            let len = u32::try_from(message.len()).unwrap();
            Bytes::from([&[0], len.to_be_bytes().as_slice(), message].concat())
        };
        let fill = |path, frame: Bytes| at(path).unwrap().with_request_id(frame, || "made-up".to_owned());
        let lodge = "/comity.v1.DetainerService/LodgeDetainer";
        let request = |request_id: &str| v1::LodgeDetainerRequest {
            parent: "jurisdictions/us-ny".to_owned(),
            detainer: Some(v1::Detainer { basis: vec![1, 2], ..Default::default() }),
            request_id: request_id.to_owned(),
        };
        let check = |frame: Bytes, expected: &v1::LodgeDetainerRequest| {
            let filled = fill(lodge, frame);
            assert_eq!(
                usize::try_from(u32::from_be_bytes(filled[1..5].try_into().unwrap())).unwrap(),
                filled.len() - 5
            );
            assert_eq!(&v1::LodgeDetainerRequest::decode(&filled[5..]).unwrap(), expected);
        };
        check(framed(&request("").encode_to_vec()), &request("made-up"));
        check(framed(&request("mine").encode_to_vec()), &request("mine"));
        // An explicit empty id after one that is not empty: the last one counts.
        check(framed(&[request("mine").encode_to_vec(), vec![0x1a, 0]].concat()), &request("made-up"));

        let untouched = |path, frame: Bytes| assert_eq!(fill(path, frame.clone()), frame);
        untouched("/comity.v1.DetainerService/GetDetainer", framed(b""));
        untouched(lodge, framed(&[0xff; 11]));
        untouched(lodge, framed(&[0x1a, 9, b'x']));
        untouched(lodge, Bytes::from_static(&[1, 0, 0, 0, 0]));
        untouched(lodge, Bytes::from_static(&[0, 0]));
    }
}
