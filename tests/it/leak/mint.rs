//! Messages with a token of its own in every field that can carry one.
//!
//! The class of each is written down here by hand: a field whose class in the contract is another is found out.

use std::collections::BTreeSet;
use std::ops::Range;

use comity::domain::charge::{Charge, ChargeStatus};
use comity::domain::claim::Claim;
use comity::domain::command::CaseCommand;
use comity::domain::correction::Correction;
use comity::domain::custody::{
    ActualRelease, Closing, Intake, MoveAcceptance, MoveProposal, MovementKind, Place, ReleaseEligibility,
    ScheduledRelease,
};
use comity::domain::detainer::{
    Acknowledgement, Addressee, Answer, AnswerKind, Finding, IssuingAuthority, Request, Warrant, WarrantKind,
};
use comity::domain::determination::FieldClass::{
    self, Address, Answer as Answered, Charges, Citizenship, Contact, Custody, Identifiers, Identity, Medical,
    ReleaseDate, ReleaseDetail, ReleasePlace, Request as Requested, Restricted, Safeguard,
};
use comity::domain::ids::{CaseName, LanguageTag};
use comity::domain::interview::{AdvisalMethod, InterviewAdvisal, InterviewAnswer, InterviewOutcome, InterviewRequest};
use comity::domain::service::ServiceOfCopy;
use comity::domain::subject::{Flags, Identifiers as Numbers, PersonName, Subject};
use comity::domain::transfer::TransferWindow;
use comity::domain::vocabulary::Vocabulary;
use comity::wire::Message as _;
use fastrand::Rng;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::sample;

/// A value that is looked for, as it stands in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Value {
    pub(super) bytes: Vec<u8>,
    pub(super) class: FieldClass,
}

/// Classes that custodians send something of.
pub(super) const SENT_BY_CUSTODIANS: [FieldClass; 13] = [
    Address,
    Medical,
    ReleasePlace,
    Identity,
    Identifiers,
    Citizenship,
    Charges,
    Custody,
    Answered,
    ReleaseDate,
    ReleaseDetail,
    Safeguard,
    Restricted,
];

/// Of them, what no law lets a requester be shown.
pub(super) const NEVER_SHOWN: [FieldClass; 2] = [Restricted, Safeguard];

/// Makes messages, and keeps what it put into the last.
#[derive(Debug)]
pub(super) struct Mint {
    pub(super) rng: Rng,
    minted: Vec<Value>,
    used: BTreeSet<String>,
    /// When the last thing happened of those that messages speak of.
    happened: Timestamp,
}

impl Mint {
    pub(super) fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), minted: Vec::new(), used: BTreeSet::new(), happened: Timestamp::MIN }
    }

    /// What was put into messages since it was last asked.
    pub(super) fn take(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.minted)
    }

    pub(super) fn word<V: Vocabulary + Copy>(&mut self) -> V {
        V::VARIANTS[self.rng.usize(..V::VARIANTS.len())]
    }

    pub(super) fn odds(&mut self, of_ten: u8) -> bool {
        self.rng.u8(..10) < of_ten
    }

    fn put(&mut self, class: FieldClass, bytes: impl Into<Vec<u8>>) {
        self.minted.push(Value { bytes: bytes.into(), class });
    }

    pub(super) fn some<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.odds(7) { Some(make(self)) } else { None }
    }

    /// A text like no other.
    pub(super) fn text(&mut self, class: FieldClass) -> String {
        let text = format!("Tk{:012x}", self.rng.u64(..1 << 48));
        self.put(class, text.as_bytes());
        text
    }

    /// Upper-case letters, or digits, like no other.
    fn spelt(&mut self, class: FieldClass, before: &str, letters: &str, len: usize) -> String {
        let letters: Vec<char> = letters.chars().collect();
        let text = self.unused(|rng| {
            let drawn: String = (0..len).map(|_| letters[rng.usize(..letters.len())]).collect();
            format!("{before}{drawn}")
        });
        self.put(class, text.as_bytes());
        text
    }

    /// A text that was not drawn before: of some there are few.
    fn unused(&mut self, draw: impl Fn(&mut Rng) -> String) -> String {
        loop {
            let text = draw(&mut self.rng);
            if self.used.insert(text.clone()) {
                return text;
            }
        }
    }

    /// What is spoken of from now on happens about now.
    pub(super) fn is_now(&mut self, now: Timestamp) {
        self.happened = self.happened.max(now.checked_sub(SignedDuration::from_mins(1)).unwrap());
    }

    /// A moment just after the last, to the nanosecond: one that can be.
    pub(super) fn time(&mut self, class: FieldClass) -> Timestamp {
        let second = self.happened.as_second() + 1;
        self.happened = Timestamp::new(second, self.rng.i32(300_000_000..1_000_000_000)).unwrap();
        self.keep_time(class, self.happened)
    }

    /// A moment to come, up to 2090.
    fn time_to_come(&mut self, class: FieldClass) -> Timestamp {
        let second = self.rng.i64(self.happened.as_second() + 3_600..3_800_000_000);
        let time = Timestamp::new(second, self.rng.i32(300_000_000..1_000_000_000)).unwrap();
        self.keep_time(class, time)
    }

    fn keep_time(&mut self, class: FieldClass, time: Timestamp) -> Timestamp {
        self.put(class, comity::wire::show::timestamp(time).encode_to_vec());
        time
    }

    /// A day of those years.
    fn day(&mut self, class: FieldClass, years: Range<i16>) -> Date {
        let day =
            self.unused(|rng| Date::new(rng.i16(years.clone()), rng.i8(1..=12), rng.i8(1..=28)).unwrap().to_string());
        self.put(class, day.as_bytes());
        day.parse().unwrap()
    }

    fn person(&mut self) -> PersonName {
        PersonName { given: self.text(Identity), family: self.text(Identity) }
    }

    /// A name with the same letters, the other way about as to their case.
    pub(super) fn respelt(&mut self, name: &PersonName) -> PersonName {
        let [given, family] = [&name.given, &name.family].map(|word| {
            let upper = word.to_uppercase();
            let respelt = if upper == *word { word.to_lowercase() } else { upper };
            self.put(Identity, respelt.as_bytes());
            respelt
        });
        PersonName { given, family }
    }

    pub(super) fn numbers(&mut self) -> Numbers {
        const LETTERS: &str = "ABCDEFGHIJKLMNOPRSTUVWXYZ";
        Numbers {
            alien_number: self.some(|mint| mint.spelt(Identifiers, "", "0123456789", 9).parse().unwrap()),
            fbi_number: self.some(|mint| mint.spelt(Identifiers, "", LETTERS, 9).parse().unwrap()),
            state_id: self.some(|mint| mint.spelt(Identifiers, "NY", LETTERS, 8).parse().unwrap()),
            booking_number: self.some(|mint| mint.text(Identifiers).parse().unwrap()),
            din: self.some(|mint| mint.spelt(Identifiers, "24-B-", "0123456789", 4).parse().unwrap()),
        }
    }

    pub(super) fn subject(&mut self) -> Subject {
        // Records whose numbers contradict bear out no match: some have none.
        let numbers = if self.odds(5) { Numbers::default() } else { self.numbers() };
        let citizenship = self.some(|mint| {
            let code = mint.unused(|rng| format!("Q{}{}", rng.uppercase(), rng.uppercase()));
            // Three letters are soon found by chance: with key and length, as they stand in a person.
            mint.put(Citizenship, [&[0x32, 3], code.as_bytes()].concat());
            code.parse().unwrap()
        });
        Subject {
            name: self.person(),
            aliases: (0..self.rng.usize(..3)).map(|_| self.person()).collect(),
            birth_date: if self.odds(2) { Some(self.day(Identity, 1850..1930).into()) } else { None },
            sex: self.some(Self::word),
            identifiers: numbers,
            citizenship,
            home_address: self.some(|mint| mint.text(Address)),
            work_address: self.some(|mint| mint.text(Address)),
        }
    }

    pub(super) fn charges(&mut self) -> Vec<Charge> {
        (0..self.rng.usize(..3)).map(|_| self.charge()).collect()
    }

    fn charge(&mut self) -> Charge {
        let status = if self.odds(2) { ChargeStatus::Sealed } else { ChargeStatus::Pending };
        Charge {
            statute: self.some(|mint| mint.text(Charges)),
            ncic: Some("1399".parse().unwrap()),
            nibrs: None,
            severity: self.some(Self::word),
            status,
            charged_on: self.some(|mint| mint.day(Charges, 1930..1980)),
            convicted_on: self.some(|mint| mint.day(Charges, 1980..2026)),
            sentence_days: None,
        }
    }

    pub(super) fn flags(&mut self) -> Flags {
        Flags {
            citizenship_claim: false,
            proof_of_status: self.odds(1),
            juvenile: self.odds(1),
            victim_witness: self.odds(1),
            protected_program: self.odds(1),
            citizen: self.odds(1),
            lawful_status: self.odds(1),
            ..Flags::default()
        }
    }

    pub(super) fn request(&mut self, addressee: Option<&str>) -> Request {
        Request {
            addressee: addressee
                .map_or(Addressee::Jurisdiction, |agency| Addressee::Agency(sample::officer(agency).agency.id.clone())),
            warrant: Warrant {
                kind: WarrantKind::I200,
                issuing_authority: IssuingAuthority::ImmigrationOfficer,
                signed_at: self.some(|mint| mint.time(Requested)),
                ..sample::request(None).warrant
            },
            subject: self.subject(),
            charges: self.charges().into_iter().filter(|charge| !charge.sealed()).collect(),
            terrorist_list_match: self.odds(2),
            flags: self.flags(),
            contact_phone: self.some(|mint| mint.text(Contact)),
            occurred_at: self.some(|mint| mint.time(Requested)),
            ..sample::request(None)
        }
    }

    fn facility(&mut self) -> comity::domain::ids::FacilityCode {
        self.spelt(Custody, "F", "ABCDEFGHIJKLMNOPRSTUVWXYZ0123456789", 11).parse().unwrap()
    }

    pub(super) fn intake(&mut self) -> Intake {
        Intake {
            facility: self.facility(),
            subject: self.subject(),
            charges: self.charges(),
            flags: self.flags(),
            occurred_at: self.some(|mint| mint.time(Custody)),
            medical_note: self.some(|mint| mint.text(Medical)),
            victim_contact: self.some(|mint| mint.text(Restricted)),
        }
    }

    pub(super) fn found(&mut self, finding: Finding, custody: Option<&CaseName>) -> Acknowledgement {
        let occurred_at = self.some(|mint| mint.time(Custody));
        let reason = Some(self.reason());
        Acknowledgement { occurred_at, reason, ..sample::found(finding, custody) }
    }

    pub(super) fn answer(&mut self, kind: AnswerKind) -> Answer {
        Answer {
            legal_basis: self.text(Answered),
            reason: Some(self.reason()),
            occurred_at: self.some(|mint| mint.time(Answered)),
            ..sample::answer(kind)
        }
    }

    /// Why a person decided, departed or corrected.
    pub(super) fn reason(&mut self) -> String {
        self.text(Restricted)
    }

    pub(super) fn correction(&mut self) -> Correction {
        Correction { reason: self.reason() }
    }

    pub(super) fn claim(&mut self) -> Claim {
        Claim { occurred_at: self.some(|mint| mint.time(Safeguard)), grounds: self.some(|mint| mint.text(Restricted)) }
    }

    pub(super) fn interview_request(&mut self) -> InterviewRequest {
        InterviewRequest {
            mode: self.word(),
            language: self.language(Requested),
            proposed_at: self.some(|mint| mint.time_to_come(Requested)),
        }
    }

    pub(super) fn interview_answer(&mut self) -> InterviewAnswer {
        let outcome: InterviewOutcome = self.word();
        let advisal = (outcome != InterviewOutcome::Declined).then(|| {
            let mut form_sha256 = [0; 32];
            self.rng.fill(&mut form_sha256);
            self.put(Restricted, form_sha256);
            InterviewAdvisal {
                advised_at: self.time(Restricted),
                method: AdvisalMethod::Written,
                language: self.language(Restricted),
                form_sha256: Some(form_sha256),
            }
        });
        InterviewAnswer {
            outcome,
            advisal,
            counsel_told: outcome == InterviewOutcome::ConsentedWithCounsel || self.odds(5),
            starts_at: outcome.consents().then(|| self.time_to_come(Custody)),
            reason: self.some(Self::reason),
        }
    }

    fn language(&mut self, class: FieldClass) -> LanguageTag {
        self.spelt(class, "zz-", "abcdefghijklmnopqrstuvwxyz", 8).parse().unwrap()
    }

    pub(super) fn service(&mut self) -> ServiceOfCopy {
        let mut copy_sha256 = [0; 32];
        self.rng.fill(&mut copy_sha256);
        self.put(Custody, copy_sha256);
        ServiceOfCopy {
            served_at: self.time(Custody),
            method: self.word(),
            language: self.language(Custody),
            copy_sha256,
            counsel_told: self.odds(5),
        }
    }

    pub(super) fn scheduled(&mut self) -> ScheduledRelease {
        ScheduledRelease {
            expected_at: self.time_to_come(ReleaseDate),
            basis: self.word(),
            as_of: self.some(|mint| mint.time(ReleaseDate)),
            date_public: self.odds(3),
            place: self.some(|mint| mint.text(ReleasePlace)),
        }
    }

    pub(super) fn eligibility(&mut self) -> ReleaseEligibility {
        let (eligible_on, as_of) = (self.day(ReleaseDate, 2030..2060), self.some(|mint| mint.time(ReleaseDate)));
        ReleaseEligibility { kind: self.word(), eligible_on, as_of }
    }

    pub(super) fn released(&mut self) -> ActualRelease {
        ActualRelease {
            released_at: self.time(ReleaseDate),
            reason: self.word(),
            recipient: self.word(),
            ordered_by: self.text(ReleaseDetail),
            date_public: self.odds(3),
            place: self.some(|mint| mint.text(ReleasePlace)),
        }
    }

    pub(super) fn moving(&mut self, custody: CaseName, kind: MovementKind, next: &str) -> CaseCommand {
        let to = match kind {
            MovementKind::Facility => Place::Facility(self.facility()),
            MovementKind::Hospital => Place::Hospital,
            MovementKind::Court => Place::Court,
            MovementKind::Agency => {
                let (facility, planned_at) = (self.some(Self::facility), self.time(Custody));
                let to = sample::officer(next).agency.id.clone();
                return CaseCommand::OfferMove { custody, proposal: MoveProposal { to, facility, planned_at } };
            }
        };
        CaseCommand::MoveCustody { custody, to, occurred_at: self.some(|mint| mint.time(Custody)) }
    }

    /// How the agency takes the person over, with a booking number at times.
    pub(super) fn acceptance(&mut self) -> MoveAcceptance {
        let (occurred_at, facility) = (self.time(Custody), self.facility());
        MoveAcceptance { occurred_at, facility, booking_number: self.numbers().booking_number }
    }

    pub(super) fn closing(&mut self) -> Closing {
        Closing { reason: self.word(), occurred_at: self.time(ReleaseDate) }
    }

    pub(super) fn window(&mut self) -> TransferWindow {
        let now = self.happened.as_second();
        let opens_at = Timestamp::new(now + self.rng.i64(0..1_000), self.rng.i32(300_000_000..1_000_000_000)).unwrap();
        let closes_at =
            Timestamp::new(now + self.rng.i64(2_000..900_000), self.rng.i32(300_000_000..1_000_000_000)).unwrap();
        self.keep_time(Custody, opens_at);
        self.keep_time(Custody, closes_at);
        TransferWindow { opens_at, closes_at, facility: self.facility() }
    }
}
