//! NIEM 6: requests of the contract in the names of the National Information Exchange Model, and back.
//!
//! Pure: from JSON to JSON, by the tables in `names`. A request is the JSON mapping of proto3, as `comity call` takes it; a
//! document is NIEM JSON, whose context gives the namespace of each prefix. Nothing is lost on the way: what has no name is an
//! error, in either direction, that names where it stands and never what it says. docs/niem.md has the names.

mod convert;
mod error;
mod names;
mod shape;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

pub use crate::niem::error::NiemError;
use crate::niem::names::MESSAGES;
use crate::niem::shape::Message;

/// The member of a document that gives the namespaces.
const CONTEXT: &str = "@context";

/// The methods that have NIEM names, as `LodgeDetainer`.
pub fn methods() -> impl Iterator<Item = &'static str> {
    MESSAGES.iter().map(|message| message.method)
}

/// The request of a method as a NIEM document.
pub fn export(method: &str, request: &Value) -> Result<Value, NiemError> {
    let message = MESSAGES.iter().find(|message| message.method == method).ok_or(NiemError::Method)?;
    let content = convert::to_niem(message.fields, request, "")?;
    let mut document = Map::new();
    document.insert(CONTEXT.to_owned(), context());
    document.insert(root(message), Value::Object(content));
    Ok(Value::Object(document))
}

/// The method that a NIEM document is a request of, and the request.
pub fn import(document: &Value) -> Result<(&'static str, Value), NiemError> {
    let document = document.as_object().ok_or(NiemError::Document)?;
    if document.get(CONTEXT) != Some(&context()) {
        return Err(NiemError::Document);
    }
    let mut rest = document.iter().filter(|(name, _)| *name != CONTEXT);
    let (Some((name, content)), None) = (rest.next(), rest.next()) else { return Err(NiemError::Document) };
    let message =
        MESSAGES.iter().find(|message| root(message) == *name).ok_or_else(|| NiemError::Unknown(name.clone()))?;
    Ok((message.method, Value::Object(convert::from_niem(message.fields, content, name)?)))
}

/// Every property that a document may have, in order.
pub fn properties() -> BTreeSet<&'static str> {
    let mut properties = BTreeSet::new();
    for message in MESSAGES {
        shape::gather(message.fields, &mut properties);
    }
    properties
}

/// The namespace of each prefix.
fn context() -> Value {
    Value::Object(names::NAMESPACES.iter().map(|(prefix, uri)| ((*prefix).to_owned(), Value::from(*uri))).collect())
}

/// The property that a message stands under.
fn root(message: &Message) -> String {
    format!("comity:{}", message.method)
}
