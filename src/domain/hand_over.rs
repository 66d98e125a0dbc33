//! Judges a hand-over to a requester when it is recorded.
//!
//! What happened is recorded in any case. If the law did not allow it, an officer must explain it, and the jurisdiction
//! and its oversight are alarmed.

use crate::domain::case::Case;
use crate::domain::correction::Correction;
use crate::domain::custody::{ActualRelease, ReleaseRecipient};
use crate::domain::detainer::{Detainer, DetainerState};
use crate::domain::determination::LawView;
use crate::domain::disclosure::may_hand_over;
use crate::domain::ids::CaseName;
use crate::domain::transfer::Transfer;

/// The requester that the custodian says it handed the person to, and why if the law did not allow it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HandedTo {
    /// The detainer of that requester. `None`: the custodian does not say.
    pub detainer: Option<CaseName>,
    /// Why. May be personal: stays with custodian and oversight.
    pub reason: Option<String>,
}

/// A release to the requesting agency, as judged.
#[derive(Debug, PartialEq, Eq)]
pub struct HandOverJudgement<'a> {
    /// Detainers under which the person may have been handed over.
    pub under: Vec<&'a Detainer>,
    /// Those of them under which the law did not allow it.
    pub unlawful: Vec<&'a Detainer>,
}

impl HandOverJudgement<'_> {
    /// Whether an officer must explain it: the law did not allow it under some of the detainers, or no detainer asks
    /// for the person. If there are several, the custodian may say which one it was.
    pub fn is_unlawful(&self) -> bool {
        self.under.is_empty() || !self.unlawful.is_empty()
    }
}

/// Judges a release. `None`: the person was not handed to a requester.
pub fn of_release<'a, 'l>(
    case: &'a Case,
    release: &ActualRelease,
    correction: Option<&Correction>,
    to: &HandedTo,
    law: impl Fn(&CaseName) -> Option<&'l LawView>,
) -> Option<HandOverJudgement<'a>> {
    match release.recipient {
        ReleaseRecipient::RequestingAgency => {}
        ReleaseRecipient::Community | ReleaseRecipient::OtherAgency | ReleaseRecipient::Hospital => return None,
    }
    let named = |detainer: &&Detainer| to.detainer.as_ref().is_none_or(|name| detainer.name == *name);
    let stood = |detainer: &&Detainer| match correction {
        None => is_active_or_picked_up(detainer),
        Some(_) => was_active_or_picked_up(detainer),
    };
    let mut under: Vec<_> = case.linked.iter().filter(named).filter(stood).collect();
    // If a requester picked the person up, it is the one that they were handed to.
    if case.linked.iter().any(was_picked_up) {
        under.retain(|detainer| was_picked_up(detainer));
    }
    let unlawful = |detainer: &&Detainer| !law(&detainer.name).is_some_and(|law| may_hand_over(detainer, law));
    let unlawful = under.iter().copied().filter(unlawful).collect();
    Some(HandOverJudgement { under, unlawful })
}

/// Whether the person may have been handed over under a detainer: it is active, or its issuer picked the person up and
/// withdrew it.
pub fn is_active_or_picked_up(detainer: &Detainer) -> bool {
    detainer.state.is_active() || was_picked_up(detainer)
}

/// The same, for a release that was recorded before.
fn was_active_or_picked_up(detainer: &Detainer) -> bool {
    detainer.state == DetainerState::Released || detainer.issuer_view.ended_from.is_some() || was_picked_up(detainer)
}

fn was_picked_up(detainer: &Detainer) -> bool {
    // Only the custodian's confirmation counts. An issuer's alone excuses nobody.
    let picked_up = Transfer::is_handed_over;
    detainer.transfers.iter().any(picked_up)
}
