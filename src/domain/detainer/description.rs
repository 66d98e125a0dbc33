//! Whether the two records of a detainer describe the person that it was matched to.

use crate::domain::custody::Custody;
use crate::domain::detainer::{Acknowledgement, Detainer};
use crate::domain::matching;
use crate::domain::subject::Subject;

impl Detainer {
    /// Whether the records do not bear out the match by which it stands on a custody, and no officer vouched for it as they
    /// are. Either side may have described the person anew since it was made.
    pub fn match_disputed(&self, custody: &Custody) -> bool {
        let matched = |found: &&Acknowledgement| found.custody.as_ref() == Some(&custody.name);
        let found = self.acknowledgement.as_ref().filter(matched);
        let (asked, held) = (&self.request.subject, &custody.intake.subject);
        let unlike = |found| {
            let of_prints = self.redescribed && matching::no_longer_of_prints(found, asked, held);
            of_prints || !matching::disputed(found, asked, held).is_empty()
        };
        self.vouched != Some(self.described) && found.is_some_and(unlike)
    }

    /// Once one of the two records describes the person so, who was described so before.
    pub(in crate::domain) fn describe(&mut self, before: &Subject, after: &Subject) {
        if !matching::alike(before, after) {
            self.described = self.described.saturating_add(1);
            self.redescribed = self.redescribed || !matching::of_one(before, after);
        }
    }

    /// The same, with what its custody says of the person corrected.
    #[must_use]
    pub fn described_anew(&self, before: &Subject, after: &Subject) -> Self {
        let mut detainer = self.clone();
        detainer.describe(before, after);
        detainer
    }
}
