//! Asks `disclose` again when an entry is delivered. The audience fixed at commit is an upper bound, which the facts
//! and the law of now may only narrow.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::agency::Caller;
use crate::domain::case::{Case, StoredCase};
use crate::domain::custody::Custody;
use crate::domain::detainer::{Addressee, Detainer, MistakenMatch};
use crate::domain::determination::{FieldClass, FieldClasses, Withheld};
use crate::domain::disclosure::IssuerClasses;
use crate::domain::ids::{CaseName, JurisdictionId};
use crate::policy::gate::Gate;
use crate::store::{Reader, StoreError, StoredEntry};
use crate::wire::entry::{self, Opening};

/// What one caller may see at one moment. Each case is read once, so use one filter for a page. Blocks on the
/// store.
#[derive(Debug)]
pub struct DisclosureFilter<'a> {
    reader: &'a dyn Reader,
    gate: &'a Gate,
    caller: &'a Caller,
    now: Timestamp,
    /// Detainers by name; `None` if the caller is not the issuer.
    detainers: BTreeMap<CaseName, Option<Box<Detainer>>>,
    /// Bounds by detainer, and by how many of its matches were separated as mistaken before the entry.
    bounds: BTreeMap<(CaseName, usize), DisclosureBound>,
}

/// What a caller may see of an entry.
#[derive(Debug, Clone)]
pub struct VisibleClasses {
    /// The classes that the caller may see.
    pub classes: FieldClasses,
    /// Why other classes are withheld, as far as that may be disclosed.
    pub withheld: Arc<[Withheld]>,
}

/// What may be disclosed of a detainer to its issuer now.
#[derive(Debug, Clone)]
struct DisclosureBound {
    disclosable: IssuerClasses,
    to_jurisdiction: bool,
    withheld: Arc<[Withheld]>,
}

impl<'a> DisclosureFilter<'a> {
    /// A filter for a caller at a moment.
    pub fn new(reader: &'a dyn Reader, gate: &'a Gate, caller: &'a Caller, now: Timestamp) -> Self {
        Self { reader, gate, caller, now, detainers: BTreeMap::new(), bounds: BTreeMap::new() }
    }

    /// What the caller may see of an entry. `None` if the caller is not in its audience.
    pub fn visible(
        &mut self,
        stored: &StoredEntry,
        jurisdiction: &JurisdictionId,
    ) -> Result<Option<VisibleClasses>, StoreError> {
        let Some(committed) = stored.audience.classes_for(self.caller, jurisdiction) else { return Ok(None) };
        let as_committed = || VisibleClasses { classes: committed, withheld: Arc::default() };
        // A caller who was to see everything is a custodian, oversight or the author: no pack discloses the restricted
        // class.
        if committed == FieldClasses::all() {
            return Ok(Some(as_committed()));
        }
        if stored.expunged {
            // The law can no longer be asked about the rest.
            return Ok(Some(VisibleClasses { classes: FieldClasses::NONE, withheld: Arc::default() }));
        }
        let leaf = stored.read_leaf()?;
        let Ok(name) = leaf.resource.parse::<CaseName>() else { return Ok(Some(as_committed())) };
        let visible = self.bound(&name, stored.index)?.map(|bound| VisibleClasses {
            classes: narrowed(committed, &bound, &stored.openings),
            withheld: bound.withheld,
        });
        Ok(Some(visible.unwrap_or_else(as_committed)))
    }

    /// A case as the caller may see it. The issuer of a detainer sees no more than may still be disclosed to it.
    pub fn case(&mut self, case: StoredCase) -> Result<StoredCase, StoreError> {
        let detainer = match case {
            StoredCase::Custody(_) | StoredCase::Appeal(_) | StoredCase::Expunged(_) => return Ok(case),
            StoredCase::Detainer(detainer) => *detainer,
        };
        let custody = if detainer.issuer == self.caller.agency.id { self.custody_of(&detainer)? } else { None };
        let whole = Case { detainer: Some(detainer.clone()), custody, ..Case::default() };
        let redacted = self.gate.redacted_for_issuer(self.caller, &whole, self.now).and_then(|case| case.detainer);
        Ok(StoredCase::Detainer(Box::new(redacted.unwrap_or(detainer))))
    }

    /// The bound for an entry of the exchange log at this index. A mistaken match that was separated later still bounds what
    /// was disclosed under it, so the person who was matched by mistake keeps their safeguards.
    fn bound(&mut self, name: &CaseName, index: u64) -> Result<Option<DisclosureBound>, StoreError> {
        if !self.detainers.contains_key(name) {
            let found = match self.reader.case(name)? {
                // Nothing of a case that no longer exists is visible.
                None => return Ok(Some(DisclosureBound::nothing())),
                Some(StoredCase::Detainer(own)) if own.issuer == self.caller.agency.id => Some(own),
                // Of an expunged case, only what was recorded since is left.
                Some(
                    StoredCase::Detainer(_) | StoredCase::Custody(_) | StoredCase::Appeal(_) | StoredCase::Expunged(_),
                ) => None,
            };
            self.detainers.insert(name.clone(), found);
        }
        let Some(Some(detainer)) = self.detainers.get(name) else { return Ok(None) };
        let separated = detainer.mistaken_matches.iter().filter(|mistaken| mistaken.before <= index).count();
        let key = (name.clone(), separated);
        if let Some(known) = self.bounds.get(&key) {
            return Ok(Some(known.clone()));
        }
        let linked = match detainer.mistaken_matches.get(separated) {
            None => detainer.linked_custody(),
            Some(MistakenMatch { custody: Some(custody), .. }) => Some(custody),
            Some(MistakenMatch { custody: None, .. }) => return Ok(Some(DisclosureBound::nothing())),
        };
        let custody = linked.map(|linked| self.custody(linked)).transpose()?.flatten();
        if linked.is_some() && custody.is_none() {
            // The custody was expunged, so the law cannot be asked about it.
            return Ok(Some(DisclosureBound::nothing()));
        }
        let bound = DisclosureBound {
            disclosable: self.gate.disclosable(detainer, custody.as_ref(), self.now),
            to_jurisdiction: detainer.request.addressee == Addressee::Jurisdiction,
            withheld: self.gate.withheld(detainer, self.now),
        };
        self.bounds.insert(key, bound.clone());
        Ok(Some(bound))
    }

    fn custody(&self, name: &CaseName) -> Result<Option<Custody>, StoreError> {
        Ok(self.reader.case(name)?.as_ref().and_then(StoredCase::custody).cloned())
    }

    fn custody_of(&self, detainer: &Detainer) -> Result<Option<Custody>, StoreError> {
        Ok(detainer.linked_custody().map(|name| self.custody(name)).transpose()?.flatten())
    }
}

impl DisclosureBound {
    fn nothing() -> Self {
        Self { disclosable: IssuerClasses::default(), to_jurisdiction: false, withheld: Arc::default() }
    }
}

/// The committed classes that may still be disclosed, by the rules that they were committed by.
fn narrowed(committed: FieldClasses, bound: &DisclosureBound, openings: &[Opening]) -> FieldClasses {
    // For a pick-up the law is asked whether the person may be handed over.
    let of_pick_up = openings.iter().any(|opening| entry::is_of_pick_up(&opening.content));
    let disclosable = if of_pick_up { bound.disclosable.of_pick_ups } else { bound.disclosable.classes };
    let mut visible = committed.intersection(disclosable);
    // If the custodian's charges may not be disclosed, counts derived from them may not be disclosed either.
    if committed.contains(FieldClass::Charges) && !visible.contains(FieldClass::Charges) {
        visible = visible.without([FieldClass::Count].into_iter().collect());
    }
    // The lead time is counted from the release date. If that date may not be disclosed, neither may the counts of such
    // an entry.
    let bears_date = openings.iter().any(|opening| opening.class == FieldClass::ReleaseDate);
    if bears_date && committed.contains(FieldClass::ReleaseDate) && !visible.contains(FieldClass::ReleaseDate) {
        visible = visible.without([FieldClass::Count].into_iter().collect());
    }
    let subjects = openings.iter().filter(|opening| is_what_the_entry_is_about(opening));
    let reveals = subjects.clone().any(|opening| visible.contains(opening.class));
    // An answer to a detainer that addresses a whole jurisdiction reveals the custody, unless it promises something.
    let reveals_custody = bound.to_jurisdiction
        && subjects.clone().filter_map(|opening| entry::answer_kind(&opening.content)).any(|kind| {
            let revealed_class = kind.revealed_class(&Addressee::Jurisdiction);
            !visible.contains(revealed_class)
        });
    // A retraction was committed only to say that something was retracted.
    let was_to_reveal = subjects.clone().any(|opening| committed.contains(opening.class));
    if reveals_custody || (was_to_reveal && !reveals) { FieldClasses::NONE } else { visible }
}

/// Whether a content is what its entry is about. The counts mean little without it, and the other classes are in every
/// entry.
fn is_what_the_entry_is_about(opening: &Opening) -> bool {
    match opening.class {
        FieldClass::Count | FieldClass::Safeguard | FieldClass::Restricted | FieldClass::Determination => false,
        FieldClass::Request
        | FieldClass::Identity
        | FieldClass::Identifiers
        | FieldClass::Citizenship
        | FieldClass::Charges
        | FieldClass::Custody
        | FieldClass::Answer
        | FieldClass::ReleaseDate
        | FieldClass::ReleaseDetail
        | FieldClass::ReleasePlace
        | FieldClass::Address
        | FieldClass::Medical
        | FieldClass::Contact => !opening.content.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Message as _, v1};

    /// An opening of a class for an event.
    fn opening(class: FieldClass, event: v1::event::Event) -> Opening {
        Opening {
            class,
            salt: [0; 32],
            content: v1::Event { event: Some(event), ..Default::default() }.encode_to_vec(),
        }
    }

    fn bound(classes: FieldClasses, of_pick_ups: FieldClasses) -> DisclosureBound {
        DisclosureBound {
            disclosable: IssuerClasses { classes, of_pick_ups },
            to_jurisdiction: false,
            withheld: Arc::default(),
        }
    }

    fn set(classes: &[FieldClass]) -> FieldClasses {
        classes.iter().copied().collect()
    }

    #[test]
    fn a_lead_time_goes_with_the_date_that_it_is_counted_from() {
        use FieldClass::{Answer, Count, ReleaseDate, ReleaseDetail};
        let released = || v1::event::Event::DetainerReleased(v1::DetainerReleased::default());
        let openings = [Count, ReleaseDate, ReleaseDetail].map(|class| opening(class, released()));
        let committed = set(&[Count, Answer, ReleaseDate, ReleaseDetail]);
        let check = |classes: &[FieldClass], expected: &[FieldClass]| {
            let bound = bound(set(classes), FieldClasses::NONE);
            assert_eq!(narrowed(committed, &bound, &openings), set(expected), "{classes:?}");
        };
        check(&[Count, ReleaseDate, ReleaseDetail], &[Count, ReleaseDate, ReleaseDetail]);
        check(&[Count, ReleaseDetail], &[ReleaseDetail]);
        check(&[Count], &[]);
        // An entry without a release date loses nothing.
        let answered = v1::event::Event::DetainerAnswered(v1::DetainerAnswered::default());
        let openings = [Count, Answer].map(|class| opening(class, answered.clone()));
        let bound = bound(set(&[Count, Answer]), FieldClasses::NONE);
        assert_eq!(narrowed(committed, &bound, &openings), set(&[Count, Answer]));
    }

    #[test]
    fn a_pick_up_is_narrowed_to_what_may_be_disclosed_of_pick_ups() {
        use FieldClass::{Count, Custody};
        let of = [
            v1::event::Event::TransferRecorded(v1::TransferRecorded::default()),
            v1::event::Event::ClockFired(v1::ClockFired::default()),
        ];
        for event in of {
            let openings = [Count, Custody].map(|class| opening(class, event.clone()));
            let all = set(&[Count, Custody]);
            assert_eq!(narrowed(all, &bound(set(&[Count]), all), &openings), all);
            assert_eq!(narrowed(all, &bound(all, set(&[Count])), &openings), FieldClasses::NONE);
        }
    }
}
