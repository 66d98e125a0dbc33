//! The texts of a request that were sent in another spelling than the one that is kept.
//!
//! A request id is bound to what was asked, not to its spelling: the same request in other spellings is the same
//! request.

use std::fmt::Display;

use prost::{Message, Name};
use prost_reflect::{DynamicMessage, ReflectMessage as _, Value};

use crate::wire::methods::pool;

/// The texts of a request that are kept in another spelling, each with its field.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct NormalizedTexts(Vec<(String, String)>);

/// A recorded field is not in the request. This is a fault of the gateway.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a respelt field is not in the request")]
pub struct NoSuchField;

impl NormalizedTexts {
    /// Records the text that is kept for a field, if it differs from what was sent. The path is as in a violation:
    /// `detainer.subject.aliases[0].family`.
    pub(super) fn record(&mut self, field: impl Display, sent: &str, kept: &str) {
        if sent != kept {
            self.0.push((field.to_string(), kept.to_owned()));
        }
    }

    /// The kept texts, by field.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(field, kept)| (field.as_str(), kept.as_str()))
    }

    /// The encoded request as if it had been sent in the spelling that is kept.
    pub fn canonical<Q: Message + Name + Default>(&self, encoded: Vec<u8>) -> Result<Vec<u8>, NoSuchField> {
        if self.0.is_empty() {
            return Ok(encoded);
        }
        let descriptor = pool().get_message_by_name(&Q::full_name()).ok_or(NoSuchField)?;
        let mut request = DynamicMessage::decode(descriptor, encoded.as_slice()).map_err(|_| NoSuchField)?;
        for (path, kept) in &self.0 {
            let text = at(&mut request, path).ok_or(NoSuchField)?;
            *text = Value::String(kept.clone());
        }
        // Encoded again by the generated encoder, as every other request is.
        let request = Q::decode(request.encode_to_vec().as_slice()).map_err(|_| NoSuchField)?;
        Ok(request.encode_to_vec())
    }
}

/// The value at a path, if it is a text.
fn at<'a>(message: &'a mut DynamicMessage, path: &str) -> Option<&'a mut Value> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let (name, index) = match first.split_once('[') {
        Some((name, index)) => (name, Some(index.strip_suffix(']')?.parse::<usize>().ok()?)),
        None => (first, None),
    };
    // Checked first: accessing a field that the message lacks would panic.
    message.descriptor().get_field_by_name(name)?;
    let value = message.get_field_by_name_mut(name)?;
    let value = match index {
        Some(index) => value.as_list_mut()?.get_mut(index)?,
        None => value,
    };
    match rest {
        Some(rest) => at(value.as_message_mut()?, rest),
        None => value.as_str().is_some().then_some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::v1;

    fn lodging(family: &str, din: &str) -> v1::LodgeDetainerRequest {
        let name = |family: &str| v1::PersonName { given: "Ada".to_owned(), family: family.to_owned() };
        let identifiers = Some(v1::Identifiers { din: din.to_owned(), ..Default::default() });
        let aliases = vec![name("Zed"), name(family)];
        let subject = v1::Subject { name: Some(name("Synthetic")), aliases, identifiers, ..Default::default() };
        let detainer = v1::Detainer { subject: Some(subject), basis: vec![1, 2], ..Default::default() };
        v1::LodgeDetainerRequest { detainer: Some(detainer), ..Default::default() }
    }

    #[test]
    fn a_request_in_other_spellings_is_the_same_request() {
        let mut normalized = NormalizedTexts::default();
        normalized.record("detainer.subject.aliases[1].family", "Nun\u{303}ez", "Nuñez");
        normalized.record("detainer.subject.identifiers.din", "24b1234", "24-B-1234");
        normalized.record("parent", "", "");
        let sent = lodging("Nun\u{303}ez", "24b1234").encode_to_vec();
        let kept = lodging("Nuñez", "24-B-1234").encode_to_vec();
        assert_eq!(normalized.canonical::<v1::LodgeDetainerRequest>(sent), Ok(kept.clone()));
        assert_eq!(NormalizedTexts::default().canonical::<v1::LodgeDetainerRequest>(kept.clone()), Ok(kept));
    }

    #[test]
    fn a_field_that_is_not_there_is_a_fault_and_no_panic() {
        for path in [
            "nowhere",
            "detainer.nowhere",
            "detainer.basis[0]",
            "detainer.subject.aliases[2].family",
            "detainer",
            "detainer.charges[x].statute",
            "",
        ] {
            let mut normalized = NormalizedTexts::default();
            normalized.record(path, "sent", "kept");
            let sent = lodging("Zed", "").encode_to_vec();
            assert_eq!(normalized.canonical::<v1::LodgeDetainerRequest>(sent), Err(NoSuchField), "{path:?}");
        }
    }
}
