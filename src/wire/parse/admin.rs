//! Requests of operators.

use crate::domain::ids::{AgencyId, ConsumerId};
use crate::domain::text::TextKind;
use crate::wire::Violations;
use crate::wire::parse::RequestFields;

/// The most characters of what an operator tells callers.
const MESSAGE_LEN_MAX: usize = 200;

/// Connections that are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionsNamed {
    /// One.
    One(u64),
    /// All of an agency.
    OfAgency(AgencyId),
}

/// `sessions/{number}` or `agencies/{agency}`.
pub fn sessions_named(text: &str) -> Result<SessionsNamed, Violations> {
    let mut fields = RequestFields::default();
    let named = match text.strip_prefix("sessions/") {
        // Digits alone: what else reads as a number is no name.
        Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse().ok().map(SessionsNamed::One),
        Some(_) => None,
        None => fields.required_agency("name", text).map(SessionsNamed::OfAgency),
    };
    if text.starts_with("sessions/") && named.is_none() {
        fields.fault("name", "sessions/{number} or agencies/{agency}");
    }
    fields.finish(named)
}

/// `agencies/{agency}/consumers/{consumer}`.
pub fn consumer_name(text: &str) -> Result<(AgencyId, ConsumerId), Violations> {
    let mut fields = RequestFields::default();
    let named = named_consumer(&mut fields, text);
    fields.finish(named)
}

/// A consumer to park, and what it is told.
pub fn parking(name: &str, message: &str) -> Result<((AgencyId, ConsumerId), String), Violations> {
    let mut fields = RequestFields::default();
    let named = named_consumer(&mut fields, name);
    let message = fields.required_text("message", message, TextKind::Reason, MESSAGE_LEN_MAX);
    fields.finish(named.zip(message))
}

fn named_consumer(fields: &mut RequestFields, text: &str) -> Option<(AgencyId, ConsumerId)> {
    let named = consumer_in(text);
    if named.is_none() {
        fields.fault("name", "agencies/{agency}/consumers/{consumer}");
    }
    named
}

fn consumer_in(text: &str) -> Option<(AgencyId, ConsumerId)> {
    let (agency, consumer) = text.strip_prefix("agencies/")?.split_once("/consumers/")?;
    Some((agency.parse().ok()?, consumer.parse().ok()?))
}

/// What callers are told about maintenance.
pub fn maintenance_message(text: &str) -> Result<String, Violations> {
    let mut fields = RequestFields::default();
    let message = fields.required_text("message", text, TextKind::Reason, MESSAGE_LEN_MAX);
    fields.finish(message)
}
