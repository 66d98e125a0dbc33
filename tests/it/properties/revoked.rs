//! What was promised, and is so no more.

use std::collections::BTreeSet;

use comity::domain::claim::Side;
use comity::domain::custody::Destination;
use comity::domain::detainer::DetainerState;
use comity::domain::event::{Disclosure, Event, Record};
use comity::domain::ids::CaseName;

use crate::properties::steps;
use crate::world::World;

/// Detainers whose promises were suspended or revoked, and that were not answered since: nothing brings them back.
#[derive(Default)]
pub(super) struct Revoked {
    standing: BTreeSet<CaseName>,
    shown: BTreeSet<CaseName>,
}

impl Revoked {
    pub(super) fn note(&mut self, record: &Record, before: &World) {
        let on = |name: &CaseName| before.custodies().find(|custody| custody.detainers.contains(name));
        if let Event::DetainerAnswered { detainer, disclosure, .. } = &record.event {
            self.standing.remove(detainer);
            if *disclosure == Disclosure::ToIssuer {
                self.shown.remove(detainer);
            }
        } else if let Event::DetainerAmended(amended) = &record.event {
            self.both(&amended.name);
        } else if let Event::DetainerAcknowledged { detainer, correction: Some(_), .. }
        | Event::CitizenshipClaimRaised { detainer, side: Side::Issuer, .. } = &record.event
        {
            self.both(detainer);
        } else if let Event::CitizenshipClaimRaised { detainer, disclosure, .. } = &record.event {
            self.standing.extend(on(detainer).into_iter().flat_map(|custody| custody.detainers.iter().cloned()));
            if *disclosure == Disclosure::ToIssuer {
                self.shown.insert(detainer.clone());
            }
        } else if let Event::CustodyMoved { custody, movement, .. } = &record.event {
            let Destination::Agency(..) = movement.to else { return };
            let moved = before.custody(custody).unwrap();
            for detainer in before.detainers().filter(|detainer| steps::is_active_on(detainer, moved)) {
                self.both(&detainer.name);
            }
        }
    }

    fn both(&mut self, name: &CaseName) {
        self.standing.insert(name.clone());
        self.shown.insert(name.clone());
    }

    pub(super) fn hold(&self, world: &World) {
        let promised = |state| matches!(state, DetainerState::HoldHonored | DetainerState::NotifyOnly);
        for detainer in self.standing.iter().map(|name| world.detainer(name).unwrap()) {
            assert!(!promised(detainer.state), "a promise stands that was suspended or revoked");
            assert!(!detainer.ended_from.is_some_and(promised), "it would stand again");
        }
        for detainer in self.shown.iter().map(|name| world.detainer(name).unwrap()) {
            assert!(!promised(detainer.issuer_view.state), "its issuer was told, and sees the promise");
            assert!(!detainer.issuer_view.ended_from.is_some_and(promised), "it would see it again");
        }
    }
}
