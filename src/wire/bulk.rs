//! Items of a bulk stream: each holds the request of a single call, and is answered as that call is.

use tonic::Status;

use crate::wire::parse::WriteRequest;
use crate::wire::{HasReceipt, Message, Named, failure, v1};

/// An item of a bulk stream.
pub trait BulkItem: Message + Named + Default {
    /// The request of a single call.
    type Request: WriteRequest + Message + Named + Default;
    /// The answer of a single call.
    type Answer: HasReceipt;
    /// What the stream says of the item.
    type Outcome: Message + 'static;

    /// The request within, and its request id as it was sent.
    fn into_request(self) -> Option<(String, Self::Request)>;

    /// What became of it.
    fn outcome(request_id: String, answered: Result<Self::Answer, Status>) -> Self::Outcome;
}

macro_rules! bulk_items {
    ($($item:ident of $request:ident, $outcome:ident ($module:ident) of $answer:ident);+ $(;)?) => {
        $(impl BulkItem for v1::$item {
            type Request = v1::$request;
            type Answer = v1::$answer;
            type Outcome = v1::$outcome;

            fn into_request(self) -> Option<(String, v1::$request)> {
                self.request.map(|request| (request.request_id.clone(), request))
            }

            fn outcome(request_id: String, answered: Result<v1::$answer, Status>) -> v1::$outcome {
                let outcome = match answered {
                    Ok(answer) => v1::$module::Outcome::Response(answer),
                    Err(status) => v1::$module::Outcome::Error(failure::message(&status)),
                };
                v1::$outcome { request_id, outcome: Some(outcome) }
            }
        })+
    };
}

bulk_items!(
    LodgeDetainersRequest of LodgeDetainerRequest,
        LodgeDetainersResponse (lodge_detainers_response) of LodgeDetainerResponse;
    AcknowledgeDetainersRequest of AcknowledgeDetainerRequest,
        AcknowledgeDetainersResponse (acknowledge_detainers_response) of AcknowledgeDetainerResponse;
    AnswerDetainersRequest of AnswerDetainerRequest,
        AnswerDetainersResponse (answer_detainers_response) of AnswerDetainerResponse;
    RecordReleasesRequest of RecordReleaseRequest,
        RecordReleasesResponse (record_releases_response) of RecordReleaseResponse;
);
