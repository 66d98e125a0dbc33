//! Enumerations. A vocabulary of the domain and its enum in the contract have the same words in the same order, after
//! UNSPECIFIED. A test checks every pair.

use crate::domain::vocabulary::Vocabulary;

/// The number in the contract.
pub fn to_wire<V: Vocabulary>(value: V) -> i32 {
    let position = V::VARIANTS.iter().position(|known| *known == value).unwrap_or_default();
    i32::try_from(position).map_or(0, |position| position.saturating_add(1))
}

/// The number in the contract. UNSPECIFIED if there is no value.
pub fn to_wire_or_unspecified<V: Vocabulary>(value: Option<V>) -> i32 {
    value.map_or(0, to_wire)
}

/// The value. None: the number is UNSPECIFIED, or the contract lacks it.
pub fn from_wire<V: Vocabulary>(number: i32) -> Option<V> {
    let position = usize::try_from(number).ok()?.checked_sub(1)?;
    V::VARIANTS.get(position).copied()
}

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;

    use super::*;
    use crate::domain::{
        agency, appeal, charge, claim, clocks, custody, detainer, determination, expungement, facts, interview,
        obligation, review, roster, service, statute, subject, transfer,
    };
    use crate::wire::DESCRIPTOR;

    #[test]
    fn both_sides_have_the_same_words_in_the_same_order() {
        fn check<V: Vocabulary>(name: &str, prefix: &str) {
            let pool = DescriptorPool::decode(DESCRIPTOR).unwrap();
            let proto = pool.get_enum_by_name(&format!("comity.v1.{name}")).unwrap();
            let ours: Vec<String> = std::iter::once("unspecified")
                .chain(V::VARIANTS.iter().map(|variant| variant.plain_word()))
                .map(|word| format!("{prefix}_{}", word.to_uppercase().replace('-', "_")))
                .collect();
            let theirs: Vec<String> = proto.values().map(|value| value.name().to_owned()).collect();
            assert_eq!(ours, theirs);
            for variant in V::VARIANTS {
                assert!(from_wire::<V>(to_wire(*variant)) == Some(*variant));
            }
        }
        check::<agency::AgencyClass>("AgencyClass", "AGENCY_CLASS");
        check::<agency::AgencyKind>("AgencyKind", "AGENCY_KIND");
        check::<appeal::AppealAnswerKind>("AppealAnswerKind", "APPEAL_ANSWER_KIND");
        check::<appeal::AppealStanding>("AppealStanding", "APPEAL_STANDING");
        check::<charge::ChargeStatus>("ChargeStatus", "CHARGE_STATUS");
        check::<charge::ConvictionAge>("ConvictionAge", "CONVICTION_AGE");
        check::<charge::OffenceCategory>("OffenceCategory", "OFFENCE_CATEGORY");
        check::<charge::Severity>("Severity", "SEVERITY");
        check::<clocks::ClockKind>("ClockKind", "CLOCK_KIND");
        check::<claim::ClaimOutcome>("ClaimOutcome", "CLAIM_OUTCOME");
        check::<custody::ClosingReason>("ClosingReason", "CLOSING_REASON");
        check::<custody::CustodyState>("CustodyState", "CUSTODY_STATE");
        check::<custody::MoveDeclineReason>("MoveDeclineReason", "MOVE_DECLINE_REASON");
        check::<custody::MoveOfferState>("MoveOfferState", "MOVE_OFFER_STATE");
        check::<custody::MovementKind>("MovementKind", "MOVEMENT_KIND");
        check::<custody::ReleaseDateBasis>("ReleaseDateBasis", "RELEASE_DATE_BASIS");
        check::<custody::ReleaseReason>("ReleaseReason", "RELEASE_REASON");
        check::<custody::ReleaseRecipient>("ReleaseRecipient", "RELEASE_RECIPIENT");
        check::<detainer::AnswerKind>("AnswerKind", "ANSWER_KIND");
        check::<detainer::DeclineGround>("DeclineGround", "DECLINE_GROUND");
        check::<detainer::DetainerBasis>("DetainerBasis", "DETAINER_BASIS");
        check::<detainer::DetainerForm>("DetainerForm", "DETAINER_FORM");
        check::<detainer::DetainerState>("DetainerState", "DETAINER_STATE");
        check::<detainer::Finding>("Finding", "FINDING");
        check::<detainer::IssuingAuthority>("IssuingAuthority", "ISSUING_AUTHORITY");
        check::<detainer::LiftReason>("LiftReason", "LIFT_REASON");
        check::<detainer::ReleaseNoticeKind>("ReleaseNoticeKind", "RELEASE_NOTICE_KIND");
        check::<detainer::WarrantKind>("WarrantKind", "WARRANT_KIND");
        check::<determination::FieldClass>("FieldClass", "FIELD_CLASS");
        check::<determination::HoldClock>("HoldClock", "HOLD_CLOCK");
        check::<determination::LawAction>("LawAction", "LAW_ACTION");
        check::<determination::Ruling>("Ruling", "RULING");
        check::<interview::AdvisalMethod>("AdvisalMethod", "ADVISAL_METHOD");
        check::<interview::InterviewMode>("InterviewMode", "INTERVIEW_MODE");
        check::<interview::InterviewOutcome>("InterviewOutcome", "INTERVIEW_OUTCOME");
        check::<obligation::EvidenceMethod>("EvidenceMethod", "EVIDENCE_METHOD");
        check::<determination::Obligation>("ObligationKind", "OBLIGATION_KIND");
        check::<review::ReviewDecision>("ReviewDecision", "REVIEW_DECISION");
        check::<review::ReviewMatter>("ReviewMatter", "REVIEW_MATTER");
        check::<review::ReviewState>("ReviewState", "REVIEW_STATE");
        check::<expungement::ExpungementKind>("ExpungementKind", "EXPUNGEMENT_KIND");
        check::<facts::Stage>("Stage", "STAGE");
        check::<statute::Reading>("Reading", "READING");
        check::<service::ServiceMethod>("ServiceMethod", "SERVICE_METHOD");
        check::<roster::BirthDateAgreement>("BirthDateAgreement", "BIRTH_DATE_AGREEMENT");
        check::<subject::IdentifierKind>("IdentifierKind", "IDENTIFIER_KIND");
        check::<subject::MatchMethod>("MatchMethod", "MATCH_METHOD");
        check::<subject::Sex>("Sex", "SEX");
        check::<transfer::TransferFailureCause>("TransferFailureCause", "TRANSFER_FAILURE_CAUSE");
        check::<transfer::TransferState>("TransferState", "TRANSFER_STATE");
        check::<custody::ReleaseEligibilityKind>("ReleaseEligibilityKind", "RELEASE_ELIGIBILITY_KIND");
        check::<transfer::WindowChange>("WindowChange", "WINDOW_CHANGE");
        check::<transfer::WindowDeclineReason>("WindowDeclineReason", "WINDOW_DECLINE_REASON");
    }
}
