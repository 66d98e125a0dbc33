//! The request: what the issuer of a detainer asks, and on what basis.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::charge::Charge;
use crate::domain::determination::LawAction;
use crate::domain::ids::AgencyId;
use crate::domain::subject::{Flags, Subject};
use crate::domain::vocabulary::vocabulary;
use crate::domain::warrant::Warrant;

vocabulary! {
    /// The form the request is made on.
    pub enum DetainerForm {
        /// I-247A (02/17): notify and hold.
        I247a = "i-247a",
        /// I-247G: notify only.
        I247g = "i-247g",
        /// I-247D, legacy: hold.
        I247d = "i-247d",
        /// I-247N, legacy: notify.
        I247n = "i-247n",
        /// I-247X, legacy: hold, outside the priorities of its day.
        I247x = "i-247x",
    }
}

impl DetainerForm {
    /// Whether the form asks to hold the person past release, and not only for notice.
    pub fn asks_for_hold(self) -> bool {
        match self {
            Self::I247a | Self::I247d | Self::I247x => true,
            Self::I247g | Self::I247n => false,
        }
    }

    /// The act that it asks for first: the hold, or else the notice.
    pub fn first_action(self) -> LawAction {
        if self.asks_for_hold() { LawAction::Hold } else { LawAction::Notify }
    }
}

vocabulary! {
    /// Why the issuer says it may ask: probable cause in one of four ways, or custody lent.
    pub enum DetainerBasis {
        /// A final order of removal.
        FinalOrder = "final-order",
        /// Removal proceedings are pending.
        PendingProceedings = "pending-proceedings",
        /// Biometric match and database check.
        BiometricMatch = "biometric-match",
        /// Statements or other reliable evidence.
        Statements = "statements",
        /// The department lent the person for a proceeding and wants them back.
        CustodyLent = "custody-lent",
    }
}

/// The addressee of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Addressee {
    /// A named custodian.
    Agency(AgencyId),
    /// Whichever custodian of the jurisdiction holds the person.
    Jurisdiction,
}

/// What the issuer asked, as lodged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Addressee.
    pub addressee: Addressee,
    /// The form.
    pub form: DetainerForm,
    /// The asserted basis; never empty.
    pub basis: Vec<DetainerBasis>,
    /// The warrant.
    pub warrant: Warrant,
    /// The person, as the issuer describes them.
    pub subject: Subject,
    /// Charges known to the issuer.
    pub charges: Vec<Charge>,
    /// The issuer says that the person matched the federal terrorist watch list.
    #[serde(default)]
    pub terrorist_list_match: bool,
    /// Safeguards known to the issuer.
    pub flags: Flags,
    /// Round-the-clock telephone of the issuer's duty officer.
    pub contact_phone: Option<String>,
    /// When the issuer says it made the request.
    pub occurred_at: Option<Timestamp>,
}
