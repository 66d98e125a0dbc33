//! The reviews of a detainer, and whether an officer permitted what the law left to a person.

use crate::domain::detainer::{Detainer, Finding};
use crate::domain::review::{Basis, Review, ReviewMatter, ReviewState};

impl Detainer {
    /// The review of a matter, if there was one.
    pub fn review(&self, matter: ReviewMatter) -> Option<&Review> {
        self.reviews.iter().find(|review| review.matter == matter)
    }

    /// What a decision on it would be bound to. None: the detainer is not matched, so there is nothing to decide.
    pub fn basis(&self, policies: &[String]) -> Option<Basis> {
        let found = self.acknowledgement.as_ref().filter(|found| found.finding == Finding::MatchedCustody)?;
        Some(Basis {
            custody: found.custody.clone()?,
            custodian: self.custodian.clone()?,
            request_version: self.request_version,
            described: self.described,
            guarded: self.guarded,
            policies: policies.to_vec(),
        })
    }

    /// Whether an officer has permitted what these policies leave to a person.
    pub fn permits(&self, matter: ReviewMatter, policies: &[String]) -> bool {
        let decided = self.review(matter).filter(|review| review.state == ReviewState::Permitted);
        decided.zip(self.basis(policies)).is_some_and(|(review, question)| review.decides(&question))
    }

    /// Replaces the review of the same matter, or adds it.
    pub(in crate::domain) fn put_review(&mut self, review: &Review) {
        match self.reviews.iter_mut().find(|known| known.matter == review.matter) {
            Some(known) => known.clone_from(review),
            None => self.reviews.push(review.clone()),
        }
    }
}
