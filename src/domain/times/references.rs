//! The reference times that a command's times are checked against.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::domain::case::Case;
use crate::domain::command::CaseCommand;
use crate::domain::custody::Custody;
use crate::domain::detainer::Detainer;
use crate::domain::subject::Subject;
use crate::domain::times::skew::{earlier, later};
use crate::domain::transfer::TransferName;

/// A year, in days, however long it is.
const YEAR_DAYS: i32 = 366;

/// A kind of reference time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reference {
    /// The time of record. For a day: today in the jurisdiction's zone.
    Now,
    /// 366 days after today.
    Year,
    /// The oldest reading of the birth date.
    Birth,
    /// When the warrant of the same request was signed.
    Signature,
    /// When the person was charged, in the same charge.
    Charge,
    /// The first charge or conviction on record.
    FirstCharge,
    /// When the issuer says that it asked, or when the gateway recorded the request, whichever is earlier.
    Request,
    /// When the person was taken in, if the custodian said when.
    Intake,
    /// The same. If the custodian did not say, when the gateway recorded the intake.
    Entry,
    /// The last movement on record.
    Movement,
    /// When the custodian says that it handed the person over.
    HandOver,
    /// When the pick-up was offered.
    Offer,
    /// When the window of the same offer opens.
    Opening,
    /// When the appeal was issued.
    Appeal,
}

/// A time or day as asserted.
#[derive(Debug, Clone, Copy)]
pub(super) enum MomentOrDay {
    Moment(Timestamp),
    Day(Date),
}

impl Reference {
    /// The expectation of not preceding it, in words.
    pub(super) fn no_earlier(self) -> &'static str {
        match self {
            Self::Now => "no earlier than now",
            Self::Year => "no less than 366 days ahead",
            Self::Birth => "no earlier than the birth date",
            Self::Signature => "no earlier than the signature of the warrant",
            Self::Charge => "no earlier than the charge",
            Self::FirstCharge => "no earlier than the first charge on record",
            Self::Request => "no earlier than the request",
            Self::Intake | Self::Entry => "no earlier than the intake on record",
            Self::Movement => "no earlier than the last movement on record",
            Self::HandOver => "no earlier than the hand-over on record",
            Self::Offer => "no earlier than the offer",
            Self::Opening => "after opens_at",
            Self::Appeal => "no earlier than the appeal",
        }
    }
}

/// The reference times of one command. A time that is unknown, or is itself impossible (recorded before there were
/// bounds), bounds nothing.
#[derive(Debug)]
pub(super) struct References {
    pub(super) now: Timestamp,
    year: Option<Date>,
    birth: Option<Date>,
    signature: Option<Timestamp>,
    /// Of the charge being checked.
    pub(super) charge: Option<Date>,
    first_charge: Option<Date>,
    request: Option<Timestamp>,
    intake: Option<Timestamp>,
    entry: Option<Timestamp>,
    movement: Option<Timestamp>,
    hand_over: Option<Timestamp>,
    offer: Option<Timestamp>,
    opening: Option<Timestamp>,
    appeal: Option<Timestamp>,
}

impl References {
    pub(super) fn of(command: &CaseCommand, case: &Case, now: Timestamp, zone: &TimeZone) -> Self {
        let custody = case.custody.as_ref();
        let detainer = case.detainer.as_ref();
        let possible = |at: &Timestamp| *at <= later(now);
        let today = zone.to_datetime(later(now)).date();
        let mut references = Self {
            now,
            year: zone.to_datetime(now).date().checked_add(Span::new().days(YEAR_DAYS)).ok(),
            birth: subject_of(command, case).and_then(|subject| Some(subject.birth_date?.earliest())),
            signature: None,
            charge: None,
            first_charge: custody.and_then(first_charge),
            request: detainer.map(requested_at),
            intake: custody.and_then(intake_as_said),
            entry: custody.map(|custody| intake_as_said(custody).unwrap_or_else(|| earlier(custody.opened_at))),
            movement: custody.and_then(|custody| custody.movement.as_ref()?.occurred_at).filter(possible),
            hand_over: handed_over_at(case).filter(possible),
            offer: command.transfer().zip(detainer).and_then(offered_at),
            opening: None,
            appeal: case.appeal.as_ref().map(|appeal| earlier(appeal.issued_at)),
        };
        references.birth = references.birth.filter(|birth| *birth <= today);
        if let CaseCommand::LodgeDetainer(request) = command {
            references.signature = request.warrant.signed_at.filter(possible);
        } else if let CaseCommand::AmendDetainer { request, .. } = command {
            references.signature = request.warrant.signed_at.filter(possible);
        } else if let CaseCommand::VerifyWarrant { verification, .. } = command {
            references.signature = verification.seen.signed_at.filter(possible);
        } else if let CaseCommand::OfferWindow { window, .. } | CaseCommand::ReviseWindow { window, .. } = command {
            references.opening = Some(window.opens_at);
        } else if let CaseCommand::AcknowledgeDetainer { acknowledgement, .. } = command {
            // A finding that nobody was found is not about a custody that the detainer may have been linked to.
            references.intake = references.intake.filter(|_| acknowledgement.custody.is_some());
        }
        references
    }

    pub(super) fn point(&self, reference: Reference) -> Option<MomentOrDay> {
        let (moment, day) = match reference {
            Reference::Now => (Some(self.now), None),
            Reference::Year => (None, self.year),
            Reference::Birth => (None, self.birth),
            Reference::Signature => (self.signature, None),
            Reference::Charge => (None, self.charge),
            Reference::FirstCharge => (None, self.first_charge),
            Reference::Request => (self.request, None),
            Reference::Intake => (self.intake, None),
            Reference::Entry => (self.entry, None),
            Reference::Movement => (self.movement, None),
            Reference::HandOver => (self.hand_over, None),
            Reference::Offer => (self.offer, None),
            Reference::Opening => (self.opening, None),
            Reference::Appeal => (self.appeal, None),
        };
        moment.map(MomentOrDay::Moment).or(day.map(MomentOrDay::Day))
    }
}

/// The person that a command is about, as its sender describes them. For an issuer, that is its own description.
fn subject_of<'a>(command: &'a CaseCommand, case: &'a Case) -> Option<&'a Subject> {
    if let CaseCommand::LodgeDetainer(request) = command {
        Some(&request.subject)
    } else if let CaseCommand::AmendDetainer { request, .. } = command {
        Some(&request.subject)
    } else if let CaseCommand::OpenCustody(intake) = command {
        Some(&intake.subject)
    } else if let CaseCommand::RaiseCitizenshipClaim { .. } | CaseCommand::VerifyWarrant { .. } = command {
        case.detainer.as_ref().map(|detainer| &detainer.request.subject)
    } else {
        case.custody.as_ref().map(|custody| &custody.intake.subject)
    }
}

/// When a request was made, at the earliest that an answer to it may assert.
fn requested_at(detainer: &Detainer) -> Timestamp {
    let recorded = earlier(detainer.lodged_at);
    detainer.request.occurred_at.map_or(recorded, |asserted| asserted.min(recorded))
}

fn intake_as_said(custody: &Custody) -> Option<Timestamp> {
    custody.intake.occurred_at.filter(|asserted| *asserted <= later(custody.opened_at))
}

fn first_charge(custody: &Custody) -> Option<Date> {
    custody.intake.charges.iter().flat_map(|charge| [charge.charged_on, charge.convicted_on]).flatten().min()
}

fn handed_over_at(case: &Case) -> Option<Timestamp> {
    case.hand_overs().filter_map(|transfer| transfer.handed_over_at).max()
}

fn offered_at((name, detainer): (&TransferName, &Detainer)) -> Option<Timestamp> {
    let transfer = detainer.transfers.iter().find(|transfer| transfer.id == name.id)?;
    Some(earlier(transfer.offered_at))
}
