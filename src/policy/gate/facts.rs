//! The facts of a case that the law is asked about.

use jiff::civil::Date;

use crate::domain::agency::AgencyKind;
use crate::domain::charge::Charge;
use crate::domain::custody::Custody;
use crate::domain::detainer::{Detainer, Request};
use crate::domain::facts::{AsOf, Assertions, CaseFacts, Judge, Offence, Stage};
use crate::domain::safeguards::Safeguards;
use crate::domain::subject::{Flags, Subject};
use crate::domain::warrant::{VerifiedWarrant, Warrant, WarrantKind};

/// Whether the release date is public: that of the actual release, else that of the scheduled one.
fn date_public(custody: &Custody) -> bool {
    let actual = custody.released.as_ref().map(|release| release.date_public);
    actual.or(custody.scheduled.as_ref().map(|release| release.date_public)).unwrap_or(false)
}

/// The facts of a detainer as it is now. What the custodian saw of the warrant counts as its own record, as the custody
/// does.
pub(super) fn facts_of_detainer(
    stage: Stage,
    requester_kind: AgencyKind,
    detainer: &Detainer,
    custody: Option<&Custody>,
    as_of: AsOf<'_>,
) -> CaseFacts {
    let known = (detainer.verified_now(), custody);
    let match_disputed = custody.is_some_and(|custody| detainer.match_disputed(custody));
    CaseFacts { match_disputed, ..facts_of(stage, requester_kind, &detainer.request, known, as_of) }
}

/// The facts known to the gateway, kept apart by who says them: the request itself, the custodian's record (if the
/// detainer is matched to a custody), and the requester's claims.
pub(super) fn facts_of(
    stage: Stage,
    requester_kind: AgencyKind,
    request: &Request,
    (verified, custody): (Option<&VerifiedWarrant>, Option<&Custody>),
    as_of: AsOf<'_>,
) -> CaseFacts {
    CaseFacts {
        stage,
        requester_kind,
        custodian_class: None,
        form: request.form,
        asks_for_hold: request.form.asks_for_hold(),
        basis: request.basis.iter().copied().collect(),
        warrant: officers_warrant(&request.warrant, (verified, custody), as_of.today),
        final_order: verified.is_some_and(VerifiedWarrant::final_order_seen),
        date_public: custody.is_some_and(date_public),
        match_disputed: false,
        record: custodians_record(verified, custody, as_of),
        asserted: with_other_claims(requesters_claims(request, as_of), custody, as_of.today),
    }
}

/// The requester's claims, with the safeguards that others claimed for the same person under detainers on the same
/// custody.
fn with_other_claims(claims: Assertions, custody: Option<&Custody>, today: Date) -> Assertions {
    let guards = custody.map(|custody| custody.reported_claims.safeguards_on(today)).unwrap_or_default();
    Assertions {
        // Another requester's word on citizenship, however certain, is only a claim until a person has checked it.
        citizenship_claim: claims.citizenship_claim || (guards.of_a_citizen() && !claims.citizen),
        lawful_status: claims.lawful_status || guards.lawful,
        juvenile: claims.juvenile || guards.juvenile,
        sealed: claims.sealed || guards.sealed,
        protected: claims.protected || guards.protected,
        ..claims
    }
}

/// An officer's warrant counts only with its document, either attached or received by the custodian. One that the
/// custodian refused, or that has expired, counts for nothing.
fn officers_warrant(
    warrant: &Warrant,
    (verified, custody): (Option<&VerifiedWarrant>, Option<&Custody>),
    today: Date,
) -> WarrantKind {
    if verified.is_none() && custody.is_some_and(|custody| custody.reported_claims.refuses(warrant)) {
        return WarrantKind::None;
    }
    if verified.is_some_and(|verified| verified.refused() || verified.expired(today)) {
        return WarrantKind::None;
    }
    let officers = matches!(warrant.kind, WarrantKind::I200 | WarrantKind::I205);
    let attached = officers && warrant.document.is_some() && !warrant.expired(today);
    let received = verified.and_then(|verified| verified.officers_warrant(today));
    if attached { warrant.kind } else { received.unwrap_or(WarrantKind::None) }
}

/// What the custodian's own record says.
fn custodians_record(verified: Option<&VerifiedWarrant>, custody: Option<&Custody>, as_of: AsOf<'_>) -> Assertions {
    let warrant = verified.and_then(|verified| verified.judges_warrant(as_of.today));
    let intake = custody.map(|custody| &custody.intake);
    let charges = intake.map(|intake| intake.charges.as_slice()).unwrap_or_default();
    let flags = intake.map(|intake| intake.flags).unwrap_or_default();
    let assertions = assertions(flags, charges, intake.map(|intake| &intake.subject), as_of);
    Assertions {
        judge: warrant.map_or(Judge::None, |warrant| warrant.issuing_authority.into()),
        criminal_warrant: warrant.is_some_and(|warrant| warrant.criminal),
        ..assertions
    }
}

/// What the requester claims.
fn requesters_claims(request: &Request, as_of: AsOf<'_>) -> Assertions {
    let assertions = assertions(request.flags, &request.charges, Some(&request.subject), as_of);
    let judge = Judge::from(request.warrant.issuing_authority);
    Assertions {
        judge,
        criminal_warrant: request.warrant.criminal && judge != Judge::None,
        terrorist_list_match: request.terrorist_list_match || assertions.terrorist_list_match,
        ..assertions
    }
}

/// What one side says of a person. Safeguards follow from the record as well as from flags.
fn assertions(flags: Flags, charges: &[Charge], subject: Option<&Subject>, as_of: AsOf<'_>) -> Assertions {
    let guards = subject.map(|subject| Safeguards::of(flags, subject, charges, as_of.today)).unwrap_or_default();
    Assertions {
        judge: Judge::None,
        criminal_warrant: false,
        terrorist_list_match: flags.terrorist_list_match,
        offences: charges.iter().map(|charge| Offence::of(charge, as_of)).collect(),
        // A record that calls a person a citizen counts as a claim of citizenship until an officer has checked it.
        citizenship_claim: guards.claim || guards.called_citizen,
        citizen: guards.citizen,
        lawful_status: guards.lawful,
        juvenile: guards.juvenile,
        sealed: guards.sealed,
        protected: guards.protected,
    }
}
