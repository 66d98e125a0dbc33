//! The ways that cases come to stand where a test needs them.

use comity::wire::v1;

use crate::harness::changes::{acceptance_of, verification_of, window_under};
use crate::harness::requests::{answer_to, detainer_for, detainer_with_judicial_warrant_for, intake_at, match_of};
use crate::harness::{Outcome, World};

/// A detainer that stands on a custody.
#[derive(Debug, Clone)]
pub(crate) struct Matched {
    pub(crate) detainer: String,
    pub(crate) custody: String,
}

/// A pick-up on offer.
#[derive(Debug, Clone)]
pub(crate) struct Offered {
    pub(crate) transfer: String,
    pub(crate) detainer: String,
}

impl World {
    /// ICE lodges a detainer with an agency.
    pub(crate) async fn lodged(&self, agency: &str) -> String {
        self.ice().lodge(detainer_for(agency)).await.accepted().detainer.unwrap().name
    }

    /// An agency opens a custody.
    pub(crate) async fn held(&self, agency: &str) -> String {
        self.system(agency).open(intake_at(agency)).await.accepted().custody.unwrap().name
    }

    /// ICE lodges, and the agency finds the person.
    pub(crate) async fn matched(&self, agency: &str) -> Matched {
        self.matched_with(agency, detainer_for(agency)).await
    }

    /// The same, where a judge signed the warrant, as the issuer says and nobody has verified.
    pub(crate) async fn matched_on_a_claimed_warrant(&self, agency: &str) -> Matched {
        self.matched_with(agency, detainer_with_judicial_warrant_for(agency)).await
    }

    /// The same, where an officer of the agency verified the judge's warrant.
    pub(crate) async fn matched_with_judicial_warrant(&self, agency: &str) -> Matched {
        let matched = self.matched_on_a_claimed_warrant(agency).await;
        self.officer(agency).verify_warrant(verification_of(&matched.detainer)).await.accepted();
        matched
    }

    async fn matched_with(&self, agency: &str, lodging: v1::LodgeDetainerRequest) -> Matched {
        let custody = self.held(agency).await;
        let detainer = self.ice().lodge(lodging).await.accepted().detainer.unwrap().name;
        self.system(agency).acknowledge(match_of(&detainer, &custody)).await.accepted();
        Matched { detainer, custody }
    }

    /// ICE lodges with a state prison, which finds the person, promises notice and offers a pick-up.
    pub(crate) async fn offered(&self) -> Offered {
        let matched = self.matched("us-ny-doccs").await;
        self.answers("us-ny-doccs", &matched.detainer, v1::AnswerKind::NotifyOnly).await.accepted();
        let offer = self.doccs().offer(window_under(&matched.detainer)).await.accepted();
        Offered { transfer: offer.transfer.unwrap().name, detainer: matched.detainer }
    }

    /// The same, and ICE accepts.
    pub(crate) async fn agreed(&self) -> Offered {
        let offered = self.offered().await;
        self.ice().accept(acceptance_of(&offered.transfer)).await.accepted();
        offered
    }

    /// The agency's system answers.
    pub(crate) async fn answers(
        &self,
        agency: &str,
        detainer: &str,
        kind: v1::AnswerKind,
    ) -> Outcome<v1::AnswerDetainerResponse> {
        self.system(agency).answer(answer_to(detainer, kind)).await
    }
}
