//! `AppealService`: appeals that an issuer makes about many of its detainers, and the answers to them.
//!
//! What takes thousands of cases is read here, off the network threads, and never by the writer: which detainers a
//! filter selects, what the law bars of them, and their standing.

mod found;
mod visible;

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::api::appeals::found::{AppealView, judged, select_members, tally};
use crate::api::appeals::visible::{held_by, may_see, visible};
use crate::api::context::Api;
use crate::api::list::classes_of;
use crate::api::status;
use crate::api::write::WriteCall;
use crate::domain::agency::{AgencyKind, Caller};
use crate::domain::appeal::{Appeal, AppealItemView};
use crate::domain::case::StoredCase;
use crate::domain::command::CaseCommand;
use crate::domain::determination::FieldClasses;
use crate::domain::ids::{CaseKind, CaseName, LogKind, LogName};
use crate::domain::method::{Method, ReadMethod};
use crate::recorder::WhenFull;
use crate::store::{CaseFilter, DisclosedResource, Reader, StoreError};
use crate::wire::v1::appeal_service_server::AppealService;
use crate::wire::{parse, show, v1};

/// The service.
#[derive(Debug, Clone)]
pub struct Appeals(pub Arc<Api>);

#[tonic::async_trait]
impl AppealService for Appeals {
    async fn issue_appeal(
        &self,
        request: Request<v1::IssueAppealRequest>,
    ) -> Result<Response<v1::IssueAppealResponse>, Status> {
        let mut call = Api::write_call(request)?;
        let members_max = self.0.appeals.members_max;
        if let CaseCommand::IssueAppeal(issue) = &mut call.write.command
            && call.caller.takes_part_in(&call.write.jurisdiction)
        {
            let (selection, jurisdiction) = (issue.selection.clone(), call.write.jurisdiction.clone());
            // One more than the limit, so that the writer sees when there are more.
            let limit = members_max.saturating_add(1);
            let find = move |view: &AppealView<'_>| select_members(view, &jurisdiction, &selection, limit);
            issue.members = self.0.with_appeal_view(&call.caller, Method::IssueAppeal.rpc(), find).await?;
        }
        self.0.submit_write(call, WhenFull::Refuse).await.map(Response::new)
    }

    async fn answer_appeal(
        &self,
        request: Request<v1::AnswerAppealRequest>,
    ) -> Result<Response<v1::AnswerAppealResponse>, Status> {
        let mut call = Api::write_call(request)?;
        let WriteCall { caller, write, .. } = &mut call;
        if let CaseCommand::BarAppeal { appeal, judged: found } = &mut write.command
            && caller.takes_part_in(&write.jurisdiction)
        {
            let log = LogName { jurisdiction: write.jurisdiction.clone(), kind: LogKind::Exchange };
            // Read the head first: the writer leaves out what was disclosed since.
            let as_of = self.0.head(&log);
            let appeal = appeal.clone();
            let judge = move |view: &AppealView<'_>| match visible(view.reader, &view.caller, &appeal)? {
                Some(_) => judged(view, &appeal, as_of).map(Some),
                // The appeal does not concern this caller, so its detainers are not read.
                None => Ok(None),
            };
            if let Some(judged) = self.0.with_appeal_view(caller, Method::AnswerAppeal.rpc(), judge).await? {
                **found = judged;
            }
        }
        self.0.submit_write(call, WhenFull::Refuse).await.map(Response::new)
    }

    async fn get_appeal(
        &self,
        request: Request<v1::GetAppealRequest>,
    ) -> Result<Response<v1::GetAppealResponse>, Status> {
        let caller = Api::caller(&request)?;
        let name = parse::case_name("name", &request.get_ref().name, CaseKind::Appeal)
            .map_err(|faults| status::violations(&faults))?;
        let found = self.0.with_appeal_view(&caller, ReadMethod::GetAppeal.word(), move |view| {
            let Some(appeal) = visible(view.reader, &view.caller, &name)? else { return Ok(None) };
            let tally = tally(view, &appeal)?;
            Ok(Some((appeal, tally)))
        });
        let (appeal, tally) = found.await?.ok_or_else(status::not_found)?;
        let shown = v1::Appeal {
            overdue: appeal.due_at < self.0.clock.now() && tally.is_open(),
            tally: Some(show::appeal_tally(&tally)),
            ..shown_to(&caller, &appeal)
        };
        let (name, classes) = (&appeal.name, classes_of(&shown)?);
        let resources = vec![DisclosedResource::from(name)];
        self.0.disclose(&caller, ReadMethod::GetAppeal, &name.jurisdiction, resources, classes).await?;
        Ok(Response::new(v1::GetAppealResponse { appeal: Some(shown) }))
    }

    async fn list_appeals(
        &self,
        request: Request<v1::ListAppealsRequest>,
    ) -> Result<Response<v1::ListAppealsResponse>, Status> {
        let caller = Api::caller(&request)?;
        let request = request.into_inner();
        let jurisdiction =
            parse::jurisdiction("parent", &request.parent).map_err(|faults| status::violations(&faults))?;
        let limit = parse::page_size(request.page_size).map_err(|faults| status::violations(&faults))?;
        let after = parse::page_token(&request.page_token).map_err(|_| status::invalid_cursor())?;
        if !caller.takes_part_in(&jurisdiction) {
            return Err(status::not_found());
        }
        let agency = (caller.agency.kind == AgencyKind::Federal).then(|| caller.agency.id.clone());
        let of = jurisdiction.clone();
        let filter = CaseFilter {
            jurisdiction: of,
            kind: CaseKind::Appeal,
            agency,
            unassigned: false,
            terms: Vec::new(),
            after,
            limit,
        };
        let whose = caller.clone();
        let slot = self.0.slot(&self.0.concurrency.lists).await?;
        let (appeals, resources, next) = self
            .0
            .read(move |reader| {
                let _slot = slot;
                let cases = reader.cases(&filter)?;
                let next = cases.last().filter(|_| cases.len() >= limit).map(|case| case.name().id.to_string());
                let (mut appeals, mut resources) = (Vec::new(), Vec::new());
                for appeal in cases.iter().filter_map(StoredCase::appeal) {
                    if may_see(reader, &whose, appeal)? {
                        appeals.push(shown_to(&whose, appeal));
                        resources.push(DisclosedResource::from(&appeal.name));
                    }
                }
                Ok((appeals, resources, next))
            })
            .await?;
        let classes = classes(&appeals)?;
        self.0.disclose(&caller, ReadMethod::ListAppeals, &jurisdiction, resources, classes).await?;
        Ok(Response::new(v1::ListAppealsResponse { appeals, next_page_token: next.unwrap_or_default() }))
    }

    async fn list_appeal_items(
        &self,
        request: Request<v1::ListAppealItemsRequest>,
    ) -> Result<Response<v1::ListAppealItemsResponse>, Status> {
        let caller = Api::caller(&request)?;
        let request = request.into_inner();
        let faults = |faults| status::violations(&faults);
        let name = parse::case_name("parent", &request.parent, CaseKind::Appeal).map_err(faults)?;
        let limit = parse::page_size(request.page_size).map_err(faults)?;
        let after = parse::page_token(&request.page_token).map_err(|_| status::invalid_cursor())?;
        let jurisdiction = name.jurisdiction.clone();
        let found = self.0.with_appeal_view(&caller, ReadMethod::ListAppealItems.word(), move |view| {
            let Some(appeal) = visible(view.reader, &view.caller, &name)? else { return Ok(None) };
            view.page(&appeal, after, limit).map(Some)
        });
        let found = found.await?.ok_or_else(status::not_found)?;
        let last = found.last().filter(|_| found.len() >= limit);
        let next_page_token = last.map(|(detainer, _)| detainer.id.to_string()).unwrap_or_default();
        let item = |(detainer, stands): &(CaseName, AppealItemView)| show::appeal_item(detainer, stands);
        let items: Vec<v1::AppealItem> = found.iter().map(item).collect();
        let resources = found.iter().map(|(detainer, _)| DisclosedResource::from(detainer)).collect();
        let classes = classes(&items)?;
        self.0.disclose(&caller, ReadMethod::ListAppealItems, &jurisdiction, resources, classes).await?;
        Ok(Response::new(v1::ListAppealItemsResponse { items, next_page_token }))
    }
}

fn classes<T: crate::wire::Message + crate::wire::Named>(shown: &[T]) -> Result<FieldClasses, Status> {
    shown.iter().try_fold(FieldClasses::NONE, |classes, one| Ok(classes.union(classes_of(one)?)))
}

/// An appeal without its tally. A custodian does not see the other custodians that it addresses.
fn shown_to(caller: &Caller, appeal: &Appeal) -> v1::Appeal {
    let mut shown = show::appeal(appeal);
    if let Some(own) = held_by(caller) {
        shown.custodians.retain(|name| *name == show::agency_name(&own));
    }
    shown
}

impl Api {
    /// Reads a whole appeal for a caller, off the network threads. Only a few run at a time.
    async fn with_appeal_view<T: Send + 'static>(
        &self,
        caller: &Caller,
        method: &'static str,
        look: impl FnOnce(&AppealView<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Status> {
        let slot = self.slot(&self.concurrency.appeals).await?;
        let (gate, caller, now) = (self.gate_for(caller, method)?, caller.clone(), self.clock.now());
        let look = move |reader: &dyn Reader| {
            let _slot = slot;
            look(&AppealView { reader, gate: &gate, caller, now })
        };
        self.read(look).await
    }
}
