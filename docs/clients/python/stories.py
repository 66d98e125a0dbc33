"""Four stories, each told by a federal and a state system over the wire. What is printed is the same in every language:
docs/clients/outcome.txt.

    PYTHONPATH=target/clients/python python docs/clients/python/stories.py comity-dev localhost:8443
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from comity.v1 import charge_pb2 as charge
from comity.v1 import custody_pb2 as custody
from comity.v1 import custody_service_pb2 as custodies
from comity.v1 import detainer_pb2 as detainer
from comity.v1 import detainer_service_pb2 as detainers
from comity.v1 import subject_pb2 as subject
from comity.v1 import transfer_pb2 as transfer
from comity.v1 import transfer_service_pb2 as transfers
from telling import Parties, Party

NY, TX = "jurisdictions/us-ny", "jurisdictions/us-tx"
LAW = "8 CFR 287.7(a)"
# Long enough to be accepted in, short enough to be waited for.
MISSED_WINDOW = timedelta(seconds=4)


# -------------------------------------------------------------------------------------------------------- Requests


def soon(**after: float) -> datetime:
    return datetime.now(timezone.utc) + timedelta(**after)


def person(given: str, birth_date: str) -> subject.Subject:
    return subject.Subject(name=subject.PersonName(given=given, family="Synthetic"), birth_date=birth_date)


ADA = person("Ada", "1980-02-03")


def asks(custodian: str, who: subject.Subject = ADA) -> detainer.Detainer:
    """Asks for hold and notice, on an administrative warrant."""
    return detainer.Detainer(
        custodian=f"agencies/{custodian}",
        form=detainer.DETAINER_FORM_I_247A,
        basis=[detainer.DETAINER_BASIS_FINAL_ORDER],
        warrant=detainer.Warrant(
            kind=detainer.WARRANT_KIND_I_205, issuing_authority=detainer.ISSUING_AUTHORITY_IMMIGRATION_OFFICER
        ),
        subject=who,
        contact_phone="+1 555 0100",
    )


def lodge(parent: str, custodian: str, **more: Any) -> detainers.LodgeDetainerRequest:
    return detainers.LodgeDetainerRequest(parent=parent, detainer=asks(custodian), **more)


def intake(parent: str, who: subject.Subject = ADA) -> custodies.OpenCustodyRequest:
    pending = charge.Charge(ncic_code="1399", status=charge.CHARGE_STATUS_PENDING)
    stay = custody.Custody(facility="MAIN", subject=who, charges=[pending])
    return custodies.OpenCustodyRequest(parent=parent, custody=stay)


def found(name: str, finding: int, held_in: str = "", **more: Any) -> detainers.AcknowledgeDetainerRequest:
    said = detainer.Acknowledgement(finding=finding, custody=held_in)  # type: ignore[arg-type]
    if held_in:
        said.match_method = subject.MATCH_METHOD_BIOMETRIC
    return detainers.AcknowledgeDetainerRequest(name=name, acknowledgement=said, **more)


def matched(name: str, held_in: str, **more: Any) -> detainers.AcknowledgeDetainerRequest:
    return found(name, detainer.FINDING_MATCHED_CUSTODY, held_in, **more)


def answer(name: str, kind: int, etag: str = "", **more: Any) -> detainers.AnswerDetainerRequest:
    said = detainer.Answer(kind=kind, legal_basis=LAW, **more)  # type: ignore[arg-type]
    return detainers.AnswerDetainerRequest(name=name, answer=said, etag=etag)


def schedule(name: str) -> custodies.ScheduleReleaseRequest:
    release = custody.ScheduledRelease(expected_at=soon(days=10), basis=custody.RELEASE_DATE_BASIS_PROJECTED)
    return custodies.ScheduleReleaseRequest(name=name, release=release)


def released(name: str, recipient: int) -> custodies.RecordReleaseRequest:
    release = custody.ActualRelease(
        released_at=soon(),
        reason=custody.RELEASE_REASON_COURT_ORDER,
        recipient=recipient,  # type: ignore[arg-type]
        ordered_by="County court",
    )
    return custodies.RecordReleaseRequest(name=name, release=release)


def window(name: str, length: timedelta) -> transfers.OfferWindowRequest:
    opens_at = soon()
    offered = transfer.TransferWindow(opens_at=opens_at, closes_at=opens_at + length, facility="MAIN")
    return transfers.OfferWindowRequest(parent=name, window=offered)


def no_show(name: str) -> transfers.ReportFailureRequest:
    return transfers.ReportFailureRequest(name=name, cause=transfer.TRANSFER_FAILURE_CAUSE_NO_SHOW)


def confirm(name: str) -> transfers.ConfirmTransferRequest:
    return transfers.ConfirmTransferRequest(name=name, occurred_at=soon())


def move(name: str, kind: int, **where: str) -> custodies.MoveCustodyRequest:
    movement = custody.Movement(kind=kind, **where)  # type: ignore[arg-type]
    planned_at = soon() if kind == custody.MOVEMENT_KIND_AGENCY else None
    return custodies.MoveCustodyRequest(name=name, movement=movement, planned_at=planned_at)


def accept_move(name: str, facility: str) -> custodies.AcceptMoveRequest:
    return custodies.AcceptMoveRequest(name=name, occurred_at=soon(), facility=facility, booking_number="E-2026-7")


def decline_move(name: str) -> custodies.DeclineMoveRequest:
    return custodies.DeclineMoveRequest(name=name, reason=custody.MOVE_DECLINE_REASON_NO_CAPACITY)


# --------------------------------------------------------------------------------------------------------- Stories


def missed_window(at: Callable[..., Party]) -> None:
    """New York: a prison may not hold without a judge's warrant; it may tell, and hand over."""
    ice, prison = at("us-ice"), at("us-ny-doccs")
    inboxes = ice.inbox(NY), prison.inbox(NY)

    nobody = detainers.LodgeDetainerRequest(parent=NY, detainer=asks("us-ny-doccs", subject.Subject()))
    ice.may_not("lodges a detainer for nobody", ice.detainers.LodgeDetainer, nobody)
    request = lodge(NY, "us-ny-doccs")
    lodged = ice.does("lodges a detainer", ice.detainers.LodgeDetainer, request)
    again = ice.does("sends it again, not sure that it arrived", ice.detainers.LodgeDetainer, request)
    ice.tell("has", "the same receipt" if again == lodged else "another receipt")
    name = lodged.detainer.name

    held_in = prison.does("opens a custody", prison.custodies.OpenCustody, intake(NY)).custody.name
    before = prison.reads(name)
    prison.does("finds the person", prison.detainers.AcknowledgeDetainer, matched(name, held_in))
    give = prison.detainers.AnswerDetainer
    prison.may_not("promises a hold", give, answer(name, detainer.ANSWER_KIND_HONOR_HOLD))
    notify = detainer.ANSWER_KIND_NOTIFY_ONLY
    prison.may_not("answers upon what it read before", give, answer(name, notify, before.etag))
    prison.does("promises notice", give, answer(name, notify, prison.reads(name).etag))
    prison.may_not("answers twice", give, answer(name, notify))
    prison.does("schedules a release", prison.custodies.ScheduleRelease, schedule(held_in))

    missed = prison.does("offers a window", prison.transfers.OfferWindow, window(name, MISSED_WINDOW)).transfer
    closed_at = time.monotonic() + MISSED_WINDOW.total_seconds()
    accept = transfers.AcceptWindowRequest(name=missed.name, etag=missed.etag)
    ice.does("accepts it", ice.transfers.AcceptWindow, accept)
    failed = prison.transfers.ReportFailure
    prison.may_not("reports a no-show while the window is open", failed, no_show(missed.name))
    time.sleep(max(0.0, closed_at - time.monotonic()) + 0.2)
    ice.may_not("reports its own no-show", ice.transfers.ReportFailure, no_show(missed.name))
    prison.does("reports a no-show when it has closed", failed, no_show(missed.name))
    prison.may_not("hands the person over after all", prison.transfers.ConfirmTransfer, confirm(missed.name))

    second = prison.does("offers another", prison.transfers.OfferWindow, window(name, timedelta(hours=1))).transfer
    prison.may_not("offers a third beside it", prison.transfers.OfferWindow, window(name, timedelta(hours=1)))
    accept = transfers.AcceptWindowRequest(name=second.name, etag=second.etag)
    ice.does("accepts it", ice.transfers.AcceptWindow, accept)
    prison.does("hands the person over", prison.transfers.ConfirmTransfer, confirm(second.name))
    prison.may_not("says so twice", prison.transfers.ConfirmTransfer, confirm(second.name))
    ice.does("takes the person over", ice.transfers.ConfirmTransfer, confirm(second.name))
    to_ice = released(held_in, custody.RELEASE_RECIPIENT_REQUESTING_AGENCY)
    prison.does("records the release", prison.custodies.RecordRelease, to_ice)
    read_all(name, zip((ice, prison), inboxes, strict=True))


def claim_in_hold(at: Callable[..., Party]) -> None:
    """Texas: holding is a duty, until there is proof of status. While a claim is open, nothing happens by itself."""
    ice, jail, officer = at("us-ice"), at("us-tx-harris-jail"), at("us-tx-harris-jail", officer=True)
    inboxes = ice.inbox(TX), jail.inbox(TX)
    give = jail.detainers.AnswerDetainer

    lodged = ice.does("lodges a detainer", ice.detainers.LodgeDetainer, lodge(TX, "us-tx-harris-jail"))
    name = lodged.detainer.name
    held_in = jail.does("opens a custody", jail.custodies.OpenCustody, intake(TX)).custody.name
    jail.does("finds the person", jail.detainers.AcknowledgeDetainer, matched(name, held_in))

    def decline(reason: str) -> detainers.AnswerDetainerRequest:
        ground = detainer.DECLINE_GROUND_PROHIBITED_BY_LAW
        return answer(name, detainer.ANSWER_KIND_DECLINE, ground=ground, reason=reason)

    def hold(reason: str = "") -> detainers.AnswerDetainerRequest:
        return answer(name, detainer.ANSWER_KIND_HONOR_HOLD, reason=reason)

    jail.may_not("declines without a reason", give, decline(""))
    jail.does("promises a hold", give, hold())

    def claim(grounds: str) -> detainers.RaiseCitizenshipClaimRequest:
        return detainers.RaiseCitizenshipClaimRequest(name=name, occurred_at=soon(), grounds=grounds)

    def resolve(outcome: detainer.ClaimOutcome) -> detainers.ResolveCitizenshipClaimRequest:
        reason = "records of three offices were read"
        return detainers.ResolveCitizenshipClaimRequest(name=name, outcome=outcome, reason=reason)

    confirmed, unconfirmed = detainer.CLAIM_OUTCOME_CONFIRMED, detainer.CLAIM_OUTCOME_NOT_CONFIRMED
    jail.does("raises a citizenship claim", jail.detainers.RaiseCitizenshipClaim, claim("says so at a cell check"))
    ice.reads(name)
    jail.does("schedules a release", jail.custodies.ScheduleRelease, schedule(held_in))
    jail.may_not("resolves the claim", jail.detainers.ResolveCitizenshipClaim, resolve(unconfirmed))
    jail.may_not("promises a hold anew", give, hold())
    officer.does("finds it not confirmed", officer.detainers.ResolveCitizenshipClaim, resolve(unconfirmed))
    jail.does("promises a hold anew", give, hold())
    ice.reads(name)

    jail.does("raises a second claim", jail.detainers.RaiseCitizenshipClaim, claim("a birth certificate"))
    officer.does("finds it confirmed", officer.detainers.ResolveCitizenshipClaim, resolve(confirmed))
    officer.may_not("promises a hold", officer.detainers.AnswerDetainer, hold("asked to"))
    officer.does("declines", officer.detainers.AnswerDetainer, decline("proof of citizenship"))
    free = released(held_in, custody.RELEASE_RECIPIENT_COMMUNITY)
    jail.does("records the release", jail.custodies.RecordRelease, free)
    read_all(name, zip((ice, jail), inboxes, strict=True))


def moved(at: Callable[..., Party]) -> None:
    """New York: the requester is told where a prison holds the person, and not where a jail does."""
    ice, prison, jail = at("us-ice"), at("us-ny-doccs"), at("us-ny-erie-jail")
    officer = at("us-ny-erie-jail", officer=True)
    inboxes = ice.inbox(NY), prison.inbox(NY), jail.inbox(NY)

    name = ice.does("lodges a detainer", ice.detainers.LodgeDetainer, lodge(NY, "us-ny-doccs")).detainer.name
    held_in = prison.does("opens a custody", prison.custodies.OpenCustody, intake(NY)).custody.name
    prison.does("finds the person", prison.detainers.AcknowledgeDetainer, matched(name, held_in))
    notify = answer(name, detainer.ANSWER_KIND_NOTIFY_ONLY)
    prison.does("promises notice", prison.detainers.AnswerDetainer, notify)

    go = prison.custodies.MoveCustody
    prison.does("moves them to another facility", go, move(held_in, custody.MOVEMENT_KIND_FACILITY, facility="NORTH"))
    prison.does("moves them to hospital", go, move(held_in, custody.MOVEMENT_KIND_HOSPITAL))
    prison.does("moves them back", go, move(held_in, custody.MOVEMENT_KIND_FACILITY, facility="NORTH"))
    ice.reads(name)
    to_agency = custody.MOVEMENT_KIND_AGENCY
    abroad = move(held_in, to_agency, custodian="agencies/us-tx-harris-jail", facility="EAST")
    prison.may_not("offers them to another jurisdiction's jail", go, abroad)
    over = move(held_in, to_agency, custodian="agencies/us-ny-erie-jail", facility="WEST")
    take = jail.custodies.AcceptMove
    prison.does("offers them to a county jail", go, over)
    jail.does("has no room", jail.custodies.DeclineMove, decline_move(held_in))
    jail.may_not("takes them all the same", take, accept_move(held_in, "WEST"))
    prison.does("offers them again", go, move(held_in, to_agency, custodian="agencies/us-ny-erie-jail", facility="WEST"))
    jail.looks(held_in)
    ice.reads(name)
    jail.does("takes them over", take, accept_move(held_in, "WEST"))

    anew = answer(name, detainer.ANSWER_KIND_NOTIFY_ONLY)
    prison.looks(held_in)
    prison.may_not("looks at the detainer", prison.detainers.GetDetainer, detainers.GetDetainerRequest(name=name))
    prison.may_not("answers it", prison.detainers.AnswerDetainer, anew)
    jail.reads(name)
    ice.reads(name)
    jail.may_not("promises notice by itself", jail.detainers.AnswerDetainer, anew)
    decided = answer(name, detainer.ANSWER_KIND_NOTIFY_ONLY, reason="an exception of the act applies")
    officer.does("promises notice", officer.detainers.AnswerDetainer, decided)
    to_hospital = move(held_in, custody.MOVEMENT_KIND_HOSPITAL)
    jail.does("moves them to hospital", jail.custodies.MoveCustody, to_hospital)
    jail.does("schedules a release", jail.custodies.ScheduleRelease, schedule(held_in))
    read_all(name, ((ice, inboxes[0]), (jail, inboxes[2])))
    prison.opens(inboxes[1])


def corrected_identity(at: Callable[..., Party]) -> None:
    """Texas: matched to the wrong person, told so, corrected, and found at last."""
    ice, jail = at("us-ice"), at("us-tx-bexar-jail")
    inboxes = ice.inbox(TX), jail.inbox(TX)
    find = jail.detainers.AcknowledgeDetainer

    name = ice.does("lodges a detainer", ice.detainers.LodgeDetainer, lodge(TX, "us-tx-bexar-jail")).detainer.name
    other = person("Adam", "1980-03-02")
    wrong = jail.does("opens a custody", jail.custodies.OpenCustody, intake(TX, other)).custody.name
    right = jail.does("opens another", jail.custodies.OpenCustody, intake(TX, person("Ada", ""))).custody.name
    jail.does("finds the wrong person", find, matched(name, wrong))
    stale = ice.reads(name)
    correction = detainer.Correction(reason="fingerprints differ")
    jail.may_not("finds the right one instead", find, matched(name, right))
    jail.may_not("corrects it in one step", find, matched(name, right, correction=correction))
    mismatch = detainer.FINDING_IDENTITY_MISMATCH
    jail.does("corrects its finding", find, found(name, mismatch, correction=correction))
    ice.reads(name)

    better = asks("us-tx-bexar-jail", person("Ada", "1980-02-04"))
    amend = detainers.AmendDetainerRequest(name=name, detainer=better, etag=stale.etag)
    ice.may_not("amends what it read before", ice.detainers.AmendDetainer, amend)
    amend = detainers.AmendDetainerRequest(name=name, detainer=better, etag=ice.reads(name).etag)
    ice.does("amends its detainer", ice.detainers.AmendDetainer, amend)
    jail.does("finds the right person", find, matched(name, right))
    hold = answer(name, detainer.ANSWER_KIND_HONOR_HOLD)
    jail.does("promises a hold", jail.detainers.AnswerDetainer, hold)
    identified = custodies.CorrectIdentityRequest(
        name=right,
        subject=person("Ada", "1980-02-04"),
        flags=subject.Flags(),
        correction=detainer.Correction(reason="birth date was missing"),
    )
    jail.does("corrects who is held", jail.custodies.CorrectIdentity, identified)
    read_all(name, zip((ice, jail), inboxes, strict=True))


def read_all(name: str, parties: Any) -> None:
    """Each side reads where the detainer stands for it, and what came for it."""
    for party, inbox in parties:
        party.reads(name)
        party.opens(inbox)


STORIES = {
    "A transfer with a missed window": missed_window,
    "A citizenship claim in the middle of a hold": claim_in_hold,
    "A move between facilities": moved,
    "A corrected identity": corrected_identity,
}


def main(directory: str, address: str) -> None:
    at = Parties(directory, address)
    for title, story in STORIES.items():
        print(f"== {title}", flush=True)
        story(at)


if __name__ == "__main__":
    main(*sys.argv[1:])
