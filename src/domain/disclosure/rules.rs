//! Which classes the issuer of a detainer may see: the one place where rulings become a set of classes.
//!
//! Most classes depend on `disclose` alone. Classes that tell of a release also need `notify`, and classes that tell of
//! a pick-up also need `transfer`. Each of those is allowed by law, or by an officer's decision that still stands.
//! Commit, delivery and every read of a resource ask [`visible_to_issuer`].

use std::sync::Arc;

use crate::domain::detainer::Detainer;
use crate::domain::determination::{Determination, FieldClass, FieldClasses, LawView, Ruling, Withheld};
use crate::domain::review::ReviewMatter;

/// Classes that tell of a release.
const OF_A_RELEASE: [FieldClass; 3] = [FieldClass::ReleaseDate, FieldClass::ReleasePlace, FieldClass::ReleaseDetail];

/// Classes that tell of a pick-up, in a transfer and in its entries.
const OF_A_PICK_UP: [FieldClass; 2] = [FieldClass::Custody, FieldClass::Medical];

/// The classes that the issuer of a detainer may see of what its custodian did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IssuerClasses {
    /// For everything but pick-ups.
    pub classes: FieldClasses,
    /// For pick-ups.
    pub of_pick_ups: FieldClasses,
}

/// The classes that the issuer may see, by the law and officers' decisions. If an officer permitted notice of a
/// release, that also decides what the law left to a person of the release itself, and nothing else.
pub fn visible_to_issuer(detainer: &Detainer, law: &LawView) -> IssuerClasses {
    let decided = notice_permitted_by_officer(detainer, law) || release_permitted_by_officer(detainer, law);
    let of_the_release = [FieldClass::Custody, FieldClass::ReleaseDate, FieldClass::ReleaseDetail]
        .into_iter()
        .filter(|class| law.review.contains(*class) && decided);
    let classes = visible_by_law(detainer, law).union(of_the_release.collect());
    let of_pick_ups = if may_hand_over(detainer, law) { classes } else { classes.without(set(&OF_A_PICK_UP)) };
    IssuerClasses { classes, of_pick_ups }
}

/// The same for anything but a release, where an officer's decision on notice adds no class.
pub(in crate::domain) fn visible_by_law(detainer: &Detainer, law: &LawView) -> FieldClasses {
    let may_be_notified = holds(&law.notify, ReviewMatter::Notify, detainer);
    if may_be_notified { law.disclosable.0 } else { law.disclosable.0.without(set(&OF_A_RELEASE)) }
}

/// Whether the law lets the person be handed to the issuer.
pub fn may_hand_over(detainer: &Detainer, law: &LawView) -> bool {
    holds(&law.transfer, ReviewMatter::Transfer, detainer)
}

/// The classes that the law withholds, each with citations: of the ruling on `disclose`, and for classes that tell of a
/// release, of the ruling on `notify` too.
pub fn withheld(law: &LawView) -> Arc<[Withheld]> {
    if may(&law.notify) {
        return Arc::clone(&law.withheld);
    }
    let mut all = law.withheld.to_vec();
    for class in OF_A_RELEASE {
        let cited = law.notify.citations.iter().cloned();
        match all.iter_mut().find(|one| one.class == class) {
            Some(one) => {
                one.citations.extend(cited);
                one.citations.sort_unstable();
                one.citations.dedup();
            }
            None => all.push(Withheld { class, citations: cited.collect() }),
        }
    }
    all.into()
}

/// Whether the law leaves notice to a person, and an officer permitted it on these very grounds. A ground that came up
/// later is another question.
pub(in crate::domain) fn notice_permitted_by_officer(detainer: &Detainer, law: &LawView) -> bool {
    law.notify.ruling == Ruling::Review && holds(&law.notify, ReviewMatter::Notify, detainer)
}

/// The ruling that leaves to a person what an allowed notice may say of the release.
pub(in crate::domain) fn release_left_to_officer(law: &LawView) -> Option<&Determination> {
    let open = law.disclosure.iter().find(|open| open.ruling == Ruling::Review && !open.unverified)?;
    Some(open)
}

/// Whether an officer permitted that.
fn release_permitted_by_officer(detainer: &Detainer, law: &LawView) -> bool {
    let permitted = |open: &Determination| detainer.permits(ReviewMatter::Disclose, &open.policies);
    may(&law.notify) && release_left_to_officer(law).is_some_and(permitted)
}

/// Whether an act is allowed by law, or by an officer's decision of the question that the law leaves to a person.
fn holds(determination: &Determination, matter: ReviewMatter, detainer: &Detainer) -> bool {
    match determination.ruling {
        Ruling::Must | Ruling::May => true,
        Ruling::MustNot => false,
        // An officer cannot permit what depends on an unverified claim.
        Ruling::Review => !determination.unverified && detainer.permits(matter, &determination.policies),
    }
}

fn may(determination: &Determination) -> bool {
    matches!(determination.ruling, Ruling::Must | Ruling::May)
}

fn set(classes: &[FieldClass]) -> FieldClasses {
    classes.iter().copied().collect()
}
