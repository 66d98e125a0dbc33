//! Who may see an entry and which classes, as stored: `us-ice=1ff;@oversight=1fff`.

use crate::domain::agency::{AgencyKind, Caller};
use crate::domain::determination::FieldClasses;
use crate::domain::event::Party;
use crate::domain::ids::JurisdictionId;

/// The parties and the classes that each may see. It is an upper bound for every later delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audience(pub Vec<(Party, FieldClasses)>);

impl Audience {
    /// The text that is stored.
    pub fn to_text(&self) -> String {
        let party = |(party, classes): &(Party, FieldClasses)| {
            let name = match party {
                Party::Agency(agency) => agency.as_str(),
                Party::Custodians => "@custodians",
                Party::Requesters => "@requesters",
                Party::Oversight => "@oversight",
            };
            format!("{name}={:x}", classes.bits())
        };
        self.0.iter().map(party).collect::<Vec<_>>().join(";")
    }

    /// Parses the stored text. `None` if it is not an audience, so that nobody may see the entry.
    pub fn parse(text: &str) -> Option<Self> {
        let party = |part: &str| {
            let (name, classes) = part.split_once('=')?;
            let party = match name {
                "@custodians" => Party::Custodians,
                "@requesters" => Party::Requesters,
                "@oversight" => Party::Oversight,
                agency => Party::Agency(agency.parse().ok()?),
            };
            Some((party, FieldClasses::from_bits(u32::from_str_radix(classes, 16).ok()?)))
        };
        if text.is_empty() {
            return Some(Self::default());
        }
        let audience = text.split(';').map(party).collect::<Option<_>>().map(Self)?;
        // Accept only the spelling that is written: numbers have other spellings, and unknown classes were dropped.
        (audience.to_text() == text).then_some(audience)
    }

    /// The classes that a caller may see of an entry of this jurisdiction. `None` if the caller is not in the audience.
    pub fn classes_for(&self, caller: &Caller, jurisdiction: &JurisdictionId) -> Option<FieldClasses> {
        if !caller.takes_part_in(jurisdiction) {
            return None;
        }
        let meant = |party: &Party| match party {
            Party::Agency(agency) => *agency == caller.agency.id,
            Party::Custodians => caller.agency.kind.holds_people(),
            Party::Requesters => caller.agency.kind == AgencyKind::Federal,
            Party::Oversight => caller.agency.kind == AgencyKind::Oversight,
        };
        self.0.iter().filter(|(party, _)| meant(party)).map(|(_, classes)| *classes).reduce(FieldClasses::union)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audience_reads_back_as_written_and_nothing_else_reads() {
        let audience = Audience(vec![
            (Party::Agency("us-ice".parse().unwrap()), FieldClasses::all()),
            (Party::Custodians, FieldClasses::NONE),
            (Party::Requesters, FieldClasses::all()),
            (Party::Oversight, FieldClasses::all()),
        ]);
        assert_eq!(Audience::parse(&audience.to_text()), Some(audience));
        for broken in ["us-ice", "us-ice=zz", "us-ice=+1", "us-ice=01", "@others=1", "us-ice=1;;"] {
            assert_eq!(Audience::parse(broken), None, "{broken}");
        }
    }
}
