//! What the issuer of a detainer was told of the end of the custody, field by field.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::determination::{FieldClass, FieldClasses};
use crate::domain::release::{
    ActualRelease, Closing, ClosingReason, ReleaseReason, ReleaseRecipient, ScheduledRelease,
};
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What a notice told.
    pub enum ReleaseNoticeKind {
        /// A release is expected.
        Expected = "expected",
        /// The person was released.
        Released = "released",
        /// The custody ended without a release.
        Closed = "closed",
        /// What was told before no longer holds. What holds now was not told.
        Retracted = "retracted",
    }
}

/// The last notice of a release or of another end of the custody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseNotice {
    /// What it told.
    pub kind: ReleaseNoticeKind,
    /// Its index in the exchange log.
    pub index: u64,
    /// When it was recorded, by our clock.
    pub recorded_at: Timestamp,
}

/// A release that took place, as far as it was disclosed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseTold {
    /// When. Of the class `release-date`, as is the next.
    pub released_at: Option<Timestamp>,
    /// The custodian says that the date is open to the public.
    pub date_public: bool,
    /// Why. Of the class `release-detail`, as are the next two.
    pub reason: Option<ReleaseReason>,
    /// To whom.
    pub recipient: Option<ReleaseRecipient>,
    /// By whose order.
    pub ordered_by: Option<String>,
    /// Where. Of the class `release-place`.
    pub place: Option<String>,
}

/// Another end of the custody, as far as it was disclosed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosingTold {
    /// Why. Of the class `release-detail`.
    pub reason: Option<ClosingReason>,
    /// When. Of the class `release-date`.
    pub occurred_at: Option<Timestamp>,
}

/// What the issuer was told of the end of the custody. The commit of a notice and every read narrow it by
/// [`ReleaseView::within`], to classes that only `domain/disclosure/rules.rs` makes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseView {
    /// The expected release. It stays when the release takes place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<ScheduledRelease>,
    /// The release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<ReleaseTold>,
    /// How the custody ended, if not by a release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<ClosingTold>,
    /// The last notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<ReleaseNotice>,
}

impl ReleaseView {
    /// Whether nothing was told.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Tells of an expected release, by an entry that discloses these classes.
    pub(in crate::domain) fn tell_expected(
        &mut self,
        release: &ScheduledRelease,
        notice: ReleaseNotice,
        disclosed: FieldClasses,
    ) {
        let told = Self { expected: Some(release.clone()), notice: Some(notice), ..Self::default() };
        Self { expected: self.expected, notice: self.notice, .. } = told.within(disclosed);
    }

    /// Tells of a release, or of a correction of what was told of it.
    pub(in crate::domain) fn tell_release(
        &mut self,
        release: &ActualRelease,
        notice: ReleaseNotice,
        disclosed: FieldClasses,
    ) {
        let released = ReleaseTold {
            released_at: Some(release.released_at),
            date_public: release.date_public,
            reason: Some(release.reason),
            recipient: Some(release.recipient),
            ordered_by: Some(release.ordered_by.clone()),
            place: release.place.clone(),
        };
        let notice = notice.unless_empty(disclosed);
        let told = Self { released: Some(released), notice: Some(notice), ..Self::default() };
        Self { released: self.released, notice: self.notice, .. } = told.within(disclosed);
    }

    /// Tells that the custody ended without a release.
    pub(in crate::domain) fn tell_closing(
        &mut self,
        closing: &Closing,
        notice: ReleaseNotice,
        disclosed: FieldClasses,
    ) {
        let closed = ClosingTold { reason: Some(closing.reason), occurred_at: Some(closing.occurred_at) };
        let told = Self { closed: Some(closed), notice: Some(notice), ..Self::default() };
        Self { closed: self.closed, notice: self.notice, .. } = told.within(disclosed);
    }

    /// Tells that no release is expected any more.
    pub(in crate::domain) fn retract_expected(&mut self, notice: ReleaseNotice, disclosed: FieldClasses) {
        let told = Self { notice: Some(notice), ..Self::default() };
        Self { expected: self.expected, notice: self.notice, .. } = told.within(disclosed);
    }

    /// Tells that the custody did not end.
    pub(in crate::domain) fn retract_end(&mut self, notice: ReleaseNotice, disclosed: FieldClasses) {
        let told = Self { notice: Some(notice), ..Self::default() };
        Self { released: self.released, closed: self.closed, notice: self.notice, .. } = told.within(disclosed);
    }

    /// What of it these classes disclose. A place alone tells of no release. The time of a notice tells about when its
    /// release is or was, so it goes with the date.
    #[must_use]
    pub fn within(&self, classes: FieldClasses) -> Self {
        let [date, detail, place] = [FieldClass::ReleaseDate, FieldClass::ReleaseDetail, FieldClass::ReleasePlace]
            .map(|of| classes.contains(of));
        let expected = self.expected.clone().filter(|_| date);
        let released = self.released.clone().filter(|_| date || detail);
        let closed = self.closed.filter(|_| date || detail);
        let notice = self.notice.filter(|notice| date || notice.kind == ReleaseNoticeKind::Retracted);
        Self {
            expected: expected.map(|told| ScheduledRelease { place: told.place.filter(|_| place), ..told }),
            released: released.map(|told| ReleaseTold {
                released_at: told.released_at.filter(|_| date),
                date_public: told.date_public && date,
                reason: told.reason.filter(|_| detail),
                recipient: told.recipient.filter(|_| detail),
                ordered_by: told.ordered_by.filter(|_| detail),
                place: told.place.filter(|_| place),
            }),
            closed: closed.map(|told| ClosingTold {
                reason: told.reason.filter(|_| detail),
                occurred_at: told.occurred_at.filter(|_| date),
            }),
            notice: notice.filter(|_| classes.contains(FieldClass::Count)),
        }
    }

    /// The classes that it has content of.
    pub fn classes(&self) -> FieldClasses {
        let Self { expected, released, closed, .. } = self;
        let released = released.as_ref();
        let dated = expected.is_some()
            || released.is_some_and(|told| told.released_at.is_some())
            || closed.is_some_and(|told| told.occurred_at.is_some());
        let detailed =
            released.is_some_and(|told| told.reason.is_some()) || closed.is_some_and(|told| told.reason.is_some());
        let placed = expected.as_ref().is_some_and(|told| told.place.is_some())
            || released.is_some_and(|told| told.place.is_some());
        let there = [
            (dated, FieldClass::ReleaseDate),
            (detailed, FieldClass::ReleaseDetail),
            (placed, FieldClass::ReleasePlace),
        ];
        there.into_iter().filter(|(there, _)| *there).map(|(_, class)| class).collect()
    }
}

impl ReleaseNotice {
    /// A notice that neither the date nor the detail may be disclosed of tells only that what was told no longer holds.
    fn unless_empty(self, disclosed: FieldClasses) -> Self {
        let tells = [FieldClass::ReleaseDate, FieldClass::ReleaseDetail].into_iter().any(|of| disclosed.contains(of));
        Self { kind: if tells { self.kind } else { ReleaseNoticeKind::Retracted }, ..self }
    }
}

#[cfg(test)]
mod tests {
    use FieldClass::{Count, ReleaseDate, ReleaseDetail, ReleasePlace};

    use super::*;
    use crate::domain::release::ReleaseDateBasis;

    fn set(classes: &[FieldClass]) -> FieldClasses {
        classes.iter().copied().collect()
    }

    fn notice(kind: ReleaseNoticeKind) -> ReleaseNotice {
        ReleaseNotice { kind, index: 7, recorded_at: Timestamp::UNIX_EPOCH }
    }

    fn expected() -> ScheduledRelease {
        ScheduledRelease {
            expected_at: Timestamp::UNIX_EPOCH,
            basis: ReleaseDateBasis::Projected,
            as_of: None,
            date_public: true,
            place: Some("the north gate".to_owned()),
        }
    }

    fn release() -> ActualRelease {
        ActualRelease {
            released_at: Timestamp::UNIX_EPOCH,
            reason: ReleaseReason::Bail,
            recipient: ReleaseRecipient::Community,
            ordered_by: "a court".to_owned(),
            date_public: true,
            place: Some("the north gate".to_owned()),
        }
    }

    /// Told everything there is to tell.
    fn told() -> ReleaseView {
        let mut view = ReleaseView::default();
        let closing = Closing { reason: ClosingReason::Escape, occurred_at: Timestamp::UNIX_EPOCH };
        view.tell_closing(&closing, notice(ReleaseNoticeKind::Closed), FieldClasses::all());
        view.tell_expected(&expected(), notice(ReleaseNoticeKind::Expected), FieldClasses::all());
        view.tell_release(&release(), notice(ReleaseNoticeKind::Released), FieldClasses::all());
        view
    }

    #[test]
    fn each_field_goes_with_its_class() {
        let check = |classes: &[FieldClass], expected: &[FieldClass]| {
            let seen = told().within(set(classes));
            assert_eq!(seen.classes(), set(expected), "{classes:?}");
            assert_eq!(seen.within(FieldClasses::all()), seen, "it is never widened");
        };
        assert_eq!(told().within(FieldClasses::all()), told());
        check(&[ReleaseDate, ReleaseDetail, ReleasePlace], &[ReleaseDate, ReleaseDetail, ReleasePlace]);
        check(&[ReleaseDate], &[ReleaseDate]);
        check(&[ReleaseDetail], &[ReleaseDetail]);
        check(&[ReleaseDetail, ReleasePlace], &[ReleaseDetail, ReleasePlace]);
        check(&[ReleasePlace], &[]);
        check(&[], &[]);
    }

    #[test]
    fn a_notice_is_shown_with_the_date_that_it_tells_of() {
        let seen = |classes: &[FieldClass]| told().within(set(classes)).notice.map(|notice| notice.kind);
        assert_eq!(seen(&[Count, ReleaseDate]), Some(ReleaseNoticeKind::Released));
        assert_eq!(seen(&[Count, ReleaseDetail]), None);
        assert_eq!(seen(&[ReleaseDate]), None);
        let mut view = told();
        view.retract_end(notice(ReleaseNoticeKind::Retracted), set(&[Count]));
        assert_eq!(view.within(set(&[Count])).notice.map(|notice| notice.kind), Some(ReleaseNoticeKind::Retracted));
        assert_eq!((view.released, view.closed, view.expected), (None, None, Some(expected())));
    }

    #[test]
    fn a_correction_that_may_not_be_told_leaves_nothing_of_what_was_told() {
        let mut view = told();
        view.tell_release(&release(), notice(ReleaseNoticeKind::Released), set(&[Count]));
        assert_eq!((view.released.clone(), view.notice.map(|it| it.kind)), (None, Some(ReleaseNoticeKind::Retracted)));
        view.retract_expected(notice(ReleaseNoticeKind::Retracted), set(&[Count]));
        assert_eq!(view.expected, None);
    }
}
