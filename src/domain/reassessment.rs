//! When the law must be asked again because time passed.

use jiff::Span;
use jiff::civil::Date;

use crate::domain::custody::Custody;
use crate::domain::detainer::Detainer;

/// The next day on which time alone may change the ruling: a birthday that ends minority, a conviction that reaches an
/// age limit, a warrant that expires. Asking a day late is better than not at all, so each such day is followed by the
/// next one.
pub fn next_change(detainer: &Detainer, custody: &Custody, today: Date) -> Option<Date> {
    const MINORITY_YEARS: i64 = 18;
    const AGES_YEARS: [i64; 3] = [0, 5, 15];
    let after = |day: Date, years: i64| day.checked_add(Span::new().years(years)).ok();
    let request = &detainer.request;
    let subjects = [&request.subject, &custody.intake.subject];
    let births = subjects
        .into_iter()
        .filter_map(|subject| subject.birth_date)
        .chain(custody.reported_claims.births.iter().copied());
    let births = births.filter_map(|born| after(born.latest(), MINORITY_YEARS));
    let charges = request.charges.iter().chain(&custody.intake.charges);
    let convicted = charges.filter_map(|charge| charge.convicted_on);
    let ages = convicted.flat_map(|day| AGES_YEARS.into_iter().filter_map(move |years| after(day, years)));
    let verified = detainer.verified.as_ref().and_then(|verified| verified.verification.seen.expires_on);
    let expiries = request.warrant.expires_on.into_iter().chain(verified);
    let days = births.chain(ages).chain(expiries).flat_map(|day| [Some(day), day.tomorrow().ok()]);
    days.flatten().filter(|day| *day > today).min()
}
