//! The state of a case, as far as some law turns on it, in plain words; and what of it is known when the law is asked.

use comity::domain::agency::AgencyClass;
use comity::domain::charge::OffenceCategory;

use crate::reference::cell::{Cell, Role};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Warranted {
    Not,
    ByOfficer,
    ByJudge,
    /// By a judge, on a federal criminal charge.
    OnCrime,
    /// By a judge, as the issuer says: no custodian has seen it.
    Claimed,
    /// The same, on a federal criminal charge.
    ClaimedOnCrime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    None,
    Claim,
    /// The claim was confirmed.
    Citizen,
    Juvenile,
    Sealed,
}

/// The one charge of the person that law may turn on. Of no group that counts, and neither open nor judged: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "what counsel asks of a charge, one thing each")]
pub(super) struct Crime {
    pub(super) group: OffenceCategory,
    pub(super) felony: bool,
    pub(super) open: bool,
    pub(super) held_to_answer: bool,
    pub(super) convicted: bool,
    pub(super) last_5_years: bool,
    pub(super) last_15_years: bool,
    pub(super) undated: bool,
    /// Years since the conviction, and a day more.
    pub(super) since: Option<(i64, i64)>,
}

pub(super) const fn no_crime() -> Crime {
    Crime {
        group: OffenceCategory::Other,
        felony: false,
        open: false,
        held_to_answer: false,
        convicted: false,
        last_5_years: false,
        last_15_years: false,
        undated: false,
        since: None,
    }
}

/// A charge that is not judged.
const fn charged(group: OffenceCategory, felony: bool, held_to_answer: bool) -> Crime {
    Crime { group, felony, open: true, held_to_answer, ..no_crime() }
}

/// A conviction of so many years and days ago.
const fn convicted(group: OffenceCategory, felony: bool, years: i64, days: i64) -> Crime {
    Crime {
        group,
        felony,
        convicted: true,
        last_5_years: years < 5 || (years == 5 && days == 0),
        last_15_years: years < 15 || (years == 15 && days == 0),
        since: Some((years, days)),
        ..no_crime()
    }
}

/// Both sides of every limit that a pack sets.
pub(super) const CRIMES: [Crime; 21] = {
    use OffenceCategory::{Assault, Burglary, Drugs, Homicide, Other, Robbery, Weapons};
    [
        no_crime(),
        charged(Assault, false, false),
        charged(Robbery, true, false),
        charged(Drugs, true, false),
        charged(Burglary, true, true),
        charged(Burglary, false, true),
        charged(Drugs, true, true),
        convicted(Burglary, true, 5, 0),
        convicted(Burglary, true, 5, 1),
        convicted(Burglary, true, 15, 0),
        convicted(Burglary, true, 15, 1),
        charged(Robbery, true, true),
        convicted(Weapons, true, 15, 0),
        convicted(Weapons, true, 15, 1),
        convicted(Drugs, true, 5, 0),
        convicted(Drugs, true, 5, 1),
        convicted(Homicide, true, 30, 0),
        convicted(Assault, false, 5, 0),
        convicted(Assault, false, 5, 1),
        convicted(Other, true, 4, 0),
        Crime {
            undated: true,
            since: None,
            last_5_years: false,
            last_15_years: false,
            ..convicted(Assault, true, 0, 0)
        },
    ]
};

/// The case, as far as some law turns on it.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that some law turns on")]
pub(super) struct State {
    pub(super) asks_for_hold: bool,
    pub(super) warrant: Warranted,
    pub(super) final_order: bool,
    pub(super) lent: bool,
    /// The custodian's own search matched the person to the list, and the issuer says so too.
    pub(super) listed: bool,
    /// The issuer alone is heard on that.
    pub(super) said_listed: bool,
    pub(super) crime: Crime,
    pub(super) guard: Guard,
    pub(super) proof: bool,
    pub(super) public: bool,
    pub(super) after_the_acts: bool,
}

impl State {
    /// As its issuer asserts it: the rest is the custodian's to know.
    fn as_asserted(self) -> Self {
        Self {
            crime: no_crime(),
            guard: Guard::None,
            proof: false,
            public: false,
            listed: false,
            said_listed: self.listed,
            ..self.unseen()
        }
    }

    /// Before the custodian that holds the person has seen the warrant and the order.
    fn unseen(self) -> Self {
        let warrant = match self.warrant {
            Warranted::ByJudge => Warranted::Claimed,
            Warranted::OnCrime => Warranted::ClaimedOnCrime,
            Warranted::Not | Warranted::ByOfficer | Warranted::Claimed | Warranted::ClaimedOnCrime => self.warrant,
        };
        Self { warrant, final_order: false, ..self }
    }
}

/// What is known when the law is asked: of what the custodian knows, nothing until the person is matched, and then all
/// as the act leaves it.
pub(super) fn known(cell: &Cell<'_>, method: &str) -> State {
    let (state, guard) = (*cell.state, cell.state.guard);
    let lifts = |of: Guard| if guard == of { Guard::None } else { guard };
    match (method, cell.way) {
        (_, "matched-custody") if !cell.matched => state.unseen(),
        (_, "matched-custody") => state,
        // What was seen of the warrant was seen, whoever the person turns out to be.
        (_, "no-such-person") if cell.matched => {
            State { warrant: state.warrant, final_order: state.final_order, ..state.as_asserted() }
        }
        ("LodgeDetainer" | "AmendDetainer", _) | (_, "no-such-person") => state.as_asserted(),
        ("VerifyWarrant", _) if !cell.matched && cell.named => {
            State { warrant: state.warrant, final_order: state.final_order, ..state.as_asserted() }
        }
        _ if !cell.matched => state.as_asserted(),
        ("RaiseCitizenshipClaim", _) => State { guard: Guard::Claim, ..state },
        ("ResolveCitizenshipClaim", "confirmed") => State { guard: Guard::Citizen, ..state },
        ("ResolveCitizenshipClaim", _) => State { guard: lifts(Guard::Claim), ..state },
        ("UpdateCharges", _) => State { crime: no_crime(), guard: lifts(Guard::Sealed), ..state },
        // The corrected identity comes with flags of its own; what the issuer says of a list, it still says.
        ("CorrectIdentity", _) => {
            let said_listed = state.listed || state.said_listed;
            State { guard: lifts(Guard::Juvenile), proof: false, listed: false, said_listed, ..state }
        }
        // Whoever takes a person over has not seen the warrant.
        ("AcceptMove", _) => state.unseen(),
        ("CancelRelease" | "RecordReleaseEligibility", _) => State { public: false, ..state },
        _ => state,
    }
}

/// What the custodian is: whoever the detainer names, and once the act is done, whoever the person is with.
pub(super) fn class(cell: &Cell<'_>, method: &str) -> Option<AgencyClass> {
    match (method, cell.way) {
        ("LodgeDetainer" | "AmendDetainer", _) if !cell.named => None,
        // Its issuer may be asked of a pick-up before anybody has taken the detainer on.
        ("ConfirmTransfer", _) if cell.role == Role::Issuer && !cell.named && !cell.matched => None,
        _ => cell.class,
    }
}

/// A section of the code that a jurisdiction's table of offences has for such a crime. None: it cites none.
pub(super) fn cited(jurisdiction: &str, crime: Crime) -> Option<&'static str> {
    use OffenceCategory::{Assault, Burglary, Drugs, Homicide, Other, Robbery, Sexual, Weapons};
    let of = |ca, nj, nyc| match jurisdiction {
        "us-ca" => Some(ca),
        "us-nj" => Some(nj),
        "us-ny-nyc" => Some(nyc),
        _ => None,
    };
    match crime.group {
        Homicide => of("PC 187", "N.J.S.A. 2C:11-3", "PL 125.25"),
        Sexual => of("PC 261", "N.J.S.A. 2C:14-2", "PL 130.35"),
        Robbery => of("PC 211", "N.J.S.A. 2C:15-1", "PL 160.15"),
        Assault if crime.felony => of("PC 245(a)(1)", "N.J.S.A. 2C:12-1(b)", "PL 120.05"),
        Assault => of("PC 245(a)(1)", "N.J.S.A. 2C:12-1(a)", "PL 120.00"),
        Burglary => of("PC 460(b)", "N.J.S.A. 2C:18-2", "PL 140.25"),
        Weapons => of("PC 29800(a)(1)", "N.J.S.A. 2C:39-4", "PL 265.03"),
        Drugs => of("HS 11352", "N.J.S.A. 2C:35-5", "PL 220.39"),
        Other => None,
    }
}

/// The NCIC code of a group.
pub(super) fn code(group: OffenceCategory) -> &'static str {
    match group {
        OffenceCategory::Homicide => "0999",
        OffenceCategory::Sexual => "1199",
        OffenceCategory::Robbery => "1299",
        OffenceCategory::Assault => "1399",
        OffenceCategory::Burglary => "2299",
        OffenceCategory::Drugs => "3599",
        OffenceCategory::Weapons => "5299",
        OffenceCategory::Other => "7099",
    }
}
