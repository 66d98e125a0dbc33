/**
 * Four stories, each told by a federal and a state system over the wire. What is printed is the same in every language:
 * docs/clients/outcome.txt.
 *
 *     node dist/src/stories.js comity-dev localhost:8443
 */

import { deepStrictEqual } from "node:assert";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { ChargeStatus } from "../gen/comity/v1/charge.js";
import {
  MoveDeclineReason,
  MovementKind,
  ReleaseDateBasis,
  ReleaseReason,
  ReleaseRecipient,
} from "../gen/comity/v1/custody.js";
import {
  AcceptMoveRequest,
  CorrectIdentityRequest,
  DeclineMoveRequest,
  MoveCustodyRequest,
  OpenCustodyRequest,
  RecordReleaseRequest,
  ScheduleReleaseRequest,
} from "../gen/comity/v1/custody_service.js";
import {
  Answer,
  AnswerKind,
  ClaimOutcome,
  DeclineGround,
  Detainer,
  DetainerBasis,
  DetainerForm,
  Finding,
  IssuingAuthority,
  WarrantKind,
} from "../gen/comity/v1/detainer.js";
import {
  AcknowledgeDetainerRequest,
  AmendDetainerRequest,
  AnswerDetainerRequest,
  LodgeDetainerRequest,
  RaiseCitizenshipClaimRequest,
  ResolveCitizenshipClaimRequest,
} from "../gen/comity/v1/detainer_service.js";
import { MatchMethod, Subject } from "../gen/comity/v1/subject.js";
import { type Transfer, TransferFailureCause } from "../gen/comity/v1/transfer.js";
import {
  AcceptWindowRequest,
  ConfirmTransferRequest,
  OfferWindowRequest,
  ReportFailureRequest,
} from "../gen/comity/v1/transfer_service.js";
import type { Inbox } from "./client.js";
import { type At, everybody, type Party, the } from "./telling.js";

const NY = "jurisdictions/us-ny";
const TX = "jurisdictions/us-tx";
/** Long enough to be accepted in, short enough to be waited for. */
const MISSED_WINDOW_MS = 4_000;
const HOUR_MS = 3_600_000;

// -------------------------------------------------------------------------------------------------------- Requests

const inTime = (ms: number) => new Date(Date.now() + ms);

const person = (given: string, birthDate: string) =>
  Subject.fromPartial({ name: { given, family: "Synthetic" }, birthDate });

const ADA = person("Ada", "1980-02-03");

/** Asks for hold and notice, on an administrative warrant. */
const asks = (custodian: string, subject = ADA) =>
  Detainer.fromPartial({
    custodian: `agencies/${custodian}`,
    form: DetainerForm.DETAINER_FORM_I_247A,
    basis: [DetainerBasis.DETAINER_BASIS_FINAL_ORDER],
    warrant: {
      kind: WarrantKind.WARRANT_KIND_I_205,
      issuingAuthority: IssuingAuthority.ISSUING_AUTHORITY_IMMIGRATION_OFFICER,
    },
    subject,
    contactPhone: "+1 555 0100",
  });

const lodge = (parent: string, custodian: string, requestId = "") =>
  LodgeDetainerRequest.fromPartial({ parent, detainer: asks(custodian), requestId });

const intake = (parent: string, subject = ADA) => {
  const pending = { ncicCode: "1399", status: ChargeStatus.CHARGE_STATUS_PENDING };
  return OpenCustodyRequest.fromPartial({ parent, custody: { facility: "MAIN", subject, charges: [pending] } });
};

const found = (name: string, finding: Finding, reason?: string) =>
  AcknowledgeDetainerRequest.fromPartial({
    name,
    acknowledgement: { finding },
    correction: reason === undefined ? undefined : { reason },
  });

const matched = (name: string, custody: string, reason?: string) => {
  const request = found(name, Finding.FINDING_MATCHED_CUSTODY, reason);
  Object.assign(the(request.acknowledgement), { custody, matchMethod: MatchMethod.MATCH_METHOD_BIOMETRIC });
  return request;
};

const answer = (name: string, kind: AnswerKind, more: Partial<Answer> = {}, etag = "") =>
  AnswerDetainerRequest.fromPartial({ name, answer: { kind, legalBasis: "8 CFR 287.7(a)", ...more }, etag });

const schedule = (name: string) =>
  ScheduleReleaseRequest.fromPartial({
    name,
    release: { expectedAt: inTime(240 * HOUR_MS), basis: ReleaseDateBasis.RELEASE_DATE_BASIS_PROJECTED },
  });

const released = (name: string, recipient: ReleaseRecipient) =>
  RecordReleaseRequest.fromPartial({
    name,
    release: {
      releasedAt: inTime(0),
      reason: ReleaseReason.RELEASE_REASON_COURT_ORDER,
      recipient,
      orderedBy: "County court",
    },
  });

const offer = (parent: string, lengthMs: number) =>
  OfferWindowRequest.fromPartial({
    parent,
    window: { opensAt: inTime(0), closesAt: inTime(lengthMs), facility: "MAIN" },
  });

const accept = ({ name, etag }: Transfer) => AcceptWindowRequest.fromPartial({ name, etag });

const noShow = ({ name }: Transfer) =>
  ReportFailureRequest.fromPartial({ name, cause: TransferFailureCause.TRANSFER_FAILURE_CAUSE_NO_SHOW });

const confirm = ({ name }: Transfer) => ConfirmTransferRequest.fromPartial({ name, occurredAt: inTime(0) });

const move = (name: string, kind: MovementKind, facility = "", custodian = "") =>
  MoveCustodyRequest.fromPartial({
    name,
    movement: { kind, facility, custodian },
    plannedAt: kind === MovementKind.MOVEMENT_KIND_AGENCY ? inTime(0) : undefined,
  });

const acceptMove = (name: string, facility: string) =>
  AcceptMoveRequest.fromPartial({ name, occurredAt: inTime(0), facility, bookingNumber: "E-2026-7" });

const declineMove = (name: string) =>
  DeclineMoveRequest.fromPartial({ name, reason: MoveDeclineReason.MOVE_DECLINE_REASON_NO_CAPACITY });

// --------------------------------------------------------------------------------------------------------- Stories

/** New York: a prison may not hold without a judge's warrant; it may tell, and hand over. */
async function missedWindow(at: At): Promise<void> {
  const [ice, prison] = [at("us-ice"), at("us-ny-doccs")];
  const inboxes = [await ice.inbox(NY), await prison.inbox(NY)] as const;
  const { offerWindow, reportFailure, confirmTransfer } = prison.transfers;
  const { answerDetainer } = prison.detainers;

  const nobody = { ...asks("us-ny-doccs"), subject: Subject.fromPartial({}) };
  const forNobody = LodgeDetainerRequest.fromPartial({ parent: NY, detainer: nobody });
  await ice.mayNot("lodges a detainer for nobody", ice.detainers.lodgeDetainer, forNobody);
  const request = lodge(NY, "us-ny-doccs", randomUUID());
  const lodged = await ice.does("lodges a detainer", ice.detainers.lodgeDetainer, request);
  const again = await ice.does("sends it again, not sure that it arrived", ice.detainers.lodgeDetainer, request);
  deepStrictEqual(again, lodged);
  ice.tell("has", "the same receipt");
  const { name } = the(lodged.detainer);

  const opened = await prison.does("opens a custody", prison.custodies.openCustody, intake(NY));
  const heldIn = the(opened.custody).name;
  const before = await prison.reads(name);
  await prison.does("finds the person", prison.detainers.acknowledgeDetainer, matched(name, heldIn));
  await prison.mayNot("promises a hold", answerDetainer, answer(name, AnswerKind.ANSWER_KIND_HONOR_HOLD));
  const notify = (etag?: string) => answer(name, AnswerKind.ANSWER_KIND_NOTIFY_ONLY, {}, etag);
  await prison.mayNot("answers upon what it read before", answerDetainer, notify(before.etag));
  await prison.does("promises notice", answerDetainer, notify((await prison.reads(name)).etag));
  await prison.mayNot("answers twice", answerDetainer, notify());
  await prison.does("schedules a release", prison.custodies.scheduleRelease, schedule(heldIn));

  const missed = the((await prison.does("offers a window", offerWindow, offer(name, MISSED_WINDOW_MS))).transfer);
  const closed = sleep(MISSED_WINDOW_MS + 200);
  await ice.does("accepts it", ice.transfers.acceptWindow, accept(missed));
  await prison.mayNot("reports a no-show while the window is open", reportFailure, noShow(missed));
  await closed;
  await ice.mayNot("reports its own no-show", ice.transfers.reportFailure, noShow(missed));
  await prison.does("reports a no-show when it has closed", reportFailure, noShow(missed));
  await prison.mayNot("hands the person over after all", confirmTransfer, confirm(missed));

  const second = the((await prison.does("offers another", offerWindow, offer(name, HOUR_MS))).transfer);
  await prison.mayNot("offers a third beside it", offerWindow, offer(name, HOUR_MS));
  await ice.does("accepts it", ice.transfers.acceptWindow, accept(second));
  await prison.does("hands the person over", confirmTransfer, confirm(second));
  await prison.mayNot("says so twice", confirmTransfer, confirm(second));
  await ice.does("takes the person over", ice.transfers.confirmTransfer, confirm(second));
  const toIce = released(heldIn, ReleaseRecipient.RELEASE_RECIPIENT_REQUESTING_AGENCY);
  await prison.does("records the release", prison.custodies.recordRelease, toIce);
  await readAll(name, [ice, inboxes[0]], [prison, inboxes[1]]);
}

/** Texas: holding is a duty, until there is proof of status. While a claim is open, nothing happens by itself. */
async function claimInHold(at: At): Promise<void> {
  const [ice, jail, officer] = [at("us-ice"), at("us-tx-harris-jail"), at("us-tx-harris-jail", "officer")];
  const inboxes = [await ice.inbox(TX), await jail.inbox(TX)] as const;
  const { answerDetainer, raiseCitizenshipClaim } = jail.detainers;
  const { resolveCitizenshipClaim } = officer.detainers;

  const lodged = await ice.does("lodges a detainer", ice.detainers.lodgeDetainer, lodge(TX, "us-tx-harris-jail"));
  const { name } = the(lodged.detainer);
  const heldIn = the((await jail.does("opens a custody", jail.custodies.openCustody, intake(TX))).custody).name;
  await jail.does("finds the person", jail.detainers.acknowledgeDetainer, matched(name, heldIn));
  const decline = (reason: string) => {
    const ground = DeclineGround.DECLINE_GROUND_PROHIBITED_BY_LAW;
    return answer(name, AnswerKind.ANSWER_KIND_DECLINE, { ground, reason });
  };
  const hold = answer(name, AnswerKind.ANSWER_KIND_HONOR_HOLD);
  await jail.mayNot("declines without a reason", answerDetainer, decline(""));
  await jail.does("promises a hold", answerDetainer, hold);

  const raise = (grounds: string) =>
    RaiseCitizenshipClaimRequest.fromPartial({ name, occurredAt: inTime(0), grounds });
  const resolve = (outcome: ClaimOutcome) =>
    ResolveCitizenshipClaimRequest.fromPartial({ name, outcome, reason: "records of three offices were read" });
  const unconfirmed = resolve(ClaimOutcome.CLAIM_OUTCOME_NOT_CONFIRMED);
  await jail.does("raises a citizenship claim", raiseCitizenshipClaim, raise("says so at a cell check"));
  await ice.reads(name);
  await jail.does("schedules a release", jail.custodies.scheduleRelease, schedule(heldIn));
  await jail.mayNot("resolves the claim", jail.detainers.resolveCitizenshipClaim, unconfirmed);
  await jail.mayNot("promises a hold anew", answerDetainer, hold);
  await officer.does("finds it not confirmed", resolveCitizenshipClaim, unconfirmed);
  await jail.does("promises a hold anew", answerDetainer, hold);
  await ice.reads(name);

  await jail.does("raises a second claim", raiseCitizenshipClaim, raise("a birth certificate"));
  const confirmed = resolve(ClaimOutcome.CLAIM_OUTCOME_CONFIRMED);
  await officer.does("finds it confirmed", resolveCitizenshipClaim, confirmed);
  const reasoned = answer(name, AnswerKind.ANSWER_KIND_HONOR_HOLD, { reason: "asked to" });
  await officer.mayNot("promises a hold", officer.detainers.answerDetainer, reasoned);
  await officer.does("declines", officer.detainers.answerDetainer, decline("proof of citizenship"));
  const free = released(heldIn, ReleaseRecipient.RELEASE_RECIPIENT_COMMUNITY);
  await jail.does("records the release", jail.custodies.recordRelease, free);
  await readAll(name, [ice, inboxes[0]], [jail, inboxes[1]]);
}

/** New York: the requester is told where a prison holds the person, and not where a jail does. */
async function moved(at: At): Promise<void> {
  const [ice, prison, jail] = [at("us-ice"), at("us-ny-doccs"), at("us-ny-erie-jail")];
  const officer = at("us-ny-erie-jail", "officer");
  const inboxes = [await ice.inbox(NY), await prison.inbox(NY), await jail.inbox(NY)] as const;
  const { moveCustody } = prison.custodies;

  const lodged = await ice.does("lodges a detainer", ice.detainers.lodgeDetainer, lodge(NY, "us-ny-doccs"));
  const { name } = the(lodged.detainer);
  const opened = await prison.does("opens a custody", prison.custodies.openCustody, intake(NY));
  const heldIn = the(opened.custody).name;
  await prison.does("finds the person", prison.detainers.acknowledgeDetainer, matched(name, heldIn));
  const notify = answer(name, AnswerKind.ANSWER_KIND_NOTIFY_ONLY);
  await prison.does("promises notice", prison.detainers.answerDetainer, notify);

  const { MOVEMENT_KIND_FACILITY, MOVEMENT_KIND_HOSPITAL, MOVEMENT_KIND_AGENCY } = MovementKind;
  const north = move(heldIn, MOVEMENT_KIND_FACILITY, "NORTH");
  const hospital = move(heldIn, MOVEMENT_KIND_HOSPITAL);
  await prison.does("moves them to another facility", moveCustody, north);
  await prison.does("moves them to hospital", moveCustody, hospital);
  await prison.does("moves them back", moveCustody, north);
  await ice.reads(name);
  const abroad = move(heldIn, MOVEMENT_KIND_AGENCY, "EAST", "agencies/us-tx-harris-jail");
  await prison.mayNot("offers them to another jurisdiction's jail", moveCustody, abroad);
  const over = () => move(heldIn, MOVEMENT_KIND_AGENCY, "WEST", "agencies/us-ny-erie-jail");
  await prison.does("offers them to a county jail", moveCustody, over());
  await jail.does("has no room", jail.custodies.declineMove, declineMove(heldIn));
  await jail.mayNot("takes them all the same", jail.custodies.acceptMove, acceptMove(heldIn, "WEST"));
  await prison.does("offers them again", moveCustody, over());
  await jail.looks(heldIn);
  await ice.reads(name);
  await jail.does("takes them over", jail.custodies.acceptMove, acceptMove(heldIn, "WEST"));

  await prison.looks(heldIn);
  await prison.mayNot("looks at the detainer", prison.detainers.getDetainer, { name });
  await prison.mayNot("answers it", prison.detainers.answerDetainer, notify);
  await jail.reads(name);
  await ice.reads(name);
  await jail.mayNot("promises notice by itself", jail.detainers.answerDetainer, notify);
  const decided = answer(name, AnswerKind.ANSWER_KIND_NOTIFY_ONLY, { reason: "an exception of the act applies" });
  await officer.does("promises notice", officer.detainers.answerDetainer, decided);
  await jail.does("moves them to hospital", jail.custodies.moveCustody, hospital);
  await jail.does("schedules a release", jail.custodies.scheduleRelease, schedule(heldIn));
  await readAll(name, [ice, inboxes[0]], [jail, inboxes[2]]);
  await prison.opens(inboxes[1]);
}

/** Texas: matched to the wrong person, told so, corrected, and found at last. */
async function correctedIdentity(at: At): Promise<void> {
  const [ice, jail] = [at("us-ice"), at("us-tx-bexar-jail")];
  const inboxes = [await ice.inbox(TX), await jail.inbox(TX)] as const;
  const { acknowledgeDetainer, answerDetainer } = jail.detainers;
  const { openCustody, correctIdentity } = jail.custodies;

  const lodged = await ice.does("lodges a detainer", ice.detainers.lodgeDetainer, lodge(TX, "us-tx-bexar-jail"));
  const { name } = the(lodged.detainer);
  const other = intake(TX, person("Adam", "1980-03-02"));
  const wrong = the((await jail.does("opens a custody", openCustody, other)).custody).name;
  const right = the((await jail.does("opens another", openCustody, intake(TX, person("Ada", "")))).custody).name;
  await jail.does("finds the wrong person", acknowledgeDetainer, matched(name, wrong));
  const stale = await ice.reads(name);
  const reason = "fingerprints differ";
  await jail.mayNot("finds the right one instead", acknowledgeDetainer, matched(name, right));
  await jail.mayNot("corrects it in one step", acknowledgeDetainer, matched(name, right, reason));
  const mismatch = found(name, Finding.FINDING_IDENTITY_MISMATCH, reason);
  await jail.does("corrects its finding", acknowledgeDetainer, mismatch);
  await ice.reads(name);

  const detainer = asks("us-tx-bexar-jail", person("Ada", "1980-02-04"));
  const amend = (etag: string) => AmendDetainerRequest.fromPartial({ name, detainer, etag });
  await ice.mayNot("amends what it read before", ice.detainers.amendDetainer, amend(stale.etag));
  await ice.does("amends its detainer", ice.detainers.amendDetainer, amend((await ice.reads(name)).etag));
  await jail.does("finds the right person", acknowledgeDetainer, matched(name, right));
  await jail.does("promises a hold", answerDetainer, answer(name, AnswerKind.ANSWER_KIND_HONOR_HOLD));
  const identified = CorrectIdentityRequest.fromPartial({
    name: right,
    subject: person("Ada", "1980-02-04"),
    flags: {},
    correction: { reason: "birth date was missing" },
  });
  await jail.does("corrects who is held", correctIdentity, identified);
  await readAll(name, [ice, inboxes[0]], [jail, inboxes[1]]);
}

/** Each side reads where the detainer stands for it, and what came for it. */
async function readAll(name: string, ...parties: [Party, Inbox][]): Promise<void> {
  for (const [party, inbox] of parties) {
    await party.reads(name);
    await party.opens(inbox);
  }
}

const STORIES: [string, (at: At) => Promise<void>][] = [
  ["A transfer with a missed window", missedWindow],
  ["A citizenship claim in the middle of a hold", claimInHold],
  ["A move between facilities", moved],
  ["A corrected identity", correctedIdentity],
];

const [directory = "comity-dev", address = "localhost:8443"] = process.argv.slice(2);
const { at, close } = everybody(directory, address);
for (const [title, story] of STORIES) {
  console.log(`== ${title}`);
  await story(at);
}
close();
