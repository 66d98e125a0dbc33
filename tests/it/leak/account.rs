//! The test's own account of who may be shown what: by the rules as they were drawn, and what was said, to whom, of whom.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use comity::domain::agency::AgencyClass;
use comity::domain::case::StoredCase;
use comity::domain::charge::Charge;
use comity::domain::command::CaseCommand;
use comity::domain::custody::Custody;
use comity::domain::detainer::{Addressee, Detainer};
use comity::domain::determination::{FieldClass, FieldClasses};
use comity::domain::facts::Stage;
use comity::domain::ids::{AgencyId, CaseKind, CaseName};
use comity::domain::partial_date::PartialDate;
use comity::domain::review::ReviewMatter;
use comity::domain::subject::{Flags, Subject};
use comity::domain::zone::Zones;
use jiff::civil::Date;
use jiff::{Span, Timestamp};

use crate::leak::history::{Cases, Message};
use crate::leak::mint::Value;
use crate::leak::pack::{Act, CHANGES_AT, Known, Pack, Said, Says};
use crate::properties::steps::nickname;
use crate::sample;

/// Whose a value is.
#[derive(Debug, Clone)]
pub(super) enum Of {
    /// A requester wrote it: it may read it back, and no other may.
    Requester(&'static str),
    /// A custodian wrote it, of a detainer or of a custody.
    Custodian { detainer: Option<CaseName>, custody: Option<CaseName>, committed: BTreeSet<CaseName> },
    /// What the law was found to say.
    Law,
    /// A citation: shown where the request alone leads to it.
    Citation,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) value: Value,
    pub(super) of: Of,
    /// In which message, counted from 0.
    pub(super) message: usize,
    /// Said of a pick-up.
    of_pick_up: bool,
}

impl Token {
    /// Whether it tells of a pick-up, as the medical note does that is copied to it and shown nowhere else.
    fn of_pick_up(&self) -> bool {
        self.of_pick_up || self.value.class == FieldClass::Medical
    }
}

/// What is known of an entry: who caused it, of which custody, and what the law let each requester be shown just then.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) by_requester: bool,
    pub(super) custody: Option<CaseName>,
    pub(super) committed: BTreeMap<CaseName, FieldClasses>,
    pub(super) of_pick_up: bool,
}

/// Everything said so far.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) pack: Arc<Pack>,
    pub(super) tokens: Vec<Token>,
    by_start: HashMap<[u8; 3], Vec<usize>>,
    pub(super) messages: Vec<&'static str>,
    /// What the law says of a request alone is recorded with it, and its sender may read it back.
    of_requests: BTreeSet<(&'static str, Vec<u8>)>,
}

impl Account {
    pub(super) fn new(pack: Arc<Pack>) -> Self {
        let (tokens, messages, of_requests) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut account = Self { pack, tokens, by_start: HashMap::new(), messages, of_requests };
        let pack = Arc::clone(&account.pack);
        let word = |text: &str| Value { bytes: text.as_bytes().to_vec(), class: FieldClass::Determination };
        pack.ids().for_each(|id| account.keep(word(id), Of::Law, 0, false));
        pack.cites().for_each(|cite| account.keep(word(cite), Of::Citation, 0, false));
        account
    }

    fn keep(&mut self, value: Value, of: Of, message: usize, of_pick_up: bool) {
        let start = [value.bytes[0], value.bytes[1], value.bytes[2]];
        self.by_start.entry(start).or_default().push(self.tokens.len());
        self.tokens.push(Token { value, of, message, of_pick_up });
    }

    /// The tokens that stand in these bytes.
    pub(super) fn found_in(&self, bytes: &[u8]) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        for (at, start) in bytes.windows(3).enumerate() {
            let Some(candidates) = self.by_start.get(start) else { continue };
            found.extend(candidates.iter().filter(|token| bytes[at..].starts_with(&self.tokens[**token].value.bytes)));
        }
        found
    }

    /// Takes a message that was recorded.
    pub(super) fn note(&mut self, said: &mut Message, before: &Cases, after: &Cases, now: Timestamp) -> Origin {
        let number = self.messages.len();
        self.messages.push(said.caller);
        let (detainer, custody) = about(said, before, after);
        let of = |said: &Message| {
            if said.by_requester() {
                Of::Requester(said.caller)
            } else {
                let (detainer, custody) = (detainer.clone(), custody.clone());
                Of::Custodian { detainer, custody, committed: BTreeSet::new() }
            }
        };
        if let CaseCommand::OpenCustody(_) = said.command {
            let name = custody.as_ref().unwrap().to_string().into_bytes();
            said.values.push(Value { bytes: name, class: FieldClass::Custody });
        }
        let of = of(said);
        let of_pick_up = is_of_pick_up(&said.command);
        for value in std::mem::take(&mut said.values) {
            self.keep(value, of.clone(), number, of_pick_up);
        }
        if said.stage == Some(Stage::Lodge) {
            self.note_request(said.caller, before, after, now);
        }
        let class = class_of(&sample::officer(said.caller).agency.id);
        let mut committed = BTreeMap::new();
        for of in after.values().filter_map(StoredCase::detainer) {
            let named = detainer.as_ref() == Some(&of.name);
            let stands = custody.is_some() && linked(of) == custody.as_ref();
            if !said.by_requester() && (named || stands) {
                let held = custody.as_ref().and_then(|name| after.get(name)?.custody());
                let known = said.stage.map(|stage| known(of, held, stage, class, now));
                committed.insert(of.name.clone(), self.commit(of, custody.as_ref(), known.as_ref(), said, number));
            }
        }
        Origin { by_requester: said.by_requester(), custody, committed, of_pick_up }
    }

    fn note_request(&mut self, requester: &'static str, before: &Cases, after: &Cases, now: Timestamp) {
        let asked = after.iter().filter(|(name, case)| before.get(*name) != Some(*case));
        for of in asked.filter_map(|(_, case)| case.detainer()) {
            let known = known(of, None, Stage::Lodge, class_of_addressee(of), now);
            let said = [Act::Hold, Act::Notify].into_iter().flat_map(|act| self.pack.words(act, &known));
            self.of_requests.extend(said.map(|word| (requester, word.into_bytes())));
        }
    }

    /// Notes what the law lets a requester be shown just now; that something no longer stands is always counted.
    fn commit(
        &mut self,
        of: &Detainer,
        custody: Option<&CaseName>,
        known: Option<&Known>,
        said: &Message,
        number: usize,
    ) -> FieldClasses {
        let may_show = |class| known.is_some_and(|known| self.may_show(class, of, known));
        let mut shown: FieldClasses = FieldClass::ALL.iter().copied().filter(|class| may_show(*class)).collect();
        // Both sides know of a pick-up; delivery asks whether it may still be shown.
        let offered = matches!(said.command, CaseCommand::OfferWindow { .. });
        let of_pick_up = is_of_pick_up(&said.command);
        for token in &mut self.tokens {
            let Of::Custodian { detainer, custody: held, committed } = &mut token.of else { continue };
            let concerns = detainer.as_ref() == Some(&of.name) || (detainer.is_none() && held.as_ref() == custody);
            let class = token.value.class;
            // The medical note is copied from the custody.
            let agreed = (of_pick_up && token.message == number && class == FieldClass::Custody)
                || (offered && class == FieldClass::Medical);
            if concerns && (agreed || shown.contains(token.value.class)) {
                committed.insert(of.name.clone());
            }
        }
        if of_pick_up {
            shown = shown.union([FieldClass::Custody, FieldClass::Medical].into_iter().collect());
        }
        shown.union([FieldClass::Count].into_iter().collect())
    }

    /// Whether the law lets a class be shown, or an officer has decided the very question that it leaves to a person. What
    /// tells of a release is shown only where the requester may be notified of it.
    pub(super) fn may_show(&self, class: FieldClass, of: &Detainer, known: &Known) -> bool {
        if OF_A_RELEASE.contains(&class) && !self.may_do(Act::Notify, ReviewMatter::Notify, of, known) {
            return false;
        }
        match self.pack.says(Act::Disclose(class), known) {
            Says::Yes => true,
            Says::No(_) => false,
            Says::Review(..) => {
                let of_the_release = [FieldClass::Custody, FieldClass::ReleaseDate, FieldClass::ReleaseDetail];
                of_the_release.contains(&class)
                    && matches!(self.pack.says(Act::Notify, known), Says::Review(ids, _)
                        if of.permits(ReviewMatter::Notify, &ids))
            }
        }
    }

    /// Whether the law lets something be done, or an officer has permitted it on the very grounds that it asks for one.
    fn may_do(&self, act: Act, matter: ReviewMatter, of: &Detainer, known: &Known) -> bool {
        match self.pack.says(act, known) {
            Says::Yes => true,
            Says::No(_) => false,
            Says::Review(ids, _) => of.permits(matter, &ids),
        }
    }

    /// Whether the requester that lodged a detainer may be shown a pick-up now: when and where the person is handed over.
    pub(super) fn may_show_pick_up_now(
        &self,
        of: &Detainer,
        custody: Option<&CaseName>,
        cases: &Cases,
        now: Timestamp,
    ) -> bool {
        let known = known_now(of, custody, cases, now);
        self.may_do(Act::Transfer, ReviewMatter::Transfer, of, &known)
    }

    /// Whether the requester that lodged a detainer may be shown a class of what its custodian said of a custody, now.
    pub(super) fn may_show_now(
        &self,
        class: FieldClass,
        of: &Detainer,
        custody: Option<&CaseName>,
        cases: &Cases,
        now: Timestamp,
    ) -> bool {
        // What was said while it stood on no custody is judged of the one that it was matched to next.
        let of_any = [custody, custody.or(linked(of))];
        of_any.into_iter().any(|custody| self.may_show(class, of, &known_now(of, custody, cases, now)))
    }

    /// Whether a requester may be shown a token.
    pub(super) fn may_have(&self, token: &Token, requester: &str, cases: &Cases, now: Timestamp) -> bool {
        let mut own = cases.values().filter_map(StoredCase::detainer).filter(|of| nickname(&of.issuer) == requester);
        match &token.of {
            Of::Requester(author) => *author == requester,
            Of::Law => self.told_with_request(token, requester),
            Of::Citation => {
                self.told_with_request(token, requester) || own.any(|of| self.leads_to(of, &token.value.bytes, now))
            }
            Of::Custodian { custody, committed, .. } => own.any(|of| {
                committed.contains(&of.name)
                    && self.may_show_now(token.value.class, of, custody.as_ref(), cases, now)
                    && (!token.of_pick_up() || self.may_show_pick_up_now(of, custody.as_ref(), cases, now))
            }),
        }
    }

    fn told_with_request(&self, token: &Token, requester: &str) -> bool {
        self.of_requests.iter().any(|(of, word)| *of == requester && *word == token.value.bytes)
    }

    /// Whether a request alone leads to a citation by which something is withheld.
    pub(super) fn leads_to(&self, of: &Detainer, cite: &[u8], now: Timestamp) -> bool {
        let mut cites = FieldClass::ALL.iter().flat_map(|class| self.withholds(of, *class, now).unwrap_or_default());
        cites.any(|known| known.as_bytes() == cite)
    }

    /// The citations by which a request alone leads to a class being withheld, but for those of the safeguards, which are
    /// written out in another place. `None`: it leads to the class being shown.
    pub(super) fn withholds(&self, of: &Detainer, class: FieldClass, now: Timestamp) -> Option<BTreeSet<String>> {
        let known = known(of, None, Stage::Deliver, class_of_addressee(of), now);
        let asked = [Act::Disclose(class), Act::Notify];
        let asked = if OF_A_RELEASE.contains(&class) { &asked[..] } else { &asked[..1] };
        let withholding = asked.iter().filter_map(|act| match self.pack.says(*act, &known) {
            Says::Yes => None,
            Says::Review(_, cites) | Says::No(cites) => Some(cites),
        });
        let withholding: Vec<_> = withholding.collect();
        let cites = withholding.iter().flatten().filter(|cite| cite.starts_with("Act")).cloned().collect();
        (!withholding.is_empty()).then_some(cites)
    }
}

/// What tells of a release.
const OF_A_RELEASE: [FieldClass; 3] = [FieldClass::ReleaseDate, FieldClass::ReleasePlace, FieldClass::ReleaseDetail];

/// What the law turns on when something is about to be shown.
fn known_now(of: &Detainer, custody: Option<&CaseName>, cases: &Cases, now: Timestamp) -> Known {
    let holder = of.custodian.clone().or(match &of.request.addressee {
        Addressee::Agency(agency) => Some(agency.clone()),
        Addressee::Jurisdiction => None,
    });
    let class_of_holder = holder.as_ref().and_then(class_of);
    let custody = custody.and_then(|name| cases.get(name)?.custody());
    known(of, custody, Stage::Deliver, class_of_holder, now)
}

fn is_of_pick_up(command: &CaseCommand) -> bool {
    matches!(command, CaseCommand::OfferWindow { .. }) || command.transfer().is_some()
}

/// The detainer and the custody that a message is about.
fn about(said: &Message, before: &Cases, after: &Cases) -> (Option<CaseName>, Option<CaseName>) {
    let target = said.command.target();
    let of_kind = |kind| target.filter(|name| name.kind == kind).cloned();
    let opened = || after.keys().find(|name| name.kind == CaseKind::Custody && !before.contains_key(*name)).cloned();
    let detainer = of_kind(CaseKind::Detainer);
    let custody = match (&detainer, &said.command) {
        (_, CaseCommand::OpenCustody(_)) => opened(),
        (Some(name), _) => after.get(name).and_then(StoredCase::detainer).and_then(linked).cloned(),
        (None, _) => of_kind(CaseKind::Custody),
    };
    (detainer, custody)
}

pub(super) fn linked(of: &Detainer) -> Option<&CaseName> {
    of.acknowledgement.as_ref()?.custody.as_ref()
}

pub(super) fn class_of(agency: &AgencyId) -> Option<AgencyClass> {
    sample::officer(nickname(agency)).agency.class
}

fn class_of_addressee(of: &Detainer) -> Option<AgencyClass> {
    match &of.request.addressee {
        Addressee::Agency(agency) => class_of(agency),
        Addressee::Jurisdiction => None,
    }
}

pub(super) fn known(
    of: &Detainer,
    custody: Option<&Custody>,
    stage: Stage,
    class: Option<AgencyClass>,
    now: Timestamp,
) -> Known {
    let today = Zones::default().date_in(&of.name.jurisdiction, now);
    let released = custody.and_then(|custody| custody.released.as_ref().map(|release| release.date_public));
    let expected = custody.and_then(|custody| custody.scheduled.as_ref().map(|release| release.date_public));
    let intake = custody.map(|custody| &custody.intake);
    let mut claimed = said(of.request.flags, &of.request.charges, &of.request.subject, today);
    // What others said of the person under detainers on the same custody counts as a claim, too.
    if let Some(heard) = custody.map(|custody| custody.reported_claims.safeguards_on(today)) {
        claimed.claim |= heard.of_a_citizen() && !claimed.citizen;
        claimed.lawful |= heard.lawful;
        claimed.juvenile |= heard.juvenile;
        claimed.sealed |= heard.sealed;
        claimed.protected |= heard.protected;
    }
    Known {
        stage,
        class,
        record: intake.map_or_else(Said::default, |held| said(held.flags, &held.charges, &held.subject, today)),
        claimed: Said { listed: of.request.terrorist_list_match || claimed.listed, ..claimed },
        date_public: released.or(expected).unwrap_or(false),
        disputed: custody.is_some_and(|custody| of.match_disputed(custody)),
        asks_for_hold: of.request.form.asks_for_hold(),
        late: now >= CHANGES_AT.parse::<Timestamp>().unwrap(),
    }
}

/// What one side says of a person: a minor by flag or by birth, a citizen by flag or by the proof of before.
fn said(flags: Flags, charges: &[Charge], subject: &Subject, today: Date) -> Said {
    let grown_up = |born: PartialDate| born.latest().saturating_add(Span::new().years(18)) <= today;
    Said {
        claim: flags.citizenship_claim,
        citizen: flags.citizen || flags.proof_of_status,
        lawful: flags.lawful_status,
        juvenile: flags.juvenile || !subject.birth_date.is_none_or(grown_up),
        sealed: flags.sealed || charges.iter().any(Charge::sealed),
        protected: flags.victim_witness || flags.protected_program,
        listed: flags.terrorist_list_match,
    }
}
