//! Who may know of an appeal: its issuer, oversight, and each custodian that it was addressed to or that holds one of
//! its detainers.
//!
//! To everybody else the appeal does not exist, and the answer takes as long as for one that does not.

use crate::domain::agency::{AgencyKind, Caller};
use crate::domain::appeal::Appeal;
use crate::domain::case::StoredCase;
use crate::domain::ids::{CaseKind, CaseName};
use crate::store::appeals::ItemFilter;
use crate::store::{CaseFilter, CasesOf, Reader, StoreError};

/// The custodian whose detainers in an appeal are shown, if the caller is a custodian. Every other caller sees all or
/// nothing.
pub(super) fn held_by(caller: &Caller) -> Option<crate::domain::ids::AgencyId> {
    caller.agency.kind.holds_people().then(|| caller.agency.id.clone())
}

/// The appeal, if the caller may know of it. Otherwise it does not exist for this caller.
pub(super) fn visible(reader: &dyn Reader, caller: &Caller, name: &CaseName) -> Result<Option<Appeal>, StoreError> {
    if held_by(caller).is_some() && caller.takes_part_in(&name.jurisdiction) {
        return concerning(reader, caller, name);
    }
    // Other callers see only appeals listed as their own, and no other appeal is opened.
    let case = reader.case_of(&CasesOf::of(caller, &name.jurisdiction), name)?;
    let Some(appeal) = case.as_ref().and_then(StoredCase::appeal) else { return Ok(None) };
    Ok(may_see(reader, caller, appeal)?.then(|| appeal.clone()))
}

/// The appeal, if it concerns a custodian. Only the appeal itself names its addressees, so it has to be opened.
///
/// INVARIANT: an appeal that does not concern the custodian costs as many reads and openings as one that does not
/// exist.
fn concerning(reader: &dyn Reader, caller: &Caller, name: &CaseName) -> Result<Option<Appeal>, StoreError> {
    let holds = holds_of(reader, caller, name)?;
    let case = reader.case_of(&CasesOf::ANYBODYS, name)?;
    // For a missing appeal another one is opened instead, if there is any.
    let limit = usize::from(case.is_none());
    let (jurisdiction, kind) = (name.jurisdiction.clone(), CaseKind::Appeal);
    let terms = Vec::new();
    reader.cases(&CaseFilter { jurisdiction, kind, agency: None, unassigned: true, terms, after: None, limit })?;
    let appeal = case.as_ref().and_then(StoredCase::appeal);
    Ok(appeal.filter(|appeal| holds || appeal.addresses(&caller.agency.id)).cloned())
}

/// Whether the caller may know of an appeal that was opened.
pub(super) fn may_see(reader: &dyn Reader, caller: &Caller, appeal: &Appeal) -> Result<bool, StoreError> {
    if !caller.takes_part_in(&appeal.name.jurisdiction) {
        return Ok(false);
    }
    if held_by(caller).is_none() {
        let oversight = caller.agency.kind == AgencyKind::Oversight;
        return Ok(oversight || appeal.issuer == caller.agency.id);
    }
    Ok(appeal.addresses(&caller.agency.id) || holds_of(reader, caller, &appeal.name)?)
}

/// Whether a custodian holds a detainer in an appeal, or one is addressed to no particular custodian.
fn holds_of(reader: &dyn Reader, caller: &Caller, appeal: &CaseName) -> Result<bool, StoreError> {
    let filter =
        ItemFilter { appeal: appeal.clone(), holder: held_by(caller), unassigned: true, after: None, limit: 1 };
    Ok(!reader.items(&filter)?.is_empty())
}

#[cfg(test)]
mod tests;
