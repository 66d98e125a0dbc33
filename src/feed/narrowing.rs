//! Asks `disclose` again at the moment of delivery: the audience that was fixed at commit is an upper bound, and the facts
//! and the law of now may only narrow it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::agency::Caller;
use crate::domain::case::{Case, StoredCase};
use crate::domain::custody::Custody;
use crate::domain::detainer::{Addressee, Detainer};
use crate::domain::determination::{FieldClass, FieldClasses};
use crate::domain::ids::{CaseName, JurisdictionId};
use crate::policy::gate::Gate;
use crate::store::{Reader, StoreError, StoredEntry};
use crate::wire::entry::{self, Opening};

/// What one caller may be shown at one moment. Each case is read once, so use one for a page; it blocks on the store.
#[derive(Debug)]
pub struct Narrowing<'a> {
    reader: &'a dyn Reader,
    gate: &'a Gate,
    caller: &'a Caller,
    now: Timestamp,
    /// By detainer; `None` where the caller is not its issuer.
    bounds: BTreeMap<CaseName, Option<Bound>>,
}

/// What the issuer of a detainer may be shown of it now.
#[derive(Debug, Clone, Copy)]
struct Bound {
    classes: FieldClasses,
    to_jurisdiction: bool,
}

impl<'a> Narrowing<'a> {
    /// For a caller, now.
    pub fn new(reader: &'a dyn Reader, gate: &'a Gate, caller: &'a Caller, now: Timestamp) -> Self {
        Self { reader, gate, caller, now, bounds: BTreeMap::new() }
    }

    /// The classes that the caller may be shown of an entry. `None`: the entry is not for this caller.
    pub fn classes(
        &mut self,
        stored: &StoredEntry,
        jurisdiction: &JurisdictionId,
    ) -> Result<Option<FieldClasses>, StoreError> {
        let Some(committed) = stored.audience.classes_for(self.caller, jurisdiction) else { return Ok(None) };
        // Who was to see everything is custodian, oversight or the author: no pack discloses the restricted class.
        if committed == FieldClasses::all() {
            return Ok(Some(committed));
        }
        let leaf = entry::read_leaf(&stored.leaf).map_err(|_| StoreError::Broken("a leaf is not of a known layout"))?;
        let Ok(name) = leaf.resource.parse::<CaseName>() else { return Ok(Some(committed)) };
        let bound = self.bound(&name)?;
        Ok(Some(bound.map_or(committed, |bound| narrowed(committed, bound, &stored.openings))))
    }

    /// A case as the caller may be shown it: for the issuer of a detainer no more than it may still be told.
    pub fn case(&mut self, case: StoredCase) -> Result<StoredCase, StoreError> {
        let detainer = match case {
            StoredCase::Custody(_) => return Ok(case),
            StoredCase::Detainer(detainer) => *detainer,
        };
        let custody = if detainer.issuer == self.caller.agency.id { self.custody_of(&detainer)? } else { None };
        let whole = Case { detainer: Some(detainer.clone()), custody, ..Case::default() };
        let told = self.gate.as_told(self.caller, &whole, self.now).and_then(|case| case.detainer);
        Ok(StoredCase::Detainer(Box::new(told.unwrap_or(detainer))))
    }

    fn bound(&mut self, name: &CaseName) -> Result<Option<Bound>, StoreError> {
        if let Some(known) = self.bounds.get(name) {
            return Ok(*known);
        }
        let bound = match self.reader.case(name)? {
            // Of a case that is gone nothing is shown any more.
            None => Some(Bound { classes: FieldClasses::NONE, to_jurisdiction: false }),
            Some(StoredCase::Detainer(detainer)) if detainer.issuer == self.caller.agency.id => {
                let custody = self.custody_of(&detainer)?;
                Some(Bound {
                    classes: self.gate.disclosable(&detainer, custody.as_ref(), self.now),
                    to_jurisdiction: detainer.request.addressee == Addressee::Jurisdiction,
                })
            }
            Some(StoredCase::Detainer(_) | StoredCase::Custody(_)) => None,
        };
        self.bounds.insert(name.clone(), bound);
        Ok(bound)
    }

    fn custody_of(&self, detainer: &Detainer) -> Result<Option<Custody>, StoreError> {
        let linked = detainer.acknowledgement.as_ref().and_then(|found| found.custody.as_ref());
        let custody = linked.map(|name| self.reader.case(name)).transpose()?.flatten();
        Ok(custody.as_ref().and_then(StoredCase::custody).cloned())
    }
}

/// What is left of the classes committed to be shown, by the rules that they were committed by.
fn narrowed(committed: FieldClasses, bound: Bound, openings: &[Opening]) -> FieldClasses {
    let mut shown = committed.intersection(bound.classes);
    // Where the custodian's charges may not be shown, what was counted from them may not either.
    if committed.contains(FieldClass::Charges) && !shown.contains(FieldClass::Charges) {
        shown = shown.without([FieldClass::Count].into_iter().collect());
    }
    let told = openings.iter().filter(|opening| is_gist(opening));
    let tells = told.clone().any(|opening| shown.contains(opening.class));
    // The answer to a detainer for all of a jurisdiction tells of the custody, unless it promises something.
    let betrays = bound.to_jurisdiction
        && told.clone().filter_map(|opening| entry::answer_kind(&opening.content)).any(|kind| {
            let gist = kind.gist(&Addressee::Jurisdiction);
            !shown.contains(gist)
        });
    // A retraction was committed to tell that it is one, and no more.
    let was_to_tell = told.clone().any(|opening| committed.contains(opening.class));
    if betrays || (was_to_tell && !tells) { FieldClasses::NONE } else { shown }
}

/// Whether a content is what its entry is there to tell: the counts say little without it, and the rest is in every entry.
fn is_gist(opening: &Opening) -> bool {
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
