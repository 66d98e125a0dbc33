//! An interview: the issuer of a detainer asks to speak with the person in custody, who may refuse.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::detainer::Addressee;
use crate::domain::determination::FieldClass;
use crate::domain::ids::LanguageTag;
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// How officers would speak with the person.
    pub enum InterviewMode {
        /// Face to face.
        InPerson = "in-person",
        /// By telephone.
        Telephone = "telephone",
        /// By video.
        Video = "video",
    }
}

vocabulary! {
    /// What was said to an interview.
    pub enum InterviewOutcome {
        /// The person consents.
        Consented = "consented",
        /// The person consents if counsel is present.
        ConsentedWithCounsel = "consented-with-counsel",
        /// The person refuses, or takes their consent back.
        Refused = "refused",
        /// The custodian does not let it take place.
        Declined = "declined",
    }
}

vocabulary! {
    /// How a person was advised.
    pub enum AdvisalMethod {
        /// On a form that the person signed.
        Written = "written",
        /// By word of mouth.
        Oral = "oral",
    }
}

impl InterviewOutcome {
    /// Whether the interview may take place.
    pub fn consents(self) -> bool {
        match self {
            Self::Consented | Self::ConsentedWithCounsel => true,
            Self::Refused | Self::Declined => false,
        }
    }

    /// The field class that it reveals. Whoever speaks for themselves is in custody; and whoever declines for a whole jurisdiction
    /// holds the person.
    pub fn revealed_class(self, addressee: &Addressee) -> FieldClass {
        match (self, addressee) {
            (Self::Declined, Addressee::Agency(_)) => FieldClass::Answer,
            (Self::Declined, Addressee::Jurisdiction)
            | (Self::Consented | Self::ConsentedWithCounsel | Self::Refused, _) => FieldClass::Custody,
        }
    }
}

/// What an issuer asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterviewRequest {
    /// How the officers would speak with the person.
    pub mode: InterviewMode,
    /// In which language.
    pub language: LanguageTag,
    /// When they would come or call.
    pub proposed_at: Option<Timestamp>,
}

/// How the person was told that they need not speak, and may have counsel with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterviewAdvisal {
    /// When, as the custodian says.
    pub advised_at: Timestamp,
    /// How.
    pub method: AdvisalMethod,
    /// In which language.
    pub language: LanguageTag,
    /// SHA-256 of the form that the person signed, if they were advised in writing.
    pub form_sha256: Option<[u8; 32]>,
}

/// What the person said, or the custodian in their place.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterviewAnswer {
    /// What was said.
    pub outcome: InterviewOutcome,
    /// How the person was advised. `None`: the custodian declined.
    pub advisal: Option<InterviewAdvisal>,
    /// The person's counsel was told.
    pub counsel_told: bool,
    /// When it can take place.
    pub starts_at: Option<Timestamp>,
    /// Why. May be personal: stays with the custodian.
    pub reason: Option<String>,
}

impl fmt::Debug for InterviewAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InterviewAnswer").field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

/// The interview that the issuer of a detainer last asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interview {
    /// What it asks.
    pub request: InterviewRequest,
    /// When, by our clock.
    pub requested_at: Timestamp,
    /// The issuer no longer asks for it.
    pub is_withdrawn: bool,
    /// What was said to it.
    pub answer: Option<InterviewAnswer>,
    /// The class under which the issuer was told of the answer. `None`: it was not.
    pub told_as: Option<FieldClass>,
}

impl Interview {
    /// An interview as asked for.
    pub fn requested(request: InterviewRequest, now: Timestamp) -> Self {
        Self { request, requested_at: now, is_withdrawn: false, answer: None, told_as: None }
    }

    /// Whether its issuer asks for it and was told no answer. An answer that was not disclosed changes nothing for the issuer.
    pub fn is_open_to_issuer(&self) -> bool {
        !self.is_withdrawn && self.told_as.is_none()
    }

    /// The interview without what the person said. That the custodian declined stays.
    #[must_use]
    pub fn unspoken(&self) -> Self {
        let answer = self.answer.as_ref().filter(|answer| answer.outcome == InterviewOutcome::Declined);
        Self { answer: answer.cloned(), told_as: answer.and(self.told_as), ..self.clone() }
    }
}
