//! A detainer whose custodian does not hold the person now. It waits up to the day that the custodian gave. When the custodian
//! takes somebody in who may be the person, it is asked again. Nobody else learns of that.
//!
//! **Somebody may be the person** if the two records have a number in common, or a name and a birth date that both know to
//! the day, and no number that differs.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::domain::detainer::{Detainer, DetainerState};
use crate::domain::ids::AgencyId;
use crate::domain::matching::{Compared, number, numbers_somebody, words};
use crate::domain::partial_date::PartialDate;
use crate::domain::subject::{IdentifierKind, Subject};
use crate::domain::zone::Zones;

/// The most detainers that a custodian is asked about again at one intake.
pub const ASKED_AGAIN_LEN_MAX: usize = 16;

/// The last day on which the custodian is asked again. None: the detainer does not wait for the person.
pub fn waits_until(detainer: &Detainer) -> Option<Date> {
    let waits = detainer.state == DetainerState::NotInCustody;
    detainer.acknowledgement.as_ref().filter(|_| waits)?.ask_again_until
}

/// When that day is over in the jurisdiction. None: the detainer does not wait for the person.
pub fn ends_at(detainer: &Detainer, zones: &Zones) -> Option<Timestamp> {
    let next = waits_until(detainer)?.tomorrow().ok()?;
    Some(next.to_zoned(zones.of(&detainer.name.jurisdiction)).ok()?.timestamp())
}

/// Whether a custodian that takes somebody in is asked about a detainer again.
pub fn is_asked_again(detainer: &Detainer, custodian: &AgencyId, taken_in: &Subject) -> bool {
    let asked = &detainer.request.subject;
    waits_until(detainer).is_some()
        && detainer.holder() == Some(custodian)
        && Compared::of(&asked.identifiers, &taken_in.identifiers).contradict.is_empty()
        && !keys(asked).is_disjoint(&keys(taken_in))
}

/// What two descriptions must have one of in common.
pub(in crate::domain) fn keys(subject: &Subject) -> BTreeSet<String> {
    // A booking number is of a stay, and this is another one.
    let kinds = IdentifierKind::ALL.iter().filter(|kind| **kind != IdentifierKind::BookingNumber);
    let numbers = kinds.filter_map(|kind| {
        let number = number(&subject.identifiers, *kind).filter(|number| numbers_somebody(number))?;
        Some(format!("{}/{number}", kind.word()))
    });
    let born = subject.birth_date.and_then(PartialDate::day);
    let names = std::iter::once(&subject.name).chain(&subject.aliases).map(words).filter(|words| words.len() > 1);
    let names = names.filter_map(|words| Some(format!("name/{}/{}", words.join(" "), born?)));
    numbers.chain(names).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::subject::{Identifiers, PersonName};

    /// Somebody by the words of a name, a birth date, an FBI number, a state number and a booking number. Empty: not known.
    fn somebody([name, born, fbi, state, booking]: [&str; 5]) -> Subject {
        let (given, family) = name.split_once(' ').unwrap_or(("", name));
        Subject {
            name: PersonName { given: given.to_owned(), family: family.to_owned() },
            aliases: Vec::new(),
            birth_date: born.parse().ok(),
            sex: None,
            identifiers: Identifiers {
                fbi_number: fbi.parse().ok(),
                state_id: state.parse().ok(),
                booking_number: booking.parse().ok(),
                ..Identifiers::default()
            },
            citizenship: None,
            home_address: None,
            work_address: None,
        }
    }

    #[test]
    fn what_two_records_have_in_common_makes_them_one_person_or_not() {
        let asked = somebody(["Ana Ruiz", "1990-02-03", "803156AB7", "TX01234589", "B-1"]);
        let common = |held| !keys(&asked).is_disjoint(&keys(&somebody(held)));
        assert!(common(["", "", "803156AB7", "", ""]), "an FBI number");
        assert!(common(["", "", "", "TX01234589", ""]), "a state number");
        assert!(common(["Ruiz Ana", "1990-02-03", "", "", ""]), "name and birth date, the names turned round");
        assert!(common(["ANA RUÍZ", "1990-02-03", "", "", ""]), "in any case and with any accent");
        assert!(!common(["Ana Ruiz", "1990-02", "", "", ""]), "a birth date that is not known to the day");
        assert!(!common(["Ana Ruiz", "", "", "", ""]), "a name alone");
        assert!(!common(["Ruiz", "1990-02-03", "", "", ""]), "one word");
        assert!(!common(["Ana Maria Ruiz", "1990-02-03", "", "", ""]), "another name");
        assert!(!common(["", "1990-02-03", "", "", "B-1"]), "a booking number is of another stay");
        assert!(!common(["", "", "", "OK01234589", ""]), "another state's number");
    }

    #[test]
    fn a_number_that_stands_for_an_unknown_one_is_nobodys() {
        let unknown = somebody(["", "", "000000000", "", ""]);
        assert!(unknown.identifiers.fbi_number.is_some());
        assert_eq!(keys(&unknown), BTreeSet::new());
    }
}
