//! What a custodian has on record: its open custodies, and the open detainers that it may acknowledge.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::domain::custody::{Custody, CustodyState};
use crate::domain::detainer::{Detainer, DetainerState};
use crate::domain::ids::AgencyId;
use crate::domain::roster::index::Index;
use crate::domain::roster::likeness::{Likeness, Person};
use crate::domain::subject::Subject;

/// The most detainers that are proposed for one person. Each issuer has one that stands.
const CANDIDATES_MAX: usize = 20;

/// The open cases of one custodian, at one moment.
#[derive(Debug, Default)]
pub struct Holdings {
    detainers: Index<(Uuid, AgencyId)>,
    custodies: Index<Uuid>,
}

/// A detainer that may be about a person of the roster.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The last part of its name.
    pub detainer: Uuid,
    /// Who lodged it.
    pub issuer: AgencyId,
    /// How alike the two records are.
    pub likeness: Likeness,
}

/// What was found of a person of the roster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RosterFinding {
    /// The open custodies of the person. None: the person is new.
    pub custodies: Vec<Uuid>,
    /// Detainers that may be about the person: those with a number in common and none that differs first, then the most
    /// alike.
    pub candidates: Vec<Candidate>,
}

/// Whether a detainer waits for a custodian to say that it holds the person.
pub fn is_open(detainer: &Detainer) -> bool {
    match detainer.state {
        DetainerState::Lodged | DetainerState::NotInCustody => true,
        // It was put under review before anybody looked for the person.
        DetainerState::UnderReview => detainer.linked_custody().is_none(),
        DetainerState::Matched
        | DetainerState::NoSuchPerson
        | DetainerState::IdentityMismatch
        | DetainerState::HoldHonored
        | DetainerState::NotifyOnly
        | DetainerState::Declined
        | DetainerState::Released
        | DetainerState::Duplicate
        | DetainerState::NotFoundInTime
        | DetainerState::Withdrawn
        | DetainerState::Closed => false,
    }
}

impl Holdings {
    /// Adds a detainer, if it is open.
    pub fn add_detainer(&mut self, detainer: &Detainer) {
        if is_open(detainer) {
            let of = (detainer.name.id, detainer.issuer.clone());
            self.detainers.add(Person::from(&detainer.request.subject), of);
        }
    }

    /// Adds a custody, if the person is held.
    pub fn add_custody(&mut self, custody: &Custody) {
        match custody.state {
            CustodyState::Held | CustodyState::ReleaseScheduled => {
                self.custodies.add(Person::from(&custody.intake.subject), custody.name.id);
            }
            CustodyState::Released | CustodyState::Closed | CustodyState::MovedOn => {}
        }
    }

    /// How many there are: the more of detainers or of custodies.
    pub fn len(&self) -> usize {
        self.detainers.len().max(self.custodies.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What there is of a person of the roster.
    pub fn find(&self, subject: &Subject) -> RosterFinding {
        let person = Person::from(subject);
        let custodies = self.custodies.same(&person).into_iter().map(|(custody, _)| *custody).collect();
        let found = self.detainers.candidates(&person).into_iter();
        let mut candidates: Vec<Candidate> = found
            .map(|((detainer, issuer), likeness)| Candidate { detainer: *detainer, issuer: issuer.clone(), likeness })
            .collect();
        candidates.sort_by(|one, other| {
            let exact = other.likeness.is_exact().cmp(&one.likeness.is_exact());
            exact.then(other.likeness.score.total_cmp(&one.likeness.score)).then(one.detainer.cmp(&other.detainer))
        });
        candidates.truncate(CANDIDATES_MAX);
        RosterFinding { custodies, candidates }
    }

    /// The open custodies that were not seen in the roster: nobody recorded that these people left.
    pub fn departed(&self, seen: &BTreeSet<Uuid>) -> Vec<Uuid> {
        self.custodies.iter().filter(|custody| !seen.contains(custody)).copied().collect()
    }
}
