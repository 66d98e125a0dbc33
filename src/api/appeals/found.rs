//! Reads the detainers of an appeal: which ones are selected, what the law bars of them, and their standing. Blocks on
//! the store.
//!
//! For an issuer only what it was told and may still be told counts. The same amount is read for each detainer whether
//! or not somebody is held, so that timing does not reveal it.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::api::appeals::visible::held_by;
use crate::domain::agency::{AgencyKind, Caller};
use crate::domain::appeal::{
    AnswerByLaw, Appeal, AppealItem, AppealItemView, AppealStanding, AppealViewpoint, Bars, Filter, Member, Selection,
    StandingCounts, holder_known_to_issuer,
};
use crate::domain::case::StoredCase;
use crate::domain::detainer::Detainer;
use crate::domain::determination::FieldClasses;
use crate::domain::disclosure::IssuerClasses;
use crate::domain::ids::{CaseKind, CaseName, JurisdictionId};
use crate::domain::search::Term;
use crate::policy::gate::{Gate, LegalBar};
use crate::store::appeals::{ItemFilter, Listed};
use crate::store::{CaseFilter, CasesOf, Reader, StoreError};

/// Cases read at once.
const PAGE_LEN: usize = 512;
/// The most grounds of one answer by law.
const BARS_MAX: usize = 255;

/// What a caller sees of an appeal now.
pub(super) struct AppealView<'a> {
    pub(super) reader: &'a dyn Reader,
    pub(super) gate: &'a Gate,
    pub(super) caller: Caller,
    pub(super) now: Timestamp,
}

impl AppealView<'_> {
    /// The standing of a page of an appeal's detainers, as far as the caller may see them.
    pub(super) fn page(
        &self,
        appeal: &Appeal,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<(CaseName, AppealItemView)>, StoreError> {
        let holder = held_by(&self.caller);
        let unassigned = holder.is_some();
        let filter = ItemFilter { appeal: appeal.name.clone(), holder, unassigned, after, limit };
        let listed = self.reader.items(&filter)?.into_iter();
        listed
            .map(|Listed { detainer, item }| {
                let name = detainer.name.clone();
                Ok((name, self.standing(&detainer, &item)?))
            })
            .collect()
    }

    /// The standing of a detainer in an appeal: as disclosed for its issuer, as it is for everybody else who may see
    /// it.
    fn standing(&self, detainer: &Detainer, item: &AppealItem) -> Result<AppealItemView, StoreError> {
        let inside = self.caller.agency.kind == AgencyKind::Oversight || held_by(&self.caller).is_some();
        if inside {
            return Ok(AppealItemView::of(detainer, item, AppealViewpoint::Custodian));
        }
        if !detainer.anything_disclosed() && item.disclosed.is_none() {
            return Ok(AppealItemView::of(detainer, item, AppealViewpoint::Issuer(FieldClasses::NONE)));
        }
        let told = self.disclosable(detainer)?;
        Ok(AppealItemView::of(&detainer.redacted_for_issuer(told), item, AppealViewpoint::Issuer(told.classes)))
    }

    /// A detainer as its issuer may be told of it now.
    fn seen(&self, detainer: Detainer) -> Result<Detainer, StoreError> {
        if !detainer.anything_disclosed() {
            return Ok(detainer);
        }
        let told = self.disclosable(&detainer)?;
        Ok(detainer.redacted_for_issuer(told))
    }

    fn disclosable(&self, detainer: &Detainer) -> Result<IssuerClasses, StoreError> {
        // Read one more case for each detainer, even if there is no custody.
        let beside = self.reader.case(detainer.linked_custody().unwrap_or(&detainer.name))?;
        let custody = beside.as_ref().and_then(StoredCase::custody);
        Ok(self.gate.disclosable(detainer, custody, self.now))
    }

    /// Calls `take` for every detainer of an appeal.
    fn each(
        &self,
        appeal: &CaseName,
        mut take: impl FnMut(Listed) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let filter = ItemFilter { appeal: appeal.clone(), holder: None, unassigned: false, after, limit: PAGE_LEN };
            let page = self.reader.items(&filter)?;
            let full = page.len() >= PAGE_LEN;
            after = page.last().map(|listed| listed.detainer.name.id);
            page.into_iter().try_for_each(&mut take)?;
            if !full {
                return Ok(());
            }
        }
    }
}

/// How many detainers of an appeal have which standing, as far as the caller may see them.
pub(super) fn tally(view: &AppealView<'_>, appeal: &Appeal) -> Result<StandingCounts, StoreError> {
    let (mut tally, mut after) = (StandingCounts::default(), None);
    loop {
        let page = view.page(appeal, after, PAGE_LEN)?;
        for (_, stands) in &page {
            tally.count_one(stands);
        }
        after = page.last().map(|(name, _)| name.id);
        if page.len() < PAGE_LEN {
            return Ok(tally);
        }
    }
}

/// The detainers that an issuer selects, at most `limit`. A listed detainer of another issuer is included, so that the
/// gate refuses it.
pub(super) fn select_members(
    view: &AppealView<'_>,
    jurisdiction: &JurisdictionId,
    selection: &Selection,
    limit: usize,
) -> Result<Vec<Member>, StoreError> {
    match selection {
        Selection::Filter(filter) => filtered(view, jurisdiction, filter, limit),
        Selection::Listed(ids) => {
            let own = |case: Option<StoredCase>| match case {
                Some(StoredCase::Detainer(detainer)) if detainer.issuer == view.caller.agency.id => Some(*detainer),
                Some(
                    StoredCase::Detainer(_) | StoredCase::Custody(_) | StoredCase::Appeal(_) | StoredCase::Expunged(_),
                )
                | None => None,
            };
            let whose = CasesOf::of(&view.caller, jurisdiction);
            let listed = ids.iter().take(limit).map(|id| {
                let name = CaseName::detainer(jurisdiction.clone(), *id);
                match own(view.reader.case_of(&whose, &name)?) {
                    Some(detainer) => Ok(member(&view.seen(detainer)?)),
                    None => Ok(Member { id: *id, addressed: None, standing: AppealStanding::Open }),
                }
            });
            listed.collect()
        }
    }
}

fn filtered(
    view: &AppealView<'_>,
    jurisdiction: &JurisdictionId,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<Member>, StoreError> {
    let own = &view.caller.agency.id;
    let (mut members, mut after) = (Vec::new(), None);
    loop {
        let page = view.reader.cases(&CaseFilter {
            jurisdiction: jurisdiction.clone(),
            kind: CaseKind::Detainer,
            agency: Some(own.clone()),
            unassigned: false,
            terms: vec![Term::issued_by(own)],
            after,
            limit: PAGE_LEN,
        })?;
        let full = page.len() >= PAGE_LEN;
        after = page.last().map(|case| case.name().id);
        for case in page {
            let StoredCase::Detainer(detainer) = case else { continue };
            if detainer.issuer != *own {
                continue;
            }
            let seen = view.seen(*detainer)?;
            if filter.passes(&seen) {
                members.push(member(&seen));
            }
            if members.len() >= limit {
                return Ok(members);
            }
        }
        if !full {
            return Ok(members);
        }
    }
}

fn member(seen: &Detainer) -> Member {
    let stands = AppealItemView::of(seen, &AppealItem::default(), AppealViewpoint::Issuer(FieldClasses::NONE));
    Member { id: seen.name.id, addressed: holder_known_to_issuer(seen).cloned(), standing: stands.standing }
}

/// What the law bars of an appeal to a custodian: the open detainers that are addressed to it, both as their issuer was
/// told. A match or an answer that the issuer does not know of makes no difference.
pub(super) fn judged(view: &AppealView<'_>, appeal: &CaseName, as_of: u64) -> Result<AnswerByLaw, StoreError> {
    let own = &view.caller.agency;
    let mut judged =
        AnswerByLaw { bars: Vec::new(), open: 0, as_of, overtaken: false, policy_digest: Some(view.gate.digest()) };
    view.each(appeal, |Listed { detainer, item }| {
        let told = AppealItemView::of(&detainer, &item, AppealViewpoint::Issuer(FieldClasses::all()));
        let asked = holder_known_to_issuer(&detainer) == Some(&own.id) && told.standing == AppealStanding::Open;
        let barring = asked.then(|| view.gate.bars(&detainer, own.class, view.now)).flatten();
        let room = judged.bars.len() < BARS_MAX;
        match barring.filter(|barring| room || judged.bars.iter().any(|bars| is_on(bars, barring))) {
            Some(barring) => {
                take(&mut judged.bars, barring, detainer.name.id);
            }
            None if view.gate.is_custodian_of(&view.caller, &detainer) => {
                let open =
                    AppealItemView::of(&detainer, &item, AppealViewpoint::Custodian).standing == AppealStanding::Open;
                judged.open = judged.open.saturating_add(u32::from(open));
            }
            None => {}
        }
        Ok(())
    })?;
    Ok(judged)
}

fn is_on(bars: &Bars, barring: &LegalBar) -> bool {
    let same = Arc::ptr_eq(&bars.determination, &barring.determination) || bars.determination == barring.determination;
    bars.action == barring.action && bars.also == barring.also && same
}

fn take(all: &mut Vec<Bars>, barring: LegalBar, detainer: Uuid) {
    if let Some(bars) = all.iter_mut().find(|bars| is_on(bars, &barring)) {
        bars.detainers.push(detainer);
        return;
    }
    let LegalBar { action, also, determination } = barring;
    all.push(Bars { action, also, determination, detainers: vec![detainer] });
}
