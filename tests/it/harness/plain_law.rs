//! Texas under a law written for tests: it stays as it is whatever counsel reads in the real one.

use std::fs;
use std::path::Path;

use crate::harness::{World, copy};

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
        Self::with(|directory, config| {
            let policies = directory.join("policies");
            fs::create_dir(&policies).unwrap();
            copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"), &policies);
            fs::write(policies.join("law/us-tx.cedar"), LAW).unwrap();
            fs::remove_file(policies.join("law/us-tx.cases.toml")).unwrap();
            config.policy.directory = Some("policies".into());
        })
    }
}
