//! What came of a call, and what every refusal must be like.

use std::collections::HashMap;

use tonic::{Code, Response, Status};
use tonic_types::{ErrorDetail, StatusExt as _};

use crate::sample;

/// Beside the canaries of `sample`: what else of a test's persons must never be where nothing personal may be.
const PERSONAL: [&str; 5] = ["1987-06-05", "24-B-7391", "212 555 01734", "us-ice-officer", "us-ny-doccs-officer"];

/// The answer to a call, or why there is none.
#[derive(Debug)]
#[must_use]
pub(crate) struct Outcome<T>(pub(crate) Result<T, Status>);

/// A refusal whose shape was found right.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: Status,
    pub(crate) metadata: HashMap<String, String>,
}

impl<T> Outcome<T> {
    pub(super) fn of(answer: Result<Response<T>, Status>) -> Self {
        Self(answer.map(Response::into_inner))
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        Outcome(self.0.map(change))
    }

    #[track_caller]
    pub(crate) fn accepted(self) -> T {
        match self.0 {
            Ok(answer) => answer,
            Err(status) => panic!("refused: {:?} {} {:?}", status.code(), status.message(), reason(&status)),
        }
    }

    /// With this code and reason, in the one shape that every error has, and without a word about a person.
    #[track_caller]
    pub(crate) fn refused(self, code: Code, expected: &str) -> Refused {
        let Err(status) = self.0 else { panic!("accepted, not refused with {expected}") };
        assert_eq!((status.code(), reason(&status).as_str()), (code, expected), "{}", status.message());
        let info_of = |detail| if let ErrorDetail::ErrorInfo(info) = detail { Some(info) } else { None };
        let infos = status.get_error_details_vec().into_iter().filter_map(info_of);
        let infos: Vec<_> = infos.collect();
        assert_eq!(infos.len(), 1, "exactly one ErrorInfo");
        let [info] = infos.try_into().unwrap();
        assert_eq!(info.domain, "comity");
        assert_nothing_personal(status.message());
        assert_nothing_personal(&String::from_utf8_lossy(status.details()));
        assert_nothing_personal(&format!("{:?}", status.metadata()));
        Refused { status, metadata: info.metadata }
    }

    /// The law bars it, whatever somebody claims: forbidden, or left shut until a claim is verified.
    #[track_caller]
    pub(crate) fn barred(self) {
        let Err(status) = self.0 else { panic!("accepted, where the law bars it") };
        assert!(["FORBIDDEN_BY_LAW", "VERIFICATION_REQUIRED"].contains(&reason(&status).as_str()), "{status:?}");
    }

    #[track_caller]
    pub(crate) fn not_found(self) -> Refused {
        self.refused(Code::NotFound, "NOT_FOUND")
    }
}

impl Refused {
    /// The fields at fault.
    pub(crate) fn fields(&self) -> Vec<String> {
        let faults = self.status.get_details_bad_request().map(|fault| fault.field_violations).unwrap_or_default();
        faults.into_iter().map(|fault| fault.field).collect()
    }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

#[track_caller]
pub(crate) fn assert_nothing_personal(text: &str) {
    for word in sample::CANARIES.iter().chain(&PERSONAL) {
        assert!(!text.contains(word), "a person is in it: {word} in {text}");
    }
}
