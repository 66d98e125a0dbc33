//! Loads everything a batch needs: one statement for each kind, all in one round trip.

use std::collections::{BTreeSet, HashMap};

use crate::domain::ids::{AgencyId, CaseName, JurisdictionId, LogName, RequestId};
use crate::store::data_keys::LoadedCase;
use crate::store::postgres::appeals::{self, nth};
use crate::store::postgres::connection::Connection;
use crate::store::postgres::names::Names;
use crate::store::postgres::session::{Answer, Statement};
use crate::store::postgres::statement::{case_columns, id};
use crate::store::postgres::{agenda, inbox, search};
use crate::store::vault::WrappingKey;
use crate::store::{CasesOf, Loaded, SeenRequest, StoreError, Wanted, rows, sealed};

const CASES: &str = "SELECT wanted.at, c.data_key, c.sealed, c.issuer, c.holder \
    FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) WITH ORDINALITY AS wanted (jurisdiction, kind, id, at) \
    CROSS JOIN LATERAL (SELECT data_key, sealed, issuer, holder FROM cases \
        WHERE jurisdiction = wanted.jurisdiction AND kind = wanted.kind AND id = wanted.id LIMIT 1) AS c";
const REQUESTS: &str = "SELECT wanted.at, r.digest, r.position \
    FROM unnest($1::bigint[], $2::bytea[]) WITH ORDINALITY AS wanted (agency, request_id, at) \
    CROSS JOIN LATERAL (SELECT digest, position FROM requests \
        WHERE agency = wanted.agency AND request_id = wanted.request_id LIMIT 1) AS r";
/// The earliest time over all consumers: a later confirmation by another consumer does not count.
const DELIVERIES: &str = "SELECT wanted.at, d.recorded_at \
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS wanted (agency, log, index, at) \
    CROSS JOIN LATERAL (SELECT min(recorded_at) AS recorded_at FROM deliveries \
        WHERE agency = wanted.agency AND log = wanted.log AND position > wanted.index AND start <= wanted.index) AS d \
    WHERE d.recorded_at IS NOT NULL";

/// Reads what is needed, and the data keys of its cases.
pub(super) fn load(
    connection: &Connection,
    names: &mut Names,
    vault: &WrappingKey,
    wanted: &Wanted,
    data_keys: &mut HashMap<CaseName, LoadedCase>,
) -> Result<Loaded, StoreError> {
    names.find(connection, names_of(wanted))?;
    let found = search::names(connection, vault, names, &wanted.found_by)?;
    let wants = Wants::of(wanted, &found, names);
    let appeals = appeals::Wants::new(&wanted.appeals, names)?;
    let mut statements = Statements::default();
    let states = statements.add(wants.cases.is_empty(), cases(&wants.cases));
    let open = statements.add(wants.cases.is_empty(), agenda::of_cases(&wants.cases));
    let requests = statements.add(wants.requests.is_empty(), wants.ask_requests());
    let deliveries = statements.add(wants.deliveries.is_empty(), wants.ask_deliveries()?);
    let whose: Vec<(i64, i64)> =
        wants.inboxes.iter().map(|(agency, jurisdiction, _)| (*agency, *jurisdiction)).collect();
    let inboxes = inbox::load(&whose).map(|ask| statements.add(whose.is_empty(), ask));
    let about_appeals = appeals.statements().map(|ask| statements.add(wanted.appeals.is_empty(), ask));
    let mut answers = statements.run(connection)?;

    let mut loaded = Loaded::default();
    for row in &answers.take(states).rows {
        let (_, name) = nth(&wants.cases, row.try_get(0)?)?;
        let (issuer, holder) = (row.try_get(3)?, row.try_get(4)?);
        let number = |whose: &CasesOf| names.get(whose.agency.as_ref()?.as_str());
        let theirs = |whose: &CasesOf| whose.has(number(whose), issuer, holder);
        let only_of = wanted.only_of.get(*name).filter(|_| !found.contains(*name));
        if only_of.is_some_and(|of| !of.iter().any(theirs)) {
            continue;
        }
        let (case, key) = sealed::open_case(vault, name, row.try_get(1)?, row.try_get(2)?)?;
        data_keys.insert((*name).clone(), LoadedCase::new(&case, key));
        loaded.cases.insert((*name).clone(), case);
        loaded.agenda.insert((*name).clone(), Vec::new());
    }
    loaded.agenda.extend(agenda::read_of_cases(&answers.take(open), &wants.cases)?);
    for row in &answers.take(requests).rows {
        let (_, key) = nth(&wants.requests, row.try_get(0)?)?;
        let digest: &[u8] = row.try_get(1)?;
        let digest = digest.try_into().map_err(|_| StoreError::Broken("a request digest has another length"))?;
        let (log, index) = rows::unpack(row.try_get(2)?)?;
        let seen = SeenRequest { digest, log: names.log(connection, log)?, index };
        loaded.requests.insert((*key).clone(), seen);
    }
    for row in &answers.take(deliveries).rows {
        let (.., key) = nth(&wants.deliveries, row.try_get(0)?)?;
        loaded.deliveries.insert((*key).clone(), rows::time(row.try_get(1)?)?);
    }
    let [consumers, attempts] = inboxes.map(|slot| answers.take(slot));
    let found = inbox::read(&consumers, &attempts, whose.len())?;
    // A name without a number has nothing stored.
    loaded.inboxes = wanted.inboxes.iter().map(|key| (key.clone(), <_>::default())).collect();
    loaded.inboxes.extend(wants.inboxes.iter().zip(found).map(|((.., key), inbox)| ((*key).clone(), inbox)));
    loaded.appeals = appeals.read(about_appeals.map(|slot| answers.take(slot)), connection, names, vault)?;
    Ok(loaded)
}

/// The request number, data key and state of each case that exists.
pub(super) fn cases(cases: &[(i64, &CaseName)]) -> Statement {
    let (jurisdictions, kinds, ids) = case_columns(cases);
    Statement::new(CASES).with(jurisdictions).with(kinds).with(ids)
}

fn names_of(wanted: &Wanted) -> impl Iterator<Item = String> {
    let found_by = wanted.found_by.keys().map(|(jurisdiction, _)| jurisdiction);
    let cases: BTreeSet<&JurisdictionId> = wanted.cases.iter().map(|name| &name.jurisdiction).chain(found_by).collect();
    let agencies: BTreeSet<&AgencyId> = wanted.requests.iter().map(|(agency, _)| agency).collect();
    let deliveries = wanted.deliveries.iter().flat_map(|(agency, log, _)| [agency.to_string(), log.to_string()]);
    let inboxes =
        wanted.inboxes.iter().flat_map(|(agency, jurisdiction)| [agency.to_string(), jurisdiction.to_string()]);
    let first = cases.into_iter().map(ToString::to_string).chain(agencies.into_iter().map(ToString::to_string));
    first.chain(deliveries).chain(inboxes).chain(appeals::names(&wanted.appeals))
}

/// What is needed, with the numbers of its names. A name without a number was never stored.
struct Wants<'a> {
    cases: Vec<(i64, &'a CaseName)>,
    requests: Vec<(i64, &'a (AgencyId, RequestId))>,
    deliveries: Vec<(i64, i64, &'a (AgencyId, LogName, u64))>,
    inboxes: Vec<(i64, i64, &'a (AgencyId, JurisdictionId))>,
}

impl<'a> Wants<'a> {
    fn of(wanted: &'a Wanted, found: &'a BTreeSet<CaseName>, names: &Names) -> Self {
        let delivery = |delivery: &'a (AgencyId, LogName, u64)| {
            Some((names.get(delivery.0.as_str())?, names.get(&delivery.1.to_string())?, delivery))
        };
        let inbox = |inbox: &'a (AgencyId, JurisdictionId)| {
            Some((names.get(inbox.0.as_str())?, names.get(inbox.1.as_str())?, inbox))
        };
        let case = |name: &'a CaseName| Some((names.get(name.jurisdiction.as_str())?, name));
        let request = |request: &'a (AgencyId, RequestId)| Some((names.get(request.0.as_str())?, request));
        Self {
            cases: wanted.cases.union(found).filter_map(case).collect(),
            requests: wanted.requests.iter().filter_map(request).collect(),
            deliveries: wanted.deliveries.iter().filter_map(delivery).collect(),
            inboxes: wanted.inboxes.iter().filter_map(inbox).collect(),
        }
    }

    fn ask_requests(&self) -> Statement {
        let (agencies, ids): (Vec<i64>, Vec<_>) =
            self.requests.iter().map(|(agency, (_, request))| (*agency, id(request.0))).unzip();
        Statement::new(REQUESTS).with(agencies).with(ids)
    }

    fn ask_deliveries(&self) -> Result<Statement, StoreError> {
        let agencies: Vec<i64> = self.deliveries.iter().map(|(agency, ..)| *agency).collect();
        let logs: Vec<i64> = self.deliveries.iter().map(|(_, log, _)| *log).collect();
        let indices = self.deliveries.iter().map(|(.., (_, _, index))| rows::integer(*index));
        Ok(Statement::new(DELIVERIES).with(agencies).with(logs).with(indices.collect::<Result<Vec<_>, _>>()?))
    }
}

/// Statements for one round trip.
#[derive(Default)]
struct Statements(Vec<Statement>);

/// Where a statement's answer will be; `None` if nothing was asked.
struct Slot(Option<usize>);

impl Statements {
    fn add(&mut self, nothing: bool, ask: Statement) -> Slot {
        if nothing {
            return Slot(None);
        }
        self.0.push(ask);
        Slot(self.0.len().checked_sub(1))
    }

    fn run(self, connection: &Connection) -> Result<Answers, StoreError> {
        if self.0.is_empty() {
            return Ok(Answers(Vec::new()));
        }
        let answers = connection.run_each(self.0)?;
        answers.into_iter().map(|answer| answer.map(Some)).collect::<Result<_, _>>().map(Answers)
    }
}

struct Answers(Vec<Option<Answer>>);

impl Answers {
    fn take(&mut self, Slot(slot): Slot) -> Answer {
        slot.and_then(|slot| self.0.get_mut(slot)?.take()).unwrap_or_default()
    }
}
