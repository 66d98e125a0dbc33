//! Events as an entry records them.

use crate::domain::appeal::AppealAnswer;
use crate::domain::charge::Charge;
use crate::domain::claim::{Claim, ClaimOutcome};
use crate::domain::correction::Correction;
use crate::domain::custody::{
    ActualRelease, Closing, Identity, Movement, OtherGround, ReleaseEligibility, ScheduledRelease,
};
use crate::domain::detainer::{Acknowledgement, Answer, Detainer, LiftReason, Viewpoint};
use crate::domain::determination::FieldClass;
use crate::domain::event::{Change, Counts, Disclosure, Event, Record, RecordedDetermination, Revision};
use crate::domain::hand_over::HandedTo;
use crate::domain::ids::{BookingNumber, CaseName};
use crate::domain::interview::InterviewAnswer;
use crate::domain::service::ServiceOfCopy;
use crate::domain::transfer::Transfer;
use crate::domain::warrant::VerifiedWarrant;
use crate::wire::enums::{to_wire, to_wire_or_unspecified};
use crate::wire::show::clock::{fired, unlawful_hand_over};
use crate::wire::show::duty::{obligation, review};
use crate::wire::show::judged::{determination, judged};
use crate::wire::show::parts::{
    acknowledgement, actual_release, answer, charge, closing, correction, expungement_order, flags, move_offer,
    movement, other_ground, release_eligibility, scheduled_release, service_of_copy, subject, verification,
};
use crate::wire::show::resource::{as_recorded, as_requested, custody, transfer};
use crate::wire::show::{agency_name, appeal, interview, timestamp};
use crate::wire::v1;
use crate::wire::v1::event::Event as Wire;

/// An event as an entry records it.
pub fn event(record: &Record) -> v1::Event {
    let parts = EventParts {
        counts: Some(counts(&record.counts)),
        detainers: detainers_of(&record.determinations),
        determinations: determinations(&record.determinations),
        facts: facts(&record.determinations),
    };
    v1::Event { event: Some(wire(&record.event, parts)), ..Default::default() }
}

/// What any event says.
struct EventParts {
    counts: Option<v1::Counts>,
    determinations: Vec<v1::Determination>,
    facts: Vec<v1::Facts>,
    /// The detainers of the determinations.
    detainers: Vec<String>,
}

#[expect(clippy::too_many_lines, reason = "one arm an event, and each a line or few: the list is the function")]
fn wire(event: &Event, parts: EventParts) -> Wire {
    match event {
        Event::DetainerLodged(lodged) => parts.lodged(lodged),
        Event::DetainerAcknowledged { detainer, acknowledgement, correction, .. } => {
            parts.acknowledged(detainer, acknowledgement, correction.as_ref())
        }
        Event::DetainerAnswered { detainer, answer, correction, .. } => {
            parts.answered(detainer, answer, correction.as_ref())
        }
        Event::DetainerAmended(amended) => parts.amended(amended),
        Event::WarrantVerified { detainer, verified } => parts.verified(detainer, verified),
        Event::CopyServed { detainer, service, correction, .. } => parts.served(detainer, service, correction.as_ref()),
        Event::InterviewRequested { detainer, interview: asked } => Wire::InterviewRequested(v1::InterviewRequested {
            detainer: detainer.to_string(),
            interview: Some(interview::interview(asked, Viewpoint::Issuer)),
        }),
        Event::InterviewAnswered { detainer, answer, revealed_class, revision, .. } => {
            parts.interview_answered(detainer, answer, *revealed_class, *revision)
        }
        Event::InterviewWithdrawn { detainer } => {
            Wire::InterviewWithdrawn(v1::InterviewWithdrawn { detainer: detainer.to_string() })
        }
        Event::CitizenshipClaimRaised { detainer, claim, .. } => parts.claimed(detainer, claim),
        Event::CitizenshipClaimResolved { detainer, outcome, reason, .. } => parts.resolved(detainer, *outcome, reason),
        Event::TransferRecorded { detainer, transfer, reason } => parts.transfer(detainer, transfer, reason.as_ref()),
        Event::DetainerWithdrawn { detainer, reason } => parts.withdrawn(detainer, *reason),
        Event::CustodyOpened { custody: opened, asked_again } => Wire::CustodyOpened(v1::CustodyOpened {
            custody: Some(custody(opened)),
            asked_again: asked_again.iter().map(ToString::to_string).collect(),
        }),
        Event::ChargesUpdated { custody, charges, other_ground: cited } => {
            parts.charges_updated(custody, charges, cited.as_ref())
        }
        Event::IdentityCorrected { custody, identity, correction } => parts.corrected(custody, identity, correction),
        Event::CustodyMoved { custody, movement, booking_number } => {
            parts.moved(custody, movement, booking_number.as_ref())
        }
        Event::MoveOffered { custody: offered } => {
            Wire::MoveOffered(v1::MoveOffered { custody: Some(custody(offered)) })
        }
        Event::MoveOfferEnded { custody, offer } => {
            Wire::MoveOfferEnded(v1::MoveOfferEnded { custody: custody.to_string(), offer: Some(move_offer(offer)) })
        }
        Event::ReleaseRescheduled { custody, release } => parts.rescheduled(custody, release),
        Event::EligibilityRecorded { custody, eligibility } => parts.eligibility_recorded(custody, eligibility),
        Event::EligibilityNoticed { detainer, eligibility, disclosure } => {
            parts.eligibility_noticed(detainer, eligibility, *disclosure)
        }
        Event::ReleaseCancelled { custody, reason, other_ground: cited } => {
            Wire::ReleaseCancelled(v1::ReleaseCancelled {
                custody: custody.to_string(),
                reason: reason.clone().unwrap_or_default(),
                other_ground: cited.as_ref().map(other_ground),
            })
        }
        Event::CustodyClosed { custody, closing, other_ground: cited } => {
            parts.closed(custody, closing, cited.as_ref())
        }
        Event::CustodyReopened { custody, correction: why } => Wire::CustodyReopened(v1::CustodyReopened {
            custody: custody.to_string(),
            correction: Some(correction(why)),
        }),
        Event::CustodyExpunged { custody, order, detainers } => Wire::CustodyExpunged(v1::CustodyExpunged {
            custody: custody.to_string(),
            order: Some(expungement_order(order)),
            detainers: detainers.iter().map(ToString::to_string).collect(),
        }),
        Event::DetainerExpunged { detainer } => {
            Wire::DetainerExpunged(v1::DetainerExpunged { detainer: detainer.to_string(), counts: parts.counts })
        }
        Event::ReleaseScheduled { custody, release } => parts.scheduled(custody, release),
        Event::ReleaseRecorded { custody, release, correction, to } => {
            parts.release_recorded(custody, release, correction.as_ref(), to)
        }
        Event::UnlawfulHandOver { custody, transfer, detainers } => {
            let EventParts { determinations, facts, .. } = parts;
            let alarm = unlawful_hand_over(custody, transfer.as_ref(), detainers);
            Wire::UnlawfulHandOver(v1::UnlawfulHandOver { determinations, facts, ..alarm })
        }
        Event::ReleaseNoticed { detainer, release } => parts.noticed(detainer, release),
        Event::DetainerReleased { detainer, release, revision } => parts.released(detainer, release, *revision),
        Event::CustodyNoticed { detainer, change, .. } => parts.custody_noticed(detainer, change),
        Event::NoticeCancelled { detainer } => {
            Wire::NoticeCancelled(v1::NoticeCancelled { detainer: detainer.to_string(), counts: parts.counts })
        }
        Event::PromiseSuspended { detainer } => parts.suspended(detainer),
        Event::ReviewOpened { detainer, review: opened } => Wire::ReviewOpened(v1::ReviewOpened {
            detainer: detainer.to_string(),
            review: Some(review(detainer, opened, None)),
        }),
        Event::ReviewResolved { detainer, review: resolved } => Wire::ReviewResolved(v1::ReviewResolved {
            detainer: detainer.to_string(),
            review: Some(review(detainer, resolved, None)),
        }),
        Event::ObligationMet { detainer, owed } => Wire::ObligationMet(v1::ObligationMet {
            detainer: detainer.to_string(),
            obligation: Some(obligation(detainer, owed, None)),
        }),
        Event::DetainerReopened { detainer } => {
            Wire::DetainerReopened(v1::DetainerReopened { detainer: detainer.to_string(), counts: parts.counts })
        }
        Event::ClockFired(firing) => Wire::ClockFired(fired(firing, parts.counts)),
        Event::AppealIssued { appeal, members, filter } => {
            Wire::AppealIssued(appeal::issued(appeal, members, filter.as_ref()))
        }
        Event::AppealAnswered { appeal, detainer, answer, revealed_class, revision, .. } => {
            parts.appeal_answered(appeal, detainer, answer, *revealed_class, *revision)
        }
        Event::AppealBarred { appeal, custodian, bars } => Wire::AppealBarred(appeal::barred(appeal, custodian, bars)),
    }
}

/// Events of the parties to a detainer.
impl EventParts {
    fn lodged(self, lodged: &Detainer) -> Wire {
        Wire::DetainerLodged(v1::DetainerLodged {
            detainer: Some(as_recorded(lodged, Viewpoint::Custodian)),
            counts: self.counts,
            determinations: self.determinations,
            facts: self.facts,
        })
    }

    fn amended(self, amended: &Detainer) -> Wire {
        Wire::DetainerAmended(v1::DetainerAmended {
            detainer: Some(as_requested(amended)),
            counts: self.counts,
            determinations: self.determinations,
            facts: self.facts,
        })
    }

    fn acknowledged(self, detainer: &CaseName, found: &Acknowledgement, corrects: Option<&Correction>) -> Wire {
        Wire::DetainerAcknowledged(v1::DetainerAcknowledged {
            detainer: detainer.to_string(),
            acknowledgement: Some(acknowledgement(found)),
            counts: self.counts,
            determinations: self.determinations,
            facts: self.facts,
            corrects: corrects.is_some(),
            correction: corrects.map(correction),
        })
    }

    fn answered(self, detainer: &CaseName, given: &Answer, corrects: Option<&Correction>) -> Wire {
        Wire::DetainerAnswered(v1::DetainerAnswered {
            detainer: detainer.to_string(),
            answer: Some(answer(given)),
            counts: self.counts,
            determinations: self.determinations,
            facts: self.facts,
            corrects: corrects.is_some(),
            correction: corrects.map(correction),
        })
    }

    fn verified(self, detainer: &CaseName, verified: &VerifiedWarrant) -> Wire {
        Wire::WarrantVerified(v1::WarrantVerified {
            detainer: detainer.to_string(),
            custodian: agency_name(&verified.custodian),
            verification: Some(verification(&verified.verification)),
            counts: self.counts,
            determinations: self.determinations,
            facts: self.facts,
        })
    }

    fn served(self, detainer: &CaseName, service: &ServiceOfCopy, corrects: Option<&Correction>) -> Wire {
        Wire::CopyServed(v1::CopyServed {
            detainer: detainer.to_string(),
            service_of_copy: Some(service_of_copy(service)),
            counts: self.counts,
            determinations: self.determinations,
            facts: self.facts,
            corrects: corrects.is_some(),
            correction: corrects.map(correction),
        })
    }

    fn interview_answered(
        self,
        detainer: &CaseName,
        given: &InterviewAnswer,
        revealed_class: FieldClass,
        revision: Revision,
    ) -> Wire {
        Wire::InterviewAnswered(v1::InterviewAnswered {
            detainer: detainer.to_string(),
            answer: Some(interview::as_recorded(given, revealed_class)),
            counts: self.counts,
            determinations: self.determinations,
            facts: self.facts,
            corrects: revision == Revision::Corrected,
        })
    }

    fn claimed(self, detainer: &CaseName, claim: &Claim) -> Wire {
        Wire::CitizenshipClaimRaised(v1::CitizenshipClaimRaised {
            detainer: detainer.to_string(),
            occurred_at: claim.occurred_at.map(timestamp),
            grounds: claim.grounds.clone().unwrap_or_default(),
            determinations: self.determinations,
            facts: self.facts,
        })
    }

    fn resolved(self, detainer: &CaseName, outcome: ClaimOutcome, reason: &str) -> Wire {
        Wire::CitizenshipClaimResolved(v1::CitizenshipClaimResolved {
            detainer: detainer.to_string(),
            outcome: to_wire(outcome),
            reason: reason.to_owned(),
            determinations: self.determinations,
            facts: self.facts,
        })
    }

    fn transfer(self, detainer: &CaseName, stands: &Transfer, reason: Option<&String>) -> Wire {
        Wire::TransferRecorded(v1::TransferRecorded {
            detainer: detainer.to_string(),
            transfer: Some(transfer(detainer, stands, &[])),
            counts: self.counts,
            determinations: self.determinations,
            facts: self.facts,
            failure_cause: to_wire_or_unspecified(stands.failure_cause),
            window_change: to_wire_or_unspecified(stands.window_change),
            reason: reason.cloned().unwrap_or_default(),
        })
    }

    fn appeal_answered(
        self,
        appeal: &CaseName,
        detainer: &CaseName,
        answer: &AppealAnswer,
        revealed_class: FieldClass,
        revision: Revision,
    ) -> Wire {
        let mut answered = appeal::answered(appeal, detainer, answer, revealed_class);
        answered.counts = self.counts;
        answered.determinations = self.determinations;
        answered.corrects = revision == Revision::Corrected;
        Wire::AppealAnswered(answered)
    }

    fn withdrawn(self, detainer: &CaseName, reason: LiftReason) -> Wire {
        Wire::DetainerWithdrawn(v1::DetainerWithdrawn {
            detainer: detainer.to_string(),
            reason: to_wire(reason),
            counts: self.counts,
        })
    }
}

/// Events with which a custodian records a stay.
impl EventParts {
    fn suspended(self, detainer: &CaseName) -> Wire {
        Wire::PromiseSuspended(v1::PromiseSuspended {
            detainer: detainer.to_string(),
            determinations: self.determinations,
            facts: self.facts,
        })
    }

    fn charges_updated(self, custody: &CaseName, charges: &[Charge], cited: Option<&OtherGround>) -> Wire {
        Wire::ChargesUpdated(v1::ChargesUpdated {
            custody: custody.to_string(),
            charges: charges.iter().map(charge).collect(),
            other_ground: cited.map(other_ground),
            determinations: self.determinations,
            facts: self.facts,
        })
    }

    fn corrected(self, custody: &CaseName, identity: &Identity, why: &Correction) -> Wire {
        Wire::IdentityCorrected(v1::IdentityCorrected {
            custody: custody.to_string(),
            subject: Some(subject(&identity.subject)),
            flags: Some(flags(identity.flags)),
            correction: Some(correction(why)),
            determinations: self.determinations,
            facts: self.facts,
        })
    }

    fn moved(self, custody: &CaseName, to: &Movement, booking_number: Option<&BookingNumber>) -> Wire {
        Wire::CustodyMoved(v1::CustodyMoved {
            custody: custody.to_string(),
            movement: Some(movement(to)),
            determinations: self.determinations,
            facts: self.facts,
            booking_number: booking_number.map(ToString::to_string).unwrap_or_default(),
        })
    }

    fn scheduled(self, custody: &CaseName, release: &ScheduledRelease) -> Wire {
        Wire::ReleaseScheduled(v1::ReleaseScheduled {
            custody: custody.to_string(),
            release: Some(scheduled_release(release)),
            determinations: self.determinations,
            facts: self.facts,
        })
    }

    fn eligibility_recorded(self, custody: &CaseName, eligibility: &ReleaseEligibility) -> Wire {
        Wire::ReleaseEligibilityRecorded(v1::ReleaseEligibilityRecorded {
            custody: custody.to_string(),
            eligibility: Some(release_eligibility(eligibility)),
            determinations: self.determinations,
            facts: self.facts,
        })
    }

    fn eligibility_noticed(
        self,
        detainer: &CaseName,
        eligibility: &ReleaseEligibility,
        disclosure: Disclosure,
    ) -> Wire {
        Wire::ReleaseEligibilityNoticed(v1::ReleaseEligibilityNoticed {
            detainer: detainer.to_string(),
            eligibility: Some(release_eligibility(eligibility)),
            counts: self.counts,
            determinations: self.determinations,
            facts: self.facts,
            retracts: disclosure == Disclosure::Retraction,
        })
    }

    fn rescheduled(self, custody: &CaseName, release: &ScheduledRelease) -> Wire {
        Wire::ReleaseRescheduled(v1::ReleaseRescheduled {
            custody: custody.to_string(),
            release: Some(scheduled_release(release)),
            determinations: self.determinations,
            facts: self.facts,
        })
    }

    fn release_recorded(
        self,
        custody: &CaseName,
        release: &ActualRelease,
        corrects: Option<&Correction>,
        to: &HandedTo,
    ) -> Wire {
        Wire::ReleaseRecorded(v1::ReleaseRecorded {
            custody: custody.to_string(),
            release: Some(actual_release(release)),
            determinations: self.determinations,
            facts: self.facts,
            counts: self.counts,
            detainers: self.detainers,
            corrects: corrects.is_some(),
            correction: corrects.map(correction),
            handed_to: to.detainer.as_ref().map(ToString::to_string).unwrap_or_default(),
            reason: to.reason.clone().unwrap_or_default(),
        })
    }

    fn closed(self, custody: &CaseName, how: &Closing, cited: Option<&OtherGround>) -> Wire {
        Wire::CustodyClosed(v1::CustodyClosed {
            custody: custody.to_string(),
            closing: Some(closing(how)),
            other_ground: cited.map(other_ground),
            determinations: self.determinations,
            facts: self.facts,
            counts: self.counts,
            detainers: self.detainers,
        })
    }
}

/// Events that tell an issuer of a custody.
impl EventParts {
    fn noticed(self, detainer: &CaseName, release: &ScheduledRelease) -> Wire {
        Wire::ReleaseNoticed(v1::ReleaseNoticed {
            detainer: detainer.to_string(),
            release: Some(scheduled_release(release)),
            counts: self.counts,
            determinations: self.determinations,
            facts: self.facts,
        })
    }

    fn released(self, detainer: &CaseName, release: &ActualRelease, revision: Revision) -> Wire {
        Wire::DetainerReleased(v1::DetainerReleased {
            detainer: detainer.to_string(),
            release: Some(actual_release(release)),
            counts: self.counts,
            determinations: self.determinations,
            facts: self.facts,
            corrects: revision == Revision::Corrected,
        })
    }

    fn custody_noticed(self, detainer: &CaseName, change: &Change) -> Wire {
        let mut noticed = v1::CustodyNoticed {
            detainer: detainer.to_string(),
            counts: self.counts,
            determinations: self.determinations,
            facts: self.facts,
            ..v1::CustodyNoticed::default()
        };
        match change {
            Change::Charges(charges) => noticed.charges = charges.iter().map(charge).collect(),
            Change::Identity(person) => {
                noticed.subject = Some(subject(person));
                noticed.corrects = true;
            }
            Change::Movement(to) => noticed.movement = Some(movement(to)),
            Change::Closing(how) => noticed.closing = Some(closing(how)),
        }
        Wire::CustodyNoticed(noticed)
    }
}

/// Confirmed deliveries of an inbox, as an entry records them.
pub fn inbox_acknowledged(acknowledged: v1::InboxAcknowledged) -> v1::Event {
    v1::Event { event: Some(Wire::InboxAcknowledged(acknowledged)), ..Default::default() }
}

/// A policy set that came into force, as an entry records it.
pub fn policy_activated(activated: v1::PolicyActivated) -> v1::Event {
    v1::Event { event: Some(Wire::PolicyActivated(activated)), ..Default::default() }
}

/// Determinations, as an entry records them.
pub fn determinations(recorded: &[RecordedDetermination]) -> Vec<v1::Determination> {
    let one = |recorded: &RecordedDetermination| {
        determination(recorded.detainer.to_string(), recorded.action, &recorded.determination)
    };
    recorded.iter().map(one).collect()
}

/// The facts of the determinations, once for each detainer and judgment.
fn facts(recorded: &[RecordedDetermination]) -> Vec<v1::Facts> {
    let same = |one: &RecordedDetermination, other: &RecordedDetermination| {
        (&one.detainer, one.judged_at, &one.facts) == (&other.detainer, other.judged_at, &other.facts)
    };
    let judgments = recorded.chunk_by(same).filter_map(<[_]>::first);
    judgments.map(|first| judged(&first.detainer, &first.facts, first.judged_at)).collect()
}

fn detainers_of(recorded: &[RecordedDetermination]) -> Vec<String> {
    let mut names: Vec<String> = recorded.iter().map(|recorded| recorded.detainer.to_string()).collect();
    names.dedup();
    names
}

fn counts(counts: &Counts) -> v1::Counts {
    v1::Counts {
        form: to_wire_or_unspecified(counts.form),
        warrant: to_wire_or_unspecified(counts.warrant),
        issuing_authority: to_wire_or_unspecified(counts.issuing_authority),
        offence: to_wire_or_unspecified(counts.offence),
        charge_status: to_wire_or_unspecified(counts.charge_status),
        custodian_class: to_wire_or_unspecified(counts.custodian_class),
        lead_time_seconds: counts.lead_time_seconds,
    }
}
