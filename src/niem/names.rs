//! The names: which property each field of a request is.
//!
//! A property of NIEM's stands where NIEM's own types have it, or where an augmentation of ours puts it; NIEM JSON writes the
//! properties of an augmentation among those of what it augments. What NIEM has no name for stands under `comity:`.

use crate::domain::charge::ChargeStatus;
use crate::domain::custody::{ClosingReason, MovementKind, ReleaseReason, ReleaseRecipient};
use crate::domain::detainer::{DetainerBasis, DetainerForm, IssuingAuthority, WarrantKind};
use crate::niem::shape::{Field, Message, Shape, many, one, words};

/// The namespaces of NIEM 6.0 (niem-model, json-ld/context.json), and ours.
pub(super) const NAMESPACES: [(&str, &str); 6] = [
    ("comity", "https://comity.example/ns/niem/1.0/"),
    ("im", "https://docs.oasis-open.org/niemopen/ns/model/domains/immigration/6.0/"),
    ("iso_3166", "https://docs.oasis-open.org/niemopen/ns/model/codes/iso_3166-1/6.0/"),
    ("j", "https://docs.oasis-open.org/niemopen/ns/model/domains/justice/6.0/"),
    ("nc", "https://docs.oasis-open.org/niemopen/ns/model/niem-core/6.0/"),
    ("ncic", "https://docs.oasis-open.org/niemopen/ns/model/codes/ncic/6.0/"),
];

/// What has NIEM names.
pub(super) const MESSAGES: &[Message] = &[
    Message { method: "LodgeDetainer", fields: &[PARENT, DETAINER, REQUEST_ID] },
    Message { method: "AmendDetainer", fields: &[OF_DETAINER, DETAINER, REQUEST_ID, ETAG] },
    Message { method: "WithdrawDetainer", fields: &[OF_DETAINER, LIFT_REASON, REQUEST_ID, ETAG, FROM_PAPER] },
    Message { method: "OpenCustody", fields: &[PARENT, CUSTODY, REQUEST_ID] },
    Message { method: "UpdateCharges", fields: &[OF_CUSTODY, CHARGES, REQUEST_ID, ETAG, OTHER_GROUND] },
    Message {
        method: "MoveCustody",
        fields: &[
            OF_CUSTODY,
            one("movement", &["comity:CustodyMovement"], Shape::Object(MOVEMENT)),
            one("plannedAt", &["comity:PlannedHandOverDate"], Shape::DateTime),
            REQUEST_ID,
            ETAG,
        ],
    },
    Message { method: "AcceptMove", fields: &[OF_CUSTODY, OCCURRED_AT, FACILITY, BOOKING_NUMBER, REQUEST_ID, ETAG] },
    Message {
        method: "CloseCustody",
        fields: &[
            OF_CUSTODY,
            one("closing", &["comity:CustodyClosing"], Shape::Object(CLOSING)),
            REQUEST_ID,
            ETAG,
            OTHER_GROUND,
        ],
    },
    Message { method: "ScheduleRelease", fields: &[OF_CUSTODY, EXPECTED, REQUEST_ID, ETAG] },
    Message { method: "RescheduleRelease", fields: &[OF_CUSTODY, EXPECTED, REQUEST_ID, ETAG] },
    Message {
        method: "CancelRelease",
        fields: &[
            OF_CUSTODY,
            one("reason", &["comity:CancellationReasonText"], Shape::Text),
            REQUEST_ID,
            ETAG,
            OTHER_GROUND,
        ],
    },
    Message {
        method: "RecordRelease",
        fields: &[
            OF_CUSTODY,
            one("release", &["j:Incarceration"], Shape::Object(RELEASED)),
            REQUEST_ID,
            ETAG,
            one("correction", &["comity:Correction"], Shape::Object(CORRECTION)),
            one("reason", &["comity:HandOverReasonText"], Shape::Text),
            one("detainer", &["comity:HandOverDetainerName"], Shape::Text),
            FROM_PAPER,
        ],
    },
];

const PARENT: Field = one("parent", &["comity:JurisdictionName"], Shape::Text);
const OF_DETAINER: Field = one("name", &["comity:DetainerName"], Shape::Text);
const OF_CUSTODY: Field = one("name", &["comity:CustodyName"], Shape::Text);
const REQUEST_ID: Field = one("requestId", &["comity:RequestIdentification", "nc:IdentificationID"], Shape::Text);
const ETAG: Field = one("etag", &["comity:EntityTagText"], Shape::Text);
const FROM_PAPER: Field = one("enteredFromPaper", &["comity:EnteredFromPaperIndicator"], Shape::Indicator);
const DETAINER: Field = one("detainer", &["j:DetainerNotificationRequest"], Shape::Object(REQUEST));
const CUSTODY: Field = one("custody", &["j:Detention"], Shape::Object(STAY));
const EXPECTED: Field = one("release", &["j:Incarceration"], Shape::Object(SCHEDULED));
const CHARGES: Field = many("charges", &["j:Charge"], Shape::Object(CHARGE));
const FLAGS: Field = one("flags", &["comity:PersonSafeguards"], Shape::Object(SAFEGUARDS));
const OCCURRED_AT: Field = one("occurredAt", &["nc:ActivityDate"], Shape::DateTime);
const CUSTODIAN: Field = one(
    "custodian",
    &["comity:CustodianOrganization", "nc:OrganizationIdentification", "nc:IdentificationID"],
    Shape::Text,
);
const OTHER_GROUND: Field = one(
    "otherGround",
    &["comity:OtherGround"],
    Shape::Object(&[
        one("citation", &["comity:CitationText"], Shape::Text),
        one("documentSha256", &["comity:DocumentSHA256Text"], Shape::Hex),
    ]),
);

/// NIEM has nine codes (im:DetentionDetainerLiftCodeSimpleType). Where none of them says it, the detainer is plainly lifted (L)
/// and the text says why.
const LIFT_REASON: Field = one(
    "reason",
    &["im:DetainerLiftReason"],
    Shape::Lift(&[
        ("booked-into-detention", "B"),
        ("declined-by-lea", "L"),
        ("case-closed", "C"),
        ("duplicate", "L"),
        ("early-release", "L"),
        ("temporary-resource-constraint", "L"),
        ("insufficient-notice", "L"),
        ("no-longer-in-custody", "L"),
        ("not-amenable-to-removal", "N"),
        ("prosecutorial-discretion", "L"),
        ("judicial-review", "L"),
        ("superseded-by-new-form", "L"),
        ("citizenship-claim", "U"),
    ]),
);

const REQUEST: &[Field] = &[
    CUSTODIAN,
    one("form", &["comity:DetainerFormCode"], Shape::Word { prefix: "DETAINER_FORM", words: words::<DetainerForm> }),
    many(
        "basis",
        &["comity:DetainerBasisCode"],
        Shape::Word { prefix: "DETAINER_BASIS", words: words::<DetainerBasis> },
    ),
    one("warrant", &["comity:DetainerWarrant"], Shape::Object(WARRANT)),
    one("subject", &["j:Subject", "nc:EntityPerson"], Shape::Object(PERSON)),
    CHARGES,
    FLAGS,
    one(
        "contactPhone",
        &[
            "comity:DutyOfficerContactInformation",
            "nc:ContactTelephoneNumber",
            "nc:FullTelephoneNumber",
            "nc:TelephoneNumberFullID",
        ],
        Shape::Text,
    ),
    OCCURRED_AT,
    one("terroristListMatch", &["comity:TerroristListMatchIndicator"], Shape::Indicator),
];

/// Not `j:Warrant`, which is an order of a court: most of these are signed by an officer.
const WARRANT: &[Field] = &[
    one("kind", &["comity:WarrantKindCode"], Shape::Word { prefix: "WARRANT_KIND", words: words::<WarrantKind> }),
    one(
        "issuingAuthority",
        &["comity:WarrantIssuingAuthorityCode"],
        Shape::Word { prefix: "ISSUING_AUTHORITY", words: words::<IssuingAuthority> },
    ),
    one("signedAt", &["comity:WarrantSignedDate"], Shape::DateTime),
    one("criminal", &["comity:WarrantCriminalIndicator"], Shape::Indicator),
    one("court", &["j:CourtName"], Shape::Text),
    one("signer", &["comity:WarrantSignerText"], Shape::Text),
    one("docket", &["nc:CaseDocketID"], Shape::Text),
    one("expiresOn", &["nc:DocumentExpirationDate"], Shape::Date),
    one("documentSha256", &["comity:DocumentSHA256Text"], Shape::Hex),
    one("documentMediaType", &["nc:DocumentFormatText"], Shape::Text),
];

const NAME: &[Field] =
    &[one("given", &["nc:PersonGivenName"], Shape::Text), one("family", &["nc:PersonSurName"], Shape::Text)];

const PERSON: &[Field] = &[
    one("name", &["nc:PersonName"], Shape::Object(NAME)),
    many("aliases", &["comity:PersonAlternateName"], Shape::Object(NAME)),
    one("birthDate", &["nc:PersonBirthDate"], Shape::Date),
    one(
        "sex",
        &["j:PersonSexCode"],
        Shape::Coded { prefix: "SEX", codes: &[("female", "F"), ("male", "M"), ("unknown", "U"), ("x", "X")] },
    ),
    one("identifiers", &[], Shape::Group(IDENTIFIERS)),
    one("citizenship", &["nc:PersonCitizenship", "nc:PersonCitizenshipCountry"], Shape::Country),
    one("homeAddress", &["nc:PersonResidenceAddress", "nc:AddressFullText"], Shape::Text),
    one("workAddress", &["comity:PersonWorkAddress", "nc:AddressFullText"], Shape::Text),
];

const BOOKING_NUMBER: Field =
    one("bookingNumber", &["j:BookingAgencyRecordIdentification", "nc:IdentificationID"], Shape::Text);

const IDENTIFIERS: &[Field] = &[
    one("alienNumber", &["im:AlienNumberIdentification", "nc:IdentificationID"], Shape::Text),
    one("fbiNumber", &["j:PersonFBIIdentification", "nc:IdentificationID"], Shape::Text),
    one("stateId", &["j:PersonStateFingerprintIdentification", "nc:IdentificationID"], Shape::Text),
    BOOKING_NUMBER,
    one("din", &["j:SubjectCorrectionsIdentification", "nc:IdentificationID"], Shape::Text),
];

const CHARGE: &[Field] = &[
    one("statute", &["j:ChargeStatute", "j:StatuteCodeSectionIdentification", "nc:IdentificationID"], Shape::Text),
    one("ncicCode", &["ncic:ChargeCode"], Shape::Text),
    one("nibrsCode", &["comity:ChargeNIBRSCode"], Shape::Text),
    one(
        "severity",
        &["j:ChargeSeverityText"],
        Shape::Coded {
            prefix: "SEVERITY",
            codes: &[("felony", "Felony"), ("misdemeanor", "Misdemeanor"), ("violation", "Violation")],
        },
    ),
    one(
        "status",
        &["j:ChargeStatus", "nc:StatusText"],
        Shape::Word { prefix: "CHARGE_STATUS", words: words::<ChargeStatus> },
    ),
    one("chargedOn", &["j:ChargeFilingDate"], Shape::Date),
    one("convictedOn", &["j:ChargeDisposition", "nc:DispositionDate"], Shape::Date),
    one("sentenceDays", &["j:ChargeSentence", "nc:ActivityPrescribedDuration"], Shape::Days),
];

const SAFEGUARDS: &[Field] = &[
    one("citizenshipClaim", &["comity:CitizenshipClaimIndicator"], Shape::Indicator),
    one("proofOfStatus", &["comity:ProofOfStatusIndicator"], Shape::Indicator),
    one("juvenile", &["comity:JuvenileIndicator"], Shape::Indicator),
    one("victimWitness", &["comity:VictimWitnessIndicator"], Shape::Indicator),
    one("protectedProgram", &["comity:ProtectedProgramIndicator"], Shape::Indicator),
    one("citizen", &["nc:PersonUSCitizenIndicator"], Shape::Indicator),
    one("lawfulStatus", &["comity:LawfulStatusIndicator"], Shape::Indicator),
    one("terroristListMatch", &["comity:TerroristListMatchIndicator"], Shape::Indicator),
];

/// A stay is a confinement before or after a sentence: `j:Detention`, and not `j:Incarceration`, which a court sentenced to.
const STAY: &[Field] = &[
    one("facility", &["nc:SupervisionFacility", "nc:FacilityIdentification", "nc:IdentificationID"], Shape::Text),
    one("subject", &["nc:SupervisionPerson"], Shape::Object(PERSON)),
    CHARGES,
    FLAGS,
    OCCURRED_AT,
    one("medicalNote", &["nc:PersonMedicalDescriptionText"], Shape::Text),
    one("victimContact", &["comity:VictimContactText"], Shape::Text),
];

const FACILITY: Field = one("facility", &["nc:FacilityIdentification", "nc:IdentificationID"], Shape::Text);

const MOVEMENT: &[Field] = &[
    one(
        "kind",
        &["comity:CustodyMovementKindCode"],
        Shape::Word { prefix: "MOVEMENT_KIND", words: words::<MovementKind> },
    ),
    FACILITY,
    CUSTODIAN,
    OCCURRED_AT,
];

const CLOSING: &[Field] = &[
    one(
        "reason",
        &["comity:CustodyClosingReasonCode"],
        Shape::Word { prefix: "CLOSING_REASON", words: words::<ClosingReason> },
    ),
    OCCURRED_AT,
];

const SCHEDULED: &[Field] = &[
    one(
        "expectedAt",
        &[],
        Shape::DateBy {
            by: "basis",
            prefix: "RELEASE_DATE_BASIS",
            names: &[
                ("projected", "j:IncarcerationProjectedReleaseDate"),
                ("earliest-possible", "comity:EarliestPossibleReleaseDate"),
                ("parole-eligibility", "j:IncarcerationParoleEligibilityDate"),
                ("conditional-release", "j:SupervisionReleaseEligibilityDate"),
                ("maximum-expiry", "comity:MaximumExpiryDate"),
            ],
        },
    ),
    one("asOf", &["comity:ReleaseDateAsOfDate"], Shape::DateTime),
    one("datePublic", &["comity:ReleaseDatePublicIndicator"], Shape::Indicator),
    one("place", &["nc:SupervisionRelease", "nc:ActivityLocation", "nc:LocationDescriptionText"], Shape::Text),
];

const RELEASED: &[Field] = &[
    one("releasedAt", &["j:SupervisionReleaseDate"], Shape::DateTime),
    one(
        "reason",
        &["nc:SupervisionRelease", "nc:ActivityReasonText"],
        Shape::Word { prefix: "RELEASE_REASON", words: words::<ReleaseReason> },
    ),
    one(
        "recipient",
        &["nc:SupervisionRelease", "nc:ReleaseRecipient", "comity:ReleaseRecipientCode"],
        Shape::Word { prefix: "RELEASE_RECIPIENT", words: words::<ReleaseRecipient> },
    ),
    one("orderedBy", &["nc:SupervisionRelease", "comity:ReleaseOrderedByText"], Shape::Text),
    one("datePublic", &["comity:ReleaseDatePublicIndicator"], Shape::Indicator),
    one("place", &["nc:SupervisionRelease", "nc:ActivityLocation", "nc:LocationDescriptionText"], Shape::Text),
];

const CORRECTION: &[Field] = &[one("reason", &["comity:CorrectionReasonText"], Shape::Text)];
