//! The facts of a case by name, as an explanation changes them one at a time.

use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// The facts of a case as they change one at a time, by the words of the tables of cases.
    pub enum Fact {
        /// When the law is asked.
        On = "on",
        /// At which step.
        Stage = "stage",
        /// What kind of agency asks.
        AskedBy = "asked_by",
        /// Who holds the person.
        Custodian = "custodian",
        /// The form, and with it whether a hold is asked for.
        Form = "form",
        /// The asserted grounds, one more or one fewer.
        Basis = "basis",
        /// The warrant: its kind, who signed it, and whether it is on a federal criminal charge.
        Warrant = "warrant",
        /// The person was matched to the federal terrorist watch list.
        TerroristListMatch = "terrorist_list_match",
        /// The charges: one more, one fewer, or one word of one of them. A sealed record is one of them.
        Charges = "charges",
        /// A citizenship claim is open.
        CitizenshipClaim = "citizenship_claim",
        /// A citizen.
        Citizen = "citizen",
        /// There is proof of lawful status.
        LawfulStatus = "lawful_status",
        /// The custodian has seen the final order of removal.
        FinalOrder = "final_order",
        /// A juvenile.
        Juvenile = "juvenile",
        /// A victim or witness, or in a protected program.
        Protected = "protected",
        /// The release date is open to the public.
        DatePublic = "date_public",
        /// The records do not bear out the match.
        MatchDisputed = "match_disputed",
        /// A judge's warrant, a list match, citizenship or another flag, as the requester says.
        Asserted = "asserted",
        /// The charges that the requester names: one more, one fewer, or one word of one of them.
        AssertedCharges = "asserted.charges",
    }
}
