//! Requests on pick-ups and their windows.

use std::fmt::Display;

use crate::domain::command::CaseCommand;
use crate::domain::ids::CaseKind;
use crate::domain::text::TextKind;
use crate::domain::transfer::TransferWindow;
use crate::wire::parse::{REASON_LEN_MAX, RequestFields, Write, WriteRequest, upon};
use crate::wire::{Violations, v1};

impl WriteRequest for v1::OfferWindowRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let detainer = fields.case("parent", &self.parent, CaseKind::Detainer);
        let window = window(&mut fields, "window", self.window);
        let reason = fields.text("reason", &self.reason, TextKind::Reason, REASON_LEN_MAX);
        let command =
            detainer.zip(window).map(|(detainer, window)| CaseCommand::OfferWindow { detainer, window, reason });
        upon(fields, command, &self.request_id, "")
    }
}

impl WriteRequest for v1::AcceptWindowRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let transfer = fields.required_id("name", &self.name);
        upon(fields, transfer.map(|transfer| CaseCommand::AcceptWindow { transfer }), &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::DeclineWindowRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let transfer = fields.required_id("name", &self.name);
        let reason = fields.required_word("reason", self.reason);
        let command = transfer.zip(reason).map(|(transfer, reason)| CaseCommand::DeclineWindow { transfer, reason });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::ReviseWindowRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let transfer = fields.required_id("name", &self.name);
        let window = window(&mut fields, "window", self.window);
        let reason = fields.text("reason", &self.reason, TextKind::Reason, REASON_LEN_MAX);
        let command =
            transfer.zip(window).map(|(transfer, window)| CaseCommand::ReviseWindow { transfer, window, reason });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::WithdrawWindowRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let transfer = fields.required_id("name", &self.name);
        let reason = fields.required_word("reason", self.reason);
        let command = transfer.zip(reason).map(|(transfer, reason)| CaseCommand::WithdrawWindow { transfer, reason });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::ConfirmTransferRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let transfer = fields.required_id("name", &self.name);
        let occurred_at = fields.required_time("occurred_at", self.occurred_at);
        let reason = fields.text("reason", &self.reason, TextKind::Reason, REASON_LEN_MAX);
        let command = transfer.zip(occurred_at).map(|(transfer, occurred_at)| CaseCommand::ConfirmTransfer {
            transfer,
            occurred_at,
            reason,
        });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::ReportFailureRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let transfer = fields.required_id("name", &self.name);
        let cause = fields.required_word("cause", self.cause);
        let command = transfer.zip(cause).map(|(transfer, cause)| CaseCommand::ReportFailure { transfer, cause });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

fn window(
    fields: &mut RequestFields,
    field: impl Display + Copy,
    window: Option<v1::TransferWindow>,
) -> Option<TransferWindow> {
    let window = fields.required(field, window)?;
    let opens_at = fields.required_time(format_args!("{field}.opens_at"), window.opens_at);
    let closes_at = fields.required_time(format_args!("{field}.closes_at"), window.closes_at);
    let facility = fields.required_id(format_args!("{field}.facility"), &window.facility);
    if opens_at.zip(closes_at).is_some_and(|(opens_at, closes_at)| closes_at <= opens_at) {
        fields.fault(format_args!("{field}.closes_at"), "after opens_at");
    }
    Some(TransferWindow { opens_at: opens_at?, closes_at: closes_at?, facility: facility? })
}
