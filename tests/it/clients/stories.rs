//! The four stories in Rust. Line by line those of docs/clients.

use std::fmt::Write as _;
use std::pin::Pin;
use std::time::Duration;

use comity::domain::agency::ActorKind;
use comity::wire::v1::{self, AnswerKind, ClaimOutcome, Finding, MovementKind, ReleaseRecipient};

use crate::clients::Exchange;
use crate::clients::requests::{
    HOUR_S, accept_move, acceptance, ada, amend, answer, asks, claim, correction, decline_move, found, handed_over,
    identity, intake, lodge, matched, movement, no_show, person, released, resolve, schedule, window,
};
use crate::clients::telling::{Inbox, Party, Told};

const NY: &str = "jurisdictions/us-ny";
const TX: &str = "jurisdictions/us-tx";
/// Long enough to be accepted in, short enough to be waited for.
const MISSED_WINDOW_S: i64 = 4;

/// Everybody, and what they tell.
struct Table<'a> {
    exchange: &'a Exchange,
    told: Told,
}

impl Table<'_> {
    async fn system(&self, agency: &str) -> Party {
        self.party(agency.to_owned(), agency, ActorKind::System).await
    }

    async fn officer(&self, agency: &str) -> Party {
        self.party(format!("{agency}-officer"), agency, ActorKind::Officer).await
    }

    async fn party(&self, name: String, agency: &str, actor: ActorKind) -> Party {
        Party { client: self.exchange.client(agency, actor).await, name, told: self.told.clone() }
    }
}

type Story<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

pub(super) async fn play(exchange: &Exchange) -> String {
    let table = Table { exchange, told: Told::default() };
    let stories: [(&str, Story<'_>); 4] = [
        ("A transfer with a missed window", Box::pin(missed_window(&table))),
        ("A citizenship claim in the middle of a hold", Box::pin(claim_in_hold(&table))),
        ("A move between facilities", Box::pin(moved(&table))),
        ("A corrected identity", Box::pin(corrected_identity(&table))),
    ];
    for (title, story) in stories {
        writeln!(table.told.lock().unwrap(), "== {title}").unwrap();
        story.await;
    }
    let told = table.told.lock().unwrap();
    told.clone()
}

/// New York: a prison may not hold without a judge's warrant; it may tell, and hand over.
async fn missed_window(table: &Table<'_>) {
    let (ice, prison) = (table.system("us-ice").await, table.system("us-ny-doccs").await);
    let inboxes = (ice.inbox(NY).await, prison.inbox(NY).await);
    let notify = |name: &str, etag: &str| answer(name, AnswerKind::NotifyOnly, "", etag);
    let (asking, answering) = (|| ice.client.detainers(), || prison.client.detainers());

    let mut nobody = lodge(NY, "us-ny-doccs");
    nobody.detainer = Some(asks("us-ny-doccs", v1::Subject::default()));
    ice.may_not("lodges a detainer for nobody", asking().lodge_detainer(nobody)).await;
    let request = lodge(NY, "us-ny-doccs");
    let lodged = ice.does("lodges a detainer", asking().lodge_detainer(request.clone())).await;
    let again = ice.does("sends it again, not sure that it arrived", asking().lodge_detainer(request)).await;
    assert_eq!(again, lodged);
    ice.tell("has", "the same receipt");
    let name = lodged.detainer.unwrap().name;

    let opened = prison.does("opens a custody", prison.client.custodies().open_custody(intake(NY, ada()))).await;
    let held_in = opened.custody.unwrap().name;
    let before = prison.reads(&name).await;
    prison.does("finds the person", answering().acknowledge_detainer(matched(&name, &held_in, None))).await;
    let hold = answer(&name, AnswerKind::HonorHold, "", "");
    prison.may_not("promises a hold", answering().answer_detainer(hold)).await;
    let late = notify(&name, &before.etag);
    prison.may_not("answers upon what it read before", answering().answer_detainer(late)).await;
    let now = prison.reads(&name).await;
    prison.does("promises notice", answering().answer_detainer(notify(&name, &now.etag))).await;
    prison.may_not("answers twice", answering().answer_detainer(notify(&name, ""))).await;
    prison.does("schedules a release", prison.client.custodies().schedule_release(schedule(&held_in))).await;
    pick_ups(&ice, &prison, &name).await;
    let to_ice = released(&held_in, ReleaseRecipient::RequestingAgency);
    prison.does("records the release", prison.client.custodies().record_release(to_ice)).await;
    read_all(&name, [(&ice, inboxes.0), (&prison, inboxes.1)]).await;
}

/// One that is missed, and one that is kept.
async fn pick_ups(ice: &Party, prison: &Party, name: &str) {
    let (taking, giving) = (|| ice.client.transfers(), || prison.client.transfers());
    let offered = prison.does("offers a window", giving().offer_window(window(name, MISSED_WINDOW_S))).await;
    let missed = offered.transfer.unwrap();
    let open = Duration::from_secs(MISSED_WINDOW_S.unsigned_abs());
    let closed = tokio::time::Instant::now() + open + Duration::from_millis(200);
    ice.does("accepts it", taking().accept_window(acceptance(&missed))).await;
    let early = no_show(&missed);
    prison.may_not("reports a no-show while the window is open", giving().report_failure(early)).await;
    tokio::time::sleep_until(closed).await;
    ice.may_not("reports its own no-show", taking().report_failure(no_show(&missed))).await;
    prison.does("reports a no-show when it has closed", giving().report_failure(no_show(&missed))).await;
    prison.may_not("hands the person over after all", giving().confirm_transfer(handed_over(&missed))).await;

    let offered = prison.does("offers another", giving().offer_window(window(name, HOUR_S))).await;
    let second = offered.transfer.unwrap();
    prison.may_not("offers a third beside it", giving().offer_window(window(name, HOUR_S))).await;
    ice.does("accepts it", taking().accept_window(acceptance(&second))).await;
    prison.does("hands the person over", giving().confirm_transfer(handed_over(&second))).await;
    prison.may_not("says so twice", giving().confirm_transfer(handed_over(&second))).await;
    ice.does("takes the person over", taking().confirm_transfer(handed_over(&second))).await;
}

/// Texas: holding is a duty, until there is proof of status. While a claim is open, nothing happens by itself.
async fn claim_in_hold(table: &Table<'_>) {
    let (ice, jail) = (table.system("us-ice").await, table.system("us-tx-harris-jail").await);
    let officer = table.officer("us-tx-harris-jail").await;
    let inboxes = (ice.inbox(TX).await, jail.inbox(TX).await);
    let (answering, deciding) = (|| jail.client.detainers(), || officer.client.detainers());
    let hold = |name: &str, reason| answer(name, AnswerKind::HonorHold, reason, "");
    let decline = |name: &str, reason| answer(name, AnswerKind::Decline, reason, "");

    let asked = lodge(TX, "us-tx-harris-jail");
    let lodged = ice.does("lodges a detainer", ice.client.detainers().lodge_detainer(asked)).await;
    let name = &lodged.detainer.unwrap().name;
    let opened = jail.does("opens a custody", jail.client.custodies().open_custody(intake(TX, ada()))).await;
    let held_in = opened.custody.unwrap().name;
    jail.does("finds the person", answering().acknowledge_detainer(matched(name, &held_in, None))).await;
    jail.may_not("declines without a reason", answering().answer_detainer(decline(name, ""))).await;
    jail.does("promises a hold", answering().answer_detainer(hold(name, ""))).await;

    let unconfirmed = || resolve(name, ClaimOutcome::NotConfirmed);
    let raised = claim(name, "says so at a cell check");
    jail.does("raises a citizenship claim", answering().raise_citizenship_claim(raised)).await;
    ice.reads(name).await;
    jail.does("schedules a release", jail.client.custodies().schedule_release(schedule(&held_in))).await;
    jail.may_not("resolves the claim", answering().resolve_citizenship_claim(unconfirmed())).await;
    jail.may_not("promises a hold anew", answering().answer_detainer(hold(name, ""))).await;
    officer.does("finds it not confirmed", deciding().resolve_citizenship_claim(unconfirmed())).await;
    jail.does("promises a hold anew", answering().answer_detainer(hold(name, ""))).await;
    ice.reads(name).await;

    let again = claim(name, "a birth certificate");
    jail.does("raises a second claim", answering().raise_citizenship_claim(again)).await;
    let confirmed = resolve(name, ClaimOutcome::Confirmed);
    officer.does("finds it confirmed", deciding().resolve_citizenship_claim(confirmed)).await;
    officer.may_not("promises a hold", deciding().answer_detainer(hold(name, "asked to"))).await;
    officer.does("declines", deciding().answer_detainer(decline(name, "proof of citizenship"))).await;
    let free = released(&held_in, ReleaseRecipient::Community);
    jail.does("records the release", jail.client.custodies().record_release(free)).await;
    read_all(name, [(&ice, inboxes.0), (&jail, inboxes.1)]).await;
}

/// New York: the requester is told where a prison holds the person, and not where a jail does.
async fn moved(table: &Table<'_>) {
    let (ice, prison) = (table.system("us-ice").await, table.system("us-ny-doccs").await);
    let (jail, officer) = (table.system("us-ny-erie-jail").await, table.officer("us-ny-erie-jail").await);
    let inboxes = (ice.inbox(NY).await, prison.inbox(NY).await, jail.inbox(NY).await);
    let notify = |name: &str, reason| answer(name, AnswerKind::NotifyOnly, reason, "");
    let keeping = || prison.client.custodies();

    let lodged = ice.does("lodges a detainer", ice.client.detainers().lodge_detainer(lodge(NY, "us-ny-doccs"))).await;
    let name = &lodged.detainer.unwrap().name;
    let opened = prison.does("opens a custody", keeping().open_custody(intake(NY, ada()))).await;
    let held_in = &opened.custody.unwrap().name;
    let answering = || prison.client.detainers();
    prison.does("finds the person", answering().acknowledge_detainer(matched(name, held_in, None))).await;
    prison.does("promises notice", answering().answer_detainer(notify(name, ""))).await;

    let north = || movement(held_in, MovementKind::Facility, "NORTH", "");
    let hospital = || movement(held_in, MovementKind::Hospital, "", "");
    prison.does("moves them to another facility", keeping().move_custody(north())).await;
    prison.does("moves them to hospital", keeping().move_custody(hospital())).await;
    prison.does("moves them back", keeping().move_custody(north())).await;
    ice.reads(name).await;
    let abroad = movement(held_in, MovementKind::Agency, "EAST", "agencies/us-tx-harris-jail");
    prison.may_not("offers them to another jurisdiction's jail", keeping().move_custody(abroad)).await;
    let over = || movement(held_in, MovementKind::Agency, "WEST", "agencies/us-ny-erie-jail");
    let taking = || jail.client.custodies();
    prison.does("offers them to a county jail", keeping().move_custody(over())).await;
    jail.does("has no room", taking().decline_move(decline_move(held_in))).await;
    jail.may_not("takes them all the same", taking().accept_move(accept_move(held_in, "WEST"))).await;
    prison.does("offers them again", keeping().move_custody(over())).await;
    jail.looks(held_in).await;
    ice.reads(name).await;
    jail.does("takes them over", taking().accept_move(accept_move(held_in, "WEST"))).await;

    prison.looks(held_in).await;
    let gone = v1::GetDetainerRequest { name: name.clone() };
    prison.may_not("looks at the detainer", answering().get_detainer(gone)).await;
    prison.may_not("answers it", answering().answer_detainer(notify(name, ""))).await;
    jail.reads(name).await;
    ice.reads(name).await;
    let unasked = notify(name, "");
    jail.may_not("promises notice by itself", jail.client.detainers().answer_detainer(unasked)).await;
    let decided = notify(name, "an exception of the act applies");
    officer.does("promises notice", officer.client.detainers().answer_detainer(decided)).await;
    jail.does("moves them to hospital", jail.client.custodies().move_custody(hospital())).await;
    jail.does("schedules a release", jail.client.custodies().schedule_release(schedule(held_in))).await;
    read_all(name, [(&ice, inboxes.0), (&jail, inboxes.2)]).await;
    let mut own = inboxes.1;
    prison.opens(&mut own).await;
}

/// Texas: matched to the wrong person, told so, corrected, and found at last.
async fn corrected_identity(table: &Table<'_>) {
    let (ice, jail) = (table.system("us-ice").await, table.system("us-tx-bexar-jail").await);
    let inboxes = (ice.inbox(TX).await, jail.inbox(TX).await);
    let (asking, finding) = (|| ice.client.detainers(), || jail.client.detainers());
    let keeping = || jail.client.custodies();

    let lodged = ice.does("lodges a detainer", asking().lodge_detainer(lodge(TX, "us-tx-bexar-jail"))).await;
    let name = &lodged.detainer.unwrap().name;
    let other = intake(TX, person("Adam", "1980-03-02"));
    let wrong = jail.does("opens a custody", keeping().open_custody(other)).await.custody.unwrap().name;
    let undated = intake(TX, person("Ada", ""));
    let right = jail.does("opens another", keeping().open_custody(undated)).await.custody.unwrap().name;
    jail.does("finds the wrong person", finding().acknowledge_detainer(matched(name, &wrong, None))).await;
    let stale = ice.reads(name).await;
    let differ = || Some(correction("fingerprints differ"));
    let instead = matched(name, &right, None);
    jail.may_not("finds the right one instead", finding().acknowledge_detainer(instead)).await;
    let at_once = matched(name, &right, differ());
    jail.may_not("corrects it in one step", finding().acknowledge_detainer(at_once)).await;
    let mismatch = found(name, Finding::IdentityMismatch, differ());
    jail.does("corrects its finding", finding().acknowledge_detainer(mismatch)).await;
    ice.reads(name).await;

    let better = asks("us-tx-bexar-jail", person("Ada", "1980-02-04"));
    let late = amend(name, better.clone(), &stale.etag);
    ice.may_not("amends what it read before", asking().amend_detainer(late)).await;
    let now = ice.reads(name).await;
    ice.does("amends its detainer", asking().amend_detainer(amend(name, better, &now.etag))).await;
    jail.does("finds the right person", finding().acknowledge_detainer(matched(name, &right, None))).await;
    let hold = answer(name, AnswerKind::HonorHold, "", "");
    jail.does("promises a hold", finding().answer_detainer(hold)).await;
    let identified = identity(&right, person("Ada", "1980-02-04"), "birth date was missing");
    jail.does("corrects who is held", keeping().correct_identity(identified)).await;
    read_all(name, [(&ice, inboxes.0), (&jail, inboxes.1)]).await;
}

/// Each side reads where the detainer stands for it, and what came for it.
async fn read_all(name: &str, parties: [(&Party, Inbox); 2]) {
    for (party, mut inbox) in parties {
        party.reads(name).await;
        party.opens(&mut inbox).await;
    }
}
