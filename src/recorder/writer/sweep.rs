//! Asks the law again about every custody after a start, and after another policy set came into force. Each batch takes one
//! page of custodies, so that writes are not held up. Afterwards the agenda says when each custody is due again.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use uuid::Uuid;

use crate::domain::agenda::{Item, ItemKind, no_date};
use crate::domain::case::StoredCase;
use crate::domain::ids::{CaseKind, CaseName, JurisdictionId};
use crate::store::{AgendaChange, AgendaFilter, AgendaPosition, CaseFilter, ListedItem, Reader, StoreError};

/// How far the walk over a jurisdiction has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Walk {
    /// It has not begun: the agenda is yet to be checked.
    Ahead,
    /// It goes over the custodies that the agenda lists to be judged again at any time.
    Listed(Option<AgendaPosition>),
    /// It goes over every custody, because the store is older than this use of the agenda.
    Whole(Option<Uuid>),
}

/// The jurisdictions in which the law is still to be asked again.
#[derive(Debug, Default)]
pub(in crate::recorder) struct Sweep(BTreeMap<JurisdictionId, Walk>);

/// The custodies to judge in one batch, and where the walk goes on once the batch is durable.
#[derive(Debug, Default)]
pub(in crate::recorder) struct Page {
    pub(in crate::recorder) custodies: Vec<CaseName>,
    of: Option<(JurisdictionId, Option<Walk>)>,
    /// From this page on, the agenda lists every custody of the jurisdiction.
    whole: bool,
}

impl Sweep {
    /// Begins a walk in each of these jurisdictions.
    pub(in crate::recorder) fn over(jurisdictions: impl Iterator<Item = JurisdictionId>) -> Self {
        Self(jurisdictions.map(|jurisdiction| (jurisdiction, Walk::Ahead)).collect())
    }

    /// Whether every walk has ended.
    pub(in crate::recorder) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// Goes on after a page that is durable.
    pub(in crate::recorder) fn walked(&mut self, page: Page) {
        match page.of {
            Some((jurisdiction, Some(walk))) => _ = self.0.insert(jurisdiction, walk),
            Some((jurisdiction, None)) => _ = self.0.remove(&jurisdiction),
            None => {}
        }
    }
}

impl Page {
    /// The jurisdiction of the page.
    pub(in crate::recorder) fn jurisdiction(&self) -> Option<&JurisdictionId> {
        self.of.as_ref().map(|(jurisdiction, _)| jurisdiction)
    }

    /// The agenda item that marks that the agenda lists every custody. It is on no custody's name.
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
    /// The next page, if a walk is under way. If the database is unreachable, the walk goes on later. On any other error it
    /// is given up until the next start or activation.
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
            let marked = reader.agenda(&listed(Some(AgendaPosition { due_at: end, case, key }), 1))?;
            let walk = if marked.is_empty() { Walk::Whole(None) } else { Walk::Listed(None) };
            read_page(reader, limit, jurisdiction, walk)
        }
        Walk::Listed(after) => {
            let found = reader.agenda(&listed(after, limit))?;
            let next = (found.len() >= limit).then(|| Walk::Listed(found.last().map(ListedItem::position)));
            let custodies = found.into_iter().map(|listed| listed.case).filter(|case| !case.id.is_nil());
            Ok(Page { custodies: custodies.collect(), of: of(next), whole: false })
        }
        Walk::Whole(after) => {
            let (jurisdiction, kind) = (jurisdiction.clone(), CaseKind::Custody);
            let filter =
                CaseFilter { jurisdiction, kind, agency: None, unassigned: true, terms: Vec::new(), after, limit };
            let found = reader.cases(&filter)?;
            let next = (found.len() >= limit).then(|| Walk::Whole(found.last().map(|case| case.name().id)));
            let linked = found.iter().filter_map(StoredCase::custody).filter(|found| !found.detainers.is_empty());
            let custodies = linked.map(|found| found.name.clone()).collect();
            Ok(Page { custodies, whole: next.is_none(), of: of(next) })
        }
    }
}
