//! New York and Texas over the wire: what each law lets a custodian answer, and what of a release it lets ICE know.
//!
//! The gateway is no oracle: what the law does not disclose leaves no trace on anything that ICE can see.

use comity::domain::ids::LogName;
use comity::ledger::{Hash, opens};
use comity::wire::{entry, v1};
use jiff::SignedDuration;
use tonic::Code;

use crate::harness::changes::{amendment_of, claim_on, resolution_of, verification_of};
use crate::harness::requests::{
