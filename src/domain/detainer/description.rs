//! Whether request and custody describe the same person, and how that changes.

use crate::domain::custody::Custody;
use crate::domain::detainer::{Acknowledgement, Detainer};
use crate::domain::matching;
use crate::domain::subject::Subject;

impl Detainer {
    /// Whether the records do not support the match to this custody, and no officer vouched for it as the records now
    /// stand. Either side may have changed its description since the match was made.
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

    /// Records that the request or the custody changed its description of the person.
    pub(in crate::domain) fn describe(&mut self, before: &Subject, after: &Subject) {
        if !matching::alike(before, after) {
            self.described = self.described.saturating_add(1);
            self.redescribed = self.redescribed || !matching::of_one(before, after);
        }
    }

    /// The detainer after its custody corrected its description of the person.
    #[must_use]
    pub fn described_anew(&self, before: &Subject, after: &Subject) -> Self {
        let mut detainer = self.clone();
        detainer.describe(before, after);
        detainer
    }
}
