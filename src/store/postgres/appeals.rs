//! Rows of appeals: members, answers, and bars.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::domain::appeal::Bar;
use crate::domain::case::StoredCase;
use crate::domain::ids::{AgencyId, CaseKind, CaseName, JurisdictionId};
use crate::store::appeals::{
    AppealsLoaded, AppealsWanted, DUE_MAX, ItemFilter, Listed, NewAppeal, NewAppeals, NewBar, NewItem,
};
use crate::store::data_keys::{self, BatchKeys, DataKey};
use crate::store::postgres::connection::Connection;
use crate::store::postgres::names::Names;
use crate::store::postgres::session::{Answer, Statement};
use crate::store::postgres::statement::{WriteStatement, case_columns, id};
use crate::store::vault::Key;
use crate::store::{StoreError, rows, sealed};

const ISSUERS: &str = "SELECT wanted.at, c.issuer \
    FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) WITH ORDINALITY AS wanted (jurisdiction, kind, id, at) \
    CROSS JOIN LATERAL (SELECT issuer FROM cases \
        WHERE jurisdiction = wanted.jurisdiction AND kind = wanted.kind AND id = wanted.id LIMIT 1) AS c \
    WHERE c.issuer IS NOT NULL";
const DUE: &str = "SELECT wanted.at, a.due_at \
    FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS wanted (jurisdiction, issuer, at) \
    CROSS JOIN LATERAL (SELECT due_at FROM appeals \
        WHERE jurisdiction = wanted.jurisdiction AND issuer = wanted.issuer ORDER BY due_at DESC LIMIT $3) AS a \
    ORDER BY wanted.at, a.due_at DESC";
const ITEMS: &str = "SELECT wanted.at, c.data_key, i.answer \
    FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) WITH ORDINALITY AS wanted (jurisdiction, appeal, detainer, at) \
    CROSS JOIN LATERAL (SELECT answer FROM appeal_items \
        WHERE jurisdiction = wanted.jurisdiction AND appeal = wanted.appeal AND detainer = wanted.detainer LIMIT 1) AS i \
    CROSS JOIN LATERAL (SELECT data_key FROM cases \
        WHERE jurisdiction = wanted.jurisdiction AND kind = $4 AND id = wanted.detainer LIMIT 1) AS c";
const SINCE: &str = "SELECT e.position, e.leaf \
    FROM unnest($1::bigint[], $2::bigint[]) AS wanted (first, past) \
    CROSS JOIN LATERAL (SELECT position, leaf FROM entries \
        WHERE position >= wanted.first AND position < wanted.past ORDER BY position) AS e ORDER BY e.position";
const LIST: &str = "SELECT c.id, c.data_key, c.sealed, i.answer, i.bar FROM appeal_items AS i \
    CROSS JOIN LATERAL (SELECT id, data_key, sealed, holder FROM cases \
        WHERE jurisdiction = i.jurisdiction AND kind = $7 AND id = i.detainer LIMIT 1) AS c \
    WHERE i.jurisdiction = (SELECT id FROM names WHERE name = $1) AND i.appeal = $2 AND i.detainer > $3 \
    AND length(c.data_key) <= $8 \
    AND ($4::text IS NULL OR c.holder = (SELECT id FROM names WHERE name = $4) OR ($5 AND c.holder IS NULL)) \
    ORDER BY i.detainer LIMIT $6";
const BARS: &str = "SELECT number, bar FROM appeal_bars \
    WHERE jurisdiction = (SELECT id FROM names WHERE name = $1) AND appeal = $2";
const ISSUE: &str = "INSERT INTO appeals (jurisdiction, issuer, due_at, id) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[])";
const MARK: &str = "INSERT INTO appeal_items (jurisdiction, appeal, detainer) \
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])";
const ANSWER: &str = "UPDATE appeal_items AS i SET answer = new.answer \
    FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[]) AS new (jurisdiction, appeal, detainer, answer) \
    WHERE i.jurisdiction = new.jurisdiction AND i.appeal = new.appeal AND i.detainer = new.detainer";
const GROUND: &str = "INSERT INTO appeal_bars (jurisdiction, appeal, number, bar) \
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::text[])";
const BAR: &str = "UPDATE appeal_items AS i SET bar = new.bar \
    FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bigint[]) AS new (jurisdiction, appeal, detainer, bar) \
    WHERE i.jurisdiction = new.jurisdiction AND i.appeal = new.appeal AND i.detainer = new.detainer AND i.bar IS NULL";

/// What a batch needs, for names that have a number. A name without a number has no rows.
pub(super) struct Wants<'a> {
    issuers: Vec<(i64, &'a CaseName)>,
    due: Vec<(i64, i64, &'a (AgencyId, JurisdictionId))>,
    items: Vec<(i64, &'a (CaseName, CaseName))>,
    since: Vec<(i64, i64)>,
}

/// Every name whose number these rows need.
pub(super) fn names(wanted: &AppealsWanted) -> impl Iterator<Item = String> {
    let issuers = wanted.issuers.iter().map(|name| name.jurisdiction.to_string());
    let due = wanted.due.iter().flat_map(|(agency, jurisdiction)| [agency.to_string(), jurisdiction.to_string()]);
    let items = wanted.items.iter().map(|(appeal, _)| appeal.jurisdiction.to_string());
    issuers.chain(due).chain(items).chain(wanted.since.keys().map(ToString::to_string))
}

impl<'a> Wants<'a> {
    pub(super) fn new(wanted: &'a AppealsWanted, names: &Names) -> Result<Self, StoreError> {
        let number = |name: &CaseName| names.get(name.jurisdiction.as_str());
        let due =
            |due: &'a (AgencyId, JurisdictionId)| Some((names.get(due.1.as_str())?, names.get(due.0.as_str())?, due));
        let since = wanted.since.iter().filter_map(|(log, from)| Some((names.get(&log.to_string())?, *from)));
        let bounds =
            |(log, from): (i64, u64)| Ok((rows::position(log, from)?, rows::position(log.saturating_add(1), 0)?));
        Ok(Self {
            issuers: wanted.issuers.iter().filter_map(|name| Some((number(name)?, name))).collect(),
            due: wanted.due.iter().filter_map(due).collect(),
            items: wanted.items.iter().filter_map(|item| Some((number(&item.0)?, item))).collect(),
            since: since.map(bounds).collect::<Result<_, StoreError>>()?,
        })
    }

    pub(super) fn statements(&self) -> [Statement; 4] {
        let (jurisdictions, kinds, ids) = case_columns(&self.issuers);
        let issuers = Statement::new(ISSUERS).with(jurisdictions).with(kinds).with(ids);
        let (jurisdictions, agencies): (Vec<i64>, Vec<i64>) =
            self.due.iter().map(|(jurisdiction, agency, _)| (*jurisdiction, *agency)).unzip();
        let due = Statement::new(DUE).with(jurisdictions).with(agencies).with(DUE_MAX);
        let jurisdictions: Vec<i64> = self.items.iter().map(|(jurisdiction, _)| *jurisdiction).collect();
        let (appeals, detainers): (Vec<_>, Vec<_>) =
            self.items.iter().map(|(_, (appeal, detainer))| (id(appeal.id), id(detainer.id))).unzip();
        let items = Statement::new(ITEMS)
            .with(jurisdictions)
            .with(appeals)
            .with(detainers)
            .with(rows::kind(CaseKind::Detainer));
        let (first, past): (Vec<i64>, Vec<i64>) = self.since.iter().copied().unzip();
        [issuers, due, items, Statement::new(SINCE).with(first).with(past)]
    }

    pub(super) fn read(
        &self,
        [issuers, due, items, since]: [Answer; 4],
        connection: &Connection,
        names: &mut Names,
        vault: &Key,
    ) -> Result<AppealsLoaded, StoreError> {
        let mut loaded = AppealsLoaded::default();
        let mut agencies: HashMap<i64, AgencyId> = HashMap::new();
        for row in &issuers.rows {
            let (_, name) = nth(&self.issuers, row.try_get(0)?)?;
            let number: i64 = row.try_get(1)?;
            let known = agencies.get(&number).cloned();
            let agency = known.map_or_else(|| names.agency(connection, number), Ok)?;
            agencies.insert(number, agency.clone());
            loaded.issuers.insert((*name).clone(), agency);
        }
        for (.., wanted) in &self.due {
            loaded.due.insert((*wanted).clone(), Vec::new());
        }
        for row in &due.rows {
            let (.., wanted) = nth(&self.due, row.try_get(0)?)?;
            loaded.due.entry((*wanted).clone()).or_default().push(rows::time(row.try_get(1)?)?);
        }
        for row in &items.rows {
            let (_, (appeal, detainer)) = nth(&self.items, row.try_get(0)?)?;
            let key = DataKey::open(vault, detainer, row.try_get(1)?)?.key;
            let item = sealed::open_item(&key, appeal, detainer, row.try_get(2)?)?;
            loaded.items.insert((appeal.clone(), detainer.clone()), item);
        }
        for row in &since.rows {
            if let Some(name) = sealed::case_of(row.try_get(1)?)? {
                loaded.since.insert(name, rows::unpack(row.try_get(0)?)?.1);
            }
        }
        Ok(loaded)
    }
}

/// The element that an answer row refers to, by its number from 1 on.
pub(super) fn nth<T>(wanted: &[T], at: i64) -> Result<&T, StoreError> {
    let found = usize::try_from(at).ok().and_then(|at| wanted.get(at.checked_sub(1)?));
    found.ok_or(StoreError::Broken("a row is of nothing that was asked about"))
}

pub(super) fn list(filter: &ItemFilter) -> [Statement; 2] {
    let ItemFilter { appeal, holder, unassigned, after, limit } = filter;
    let named = |sql| Statement::new(sql).with(appeal.jurisdiction.to_string()).with(id(appeal.id));
    let list = named(LIST).with(id(after.unwrap_or(Uuid::nil()))).with(holder.as_ref().map(ToString::to_string));
    [
        named(BARS),
        list.with(*unassigned)
            .with(rows::limit(*limit))
            .with(rows::kind(CaseKind::Detainer))
            .with(data_keys::LEN_UNLESS_EXPUNGED),
    ]
}

pub(super) fn read_list(
    [bars, list]: &[Answer; 2],
    filter: &ItemFilter,
    vault: &Key,
) -> Result<Vec<Listed>, StoreError> {
    let unread = |_| StoreError::Broken("what bars cannot be read");
    let bars =
        bars.rows.iter().map(|row| Ok((row.try_get(0)?, serde_json::from_str(row.try_get(1)?).map_err(unread)?)));
    let bars: BTreeMap<i64, Bar> = bars.collect::<Result<_, StoreError>>()?;
    let listed = |row: &tokio_postgres::Row| {
        let uuid = Uuid::from_slice(row.try_get(0)?).map_err(|_| StoreError::Broken("a case's id is not a UUID"))?;
        let name = CaseName::detainer(filter.appeal.jurisdiction.clone(), uuid);
        let (case, key) = sealed::open_case(vault, &name, row.try_get(1)?, row.try_get(2)?)?;
        let StoredCase::Detainer(detainer) = case else {
            return Err(StoreError::Broken("a detainer of an appeal is none"));
        };
        let mut item = sealed::open_item(&key, &filter.appeal, &name, row.try_get(3)?)?;
        item.barred = row.try_get::<_, Option<i64>>(4)?.and_then(|number| bars.get(&number).cloned());
        Ok(Listed { detainer: *detainer, item })
    };
    list.rows.iter().map(listed).collect()
}

/// Writes what a batch changes about appeals.
pub(super) fn write(new: &NewAppeals, names: &Names, keys: &BatchKeys) -> Result<Vec<WriteStatement>, StoreError> {
    let number_of = |appeal: &CaseName| names.number(appeal.jurisdiction.as_str());
    let mut writes = Vec::new();
    issue(&new.issued, names, &mut writes)?;
    let last: BTreeMap<_, _> = new.items.iter().map(|new| ((&new.appeal, &new.detainer), new)).collect();
    if !last.is_empty() {
        let (mut jurisdictions, mut appeals, mut detainers, mut answers) = (vec![], vec![], vec![], vec![]);
        for NewItem { appeal, detainer, item } in last.values() {
            jurisdictions.push(number_of(appeal)?);
            appeals.push(id(appeal.id));
            detainers.push(id(detainer.id));
            answers.push(sealed::seal_item(keys.of(detainer)?, appeal, detainer, item)?);
        }
        let ask = Statement::new(ANSWER).with(jurisdictions).with(appeals).with(detainers).with(answers);
        writes.push(WriteStatement::all(ask, last.len(), "a detainer that is answered of is not in the appeal"));
    }
    bar(&new.bars, &number_of, &mut writes)?;
    Ok(writes)
}

fn issue(issued: &[NewAppeal], names: &Names, writes: &mut Vec<WriteStatement>) -> Result<(), StoreError> {
    let (mut jurisdictions, mut issuers, mut due, mut ids) = (vec![], vec![], vec![], vec![]);
    let (mut member_jurisdictions, mut appeals, mut members) = (vec![], vec![], vec![]);
    for new in issued {
        let jurisdiction = names.number(new.appeal.jurisdiction.as_str())?;
        jurisdictions.push(jurisdiction);
        issuers.push(names.number(new.issuer.as_str())?);
        due.push(rows::nanoseconds(rows::full_hour(new.due_at))?);
        ids.push(id(new.appeal.id));
        for member in &new.members {
            member_jurisdictions.push(jurisdiction);
            appeals.push(id(new.appeal.id));
            members.push(id(*member));
        }
    }
    if !ids.is_empty() {
        writes.push(WriteStatement::of(Statement::new(ISSUE).with(jurisdictions).with(issuers).with(due).with(ids)));
        writes.push(WriteStatement::of(Statement::new(MARK).with(member_jurisdictions).with(appeals).with(members)));
    }
    Ok(())
}

fn bar(
    bars: &[NewBar],
    number_of: &impl Fn(&CaseName) -> Result<i64, StoreError>,
    writes: &mut Vec<WriteStatement>,
) -> Result<(), StoreError> {
    let (mut jurisdictions, mut appeals, mut numbers, mut grounds) = (vec![], vec![], vec![], vec![]);
    // The first bar of a detainer stays.
    let mut barred: BTreeMap<(i64, Uuid, Uuid), i64> = BTreeMap::new();
    for new in bars {
        let (jurisdiction, number) = (number_of(&new.appeal)?, rows::integer(new.number)?);
        jurisdictions.push(jurisdiction);
        appeals.push(id(new.appeal.id));
        numbers.push(number);
        grounds.push(serde_json::to_string(&new.bar).map_err(|_| StoreError::Broken("what bars cannot be written"))?);
        for detainer in &new.detainers {
            barred.entry((jurisdiction, new.appeal.id, *detainer)).or_insert(number);
        }
    }
    if numbers.is_empty() {
        return Ok(());
    }
    writes
        .push(WriteStatement::of(Statement::new(GROUND).with(jurisdictions).with(appeals).with(numbers).with(grounds)));
    let jurisdictions: Vec<i64> = barred.keys().map(|(jurisdiction, ..)| *jurisdiction).collect();
    let (appeals, detainers): (Vec<_>, Vec<_>) =
        barred.keys().map(|(_, appeal, detainer)| (id(*appeal), id(*detainer))).unzip();
    let numbers: Vec<i64> = barred.values().copied().collect();
    writes
        .push(WriteStatement::of(Statement::new(BAR).with(jurisdictions).with(appeals).with(detainers).with(numbers)));
    Ok(())
}
