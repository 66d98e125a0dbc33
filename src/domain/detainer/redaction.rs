//! Redacts a detainer for its issuer: what was disclosed may later be narrowed, never widened.

use crate::domain::detainer::{Answer, Detainer, DetainerState, Finding, IssuerView};
use crate::domain::determination::{FieldClass, Withheld};
use crate::domain::disclosure::IssuerClasses;

impl Detainer {
    /// Whether anything but the issuer's own request was disclosed to it.
    pub fn anything_disclosed(&self) -> bool {
        self.issuer_view.version > 1
    }

    /// The detainer, with the issuer's view narrowed to these classes. Its version stays, because it counts
    /// disclosures.
    #[must_use]
    pub fn redacted_for_issuer(&self, IssuerClasses { classes, of_pick_ups }: IssuerClasses) -> Self {
        let mut seen = self.clone();
        let IssuerView { state, custodian, finding, answer, service, release, eligibilities, withheld, .. } =
            &mut seen.issuer_view;
        // They belong to a custody that it was matched to by mistake. The law of the present custody does not rule on
        // them.
        seen.transfers.retain(|transfer| !transfer.is_mistaken);
        let mut less_of_custody = false;
        if !classes.contains(FieldClass::Custody) {
            less_of_custody = custodian.is_some() || finding.is_some() || service.is_some();
            (*custodian, *finding, *service) = (None, None, None);
        }
        if !of_pick_ups.contains(FieldClass::Custody) {
            less_of_custody |= !seen.transfers.is_empty();
            seen.transfers.clear();
        }
        if !classes.contains(FieldClass::ReleaseDate) {
            eligibilities.clear();
        }
        if let Some(asked) = &mut seen.interview {
            let told_as = asked.told_as.take_if(|class| !classes.contains(*class));
            withheld.extend(told_as.map(without_citations));
        }
        withheld.extend(less_of_custody.then(|| without_citations(FieldClass::Custody)));
        if !of_pick_ups.contains(FieldClass::Medical) {
            for transfer in &mut seen.transfers {
                withheld.extend(transfer.medical_note.take().map(|_| without_citations(FieldClass::Medical)));
            }
        }
        let may_be_shown = |answer: &Answer| {
            classes.contains(FieldClass::Answer)
                && classes.contains(answer.kind.revealed_class(&self.request.addressee))
        };
        if answer.as_ref().is_some_and(|answer| !may_be_shown(answer)) {
            withheld.extend(answer.take().map(|_| without_citations(FieldClass::Answer)));
        }
        let told = release.classes();
        *release = release.within(classes);
        withheld.extend(told.without(release.classes()).iter().map(without_citations));
        let found = finding.map(Finding::state);
        let answered = answer.as_ref().map(|answer| answer.kind.state());
        *state = match *state {
            DetainerState::Lodged | DetainerState::Withdrawn => *state,
            DetainerState::Matched
            | DetainerState::NoSuchPerson
            | DetainerState::IdentityMismatch
            | DetainerState::Duplicate
            | DetainerState::NotInCustody
            | DetainerState::NotFoundInTime => found.or(answered).unwrap_or(DetainerState::Lodged),
            DetainerState::Released | DetainerState::Closed
                if classes.contains(FieldClass::ReleaseDate) || classes.contains(FieldClass::ReleaseDetail) =>
            {
                *state
            }
            DetainerState::UnderReview
            | DetainerState::HoldHonored
            | DetainerState::NotifyOnly
            | DetainerState::Declined
            | DetainerState::Released
            | DetainerState::Closed => answered.or(found).unwrap_or(DetainerState::Lodged),
        };
        seen
    }
}

/// Withheld, without citations.
fn without_citations(class: FieldClass) -> Withheld {
    Withheld { class, citations: Vec::new() }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::domain::detainer::{Addressee, AnswerKind, DetainerForm, Request, Warrant};
    use crate::domain::determination::FieldClasses;
    use crate::domain::ids::CaseName;
    use crate::domain::subject::{Flags, Identifiers, PersonName, Subject};

    fn detainer(addressee: Addressee) -> Detainer {
        let request = Request {
            addressee,
            form: DetainerForm::I247a,
            basis: Vec::new(),
            warrant: Warrant::NONE,
            subject: Subject {
                name: PersonName { given: String::new(), family: String::new() },
                aliases: Vec::new(),
                birth_date: None,
                sex: None,
                identifiers: Identifiers::default(),
                citizenship: None,
                home_address: None,
                work_address: None,
            },
            charges: Vec::new(),
            terrorist_list_match: false,
            flags: Flags::default(),
            contact_phone: None,
            occurred_at: None,
        };
        let name = CaseName::detainer("us-ny".parse().unwrap(), Uuid::from_u128(1));
        Detainer::lodged(name, "us-ice".parse().unwrap(), request, Timestamp::UNIX_EPOCH)
    }

    fn issuer_classes(classes: FieldClasses) -> IssuerClasses {
        IssuerClasses { classes, of_pick_ups: classes }
    }

    fn answer(kind: AnswerKind) -> Answer {
        Answer { kind, ground: None, legal_basis: "a statute".to_owned(), reason: None, occurred_at: None }
    }

    #[test]
    fn a_state_falls_back_with_what_it_rests_on() {
        use DetainerState as State;
        use FieldClass::{Answer as Given, Count, Custody, ReleaseDate, ReleaseDetail};
        let named = || Addressee::Agency("us-ny-doccs".parse().unwrap());
        let found = Some(Finding::MatchedCustody);
        let notice = Some(AnswerKind::NotifyOnly);
        let check =
            |addressee, disclosed: (State, Option<Finding>, Option<AnswerKind>), classes: &[FieldClass], expected| {
                let mut whole: Detainer = detainer(addressee);
                (whole.issuer_view.state, whole.issuer_view.finding, whole.issuer_view.answer) =
                    (disclosed.0, disclosed.1, disclosed.2.map(answer));
                let seen = whole.redacted_for_issuer(issuer_classes(classes.iter().copied().collect())).issuer_view;
                let kind = seen.answer.as_ref().map(|answer| answer.kind);
                assert_eq!((seen.state, seen.finding, kind), expected, "{disclosed:?} with {classes:?}");
                assert_eq!(
                    whole.redacted_for_issuer(issuer_classes(FieldClasses::all())),
                    whole,
                    "nothing is lost where all may be shown"
                );
            };
        check(named(), (State::Lodged, None, None), &[], (State::Lodged, None, None));
        check(named(), (State::Matched, found, None), &[Custody], (State::Matched, found, None));
        check(named(), (State::Matched, found, None), &[Given, Count], (State::Lodged, None, None));
        check(named(), (State::NotifyOnly, found, notice), &[Given], (State::NotifyOnly, None, notice));
        check(named(), (State::NotifyOnly, found, notice), &[Custody], (State::Matched, found, None));
        check(named(), (State::NotifyOnly, found, notice), &[ReleaseDate], (State::Lodged, None, None));
        for release in [ReleaseDate, ReleaseDetail] {
            check(named(), (State::Released, found, notice), &[Given, release], (State::Released, None, notice));
        }
        check(named(), (State::Released, found, notice), &[Given, Custody], (State::NotifyOnly, found, notice));
        check(named(), (State::Released, found, notice), &[Custody], (State::Matched, found, None));
        check(named(), (State::Withdrawn, found, notice), &[], (State::Withdrawn, None, None));
        // Put under review before the person was found.
        let review = Some(AnswerKind::PendingReview);
        check(named(), (State::Matched, found, review), &[Given], (State::UnderReview, None, review));
        // If the detainer is addressed to the jurisdiction, declining reveals who holds the person.
        let declined = Some(AnswerKind::Decline);
        let jurisdiction = || Addressee::Jurisdiction;
        check(jurisdiction(), (State::Declined, found, declined), &[Given], (State::Lodged, None, None));
        check(jurisdiction(), (State::NotifyOnly, found, notice), &[Given], (State::NotifyOnly, None, notice));
    }
}
