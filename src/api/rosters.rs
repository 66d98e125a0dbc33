//! `RosterService`: holds a custodian's roster against its own open cases, and says to it alone what it finds.
//!
//! It is a read: nothing is recorded but that cases of the caller were read, and nothing of a roster is kept or logged. The
//! rows of a stream depend on nothing but what is on record, so a stream that broke goes on in another.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::Fuse;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::api::active_agencies::ActiveAgency;
use crate::api::context::{Api, on_blocking_thread};
use crate::api::list::classes_of;
use crate::api::status::{self, LimitOwner};
use crate::api::stream::{MessageSender, ResponseStream};
use crate::audit::call;
use crate::domain::agency::Caller;
use crate::domain::case::StoredCase;
use crate::domain::detainer::Viewpoint;
use crate::domain::determination::FieldClasses;
use crate::domain::ids::{CaseKind, CaseName, JurisdictionId};
use crate::domain::method::ReadMethod;
use crate::domain::roster::{Holdings, RosterFinding};
use crate::policy::gate::Gate;
use crate::store::{CaseFilter, CasesOf, DisclosedResource, Reader, StoreError};
use crate::wire::parse::RosterStart;
use crate::wire::v1::reconcile_roster_request::Part;
use crate::wire::v1::reconcile_roster_response::Part as Said;
use crate::wire::v1::roster_service_server::RosterService;
use crate::wire::{Message, failure, parse, show, v1};

const METHOD: ReadMethod = ReadMethod::ReconcileRoster;
/// Rows that are answered at once, at most: as many as have arrived.
const CHUNK_LEN: usize = 256;
/// No more is taken once they have so many bytes.
const CHUNK_BYTES: usize = 1_024 * 1_024;
/// Cases that are read from the store at once.
const PAGE_LEN: usize = 256;
/// Custodies that are named in one message.
const NAMES_LEN: usize = 500;
/// What is on record is read again after this time: nobody is told of a case that was expunged longer ago.
const FRESH_FOR: Duration = Duration::from_mins(1);
/// When to come back while another roster of the agency is being read.
const BUSY_FOR: Duration = Duration::from_secs(5);

/// The service.
#[derive(Debug, Clone)]
pub struct Rosters(pub Arc<Api>);

#[tonic::async_trait]
impl RosterService for Rosters {
    type ReconcileRosterStream = ResponseStream<v1::ReconcileRosterResponse>;

    async fn reconcile_roster(
        &self,
        request: Request<Streaming<v1::ReconcileRosterRequest>>,
    ) -> Result<Response<Self::ReconcileRosterStream>, Status> {
        let caller = Api::caller(&request)?;
        let opener = Api::opener(&request, METHOD.word())?;
        let active = self.0.concurrency.active_rosters.begin(&caller.agency.id);
        let active = active.ok_or_else(|| status::overloaded(LimitOwner::Agency, BUSY_FOR))?;
        let (outgoing, answers) = self.0.outgoing();
        let (api, messages) = (Arc::clone(&self.0), request.into_inner());
        let served = async move {
            let serve = async |sender| serve(&api, caller, active, messages, sender).await;
            api.serve_stream(opener, outgoing, serve).await;
        };
        tokio::spawn(call::carried(served.in_current_span()));
        Ok(Response::new(answers))
    }
}

/// Work that was started goes on when its caller goes away, so whoever works holds these.
type Slot = Arc<(ActiveAgency, OwnedSemaphorePermit)>;
type Sender = MessageSender<v1::ReconcileRosterResponse>;

async fn serve(
    api: &Arc<Api>,
    caller: Caller,
    active: ActiveAgency,
    mut messages: Streaming<v1::ReconcileRosterRequest>,
    sender: Sender,
) -> Result<(), Status> {
    // A caller that sends nothing must not keep what was read for it in memory.
    let silence_max = Duration::from_millis(api.inbox.stall_ms);
    let too_slow = |_| status::overloaded(LimitOwner::Agency, silence_max);
    let first = timeout(silence_max, messages.message()).await.map_err(too_slow)??;
    let Some(v1::ReconcileRosterRequest { part: Some(Part::Start(start)) }) = first else {
        return Err(status::missing("start"));
    };
    let start = parse::roster_start(&start).map_err(|faults| status::violations(&faults))?;
    if !caller.takes_part_in(&start.jurisdiction) {
        return Err(status::not_found());
    }
    call::note_request(start.roster_id);
    let slot = Arc::new((active, api.slot(&api.concurrency.rosters).await?));
    let mut roster = OpenRoster::begin(Arc::clone(api), caller, slot, start).await?;
    let mut messages = messages.fuse();
    while let Some(first) = timeout(silence_max, messages.next()).await.map_err(too_slow)? {
        let mut people = Vec::new();
        let taken =
            arrived(first, &mut messages).into_iter().find_map(|message| roster.take(message, &mut people).transpose());
        // What came before a fault is answered before the stream ends with it.
        roster.answer(people, &sender).await?;
        if let Some(end) = taken.transpose()? {
            return roster.end(end, &sender).await;
        }
    }
    Err(status::missing("end"))
}

type Messages = Fuse<Streaming<v1::ReconcileRosterRequest>>;

/// A message, and what else has arrived by now, up to a limit in number and in bytes.
fn arrived(
    first: Result<v1::ReconcileRosterRequest, Status>,
    messages: &mut Messages,
) -> Vec<Result<v1::ReconcileRosterRequest, Status>> {
    let len = |message: &Result<v1::ReconcileRosterRequest, Status>| message.as_ref().map_or(0, Message::encoded_len);
    let (mut bytes, mut arrived) = (len(&first), vec![first]);
    while arrived.len() < CHUNK_LEN
        && bytes < CHUNK_BYTES
        && let Some(Some(message)) = messages.next().now_or_never()
    {
        bytes = bytes.saturating_add(len(&message));
        arrived.push(message);
    }
    arrived
}

/// A roster that is being read.
struct OpenRoster {
    api: Arc<Api>,
    caller: Caller,
    slot: Slot,
    start: RosterStart,
    holdings: Arc<Holdings>,
    read_at: Instant,
    /// Custodies whose people are in the roster.
    seen: BTreeSet<Uuid>,
    rows: u64,
    on_record: u64,
    new_people: u64,
    faults: u64,
}

impl OpenRoster {
    async fn begin(api: Arc<Api>, caller: Caller, slot: Slot, start: RosterStart) -> Result<Self, Status> {
        let read_at = Instant::now();
        let holdings = api.holdings(&caller, &start.jurisdiction, &slot).await?;
        let seen = BTreeSet::new();
        Ok(Self { api, caller, slot, start, holdings, read_at, seen, rows: 0, on_record: 0, new_people: 0, faults: 0 })
    }

    /// Takes a message. `Some`: the roster is complete.
    fn take(
        &mut self,
        message: Result<v1::ReconcileRosterRequest, Status>,
        people: &mut Vec<v1::RosterPerson>,
    ) -> Result<Option<v1::RosterEnd>, Status> {
        let rows_max = self.api.rosters.rows_max;
        match message?.part {
            Some(Part::Person(person)) => {
                if self.all_rows() >= u64::try_from(rows_max).unwrap_or(u64::MAX) {
                    return Err(status::roster_too_large());
                }
                self.rows = self.rows.saturating_add(1);
                people.push(person);
            }
            Some(Part::Seen(seen)) => {
                let seen = parse::roster_seen(seen, &self.start.jurisdiction);
                self.seen.extend(seen.map_err(|faults| status::violations(&faults))?);
                if self.seen.len() > rows_max {
                    return Err(status::roster_too_large());
                }
            }
            Some(Part::End(end)) => return Ok(Some(end)),
            Some(Part::Start(_)) => return Err(status::fault("start", "the first message, and only that")),
            None => return Err(status::missing("part")),
        }
        Ok(None)
    }

    /// Rows of the roster so far, those that earlier streams answered included.
    fn all_rows(&self) -> u64 {
        self.start.rows_answered.saturating_add(self.rows)
    }

    async fn answer(&mut self, people: Vec<v1::RosterPerson>, sender: &Sender) -> Result<(), Status> {
        if people.is_empty() {
            return Ok(());
        }
        for _ in &people {
            self.api.bulk.pace(&self.caller.agency.id).await;
        }
        self.refresh().await?;
        let (holdings, len_max) = (Arc::clone(&self.holdings), self.api.rosters.row_len_max);
        let compare = move || {
            let found = |person: v1::RosterPerson| (person.row, found(&holdings, person, len_max));
            people.into_iter().map(found).collect::<Vec<_>>()
        };
        let found = on_blocking_thread(compare).await.map_err(|_| status::internal("a roster was given up"))?;
        let (mut answers, mut disclosed, mut classes) = (Vec::new(), BTreeSet::new(), FieldClasses::NONE);
        for (row, found) in found {
            let answer = match found {
                Err(fault) => {
                    self.faults = self.faults.saturating_add(1);
                    Said::Fault(v1::RosterFault { row, error: Some(failure::message(&fault)) })
                }
                Ok(finding) => {
                    let counted = if finding.custodies.is_empty() { &mut self.new_people } else { &mut self.on_record };
                    *counted = counted.saturating_add(1);
                    disclosed.extend(self.disclosed_by(&finding));
                    let shown = show::roster_finding(row, &finding, &self.start.jurisdiction);
                    classes = classes.union(classes_of(&shown)?);
                    self.seen.extend(finding.custodies);
                    Said::Finding(shown)
                }
            };
            answers.push(answer);
        }
        self.disclose(&disclosed, classes).await?;
        for answer in answers {
            sender.send(v1::ReconcileRosterResponse { part: Some(answer) }).await?;
        }
        Ok(())
    }

    /// Says whose custody is open without the person being in the roster, and what the stream came to.
    async fn end(mut self, end: v1::RosterEnd, sender: &Sender) -> Result<(), Status> {
        if u64::try_from(end.rows).ok() != Some(self.all_rows()) {
            return Err(status::fault("end.rows", "as many as came: without all of them nobody is said to have left"));
        }
        self.refresh().await?;
        let names = |id: &Uuid| CaseName::custody(self.start.jurisdiction.clone(), *id);
        let departed: Vec<CaseName> = self.holdings.departed(&self.seen).iter().map(names).collect();
        for page in departed.chunks(NAMES_LEN) {
            let custodies = page.iter().map(ToString::to_string).collect();
            let shown = v1::RosterDeparted { custodies };
            self.disclose(&page.iter().cloned().collect(), classes_of(&shown)?).await?;
            sender.send(v1::ReconcileRosterResponse { part: Some(Said::Departed(shown)) }).await?;
        }
        let summary = v1::RosterSummary {
            roster_id: self.start.roster_id.to_string(),
            rows: show::wire_position(self.rows),
            on_record: show::wire_position(self.on_record),
            new_people: show::wire_position(self.new_people),
            faults: show::wire_position(self.faults),
            departed: i64::try_from(departed.len()).unwrap_or(i64::MAX),
        };
        sender.send(v1::ReconcileRosterResponse { part: Some(Said::Summary(summary)) }).await
    }

    /// Asks again whether the caller may call this, and reads again what is on record, if that was long ago.
    async fn refresh(&mut self) -> Result<(), Status> {
        self.api.gate_for(&self.caller, METHOD.word())?;
        if self.read_at.elapsed() > FRESH_FOR {
            self.read_at = Instant::now();
            self.holdings = self.api.holdings(&self.caller, &self.start.jurisdiction, &self.slot).await?;
        }
        Ok(())
    }

    fn disclosed_by(&self, finding: &RosterFinding) -> Vec<CaseName> {
        let jurisdiction = &self.start.jurisdiction;
        let custodies = finding.custodies.iter().map(|id| CaseName::custody(jurisdiction.clone(), *id));
        let detainers = finding.candidates.iter();
        let detainers = detainers.map(|candidate| CaseName::detainer(jurisdiction.clone(), candidate.detainer));
        custodies.chain(detainers).collect()
    }

    async fn disclose(&self, cases: &BTreeSet<CaseName>, classes: FieldClasses) -> Result<(), Status> {
        let resources = cases.iter().map(DisclosedResource::from).collect();
        self.api.disclose(&self.caller, METHOD, &self.start.jurisdiction, resources, classes).await
    }
}

/// What there is of a person, or why the row cannot be used.
fn found(holdings: &Holdings, person: v1::RosterPerson, len_max: usize) -> Result<RosterFinding, Status> {
    if person.encoded_len() > len_max {
        return Err(status::fault("person", &format!("at most {len_max} bytes long")));
    }
    let subject = parse::roster_person(person).map_err(|faults| status::violations(&faults))?;
    Ok(holdings.find(&subject))
}

impl Api {
    /// The open detainers that the caller may acknowledge, and its open custodies.
    async fn holdings(
        &self,
        caller: &Caller,
        jurisdiction: &JurisdictionId,
        slot: &Slot,
    ) -> Result<Arc<Holdings>, Status> {
        let (gate, whose, slot) = (self.gate(), caller.clone(), Arc::clone(slot));
        let (jurisdiction, rows_max) = (jurisdiction.clone(), self.rosters.rows_max);
        let read = self.read_for(caller, METHOD, move |reader, filter| {
            let _slot = slot;
            let mut holdings = Holdings::default();
            for kind in [CaseKind::Detainer, CaseKind::Custody] {
                let mut after = None;
                while let Some(page) = page(reader, &whose, &jurisdiction, kind, after)? {
                    after = page.last().map(|case| case.name().id);
                    for case in page {
                        add(&mut holdings, &gate, &whose, &filter.case(case)?);
                    }
                    if holdings.len() > rows_max {
                        return Ok(None);
                    }
                }
            }
            Ok(Some(holdings))
        });
        read.await?.map(Arc::new).ok_or_else(status::roster_too_large)
    }
}

/// The next cases that may be the caller's. `None`: there are no more.
fn page(
    reader: &dyn Reader,
    caller: &Caller,
    jurisdiction: &JurisdictionId,
    kind: CaseKind,
    after: Option<Uuid>,
) -> Result<Option<Vec<StoredCase>>, StoreError> {
    let CasesOf { agency, unassigned } = CasesOf::of(caller, jurisdiction);
    let (jurisdiction, terms) = (jurisdiction.clone(), Vec::new());
    let filter = CaseFilter { jurisdiction, kind, agency, unassigned, terms, after, limit: PAGE_LEN };
    let page = reader.cases(&filter)?;
    Ok(if page.is_empty() { None } else { Some(page) })
}

/// Adds a case that is the caller's as a custodian.
fn add(holdings: &mut Holdings, gate: &Gate, caller: &Caller, case: &StoredCase) {
    match case {
        StoredCase::Detainer(detainer) if gate.viewpoint(caller, detainer) == Some(Viewpoint::Custodian) => {
            holdings.add_detainer(detainer);
        }
        StoredCase::Custody(custody) if gate.may_see_custody(caller, custody) => holdings.add_custody(custody),
        StoredCase::Detainer(_) | StoredCase::Custody(_) | StoredCase::Appeal(_) | StoredCase::Expunged(_) => {}
    }
}
