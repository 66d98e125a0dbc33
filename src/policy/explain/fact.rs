//! The facts of a case by name, as an explanation changes them one at a time.

use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// The facts that an explanation changes, by the words of the tables of cases.
    pub enum Fact {
        /// The time at which the law is asked.
        On = "on",
        /// The stage of the case.
        Stage = "stage",
        /// The kind of agency that asks.
        AskedBy = "asked_by",
        /// The class of agency that holds the person.
        Custodian = "custodian",
        /// The form, and with it whether a hold is asked for.
        Form = "form",
        /// The asserted grounds: one more or one fewer.
        Basis = "basis",
        /// The warrant: its kind, who signed it, and whether it is on a federal criminal charge.
        Warrant = "warrant",
        /// The person was matched to the federal terrorist watch list.
        TerroristListMatch = "terrorist_list_match",
        /// The charges of record: one more, one fewer, or one attribute changed. A sealed record counts as a charge.
        Charges = "charges",
        /// A citizenship claim is open.
        CitizenshipClaim = "citizenship_claim",
        /// The person is a citizen.
        Citizen = "citizen",
        /// There is proof of lawful status.
        LawfulStatus = "lawful_status",
        /// The custodian has seen the final order of removal.
        FinalOrder = "final_order",
        /// The person is a juvenile.
        Juvenile = "juvenile",
        /// The person is a victim or witness, or in a protected program.
        Protected = "protected",
        /// The release date is public.
        DatePublic = "date_public",
        /// The records contradict the match.
        MatchDisputed = "match_disputed",
        /// What the requester claims of a judge's warrant, a list match, citizenship or another flag.
        Asserted = "asserted",
        /// The charges that the requester claims: one more, one fewer, or one attribute changed.
        AssertedCharges = "asserted.charges",
    }
}
