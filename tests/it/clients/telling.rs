//! An agency whose doings are told, a line each, in words that are the same in every language.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::{Arc, Mutex};

use comity::client::Client;
use comity::ledger::{Hash, opens};
use comity::wire::v1::receive_response::Item;
use comity::wire::{Message as _, entry, v1};
use futures_util::future::LocalBoxFuture;
use tonic::{Response, Status};
use tonic_types::StatusExt as _;

use crate::clients::requests;

/// Everything told so far, by everybody.
pub(super) type Told = Arc<Mutex<String>>;

pub(super) struct Party {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) told: Told,
}

/// How far an inbox was read.
pub(super) struct Inbox {
    parent: String,
    cursor: String,
}

impl Party {
    pub(super) fn tell(&self, what: &str, outcome: &str) {
        writeln!(self.told.lock().unwrap(), "{} {what}: {outcome}", self.name).unwrap();
    }

    /// Something that is accepted, and proven by a receipt.
    pub(super) fn does<'a, A: Written>(
        &'a self,
        what: &'a str,
        call: impl Future<Output = Result<Response<A>, Status>> + 'a,
    ) -> LocalBoxFuture<'a, A> {
        Box::pin(async move {
            let answer = call.await.unwrap_or_else(|status| panic!("{} {what}: {status:?}", self.name)).into_inner();
            self.tell(what, &format!("{}, {}", answer.state(), told_of(answer.receipt())));
            answer
        })
    }

    /// Something that is refused.
    pub(super) fn may_not<'a, A>(
        &'a self,
        what: &'a str,
        call: impl Future<Output = Result<Response<A>, Status>> + 'a,
    ) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            let Err(status) = call.await else { panic!("{} {what}: was not refused", self.name) };
            let info = status.get_details_error_info().unwrap();
            let code = snake(&format!("{:?}", status.code())).to_uppercase();
            let grounds = ["action", "ruling"].into_iter().filter_map(|key| info.metadata.get(key)).cloned();
            let faults = status.get_details_bad_request().map(|faults| faults.field_violations).unwrap_or_default();
            let fields = faults.into_iter().map(|fault| fault.field);
            let words = ["refused,".to_owned(), code, info.reason.clone()].into_iter();
            self.tell(what, &words.chain(grounds).chain(fields).collect::<Vec<_>>().join(" "));
        })
    }

    pub(super) async fn reads(&self, name: &str) -> v1::Detainer {
        let request = v1::GetDetainerRequest { name: name.to_owned() };
        let answer = self.client.detainers().get_detainer(request).await.unwrap().into_inner();
        let detainer = answer.detainer.unwrap();
        self.tell("reads the detainer", &seen(&detainer));
        detainer
    }

    /// What the caller is shown of a custody.
    pub(super) async fn looks(&self, name: &str) {
        let request = v1::GetCustodyRequest { name: name.to_owned() };
        let answer = self.client.custodies().get_custody(request).await.unwrap().into_inner();
        self.tell("looks at the custody", &held(&answer.custody.unwrap()));
    }

    /// An inbox with nothing of earlier days in it.
    pub(super) async fn inbox(&self, parent: &str) -> Inbox {
        let mut inbox = Inbox { parent: parent.to_owned(), cursor: String::new() };
        self.waiting(&mut inbox, usize::MAX).await;
        self.confirm(&inbox).await;
        inbox
    }

    /// Tells what came, in two sittings: the second goes on where the first stopped.
    pub(super) async fn opens(&self, inbox: &mut Inbox) {
        for sitting in [1, usize::MAX] {
            for entry in self.waiting(inbox, sitting).await {
                self.tell_of(&entry);
            }
        }
        let receipt = self.confirm(inbox).await;
        self.tell("confirms its inbox", &told_of(receipt.as_ref()));
    }

    /// At most so many entries from the cursor on, up to a heartbeat.
    async fn waiting(&self, inbox: &mut Inbox, most: usize) -> Vec<v1::Entry> {
        let request =
            v1::ReceiveRequest { parent: inbox.parent.clone(), cursor: inbox.cursor.clone(), ..Default::default() };
        let mut stream = self.client.inbox().receive(request).await.unwrap().into_inner();
        let mut entries = Vec::new();
        while entries.len() < most {
            match stream.message().await.unwrap().unwrap().item.unwrap() {
                Item::Delivery(delivery) => {
                    entries.extend(delivery.entry);
                    inbox.cursor = delivery.cursor;
                }
                Item::Heartbeat(heartbeat) => {
                    inbox.cursor = heartbeat.cursor;
                    break;
                }
            }
        }
        entries
    }

    async fn confirm(&self, inbox: &Inbox) -> Option<v1::Receipt> {
        let request = v1::AcknowledgeRequest {
            parent: inbox.parent.clone(),
            cursor: inbox.cursor.clone(),
            request_id: requests::request_id(),
            ..Default::default()
        };
        self.client.inbox().acknowledge(request).await.unwrap().into_inner().receipt
    }

    fn tell_of(&self, entry: &v1::Entry) {
        let leaf = v1::Leaf::decode(entry.leaf.as_slice()).unwrap();
        for opening in &entry.openings {
            let committed = leaf.commitments.iter().find(|one| one.field_class == opening.field_class).unwrap();
            let hash = Hash::try_from(committed.hash.as_slice()).unwrap();
            let salt = opening.salt.as_slice().try_into().unwrap();
            assert!(opens(hash, salt, &opening.content), "{}: what is shown is not what was recorded", entry.name);
        }
        // When a clock of the gateway's fires is for the clock to say: it is read, and is no part of the story.
        if leaf.agency == "agencies/comity" {
            return;
        }
        // Of what was told before, nothing may be left to show.
        let event = entry::merge(entry).unwrap().event;
        let debugged = event.map(|event| format!("{event:?}")).unwrap_or_default();
        let kind = debugged.split_once('(').map_or("nothing".to_owned(), |(kind, _)| snake(kind));
        let corrects = if debugged.contains("corrects: true") { ", corrects" } else { "" };
        let shown = classes(entry.openings.iter().map(|opening| opening.field_class));
        let withheld = classes(entry.withheld.iter().copied());
        self.tell("is told", &format!("{kind}{corrects}, shown {shown}, withheld {withheld}"));
    }
}

/// An answer to a write.
pub(super) trait Written {
    fn state(&self) -> String;
    fn receipt(&self) -> Option<&v1::Receipt>;
}

macro_rules! written {
    ($($resource:ident: $($answer:ident)+;)+) => {
        $($(impl Written for v1::$answer {
            fn state(&self) -> String {
                word(self.$resource.as_ref().unwrap().state().as_str_name()).to_owned()
            }

            fn receipt(&self) -> Option<&v1::Receipt> {
                self.receipt.as_ref()
            }
        })+)+
    };
}

written! {
    detainer: LodgeDetainerResponse AcknowledgeDetainerResponse AnswerDetainerResponse AmendDetainerResponse
        RaiseCitizenshipClaimResponse ResolveCitizenshipClaimResponse;
    custody: OpenCustodyResponse ScheduleReleaseResponse RecordReleaseResponse MoveCustodyResponse
        CorrectIdentityResponse AcceptMoveResponse WithdrawMoveResponse;
    move_offer: DeclineMoveResponse;
    transfer: OfferWindowResponse AcceptWindowResponse ConfirmTransferResponse ReportFailureResponse;
}

/// `LODGED` of `DETAINER_STATE_LODGED`.
fn word(name: &str) -> &str {
    const KINDS: [&str; 10] = [
        "INTERVIEW_OUTCOME_",
        "DETAINER_STATE_",
        "CUSTODY_STATE_",
        "TRANSFER_STATE_",
        "MOVE_OFFER_STATE_",
        "FINDING_",
        "ANSWER_KIND_",
        "DECLINE_GROUND_",
        "TRANSFER_FAILURE_CAUSE_",
        "FIELD_CLASS_",
    ];
    KINDS.iter().find_map(|kind| name.strip_prefix(kind)).unwrap()
}

fn told_of(receipt: Option<&v1::Receipt>) -> String {
    let whole =
        |receipt: &&v1::Receipt| !receipt.leaf.is_empty() && receipt.proof.starts_with("c2sp.org/tlog-proof@v1\n");
    let log = receipt.filter(whole).and_then(|receipt| receipt.log.rsplit('/').next());
    log.map_or("no receipt".to_owned(), |log| format!("receipt of the {log} log"))
}

fn held(custody: &v1::Custody) -> String {
    let mut held = format!("{}, of {}", word(custody.state().as_str_name()), custody.custodian);
    if let Some(offer) = &custody.move_offer {
        let (state, detainers, notices) = (word(offer.state().as_str_name()), offer.detainers_len, offer.notices_len);
        write!(held, ", offer {state}, {detainers} detainers, {notices} notices promised").unwrap();
    }
    held
}

fn seen(detainer: &v1::Detainer) -> String {
    let mut seen = format!("{}, version {}", word(detainer.state().as_str_name()), detainer.version);
    if let Some(acknowledgement) = &detainer.acknowledgement {
        write!(seen, ", found {}", word(acknowledgement.finding().as_str_name())).unwrap();
    }
    if let Some(answer) = &detainer.answer {
        write!(seen, ", answered {}", word(answer.kind().as_str_name())).unwrap();
        if answer.kind() == v1::AnswerKind::Decline {
            write!(seen, " on {}", word(answer.ground().as_str_name())).unwrap();
        }
    }
    if let Some(interview) = &detainer.interview {
        let said = match &interview.answer {
            _ if interview.withdrawn => "WITHDRAWN",
            None => "ASKED",
            Some(answer) if answer.declined => "DECLINED",
            Some(answer) => word(answer.outcome().as_str_name()),
        };
        write!(seen, ", interview {said}").unwrap();
    }
    for transfer in &detainer.transfers {
        write!(seen, ", transfer {}", word(transfer.state().as_str_name())).unwrap();
        if transfer.state() == v1::TransferState::Failed {
            write!(seen, " by {}", word(transfer.failure_cause().as_str_name())).unwrap();
        }
    }
    seen
}

fn classes(values: impl Iterator<Item = i32>) -> String {
    let names: Vec<&str> = values.map(|value| word(v1::FieldClass::try_from(value).unwrap().as_str_name())).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(" ") }
}

/// `detainer_lodged` of `DetainerLodged`.
fn snake(camel: &str) -> String {
    let mut snake = String::new();
    for letter in camel.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
