//! What a custodian found when it looked into the warrant of a request.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::detainer::Request;
use crate::domain::ids::AgencyId;
use crate::domain::subject::Subject;
use crate::domain::vocabulary::vocabulary;
use crate::domain::warrant::{IssuingAuthority, Warrant, WarrantKind};

/// The fields in which a verified warrant differs from what the request says. A field that the issuer does not state
/// cannot differ. A judge's warrant MUST agree in every field that identifies it, whatever was compared.
pub fn differing(verification: &WarrantVerification, asserted: &Warrant) -> Vec<&'static str> {
    if verification.outcome != VerificationOutcome::Verified {
        return Vec::new();
    }
    let seen = &verification.seen;
    let plain = |text: &Option<String>| text.as_deref().map(plain);
    let day = |at: Option<Timestamp>| at.map(|at| TimeZone::UTC.to_datetime(at).date());
    let near = |one: Date, other: Date| one.duration_until(other).abs() <= SignedDuration::from_hours(24);
    // The two may give the day in different zones.
    let signed = day(seen.signed_at).zip(day(asserted.signed_at)).is_some_and(|(one, other)| !near(one, other));
    let hash = |warrant: &Warrant| warrant.document.as_ref().map(|document| document.sha256);
    let known = |authority: IssuingAuthority| match authority {
        IssuingAuthority::None | IssuingAuthority::Unknown => None,
        IssuingAuthority::ImmigrationOfficer | IssuingAuthority::FederalJudge | IssuingAuthority::StateJudge => {
            Some(authority)
        }
    };
    // If the request names an officer's warrant and a judge's was seen, it is another document, which the officer
    // answers for.
    let judges = seen.kind == WarrantKind::Judicial && asserted.kind == WarrantKind::Judicial;
    let looked_at = |detail: WarrantDetail| judges || verification.compared.contains(&detail);
    let fields = [
        ("issuing_authority", judges && differ(known(seen.issuing_authority), known(asserted.issuing_authority))),
        ("criminal", judges && seen.criminal && !asserted.criminal),
        ("court", looked_at(WarrantDetail::Court) && differ(plain(&seen.court), plain(&asserted.court))),
        ("signer", looked_at(WarrantDetail::Signer) && differ(plain(&seen.signer), plain(&asserted.signer))),
        ("docket", looked_at(WarrantDetail::Docket) && differ(plain(&seen.docket), plain(&asserted.docket))),
        ("signed_at", looked_at(WarrantDetail::SignedDate) && signed),
        ("expires_on", looked_at(WarrantDetail::ExpiryDate) && differ(seen.expires_on, asserted.expires_on)),
        ("document_sha256", looked_at(WarrantDetail::DocumentHash) && differ(hash(seen), hash(asserted))),
    ];
    fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
}

fn differ<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

/// Only letters and digits, in lower case: the punctuation of a court's name means nothing.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

vocabulary! {
    /// The outcome of a verification.
    pub enum VerificationOutcome {
        /// It is genuine and in force.
        Verified = "verified",
        /// Its document was received. Nobody checked that it is genuine: an officer's warrant needs no more.
        Received = "received",
        /// It is not what the issuer says.
        Refused = "refused",
        /// It was verified before and no longer counts: recalled by its court, or verified by mistake.
        Withdrawn = "withdrawn",
    }
}

vocabulary! {
    /// How a warrant was verified.
    pub enum VerificationMethod {
        /// The document was inspected.
        DocumentInspected = "document-inspected",
        /// The court's docket was looked up.
        DocketChecked = "docket-checked",
        /// The court's clerk or chambers confirmed it.
        CourtConfirmed = "court-confirmed",
    }
}

vocabulary! {
    /// What was compared with the document or docket.
    pub enum WarrantDetail {
        /// The person's name.
        Subject = "subject",
        /// The court.
        Court = "court",
        /// Who signed it.
        Signer = "signer",
        /// The docket number.
        Docket = "docket",
        /// The day it was signed.
        SignedDate = "signed-date",
        /// The day it expires.
        ExpiryDate = "expiry-date",
        /// The hash of the document.
        DocumentHash = "document-hash",
    }
}

/// What an officer of the custodian found a warrant to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarrantVerification {
    /// The outcome.
    pub outcome: VerificationOutcome,
    /// The method.
    pub method: VerificationMethod,
    /// What was compared. Never empty if it was verified.
    pub compared: Vec<WarrantDetail>,
    /// The warrant as the custodian read it. The law depends on this, not on what the issuer said.
    pub seen: Warrant,
    /// The final order of removal itself was seen.
    pub final_order_seen: bool,
    /// Why, if it was refused or withdrawn. May be personal: stays with the custodian.
    pub reason: Option<String>,
    /// When, as the custodian says.
    pub occurred_at: Option<Timestamp>,
}

/// A verification, with the warrant and person that it was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedWarrant {
    /// What was found.
    pub verification: WarrantVerification,
    /// The custodian whose officer verified it. Another custodian has not seen the warrant.
    pub custodian: AgencyId,
    /// The warrant as the issuer described it then. An amendment that describes another was not verified.
    pub asserted: Warrant,
    /// The person as the request described them then. None: recorded before this was stored.
    #[serde(default)]
    pub subject: Option<Box<Subject>>,
    /// When it was recorded, by our clock.
    pub recorded_at: Timestamp,
}

impl VerifiedWarrant {
    /// Whether the verification applies to the present request in the hands of the present custodian: it must be the
    /// same warrant for the same person. A refusal applies to whatever the issuer asserts instead, until an officer has
    /// looked at that.
    pub fn speaks_for(&self, request: &Request, custodian: Option<&AgencyId>) -> bool {
        let same = self.asserted == request.warrant && self.subject.as_deref() == Some(&request.subject);
        custodian == Some(&self.custodian) && (same || self.refused())
    }

    /// Whether its last day is over: as the custodian read it, or as the issuer said if the custodian read none.
    pub fn expired(&self, today: Date) -> bool {
        let last = self.verification.seen.expires_on.or(self.asserted.expires_on);
        last.is_some_and(|last| last < today)
    }

    /// The judge's warrant that counts on a day: verified, signed by a judge, not expired.
    pub fn judges_warrant(&self, today: Date) -> Option<&Warrant> {
        let WarrantVerification { outcome, seen, .. } = &self.verification;
        let counts = *outcome == VerificationOutcome::Verified && seen.issuing_authority.is_judge();
        (counts && !self.expired(today)).then_some(seen)
    }

    /// The officer's warrant that counts on a day: received or verified, not expired.
    pub fn officers_warrant(&self, today: Date) -> Option<WarrantKind> {
        let WarrantVerification { outcome, seen, .. } = &self.verification;
        let received = match outcome {
            VerificationOutcome::Verified | VerificationOutcome::Received => true,
            VerificationOutcome::Refused | VerificationOutcome::Withdrawn => false,
        };
        let officers = matches!(seen.kind, WarrantKind::I200 | WarrantKind::I205);
        (received && officers && !self.expired(today)).then_some(seen.kind)
    }

    /// Whether the final order of removal was seen.
    pub fn final_order_seen(&self) -> bool {
        match self.verification.outcome {
            VerificationOutcome::Verified | VerificationOutcome::Received => self.verification.final_order_seen,
            VerificationOutcome::Refused | VerificationOutcome::Withdrawn => false,
        }
    }

    /// Whether the custodian refused the warrant. Then even its document triggers nothing.
    pub fn refused(&self) -> bool {
        match self.verification.outcome {
            VerificationOutcome::Refused | VerificationOutcome::Withdrawn => true,
            VerificationOutcome::Verified | VerificationOutcome::Received => false,
        }
    }
}
