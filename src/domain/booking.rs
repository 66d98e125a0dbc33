//! A stay is opened once: no two open custodies of an agency have the same booking number. Spellings of a number that differ
//! only in case or in what is neither letter nor digit are one.

use crate::domain::command::CaseCommand;
use crate::domain::custody::{Custody, CustodyState};
use crate::domain::ids::{AgencyId, CaseName};
use crate::domain::matching::number;
use crate::domain::subject::{IdentifierKind, Subject};

/// A booking number that is in use, or that a command would use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// The agency whose number it is.
    pub agency: AgencyId,
    /// The number, in the spelling in which numbers are compared.
    pub number: String,
}

/// Why a command may not use a booking number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    /// The open custody that has it, of the same agency.
    pub custody: CaseName,
    /// The field of the request that gives the number. None: the custody that it names has the number.
    pub field: Option<&'static str>,
}

impl Booked {
    /// Of a command that is refused because this custody has its number.
    pub fn by(custody: CaseName, command: &CaseCommand) -> Self {
        let field = if let CaseCommand::OpenCustody(_) = command {
            Some("custody.subject.identifiers.booking_number")
        } else if let CaseCommand::CorrectIdentity { .. } = command {
            Some("subject.identifiers.booking_number")
        } else if let CaseCommand::AcceptMove { acceptance, .. } = command {
            acceptance.booking_number.as_ref().map(|_| "booking_number")
        } else {
            None
        };
        Self { custody, field }
    }
}

impl Booking {
    /// The number of an open custody. None: it has ended, or has no number.
    pub fn of(custody: &Custody) -> Option<Self> {
        match custody.state {
            CustodyState::Held | CustodyState::ReleaseScheduled => {
                Self::with(&custody.custodian, &custody.intake.subject)
            }
            CustodyState::Released | CustodyState::Closed | CustodyState::MovedOn => None,
        }
    }

    /// The number that a command would have an open custody use: a new one, the one that it names, opened again or
    /// taken over, or the same under another number.
    pub fn used_by(command: &CaseCommand, caller: &AgencyId, named: Option<&Custody>) -> Option<Self> {
        if let CaseCommand::OpenCustody(intake) = command {
            Self::with(caller, &intake.subject)
        } else if let CaseCommand::CorrectIdentity { identity, .. } = command {
            let before = Self::of(named?)?;
            Self::with(&before.agency, &identity.subject).filter(|after| *after != before)
        } else if let CaseCommand::ReopenCustody { .. } = command {
            named.and_then(|custody| Self::with(&custody.custodian, &custody.intake.subject))
        } else if let CaseCommand::AcceptMove { .. } = command {
            // What the agency named, or else what comes with the person.
            named.and_then(|custody| Self::with(caller, &custody.after(command).intake.subject))
        } else {
            None
        }
    }

    /// The open custody that has the number, if it is not the one named.
    pub fn found_in<'c>(
        &self,
        custodies: impl IntoIterator<Item = &'c Custody>,
        named: Option<&CaseName>,
    ) -> Option<CaseName> {
        let mut others = custodies.into_iter().filter(|custody| Some(&custody.name) != named);
        others.find(|custody| Self::of(custody).as_ref() == Some(self)).map(|custody| custody.name.clone())
    }

    fn with(agency: &AgencyId, subject: &Subject) -> Option<Self> {
        let number = number(&subject.identifiers, IdentifierKind::BookingNumber)?.into_owned();
        (!number.is_empty()).then(|| Self { agency: agency.clone(), number })
    }
}
