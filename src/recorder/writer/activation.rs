//! Activates a policy set: records it in the logs whose law it changes, makes that durable, and judges by it from then on.
//! Adopts other settings, which no entry records.
//!
//! An activation waits in the writer's queue. Writes before it are judged by the old set. Writes after it are judged by the
//! new one, even if they were admitted before. A log does not begin with such an entry: its first determination names the set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::agency::gateway;
use crate::domain::determination::{FieldClass, FieldClasses};
use crate::domain::event::Party;
use crate::domain::ids::{JurisdictionId, LogKind, LogName, OfficerPseudonym};
use crate::metrics::table;
use crate::policy::engine::Engine;
use crate::recorder::plan::naming::NO_OFFICER;
use crate::recorder::plan::outcome::PlanError;
use crate::recorder::plan::rules::Rules;
use crate::recorder::plan::{By, Draft, Plan, Planned};
use crate::recorder::queue::job::{Activated, WriterSettings};
use crate::recorder::writer::commit::added;
use crate::recorder::writer::error::RecorderError;
use crate::recorder::writer::published::publish;
use crate::recorder::writer::state::Recorder;
use crate::recorder::writer::status::PolicyCheck;
use crate::recorder::writer::sweep::Sweep;
use crate::store::{Audience, Loaded, PolicyInForce, StoreError};
use crate::wire::{entry, show, v1};

/// What a leaf names as its method if no agency called one.
const ACTIVATION: &str = "Activation";

/// The files that differ between two sets, with the digest before and the digest after.
type Changes = BTreeMap<String, (Option<[u8; 32]>, Option<[u8; 32]>)>;

impl Recorder {
    /// Brings a set into force. When this returns, the activation is durable, and every question is asked of this set.
    pub(in crate::recorder) fn activate(&mut self, engine: &Arc<Engine>) -> Result<Activated, RecorderError> {
        loop {
            match self.try_activating(engine) {
                Err(RecorderError::Store(StoreError::Interrupted(why))) => self.retry_after_outage(&why)?,
                activated => {
                    self.recovered();
                    return activated;
                }
            }
        }
    }

    fn try_activating(&mut self, engine: &Arc<Engine>) -> Result<Activated, RecorderError> {
        if self.begin(|_| true)? == PolicyCheck::Superseded {
            self.policy = self.store.policy()?;
        }
        let now = self.clock.now();
        let before = self.policy.clone();
        if let Some(before) = before.as_ref().filter(|before| before.digest == engine.digest()) {
            self.end()?;
            self.take_up(engine, before.since);
            return Ok(Activated::Already);
        }
        let gate = Arc::clone(&self.gate);
        let jurisdictions: BTreeSet<_> = self.logs.keys().map(|log| log.jurisdiction.clone()).collect();
        let (limits, appeal_limits) = self.limits;
        let duties = self.duties;
        let rules = Rules { gate: &gate, timetable: &self.timetable, duties, limits, appeal_limits };
        let mut plan = Plan::new(rules, &self.entropy, self.logs.clone(), Loaded::default());
        if let Some(before) = &before {
            let changes = changes(&before.files, engine.files());
            for jurisdiction in &jurisdictions {
                plan.activation(jurisdiction, (before.digest, engine.digest()), &changes, now)?;
            }
        }
        let Planned { logs, mut append } = plan.finish();
        let policy = PolicyInForce { digest: engine.digest(), files: engine.files().clone(), since: now };
        append.policy = Some(policy.clone());
        self.make_durable(logs, &mut append)?;
        self.policy = Some(policy);
        // The set changes before the entry is published, so that a reader of the entry is already answered by the new set.
        self.take_up(engine, now);
        publish(&self.published, &self.metrics, &self.sizes(), &added(&append.heads));
        Ok(if before.is_some() { Activated::Instead { entries: append.entries.len() } } else { Activated::First })
    }

    /// Adopts other settings. Where agencies are others, the law is asked again of everything that stands.
    pub(in crate::recorder) fn adopt(&mut self, settings: WriterSettings) {
        let WriterSettings { agencies, timetable, signer } = settings;
        (self.timetable, self.signer) = (timetable, signer);
        if !self.gate.is_over(&agencies) {
            self.sweep = Sweep::over(self.logs.keys().map(|log| log.jurisdiction.clone()));
        }
        self.gate = Arc::new(self.gate.over(agencies));
        self.in_force.replace(Arc::clone(&self.gate));
    }

    fn take_up(&mut self, engine: &Arc<Engine>, since: Timestamp) {
        if self.gate.digest() != engine.digest() {
            self.sweep = Sweep::over(self.logs.keys().map(|log| log.jurisdiction.clone()));
        }
        self.gate = Arc::new(self.gate.under(Arc::clone(engine), since));
        self.in_force.replace(Arc::clone(&self.gate));
        self.metrics.set_policy_set(engine.digest());
        self.metrics.set_timestamp(&table::POLICY_ACTIVATED, &[], since);
    }
}

impl Plan<'_> {
    /// Records an activation in both logs of a jurisdiction, if it changes that jurisdiction's law.
    fn activation(
        &mut self,
        jurisdiction: &JurisdictionId,
        (digest_before, digest_after): ([u8; 32], [u8; 32]),
        changes: &Changes,
        clock_now: Timestamp,
    ) -> Result<(), PlanError> {
        let own = changes.iter().filter(|(file, _)| concerns(file, jurisdiction));
        let bytes = |digest: &Option<[u8; 32]>| digest.map(|digest| digest.to_vec()).unwrap_or_default();
        let own = own.map(|(file, (before, after))| v1::ChangedPolicy {
            file: file.clone(),
            digest_before: bytes(before),
            digest_after: bytes(after),
        });
        let files: Vec<v1::ChangedPolicy> = own.collect();
        if files.is_empty() {
            return Ok(());
        }
        let activated = v1::PolicyActivated {
            digest_before: digest_before.to_vec(),
            digest_after: digest_after.to_vec(),
            changed: files,
        };
        let now = self.time_of_record(jurisdiction, clock_now);
        let agency = gateway();
        let officer: OfficerPseudonym = NO_OFFICER.parse().map_err(|_| PlanError::NoOfficer)?;
        let by = By { agency: &agency, officer: &officer, method: ACTIVATION, request_id: None, from_paper: false };
        for kind in [LogKind::Exchange, LogKind::Custody] {
            let draft = Draft {
                log: LogName { jurisdiction: jurisdiction.clone(), kind },
                by,
                named: by.named(),
                resource: format!("jurisdictions/{jurisdiction}"),
                case: None,
                policy_digest: Some(digest_after),
                audience: audience(kind),
                contents: entry::contents(&show::policy_activated(activated.clone()))?,
            };
            self.write(draft, now)?;
        }
        Ok(())
    }
}

/// Every reader of a log may know which law it was written under.
fn audience(kind: LogKind) -> Audience {
    let parties: &[Party] = match kind {
        LogKind::Exchange => &[Party::Requesters, Party::Custodians, Party::Oversight],
        LogKind::Custody => &[Party::Custodians, Party::Oversight],
    };
    let counts: FieldClasses = [FieldClass::Count].into_iter().collect();
    Audience(parties.iter().map(|party| (party.clone(), counts)).collect())
}

fn changes(before: &BTreeMap<String, [u8; 32]>, after: &BTreeMap<String, [u8; 32]>) -> Changes {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let both = names.into_iter().map(|name| (name.clone(), (before.get(name).copied(), after.get(name).copied())));
    both.filter(|(_, (before, after))| before != after).collect()
}

/// Whether a file belongs to a jurisdiction's law: its own pack with its table of cases, or a file that every jurisdiction
/// shares.
fn concerns(file: &str, jurisdiction: &JurisdictionId) -> bool {
    let pack = file
        .strip_prefix("law/")
        .and_then(|name| [".cedar", ".cases.toml", ".offences.toml"].iter().find_map(|end| name.strip_suffix(end)));
    pack.and_then(|pack| pack.parse::<JurisdictionId>().ok()).is_none_or(|pack| pack == *jurisdiction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_concerns_its_own_jurisdiction_and_the_rest_concerns_all() {
        let concerned = |file: &str| {
            ["us-ny", "us-ny-nyc", "us-tx"]
                .into_iter()
                .filter(|id| concerns(file, &id.parse().unwrap()))
                .collect::<Vec<_>>()
        };
        assert_eq!(concerned("law/us-ny.cedar"), ["us-ny"]);
        assert_eq!(concerned("law/us-ny-nyc.cases.toml"), ["us-ny-nyc"]);
        assert_eq!(concerned("law/us-ny-nyc.offences.toml"), ["us-ny-nyc"]);
        assert_eq!(concerned("law/us-ca.cedar"), Vec::<&str>::new());
        for all in [
            "access.cedar",
            "comity.cedarschema",
            "law/_safeguards.cedar",
            "law/_safeguards.cases.toml",
            "law/switches.toml",
        ] {
            assert_eq!(concerned(all).len(), 3, "{all}");
        }
    }

    #[test]
    fn what_came_went_or_changed_is_a_change() {
        let set = |files: &[(&str, u8)]| files.iter().map(|(name, byte)| ((*name).to_owned(), [*byte; 32])).collect();
        let found = changes(&set(&[("a", 1), ("b", 1), ("c", 1)]), &set(&[("a", 1), ("b", 2), ("d", 3)]));
        let expected: Changes = [
            ("b".to_owned(), (Some([1; 32]), Some([2; 32]))),
            ("c".to_owned(), (Some([1; 32]), None)),
            ("d".to_owned(), (None, Some([3; 32]))),
        ]
        .into();
        assert_eq!(found, expected);
    }
}
