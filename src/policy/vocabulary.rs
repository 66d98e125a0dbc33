//! Translates the domain's vocabulary into Cedar: one entity type for each vocabulary, one context for each question.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy as cedar;
use cedar_policy::RestrictedExpression as Value;
use jiff::Timestamp;

use crate::domain::agency::{ActorKind, AgencyClass, AgencyKind};
use crate::domain::determination::{FieldClass, LawAction};
use crate::domain::facts::{Assertions, CaseFacts, Judge, ListedSet, OffenceSet, StatuteGap};

/// The fact that some conviction has no date.
pub(crate) const UNDATED_CONVICTION: &str = "undated_conviction";

/// The facts that the table of offences lacks the section of a charge, or leaves its grade unknown.
pub(crate) const UNREAD: [&str; 6] = [
    StatuteGap::UnlistedConviction.word(),
    StatuteGap::UnlistedCharge.word(),
    StatuteGap::UngradedConviction.word(),
    StatuteGap::UngradedCharge.word(),
    StatuteGap::UnlistedHeldToAnswer.word(),
    StatuteGap::UngradedHeldToAnswer.word(),
];

/// The context's record of the requester's claims.
pub(crate) const ASSERTED: &str = "asserted";

/// The names that requests are built from. Looked up once, since Cedar parses a name whenever it is built from text.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    /// Every method of the contract, by the name that policies use.
    methods: BTreeMap<String, Method>,
    laws: BTreeMap<LawAction, cedar::EntityUid>,
    gateway: cedar::EntityUid,
    subject: cedar::EntityUid,
    agency_kind: cedar::EntityTypeName,
    agency_class: cedar::EntityTypeName,
    field_class: cedar::EntityTypeName,
    stage: cedar::EntityTypeName,
    form: cedar::EntityTypeName,
    basis: cedar::EntityTypeName,
    warrant: cedar::EntityTypeName,
    offence: cedar::EntityTypeName,
}

#[derive(Debug)]
struct Method {
    number: usize,
    action: cedar::EntityUid,
}

impl Vocabulary {
    /// The error names what the schema lacks.
    pub(crate) fn new(schema: &cedar::Schema) -> Result<Self, String> {
        let known: BTreeSet<&cedar::EntityTypeName> = schema.entity_types().collect();
        let named = |name: &str| -> Result<cedar::EntityTypeName, String> {
            name.parse().ok().filter(|name| known.contains(name)).ok_or_else(|| name.to_owned())
        };
        let mut actions: BTreeMap<String, cedar::EntityUid> =
            schema.actions().map(|action| (action.id().unescaped().to_owned(), action.clone())).collect();
        let mut laws = BTreeMap::new();
        for action in LawAction::ALL {
            laws.insert(*action, actions.remove(action.word()).ok_or_else(|| action.word().to_owned())?);
        }
        let methods = actions.into_iter().zip(0..).map(|((name, action), number)| (name, Method { number, action }));
        Ok(Self {
            methods: methods.collect(),
            laws,
            gateway: uid(&named("Gateway")?, "comity"),
            subject: uid(&named("Subject")?, "subject"),
            agency_kind: named("AgencyKind")?,
            agency_class: named("AgencyClass")?,
            field_class: named("FieldClass")?,
            stage: named("Stage")?,
            form: named("Form")?,
            basis: named("Basis")?,
            warrant: named("Warrant")?,
            offence: named("Offence")?,
        })
    }

    /// The number of a method of the contract, by name: `DetainerService/LodgeDetainer`, `grpc.health.v1.Health/Check`.
    pub(crate) fn method_number(&self, method: &str) -> Option<usize> {
        self.methods.get(method).map(|known| known.number)
    }

    /// May such a caller call this method? None: the question cannot be put.
    pub(crate) fn call(
        &self,
        kind: AgencyKind,
        class: Option<AgencyClass>,
        actor: Option<ActorKind>,
        method: &str,
    ) -> Option<cedar::Request> {
        let class = class.map(|class| ("class", self.class(class)));
        let pairs = [
            ("token", Value::new_bool(actor.is_some())),
            ("officer", Value::new_bool(actor == Some(ActorKind::Officer))),
        ];
        let context = context(pairs.into_iter().chain(class))?;
        request(uid(&self.agency_kind, kind.word()), &self.methods.get(method)?.action, self.gateway.clone(), context)
    }

    /// The facts of a case as the law sees them, at a moment in milliseconds. None: Cedar cannot express them.
    pub(crate) fn facts(&self, facts: &CaseFacts, now_ms: i64) -> Option<cedar::Context> {
        let now = Timestamp::from_millisecond(now_ms).ok()?;
        let class = facts.custodian_class.map(|class| ("custodian_class", self.class(class)));
        let basis = facts.basis.iter().map(|basis| word(&self.basis, basis.word()));
        let asserted = self.assertions(&facts.asserted).map(|(name, value)| (name.to_owned(), value));
        let pairs = [
            ("now", Value::new_datetime(format!("{now:.3}"))),
            ("stage", word(&self.stage, facts.stage.word())),
            ("form", word(&self.form, facts.form.word())),
            ("asks_for_hold", Value::new_bool(facts.asks_for_hold)),
            ("basis", Value::new_set(basis)),
            ("warrant", word(&self.warrant, facts.warrant.word())),
            ("final_order", Value::new_bool(facts.final_order)),
            ("date_public", Value::new_bool(facts.date_public)),
            ("match_disputed", Value::new_bool(facts.match_disputed)),
            (ASSERTED, Value::new_record(asserted).ok()?),
        ];
        context(pairs.into_iter().chain(self.assertions(&facts.record)).chain(class))
    }

    /// What one side says. Both sides' facts have the same names.
    fn assertions(&self, said: &Assertions) -> impl Iterator<Item = (&'static str, Value)> {
        let flags = [
            ("judicial_warrant", said.judge != Judge::None),
            ("federal_warrant", said.judge == Judge::Federal),
            ("criminal_warrant", said.criminal_warrant),
            ("terrorist_list_match", said.terrorist_list_match),
            (UNDATED_CONVICTION, said.undated_conviction()),
            ("citizenship_claim", said.citizenship_claim),
            ("citizen", said.citizen),
            ("lawful_status", said.lawful_status),
            ("juvenile", said.juvenile),
            ("sealed", said.sealed),
            ("protected", said.protected),
        ];
        let offences = OffenceSet::ALL.iter().map(|set| {
            let groups = said.offences_in(*set).into_iter();
            (set.word(), Value::new_set(groups.map(|group| word(&self.offence, group.word()))))
        });
        let listed = ListedSet::ALL.iter().map(|set| {
            let paragraphs = said.listed_in(*set).into_iter();
            (set.word(), Value::new_set(paragraphs.map(|paragraph| Value::new_string(paragraph.as_str().to_owned()))))
        });
        let unread = StatuteGap::ALL.iter().map(|unread| (unread.word(), Value::new_bool(said.unread(*unread))));
        let offences: Vec<_> = offences.chain(listed).chain(unread).collect();
        flags.into_iter().map(|(name, holds)| (name, Value::new_bool(holds))).chain(offences)
    }

    /// What does the law say of an act on the person?
    pub(crate) fn act(&self, asker: AgencyKind, act: LawAction, facts: &cedar::Context) -> Option<cedar::Request> {
        request(uid(&self.agency_kind, asker.word()), self.laws.get(&act)?, self.subject.clone(), facts.clone())
    }

    /// What does the law say of showing a field class?
    pub(crate) fn disclosure(
        &self,
        asker: AgencyKind,
        class: FieldClass,
        facts: &cedar::Context,
    ) -> Option<cedar::Request> {
        let shown = uid(&self.field_class, class.word());
        request(uid(&self.agency_kind, asker.word()), self.laws.get(&LawAction::Disclose)?, shown, facts.clone())
    }

    fn class(&self, class: AgencyClass) -> Value {
        word(&self.agency_class, class.word())
    }
}

/// The time in Cedar's precision. Everything that depends on the time of a question MUST round it this way.
pub(crate) fn milliseconds(now: Timestamp) -> i64 {
    now.as_millisecond()
}

fn uid(name: &cedar::EntityTypeName, word: &str) -> cedar::EntityUid {
    cedar::EntityUid::from_type_name_and_id(name.clone(), cedar::EntityId::new(word))
}

fn word(name: &cedar::EntityTypeName, word: &str) -> Value {
    Value::new_entity_uid(uid(name, word))
}

fn context(pairs: impl Iterator<Item = (&'static str, Value)>) -> Option<cedar::Context> {
    cedar::Context::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value))).ok()
}

fn request(
    principal: cedar::EntityUid,
    action: &cedar::EntityUid,
    resource: cedar::EntityUid,
    context: cedar::Context,
) -> Option<cedar::Request> {
    // Not validated against the schema, which would cost as much as the decision. A test shows that every request would
    // pass.
    cedar::Request::new(principal, action.clone(), resource, context, None).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::charge::OffenceCategory;
    use crate::domain::detainer::{DetainerBasis, DetainerForm, WarrantKind};
    use crate::domain::facts::Stage;
    use crate::policy::rulings::ACTS;
    use crate::policy::tests::samples;

    const SCHEMA: &str = include_str!("../../policies/comity.cedarschema");

    /// The methods of the contract, as the access rules name them.
    const METHODS: [&str; 78] = [
        "AdminService/BeginMaintenance",
        "AdminService/CloseSessions",
        "AdminService/Drain",
        "AdminService/EndMaintenance",
        "AdminService/GetConfiguration",
        "AdminService/GetGateway",
        "AdminService/ListAgencies",
        "AdminService/ListSessions",
        "AdminService/ParkConsumer",
        "AdminService/ResumeConsumer",
        "AppealService/AnswerAppeal",
        "AppealService/GetAppeal",
        "AppealService/IssueAppeal",
        "AppealService/ListAppealItems",
        "AppealService/ListAppeals",
        "CustodyService/AcceptMove",
        "CustodyService/CancelRelease",
        "CustodyService/CloseCustody",
        "CustodyService/CorrectIdentity",
        "CustodyService/DeclineMove",
        "CustodyService/ExpungeCustody",
        "CustodyService/GetCustody",
        "CustodyService/ListCustodies",
        "CustodyService/MoveCustody",
        "CustodyService/OpenCustody",
        "CustodyService/RecordRelease",
        "CustodyService/RecordReleaseEligibility",
        "CustodyService/ReopenCustody",
        "CustodyService/RescheduleRelease",
        "CustodyService/ScheduleRelease",
        "CustodyService/UpdateCharges",
        "CustodyService/WithdrawMove",
        "DetainerService/AcknowledgeDetainer",
        "DetainerService/AmendDetainer",
        "DetainerService/AnswerDetainer",
        "DetainerService/AnswerInterview",
        "DetainerService/GetDetainer",
        "DetainerService/ListDetainers",
        "DetainerService/LodgeDetainer",
        "DetainerService/RaiseCitizenshipClaim",
        "DetainerService/RecordServiceOfCopy",
        "DetainerService/RequestInterview",
        "DetainerService/ResolveCitizenshipClaim",
        "DetainerService/VerifyWarrant",
        "DetainerService/WithdrawDetainer",
        "DetainerService/WithdrawInterview",
        "InboxService/Acknowledge",
        "InboxService/AcknowledgeParked",
        "InboxService/GetBacklog",
        "InboxService/Receive",
        "LedgerService/GetAccounting",
        "LedgerService/GetCheckpoint",
        "LedgerService/GetEntry",
        "LedgerService/ListEntries",
        "LedgerService/ListReceipts",
        "LedgerService/ProveConsistency",
        "LedgerService/ProveInclusion",
        "ObligationService/ListObligations",
        "ObligationService/MeetObligation",
        "PolicyService/Evaluate",
        "PolicyService/GetPolicySet",
        "PolicyService/Replay",
        "ReportService/GetReport",
        "ReviewService/ListReviews",
        "ReviewService/ResolveReview",
        "RosterService/ReconcileRoster",
        "TransferService/AcceptWindow",
        "TransferService/ConfirmTransfer",
        "TransferService/DeclineWindow",
        "TransferService/OfferWindow",
        "TransferService/ReportFailure",
        "TransferService/ReviseWindow",
        "TransferService/WithdrawWindow",
        "grpc.health.v1.Health/Check",
        "grpc.health.v1.Health/List",
        "grpc.health.v1.Health/Watch",
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ];

    fn schema() -> cedar::Schema {
        cedar::Schema::from_cedarschema_str(SCHEMA).unwrap().0
    }

    #[test]
    fn every_method_of_the_contract_is_an_action_and_every_other_action_is_of_law() {
        let vocabulary = Vocabulary::new(&schema()).unwrap();
        let methods: Vec<&str> = vocabulary.methods.keys().map(String::as_str).collect();
        assert_eq!(methods, METHODS);
        assert_eq!(vocabulary.laws.len(), LawAction::ALL.len());
        assert_eq!(schema().actions().count(), METHODS.len() + LawAction::ALL.len());
    }

    #[test]
    fn the_schema_has_exactly_the_words_of_the_domain() {
        let json = cedar::SchemaFragment::from_cedarschema_str(SCHEMA).unwrap().0.to_json_value().unwrap();
        let check = |name: &str, words: Vec<&str>| {
            let known: Vec<&str> = json[""]["entityTypes"][name]["enum"]
                .as_array()
                .unwrap()
                .iter()
                .map(|word| word.as_str().unwrap())
                .collect();
            assert_eq!(known, words, "{name}");
        };
        check("AgencyKind", AgencyKind::ALL.iter().map(|word| word.word()).collect());
        check("AgencyClass", AgencyClass::ALL.iter().map(|word| word.word()).collect());
        check("FieldClass", FieldClass::ALL.iter().map(|word| word.word()).collect());
        check("Stage", Stage::ALL.iter().map(|word| word.word()).collect());
        check("Form", DetainerForm::ALL.iter().map(|word| word.word()).collect());
        check("Basis", DetainerBasis::ALL.iter().map(|word| word.word()).collect());
        // A judge's warrant is no trigger: it is a fact of the record, or a claim.
        let officers = WarrantKind::ALL.iter().filter(|kind| **kind != WarrantKind::Judicial);
        check("Warrant", officers.map(|word| word.word()).collect());
        check("Offence", OffenceCategory::ALL.iter().map(|word| word.word()).collect());
    }

    fn fits(request: &cedar::Request, schema: &cedar::Schema) -> bool {
        let [principal, action, resource] =
            [request.principal(), request.action(), request.resource()].map(|part| part.cloned().unwrap());
        let context = request.context().cloned().unwrap();
        cedar::Request::new(principal, action, resource, context, Some(schema)).is_ok()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_question_fits_the_schema(facts in samples::any_facts(), now_ms in 0_i64..4_102_444_800_000) {
            let schema = schema();
            let vocabulary = Vocabulary::new(&schema).unwrap();
            let context = vocabulary.facts(&facts, now_ms).unwrap();
            for act in ACTS {
                prop_assert!(fits(&vocabulary.act(facts.requester_kind, act, &context).unwrap(), &schema));
            }
            for class in FieldClass::ALL {
                prop_assert!(fits(&vocabulary.disclosure(facts.requester_kind, *class, &context).unwrap(), &schema));
            }
            for actor in [None, Some(ActorKind::Officer), Some(ActorKind::System)] {
                let call = vocabulary.call(facts.requester_kind, facts.custodian_class, actor, METHODS[0]);
                prop_assert!(fits(&call.unwrap(), &schema));
            }
        }
    }

    #[test]
    fn a_moment_that_cedar_cannot_express_gives_no_question() {
        let vocabulary = Vocabulary::new(&schema()).unwrap();
        assert!(vocabulary.facts(&samples::facts(), Timestamp::MIN.as_millisecond()).is_none());
        let last: Timestamp = "9999-12-30T00:00:00Z".parse().unwrap();
        assert!(vocabulary.facts(&samples::facts(), last.as_millisecond()).is_some());
    }
}
