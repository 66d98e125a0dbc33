//! The law asked again of everything that stands: after a start, and after another set came into force. A page of custodies
//! in a batch, so that writes come in between. After that, the agenda says of each when it is due.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use uuid::Uuid;

use crate::domain::agenda::{Item, ItemKind, no_date};
use crate::domain::case::StoredCase;
use crate::domain::ids::{CaseKind, CaseName, JurisdictionId};
use crate::store::{AgendaChange, AgendaFilter, AgendaPlace, CaseFilter, ListedItem, Reader, StoreError};

/// Where a walk over a jurisdiction stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Walk {
    /// It has yet to be found out how it goes.
    Ahead,
    /// Over what the agenda has to be judged again, whenever that is.
    Listed(Option<AgendaPlace>),
    /// Over every custody: the store is from before custodies were on the agenda for this.
    Whole(Option<Uuid>),
}

/// Jurisdictions in which the law is still to be asked again.
#[derive(Debug, Default)]
pub(in crate::recorder) struct Sweep(BTreeMap<JurisdictionId, Walk>);

/// Custodies to be judged in one batch, and how the walk goes on when that is durable.
#[derive(Debug, Default)]
pub(in crate::recorder) struct Page {
    pub(in crate::recorder) custodies: Vec<CaseName>,
    of: Option<(JurisdictionId, Option<Walk>)>,
    /// Every custody of the jurisdiction is on the agenda from now on.
    whole: bool,
}

impl Sweep {
    /// Begins anew in each of them.
    pub(in crate::recorder) fn over(jurisdictions: impl Iterator<Item = JurisdictionId>) -> Self {
        Self(jurisdictions.map(|jurisdiction| (jurisdiction, Walk::Ahead)).collect())
    }

    /// Whether anything is left to be walked over.
    pub(in crate::recorder) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes note that a page is durable.
    pub(in crate::recorder) fn walked(&mut self, page: Page) {
        match page.of {
            Some((jurisdiction, Some(walk))) => _ = self.0.insert(jurisdiction, walk),
            Some((jurisdiction, None)) => _ = self.0.remove(&jurisdiction),
            None => {}
        }
    }
}

impl Page {
    /// The jurisdiction that it is of.
    pub(in crate::recorder) fn jurisdiction(&self) -> Option<&JurisdictionId> {
        self.of.as_ref().map(|(jurisdiction, _)| jurisdiction)
    }

    /// That a store has every custody on its agenda is kept there, too, under no custody's name.
    pub(in crate::recorder) fn mark(&self) -> Option<AgendaChange> {
        let (jurisdiction, _) = self.of.as_ref().filter(|_| self.whole)?;
        let due_at = no_date().checked_add(SignedDuration::from_secs(1)).ok()?;
        let item = Item { kind: ItemKind::Judgement, key: "every-custody".to_owned(), due_at, holder: None };
        Some(AgendaChange { case: nobodys(jurisdiction), closed: Vec::new(), open: vec![item] })
    }
}

fn nobodys(jurisdiction: &JurisdictionId) -> CaseName {
    CaseName::custody(jurisdiction.clone(), Uuid::nil())
}

impl Sweep {
    /// The next page, if a walk is under way. What cannot be read now is read later.
    pub(in crate::recorder) fn page(&mut self, reader: &dyn Reader, limit: usize) -> Page {
        let Some((jurisdiction, walk)) = self.0.first_key_value() else { return Page::default() };
        let (jurisdiction, walk) = (jurisdiction.clone(), walk.clone());
        match read_page(reader, limit, &jurisdiction, walk) {
            Ok(page) => page,
            Err(StoreError::Interrupted(_)) => Page::default(),
            Err(error) => {
                tracing::warn!(%error, %jurisdiction, "what stands could not be read, to ask the law of it again");
                self.0.remove(&jurisdiction);
                Page::default()
            }
        }
    }
}

fn read_page(reader: &dyn Reader, limit: usize, jurisdiction: &JurisdictionId, walk: Walk) -> Result<Page, StoreError> {
    let listed = |after, limit| AgendaFilter {
        jurisdiction: jurisdiction.clone(),
        kind: ItemKind::Judgement,
        holder: None,
        unassigned: true,
        after,
        limit,
    };
    let of = |walk| Some((jurisdiction.clone(), walk));
    match walk {
        Walk::Ahead => {
            let (case, key) = (nobodys(jurisdiction), String::new());
            let end = no_date().checked_add(SignedDuration::from_secs(1)).unwrap_or_else(|_| no_date());
            let marked = reader.agenda(&listed(Some(AgendaPlace { due_at: end, case, key }), 1))?;
            let walk = if marked.is_empty() { Walk::Whole(None) } else { Walk::Listed(None) };
            read_page(reader, limit, jurisdiction, walk)
        }
        Walk::Listed(after) => {
            let found = reader.agenda(&listed(after, limit))?;
            let next = (found.len() >= limit).then(|| Walk::Listed(found.last().map(ListedItem::place)));
            let custodies = found.into_iter().map(|listed| listed.case).filter(|case| !case.id.is_nil());
            Ok(Page { custodies: custodies.collect(), of: of(next), whole: false })
        }
        Walk::Whole(after) => {
            let (jurisdiction, kind) = (jurisdiction.clone(), CaseKind::Custody);
            let filter = CaseFilter { jurisdiction, kind, agency: None, unassigned: true, after, limit };
            let found = reader.cases(&filter)?;
            let next = (found.len() >= limit).then(|| Walk::Whole(found.last().map(|case| case.name().id)));
            let linked = found.iter().filter_map(StoredCase::custody).filter(|found| !found.detainers.is_empty());
            let custodies = linked.map(|found| found.name.clone()).collect();
            Ok(Page { custodies, whole: next.is_none(), of: of(next) })
        }
    }
}
