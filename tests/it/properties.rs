//! What holds for any values and any order of commands, tried with random ones.

mod any;
mod appeals;
mod asked_again;
mod decide;
mod hold;
mod niem;
mod paper;
mod plan;
mod requests;
mod reviews;
mod revoked;
pub(crate) mod steps;
mod wire;

use proptest::prelude::ProptestConfig;

use crate::flood::told;

/// So many random cases, or `COMITY_PROPERTY_ROUNDS` times as many. Failures print their input; nothing is kept in the
/// repository.
fn tries(cases: u32) -> ProptestConfig {
    let rounds = told("COMITY_PROPERTY_ROUNDS").map_or(1, |rounds| rounds.try_into().unwrap());
    let cases = cases.checked_mul(rounds).expect("fewer rounds");
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}
