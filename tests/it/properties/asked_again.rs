//! Whoever is asked again was found by a term, whatever the two records say.

use std::sync::Arc;

use comity::domain::asked_again::is_asked_again;
use comity::domain::case::StoredCase;
use comity::domain::detainer::{Detainer, DetainerState, Finding, Request};
use comity::domain::ids::CaseName;
use comity::domain::search;
use proptest::prelude::*;
use uuid::Uuid;

use crate::properties::any::subject;
use crate::properties::tries;
use crate::sample;

proptest! {
    #![proptest_config(tries(256))]

    #[test]
    fn whoever_is_asked_again_is_found_by_a_term_of_the_intake(
        asked in subject(),
        other in subject(),
        shares in any::<[bool; 4]>(),
        state in proptest::sample::select(DetainerState::ALL.to_vec()),
        by in proptest::sample::select(vec!["doccs", "erie"]),
    ) {
        let mut held = other;
        if shares[0] {
            (held.name, held.birth_date) = (asked.name.clone(), asked.birth_date);
        }
        if shares[1] {
            held.identifiers.alien_number.clone_from(&asked.identifiers.alien_number);
        }
        if shares[2] {
            held.identifiers.fbi_number.clone_from(&asked.identifiers.fbi_number);
        }
        if shares[3] {
            held.identifiers = asked.identifiers.clone();
        }
        let request = Request { subject: asked, ..sample::request(Some("doccs")) };
        let name = CaseName::detainer(sample::jurisdiction(), Uuid::from_u128(1));
        let lodged = Detainer::lodged(name, sample::officer("ice").agency.id.clone(), Arc::new(request), sample::start());
        let acknowledgement = Some(sample::found(Finding::NotInCustody, None));
        let detainer = Detainer { state, acknowledgement, ..lodged };
        let custodian = &sample::officer(by).agency.id;
        let is_asked = is_asked_again(&detainer, custodian, &held);
        prop_assert!(!is_asked || (state == DetainerState::NotInCustody && by == "doccs"));
        let terms = search::terms(&StoredCase::Detainer(Box::new(detainer)));
        let is_found = !terms.is_disjoint(&search::asked_again(custodian, &held));
        prop_assert!(is_found || !is_asked);
    }
}
