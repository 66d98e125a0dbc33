//! The facts of an entry for statistics.

use crate::domain::agency::AgencyClass;
use crate::domain::charge::{self, Charge, ChargeStatus, OffenceCategory};
use crate::domain::custody::Custody;
use crate::domain::detainer::{Detainer, DetainerForm, IssuingAuthority, WarrantKind};

/// Facts for statistics. None is personal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The form.
    pub form: Option<DetainerForm>,
    /// The warrant.
    pub warrant: Option<WarrantKind>,
    /// Who signed it.
    pub issuing_authority: Option<IssuingAuthority>,
    /// Group of the leading charge.
    pub offence: Option<OffenceCategory>,
    /// Status of the leading charge.
    pub charge_status: Option<ChargeStatus>,
    /// The custodian's class.
    pub custodian_class: Option<AgencyClass>,
    /// From the first delivery of the notice to the actual release.
    pub lead_time_seconds: Option<i64>,
}

impl Counts {
    /// The facts of a detainer's request, which its issuer knows.
    pub fn of_request(detainer: &Detainer) -> Self {
        let leading = charge::leading(&detainer.request.charges);
        Self {
            form: Some(detainer.request.form),
            warrant: Some(detainer.request.warrant.kind),
            issuing_authority: Some(detainer.request.warrant.issuing_authority),
            offence: leading.map(Charge::category),
            charge_status: leading.map(|charge| charge.status),
            ..Self::default()
        }
    }

    /// The same, with the charges in the custodian's record.
    #[must_use]
    pub fn with_custody(self, custody: &Custody) -> Self {
        let leading = charge::leading(&custody.intake.charges);
        Self {
            offence: leading.map(Charge::category).or(self.offence),
            charge_status: leading.map(|charge| charge.status).or(self.charge_status),
            ..self
        }
    }
}
