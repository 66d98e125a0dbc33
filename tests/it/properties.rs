//! What holds for any values and any order of commands, tried with random ones.

mod any;
mod appeals;
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

/// So many random cases. Failures print their input; nothing is kept in the repository.
fn tries(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}
