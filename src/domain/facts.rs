//! The facts a law may turn on. Few distinct tuples occur, so that a decision once made can be remembered.

use std::collections::BTreeSet;

use crate::domain::agency::{AgencyClass, AgencyKind};
use crate::domain::charge::{Charge, ChargeStatus, OffenceCategory};
use crate::domain::detainer::{DetainerBasis, DetainerForm, IssuingAuthority, WarrantKind};
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// At which step the law is asked.
    pub enum Stage {
        /// A detainer is lodged.
        Lodge = "lodge",
        /// The custodian says what it found.
        Acknowledge = "acknowledge",
        /// The custodian answers.
        Answer = "answer",
        /// A release is scheduled.
        Schedule = "schedule",
        /// A release took place.
        Release = "release",
        /// A copy was served.
        Serve = "serve",
        /// A citizenship claim is raised or resolved.
        Claim = "claim",
        /// A pick-up is offered.
        Transfer = "transfer",
        /// Charges, identity or place of a custody change, or it ends without a release.
        Change = "change",
        /// What was committed to be shown is about to be.
        Deliver = "deliver",
    }
}

/// What is known of one detainer, and of the custody it stands on, when the law is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that some law turns on")]
pub struct CaseFacts {
    /// At which step.
    pub stage: Stage,
    /// What kind of agency asks.
    pub requester_kind: AgencyKind,
    /// What the custodian is, once known.
    pub custodian_class: Option<AgencyClass>,
    /// The form.
    pub form: DetainerForm,
    /// The form asks for a hold.
    pub asks_for_hold: bool,
    /// The asserted basis.
    pub basis: BTreeSet<DetainerBasis>,
    /// The warrant.
    pub warrant: WarrantKind,
    /// Who signed it.
    pub issuing_authority: IssuingAuthority,
    /// A warrant or order that a judge signed is attached.
    pub judicial_warrant: bool,
    /// Offence group and status of each charge known to the gateway.
    pub offences: BTreeSet<(OffenceCategory, ChargeStatus)>,
    /// A citizenship claim is open.
    pub citizenship_claim: bool,
    /// The custodian holds proof of citizenship or lawful status.
    pub proof_of_status: bool,
    /// A juvenile.
    pub juvenile: bool,
    /// A sealed or youthful-offender record is among the charges.
    pub sealed: bool,
    /// A victim or witness, or in a protected program.
    pub protected: bool,
}

/// Group and status of each charge.
pub fn offences<'a>(charges: impl Iterator<Item = &'a Charge>) -> BTreeSet<(OffenceCategory, ChargeStatus)> {
    charges.map(|charge| (charge.category(), charge.status)).collect()
}
