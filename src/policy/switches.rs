//! Switches: points of law that nobody has confirmed in a source yet. One file turns each on or off and says why.
//!
//! A policy with `@switch("..")` is law only while its switch is on. The file is part of the set and of its digest, so
//! that an entry of the log says how each switch was set.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy as cedar;
use serde::Deserialize;

use crate::domain::text::says_something;

/// Whether each switch is on.
pub(crate) type Settings = BTreeMap<String, bool>;

/// Every switch of a policy set.
#[derive(Debug, Clone, Default)]
pub struct Switches(BTreeMap<String, Switch>);

/// One switch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// Whether it is on.
    pub is: SwitchPosition,
    /// The reason, for counsel.
    pub because: String,
}

/// Whether a switch is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SwitchPosition {
    /// The policies that name the switch are law.
    On,
    /// They are not law.
    Off,
}

/// Why the switches were refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwitchError {
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// The reason is missing.
    #[error("the switch {0} does not say why (because = \"..\")")]
    NoReason(String),
    /// It would be unclear whether the policy is law.
    #[error("the policy {policy} bears the switch {switch}, which is not listed")]
    NotListed {
        /// The policy's id.
        policy: String,
        /// The switch it names.
        switch: String,
    },
    /// It has no effect.
    #[error("the switch {0} is borne by no policy")]
    Unused(String),
}

impl Switches {
    /// Reads the file. Without a file there are no switches.
    pub(crate) fn read(text: Option<&str>) -> Result<Self, SwitchError> {
        let switches: BTreeMap<String, Switch> = toml::from_str(text.unwrap_or_default())
            .map_err(|error| SwitchError::Unreadable(error.to_string().trim_end().to_owned()))?;
        match switches.iter().find(|(_, switch)| !says_something(&switch.because)) {
            Some((name, _)) => Err(SwitchError::NoReason(name.clone())),
            None => Ok(Self(switches)),
        }
    }

    /// Checks that every switch that a policy names is listed, and that every listed switch is named.
    pub(crate) fn check<'a>(&self, written: impl Iterator<Item = &'a cedar::Policy>) -> Result<(), SwitchError> {
        let mut borne = BTreeSet::new();
        for policy in written {
            let Some(switch) = policy.annotation("switch") else { continue };
            if !self.0.contains_key(switch) {
                return Err(SwitchError::NotListed { policy: policy.id().to_string(), switch: switch.to_owned() });
            }
            borne.insert(switch);
        }
        let unused = self.0.keys().find(|switch| !borne.contains(switch.as_str()));
        unused.map_or(Ok(()), |switch| Err(SwitchError::Unused(switch.clone())))
    }

    /// Every switch, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Switch)> {
        self.0.iter().map(|(name, switch)| (name.as_str(), switch))
    }

    /// Whether each switch is on.
    pub(crate) fn settings(&self) -> Settings {
        self.0.iter().map(|(name, switch)| (name.clone(), switch.is == SwitchPosition::On)).collect()
    }
}

/// Whether a policy is law under these settings.
pub(crate) fn is_switched_on(policy: &cedar::Policy, settings: &Settings) -> bool {
    policy.annotation("switch").is_none_or(|switch| settings.get(switch).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use crate::domain::determination::Ruling;
    use crate::policy::engine::Engine;
    use crate::policy::load::{PolicyError, PolicySet, SWITCHES};
    use crate::policy::tests::samples::{facts, two_packs};

    const LAW: &str = r#"
        @id("us-zz.hold") @cite("c") @switch("us-zz.holds")
        permit (principal, action == Action::"hold", resource);
    "#;

    fn set(law: &str, more: &str) -> Result<PolicySet, PolicyError> {
        let mut files = two_packs();
        files.insert("law/us-zz.cedar".to_owned(), law.to_owned());
        files.get_mut(SWITCHES).unwrap().push_str(more);
        PolicySet::from_files(&files)
    }

    fn listed(is: &str) -> String {
        format!("\n[\"us-zz.holds\"]\nis = \"{is}\"\nbecause = \"a test\"\n")
    }

    #[test]
    fn a_policy_is_law_only_while_its_switch_is_on() {
        let hold = |is: &str| {
            let engine = Engine::new(set(LAW, &listed(is)).unwrap());
            engine.law(&"us-zz".parse().unwrap(), &facts(), "2026-06-01T00:00:00Z".parse().unwrap()).hold.ruling
        };
        assert_eq!((hold("on"), hold("off")), (Ruling::May, Ruling::Review));
    }

    #[test]
    fn a_switch_is_part_of_the_digest() {
        assert_ne!(set(LAW, &listed("on")).unwrap().digest(), set(LAW, &listed("off")).unwrap().digest());
    }

    #[test]
    fn a_switch_that_is_unlisted_unused_or_unexplained_refuses_the_set() {
        fn check(law: &str, more: &str, expected: &str) {
            let error = set(law, more).unwrap_err().to_string();
            assert!(error.starts_with("law/switches.toml: ") && error.contains(expected), "{error}");
        }
        check(LAW, "", "the policy us-zz.hold bears the switch us-zz.holds, which is not listed");
        check("", &listed("on"), "the switch us-zz.holds is borne by no policy");
        check(LAW, &listed("perhaps"), "perhaps");
        check(LAW, "\n[\"us-zz.holds\"]\nis = \"on\"\nbecause = \" \"", "does not say why");
        check(LAW, "\n[\"us-zz.holds\"]\nis = \"on\"", "because");
        check(LAW, "\n[\"us-zz.holds\"]\nis = \"on\"\nbecause = \"b\"\nsince = \"now\"", "since");
        check(LAW, "\n[", "TOML");
    }
}
