//! Events that the gateway records by itself: a legal clock ran out, or a hand-over was not lawful.

use crate::domain::clocks::{ClockKind, Firing};
use crate::domain::ids::{CaseKind, CaseName};
use crate::domain::transfer::TransferName;
use crate::wire::enums::{to_wire, to_wire_or_unspecified};
use crate::wire::show::timestamp;
use crate::wire::v1;

pub(super) fn fired(firing: &Firing, counts: Option<v1::Counts>) -> v1::ClockFired {
    let of = |kind| if firing.case.kind == kind { firing.case.to_string() } else { String::new() };
    let of_window = firing.clock == ClockKind::WindowClosed;
    let transfer = if of_window { format!("{}/transfers/{}", firing.case, firing.about) } else { String::new() };
    v1::ClockFired {
        clock: to_wire(firing.clock),
        detainer: of(CaseKind::Detainer),
        transfer,
        custody: of(CaseKind::Custody),
        due_at: Some(timestamp(firing.due_at)),
        times: i32::try_from(firing.times).unwrap_or(i32::MAX),
        hold_clock: to_wire_or_unspecified(firing.hold_clock),
        counts,
    }
}

/// Does not say what the law says of it.
pub(super) fn unlawful_hand_over(
    custody: &CaseName,
    transfer: Option<&TransferName>,
    detainers: &[CaseName],
) -> v1::UnlawfulHandOver {
    v1::UnlawfulHandOver {
        custody: custody.to_string(),
        detainers: detainers.iter().map(ToString::to_string).collect(),
        transfer: transfer.map(ToString::to_string).unwrap_or_default(),
        ..Default::default()
    }
}
