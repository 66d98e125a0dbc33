//! The terms by which a case is found: what an index of the cases holds of each. A list filters again what it found, on
//! the case as its reader is shown it. INVARIANT: the terms of a reader are a function of what that reader was
//! disclosed, and cover whatever it may be shown of that, however far the law narrows it.

use std::collections::BTreeSet;
use std::fmt;

use smol_str::SmolStr;

use crate::domain::asked_again::{keys, waits_until};
use crate::domain::booking::Booking;
use crate::domain::case::StoredCase;
use crate::domain::custody::{Custody, CustodyState};
use crate::domain::detainer::{Addressee, Detainer, DetainerState, Finding};
use crate::domain::ids::{AgencyId, AlienNumber, BookingNumber, CaseName, Din, FbiNumber, StateId};
use crate::domain::subject::{Identifiers, Subject};
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// The numbers of a person that a case is found by.
    pub enum PersonNumber {
        /// A-number.
        Alien = "alien",
        /// FBI number.
        Fbi = "fbi",
        /// State identification number.
        State = "state",
        /// Booking number.
        Booking = "booking",
        /// New York departmental identification number.
        Din = "din",
    }
}

/// What a case is found by. Personal: an index MUST hold it only as a digest under a key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    what: What,
    /// Whose list it narrows. `None`: of cases that are addressed to no particular custodian, or of nobody's in
    /// particular.
    of: Option<AgencyId>,
    value: SmolStr,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Number(PersonNumber),
    Issuer,
    Holder,
    IssuersState,
    HoldersState,
    IssuersCustodian,
    AskedAgain,
    OpenBooking,
    HandedOn,
    ShownTo,
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Term(withheld)")
    }
}

impl Term {
    /// A number of the person, in its one spelling.
    pub fn number(kind: PersonNumber, number: &str) -> Self {
        Self { what: What::Number(kind), of: None, value: number.into() }
    }

    /// Every detainer of an issuer.
    pub fn issued_by(issuer: &AgencyId) -> Self {
        Self { what: What::Issuer, of: Some(issuer.clone()), value: SmolStr::default() }
    }

    /// Every case of a holder. `None`: addressed to no particular custodian.
    pub fn held_by(holder: Option<&AgencyId>) -> Self {
        Self { what: What::Holder, of: holder.cloned(), value: SmolStr::default() }
    }

    /// The detainers of an issuer that it may be shown in a state.
    pub fn state_to_issuer(issuer: &AgencyId, state: DetainerState) -> Self {
        Self { what: What::IssuersState, of: Some(issuer.clone()), value: state.word().into() }
    }

    /// The detainers of a holder in a state.
    pub fn state_to_holder(holder: Option<&AgencyId>, state: DetainerState) -> Self {
        Self { what: What::HoldersState, of: holder.cloned(), value: state.word().into() }
    }

    /// The custodies of a holder in a state.
    pub fn custody_state(holder: &AgencyId, state: CustodyState) -> Self {
        Self { what: What::HoldersState, of: Some(holder.clone()), value: state.word().into() }
    }

    /// The detainers of an issuer that it may be shown a custodian of.
    pub fn custodian_to_issuer(issuer: &AgencyId, custodian: &AgencyId) -> Self {
        Self { what: What::IssuersCustodian, of: Some(issuer.clone()), value: custodian.as_str().into() }
    }

    /// The detainers that a custodian is asked about again at an intake, by a number or by name and birth date.
    fn asked_again(custodian: &AgencyId, key: &str) -> Self {
        Self { what: What::AskedAgain, of: Some(custodian.clone()), value: key.into() }
    }

    /// The open custodies of an agency with a booking number.
    pub fn open_booking(booking: &Booking) -> Self {
        Self { what: What::OpenBooking, of: Some(booking.agency.clone()), value: booking.number.as_str().into() }
    }

    /// The custodies of which an agency keeps a record, since it handed the person on.
    pub fn handed_on_by(agency: &AgencyId) -> Self {
        Self { what: What::HandedOn, of: Some(agency.clone()), value: SmolStr::default() }
    }

    /// The same, by a number of the person as that record has it.
    pub fn number_handed_on_by(agency: &AgencyId, kind: PersonNumber, number: &str) -> Self {
        Self::number(kind, number).kept_by(agency)
    }

    fn kept_by(self, agency: &AgencyId) -> Self {
        Self { of: Some(agency.clone()), ..self }
    }

    /// A custody that an agency is shown though it does not hold the person: the person is offered to it, or it handed them
    /// on.
    pub fn shown_to(agency: &AgencyId, custody: &CaseName) -> Self {
        Self { what: What::ShownTo, of: Some(agency.clone()), value: custody.id.to_string().into() }
    }

    /// The text that is digested. No two terms have the same: no part has a control character.
    pub fn text(&self) -> String {
        let what = match self.what {
            What::Number(kind) => kind.word(),
            What::Issuer => "issued-by",
            What::Holder => "held-by",
            What::IssuersState => "state-to-issuer",
            What::HoldersState => "state-to-holder",
            What::IssuersCustodian => "custodian-to-issuer",
            What::AskedAgain => "asked-again",
            What::OpenBooking => "open-booking",
            What::HandedOn => "handed-on",
            What::ShownTo => "shown-to",
        };
        format!("{what}\0{}\0{}", self.of.as_ref().map_or("", AgencyId::as_str), self.value)
    }
}

/// The terms of a case. An appeal has none, nor has what was expunged.
pub fn terms(case: &StoredCase) -> BTreeSet<Term> {
    match case {
        StoredCase::Detainer(detainer) => of_detainer(detainer),
        StoredCase::Custody(custody) => of_custody(custody),
        StoredCase::Appeal(_) | StoredCase::Expunged(_) => BTreeSet::new(),
    }
}

fn of_detainer(detainer: &Detainer) -> BTreeSet<Term> {
    let (issuer, holder) = (&detainer.issuer, detainer.holder());
    let mut terms: BTreeSet<Term> = numbers(&detainer.request.subject.identifiers).collect();
    terms.extend([Term::issued_by(issuer), Term::held_by(holder), Term::state_to_holder(holder, detainer.state)]);
    terms.extend(states_to_issuer(detainer).map(|state| Term::state_to_issuer(issuer, state)));
    let custodian = match &detainer.request.addressee {
        Addressee::Agency(addressee) => Some(addressee),
        Addressee::Jurisdiction => detainer.issuer_view.custodian.as_ref(),
    };
    terms.extend(custodian.map(|custodian| Term::custodian_to_issuer(issuer, custodian)));
    if let (Some(holder), Some(_)) = (holder, waits_until(detainer)) {
        terms.extend(asked_again(holder, &detainer.request.subject));
    }
    terms
}

/// The terms that a detainer has one of if its custodian is asked about it again when it takes in a person of this
/// description.
pub fn asked_again(custodian: &AgencyId, taken_in: &Subject) -> BTreeSet<Term> {
    keys(taken_in).iter().map(|key| Term::asked_again(custodian, key)).collect()
}

/// The states that the issuer may be shown: as disclosed, or what is left of that where the law withholds a part.
fn states_to_issuer(detainer: &Detainer) -> impl Iterator<Item = DetainerState> {
    let view = &detainer.issuer_view;
    let narrows = !matches!(view.state, DetainerState::Lodged | DetainerState::Withdrawn);
    let left = [
        view.answer.as_ref().map(|answer| answer.kind.state()),
        view.finding.map(Finding::state),
        Some(DetainerState::Lodged),
    ];
    std::iter::once(view.state).chain(left.into_iter().flatten().filter(move |_| narrows))
}

fn of_custody(custody: &Custody) -> BTreeSet<Term> {
    let holder = &custody.custodian;
    let mut terms: BTreeSet<Term> = numbers(&custody.intake.subject.identifiers).collect();
    terms.extend([Term::held_by(Some(holder)), Term::custody_state(holder, custody.state)]);
    terms.extend(Booking::of(custody).as_ref().map(Term::open_booking));
    terms.extend(custody.open_offer().map(|offer| Term::shown_to(&offer.proposal.to, &custody.name)));
    for record in &custody.handed_on {
        let former = &record.custodian;
        terms.extend([Term::handed_on_by(former), Term::shown_to(former, &custody.name)]);
        terms.extend(numbers(&record.intake.subject.identifiers).map(|number| number.kept_by(former)));
    }
    terms
}

fn numbers(identifiers: &Identifiers) -> impl Iterator<Item = Term> {
    let Identifiers { alien_number, fbi_number, state_id, booking_number, din } = identifiers;
    let known = [
        (PersonNumber::Alien, alien_number.as_ref().map(AlienNumber::as_str)),
        (PersonNumber::Fbi, fbi_number.as_ref().map(FbiNumber::as_str)),
        (PersonNumber::State, state_id.as_ref().map(StateId::as_str)),
        (PersonNumber::Booking, booking_number.as_ref().map(BookingNumber::as_str)),
        (PersonNumber::Din, din.as_ref().map(Din::as_str)),
    ];
    known.into_iter().filter_map(|(kind, number)| Some(Term::number(kind, number?)))
}
