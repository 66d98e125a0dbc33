//! Who is calling. The certificate names the agency. A token bound to that certificate names the officer. The registry
//! lists the agencies and the authorities that may certify each.

pub mod authenticate;
mod authority;
pub mod certificate;
pub mod certificate_request;
pub mod clock;
pub mod development;
#[cfg(test)]
pub(crate) mod fixture;
pub mod key;
pub(crate) mod key_set;
pub mod mint;
pub mod pem;
pub mod pseudonym;
pub mod rate;
pub mod registry;
pub mod sealed;
pub(crate) mod strict_json;
pub mod token;
