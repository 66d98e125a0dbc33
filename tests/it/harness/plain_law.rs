//! Texas under a law written for tests: it stays as it is whatever counsel reads in the real one.

use std::fs;

use comity::config::Config;

use crate::harness::World;
use crate::harness::law::AS_READ;

/// Everything is a duty and everything is shown. Lawful status leaves notice to a person, and forbids handing over.
const LAW: &str = r#"
@id("us-tx.acts") @cite("c") @duty("must")
permit (principal, action in [Action::"hold", Action::"notify", Action::"transfer"], resource);
@id("us-tx.notice-for-a-person") @cite("c") @review("a person decides")
forbid (principal, action == Action::"notify", resource) when { context.lawful_status };
@id("us-tx.no-hand-over") @cite("c")
forbid (principal, action == Action::"transfer", resource) when { context.lawful_status };
@id("us-tx.disclose") @cite("c")
permit (principal, action == Action::"disclose", resource);
"#;

impl World {
    /// An exchange in which that is the law of Texas.
    pub(crate) fn under_plain_law() -> Self {
        Self::under_plain_law_with(|_| ())
    }

    /// The same, with another configuration than a sandbox has.
    pub(crate) fn under_plain_law_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::with(|directory, config| {
            fs::write(directory.join(AS_READ).join("law/us-tx.cedar"), LAW).unwrap();
            change(config);
        })
    }
}
