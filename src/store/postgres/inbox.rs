//! Consumers and their delivery attempts: one row for each consumer, and one for each entry that is not settled.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use crate::domain::ids::{AgencyId, JurisdictionId, LogKind, LogName};
use crate::domain::inbox::{Attempt, EntryPosition, Inbox, InboxConsumer};
use crate::store::postgres::names::Names;
use crate::store::postgres::session::{Answer, Statement};
use crate::store::postgres::statement::WriteStatement;
use crate::store::{NewConsumer, StoreError, rows};

const BROKEN: StoreError = StoreError::Broken("a consumer cannot be read");

const CONSUMERS: &str = "SELECT wanted.at, c.name, c.exchange, c.custody \
    FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS wanted (agency, jurisdiction, at) \
    CROSS JOIN LATERAL (SELECT name, exchange, custody FROM consumers \
        WHERE agency = wanted.agency AND jurisdiction = wanted.jurisdiction OFFSET 0) AS c";
/// With the name of each entry's log.
const ATTEMPTS: &str = "SELECT wanted.at, a.name, a.log, a.position, a.tries, a.since, a.standing \
    FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS wanted (agency, jurisdiction, at) \
    CROSS JOIN LATERAL (SELECT consumers.name, names.name AS log, position, tries, since, standing \
        FROM consumers JOIN attempts ON attempts.consumer = consumers.id JOIN names ON names.id = position >> 40 \
        WHERE agency = wanted.agency AND jurisdiction = wanted.jurisdiction OFFSET 0) AS a";
const KEEP: &str = "INSERT INTO consumers (agency, jurisdiction, name, exchange, custody) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[]) \
    ON CONFLICT (agency, jurisdiction, name) DO UPDATE SET exchange = excluded.exchange, custody = excluded.custody";
/// Replaces all attempts: there are few, and settled ones must go.
const CLEAR: &str = "DELETE FROM attempts USING consumers, \
    unnest($1::bigint[], $2::bigint[], $3::text[]) AS kept (agency, jurisdiction, name) \
    WHERE consumers.agency = kept.agency AND consumers.jurisdiction = kept.jurisdiction \
    AND consumers.name = kept.name AND attempts.consumer = consumers.id";
const ATTEMPT: &str = "INSERT INTO attempts (consumer, position, tries, since, standing) \
    SELECT consumers.id, sent.position, sent.tries, sent.since, sent.standing \
    FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[]) \
        AS sent (agency, jurisdiction, name, position, tries, since, standing) \
    JOIN consumers ON consumers.agency = sent.agency AND consumers.jurisdiction = sent.jurisdiction \
    AND consumers.name = sent.name";

/// Loads every consumer of an agency in a jurisdiction, for each pair.
pub(super) fn load(whose: &[(i64, i64)]) -> [Statement; 2] {
    let (agencies, jurisdictions): (Vec<i64>, Vec<i64>) = whose.iter().copied().unzip();
    [CONSUMERS, ATTEMPTS].map(|sql| Statement::new(sql).with(agencies.clone()).with(jurisdictions.clone()))
}

/// The inboxes that were asked for, in order.
pub(super) fn read(consumers: &Answer, attempts: &Answer, whose: usize) -> Result<Vec<Inbox>, StoreError> {
    let mut inboxes = vec![Inbox::default(); whose];
    for row in &consumers.rows {
        let name: &str = row.try_get(1)?;
        let consumer = inbox(&mut inboxes, row)?.0.entry(name.parse().map_err(|_| BROKEN)?).or_default();
        consumer.exchange = rows::size(row.try_get(2)?)?;
        consumer.custody = rows::size(row.try_get(3)?)?;
    }
    for row in &attempts.rows {
        let (name, log, state): (&str, &str, &str) = (row.try_get(1)?, row.try_get(2)?, row.try_get(6)?);
        let log: LogName = log.parse().map_err(|_| BROKEN)?;
        let (_, index) = rows::unpack(row.try_get(3)?)?;
        let tries = u32::try_from(row.try_get::<_, i64>(4)?).map_err(|_| BROKEN)?;
        let state = state.parse().map_err(|_| BROKEN)?;
        let attempt = Attempt { tries, since: rows::time(row.try_get(5)?)?, state };
        let consumer = inbox(&mut inboxes, row)?.0.entry(name.parse().map_err(|_| BROKEN)?).or_default();
        consumer.attempts.insert(EntryPosition { log: log.kind, index }, attempt);
    }
    Ok(inboxes)
}

/// The inbox that a row belongs to, by its number from 1 on.
fn inbox<'a>(inboxes: &'a mut [Inbox], row: &Row) -> Result<&'a mut Inbox, StoreError> {
    let at = usize::try_from(row.try_get::<_, i64>(0)?).ok().and_then(|at| at.checked_sub(1));
    at.and_then(|at| inboxes.get_mut(at)).ok_or(BROKEN)
}

/// Every name whose number these rows need.
pub(super) fn names(consumers: &[NewConsumer]) -> impl Iterator<Item = String> {
    let log = |new: &NewConsumer, kind| LogName { jurisdiction: new.whose.jurisdiction.clone(), kind }.to_string();
    consumers.iter().flat_map(move |new| new.state.attempts.keys().map(move |position| log(new, position.log)))
}

/// Writes consumers with their new state.
pub(super) fn write(new: &[NewConsumer], names: &Names) -> Result<Vec<WriteStatement>, StoreError> {
    let last: BTreeMap<&InboxConsumer, &NewConsumer> = new.iter().map(|consumer| (&consumer.whose, consumer)).collect();
    if last.is_empty() {
        return Ok(Vec::new());
    }
    let number = |agency: &AgencyId, jurisdiction: &JurisdictionId| -> Result<(i64, i64), StoreError> {
        Ok((names.number(agency.as_str())?, names.number(jurisdiction.as_str())?))
    };
    let (mut agencies, mut jurisdictions, mut consumers) = (Vec::new(), Vec::new(), Vec::new());
    let (mut exchange, mut custody) = (Vec::new(), Vec::new());
    let mut sent = Sent::default();
    for (InboxConsumer { agency, jurisdiction, consumer }, NewConsumer { state, .. }) in last {
        let whose = number(agency, jurisdiction)?;
        agencies.push(whose.0);
        jurisdictions.push(whose.1);
        consumers.push(consumer.as_str().to_owned());
        exchange.push(rows::integer(state.exchange)?);
        custody.push(rows::integer(state.custody)?);
        for (position, attempt) in &state.attempts {
            let kind: LogKind = position.log;
            let log = names.number(&LogName { jurisdiction: jurisdiction.clone(), kind }.to_string())?;
            sent.push(whose, consumer.as_str(), rows::position(log, position.index)?, attempt)?;
        }
    }
    let of_all = |sql| Statement::new(sql).with(agencies.clone()).with(jurisdictions.clone()).with(consumers.clone());
    let mut writes =
        vec![WriteStatement::of(of_all(KEEP).with(exchange).with(custody)), WriteStatement::of(of_all(CLEAR))];
    if !sent.positions.is_empty() {
        writes.push(sent.write());
    }
    Ok(writes)
}

/// The columns of attempts.
#[derive(Default)]
struct Sent {
    agencies: Vec<i64>,
    jurisdictions: Vec<i64>,
    consumers: Vec<String>,
    positions: Vec<i64>,
    tries: Vec<i64>,
    since: Vec<i64>,
    standings: Vec<String>,
}

impl Sent {
    fn push(
        &mut self,
        (agency, jurisdiction): (i64, i64),
        consumer: &str,
        position: i64,
        attempt: &Attempt,
    ) -> Result<(), StoreError> {
        self.agencies.push(agency);
        self.jurisdictions.push(jurisdiction);
        self.consumers.push(consumer.to_owned());
        self.positions.push(position);
        self.tries.push(i64::from(attempt.tries));
        self.since.push(rows::nanoseconds(attempt.since)?);
        self.standings.push(attempt.state.word().to_owned());
        Ok(())
    }

    fn write(self) -> WriteStatement {
        let len = self.positions.len();
        let ask = Statement::new(ATTEMPT).with(self.agencies).with(self.jurisdictions).with(self.consumers);
        let ask = ask.with(self.positions).with(self.tries).with(self.since).with(self.standings);
        WriteStatement::all(ask, len, "a consumer that was kept is not there")
    }
}
