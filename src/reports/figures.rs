//! The tables of a report, from what is known of each detainer.
//!
//! Three sets of detainers are counted: those lodged in the window, those released in the window while they were active, and those
//! outstanding at the as-of time. Each table says of which it is.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::domain::custody::ReleaseEligibilityKind;
use crate::domain::determination::Ruling;
use crate::domain::transfer::{TransferFailureCause, TransferState, WindowChange};
use crate::reports::detainer::{DetainerFacts, Leading, Outcome, PickUp, Rule, ground};
use crate::reports::fold::Fold;
use crate::reports::report::{CountedTree, LODGED, OUTSTANDING, Question, RELEASED, Report, Table};
use crate::reports::statutory;
use crate::reports::tally::{Tally, count};

const EACH: &str = "each of the three sets";

/// The longest window whose backlog has a point for each day, in days.
const DAYS_MAX: i32 = 92;
/// The most points of a backlog.
const POINTS_MAX: usize = 600;

/// A set of detainers, each with its name.
type Set<'a> = Vec<(&'a str, &'a DetainerFacts)>;

/// A word, and of which detainers it is counted.
type CountedIf = (&'static str, fn(&DetainerFacts) -> bool);

impl Fold {
    /// The report. Trees are named by the caller, who knows what they were counted from.
    pub fn report(&self, question: &Question, trees: Vec<CountedTree>, zone: &TimeZone) -> Report {
        let as_of = question.as_of.or(self.last);
        let mut report = Report::new(question, as_of);
        report.trees = trees;
        report.trees.sort_by(|one, other| one.origin.cmp(&other.origin));
        report.notes = self.notes();
        let counted = Counted::of(self, question);
        report.tables = counted.tables();
        report.tables.push(self.backlog(question, as_of, zone));
        if self.sees_custody() {
            report.tables.extend(counted.internal_tables());
            report.tables.extend(statutory::tables(self, question));
        }
        report
    }

    fn notes(&self) -> Vec<String> {
        let people = if self.sees_custody() {
            "People are stays in custody: one person who is held twice is two, and a detainer that is matched to no custody is nobody."
        } else {
            "People cannot be counted by this audience: whether two detainers are of one person is in the custody log alone."
        };
        let mut notes = vec![
            "A detainer is one entry DetainerLodged, counted once by its name; an amendment is no new one.".to_owned(),
            people.to_owned(),
            "Charges are those of the requests lodged in the window. A detainer counts under one offence, that of its leading charge, \
             with that charge's status at the release or at the as-of time, and with who says so."
                .to_owned(),
            "A window is from its first moment to before its last, by the gateway's clock (recorded_at).".to_owned(),
            "A duplicate is what its custodian found to be one, or its issuer lifted as one.".to_owned(),
            "Whoever handed a person on to another custodian counts their detainers as handed on, and the other counts them as \
             outstanding; they are lodged once, with the first."
                .to_owned(),
            "What another jurisdiction's law would have said is not in a report: comity policy replay asks it.".to_owned(),
        ];
        if self.sees_custody() {
            notes.push(
                "Where a safeguard of the person had a part in a ruling, neither rule nor citation is named."
                    .to_owned(),
            );
        }
        notes
    }

    /// How many were outstanding at the end of each day, or of each month of a long window.
    fn backlog(&self, question: &Question, as_of: Option<Timestamp>, zone: &TimeZone) -> Table {
        let mut changes: Vec<(Timestamp, i64)> = Vec::new();
        for facts in self.detainers.values() {
            let Some(since) = facts.since() else { continue };
            changes.push((since, 1));
            changes.extend(self.ended_at(&question.audience, facts).map(|ended_at| (ended_at, -1)));
        }
        changes.sort_unstable();
        let first = question.from.or_else(|| changes.first().map(|(at, _)| *at));
        let last = question.to.into_iter().chain(as_of).min();
        let (mut tally, mut open, mut next) = (Tally::default(), 0i64, changes.into_iter().peekable());
        for (name, end) in first.zip(last).map(|(first, last)| points(first, last, zone)).unwrap_or_default() {
            while let Some((_, change)) = next.next_if(|(at, _)| *at <= end) {
                open = open.saturating_add(change);
            }
            tally.add_many(&[&name], u64::try_from(open).unwrap_or_default());
        }
        let title = "Detainers outstanding at the end of each day, or of each month of a long window.";
        tally.table("backlog", title, "detainers outstanding at that time", &["at the end of"])
    }
}

/// The days or months between two moments, each with its last moment.
fn points(first: Timestamp, last: Timestamp, zone: &TimeZone) -> Vec<(String, Timestamp)> {
    let day_of = |at: Timestamp| zone.to_datetime(at).date();
    let (from, to) = (day_of(first), day_of(last));
    let by_day = from.until(to).is_ok_and(|span| span.get_days() <= DAYS_MAX);
    let mut points = Vec::new();
    let mut day = if by_day { from } else { from.last_of_month() };
    loop {
        let name = if by_day { day.to_string() } else { format!("{:04}-{:02}", day.year(), day.month()) };
        let end = day.tomorrow().ok().and_then(|next| midnight(next, zone)).unwrap_or(last);
        points.push((name, last.min(end)));
        let next = day.tomorrow().ok().map(|next| if by_day { next } else { next.last_of_month() });
        match next.filter(|_| end < last && points.len() < POINTS_MAX) {
            Some(next) => day = next,
            None => return points,
        }
    }
}

fn midnight(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    Some(day.to_zoned(zone.clone()).ok()?.timestamp())
}

/// The three sets.
struct Counted<'a> {
    fold: &'a Fold,
    audience: &'a str,
    sees_custody: bool,
    lodged: Set<'a>,
    released: Set<'a>,
    outstanding: Set<'a>,
}

impl<'a> Counted<'a> {
    fn of(fold: &'a Fold, question: &'a Question) -> Self {
        let sees_custody = fold.sees_custody();
        let audience = question.audience.as_str();
        let (mut lodged, mut released, mut outstanding) = (Set::new(), Set::new(), Set::new());
        for (name, facts) in &fold.detainers {
            if facts.since().is_none() {
                continue;
            }
            let one = (name.as_str(), facts);
            if facts.lodged_at.is_some_and(|lodged_at| question.covers(lodged_at)) {
                lodged.push(one);
            }
            if facts.released.as_ref().is_some_and(|released| question.covers(released.recorded_at)) {
                released.push(one);
            }
            if fold.ended_at(audience, facts).is_none() {
                outstanding.push(one);
            }
        }
        Self { fold, audience, sees_custody, lodged, released, outstanding }
    }

    fn sets(&self) -> [(&'static str, &Set<'a>); 3] {
        [("lodged", &self.lodged), ("outstanding", &self.outstanding), ("released", &self.released)]
    }

    fn tables(&self) -> Vec<Table> {
        vec![
            self.totals(),
            self.by_offence(
                "outstanding-by-offence",
                "Outstanding, by offence and by how far it had come.",
                OUTSTANDING,
            ),
            self.by_offence("released-by-offence", "Released with one active, by offence on that day.", RELEASED),
            self.by_facility(),
            self.requests(),
            self.delivery(),
            self.answers(),
            self.releases(),
            self.lead_times(),
            self.eligibility(),
            self.interviews(),
            self.pick_ups(),
            self.outcomes(),
            self.funnel(),
        ]
    }

    /// What goes to whoever reads the custody log, and to nobody else.
    fn internal_tables(&self) -> Vec<Table> {
        vec![self.rules(), self.safeguards(), self.alarms()]
    }

    fn totals(&self) -> Table {
        let mut tally = Tally::default();
        for (set, detainers) in self.sets() {
            tally.add_many(&["detainers", set], count(detainers.len()));
            if self.sees_custody {
                let mut people: Vec<_> = detainers.iter().filter_map(|(_, facts)| facts.custody.as_ref()).collect();
                people.sort_unstable();
                people.dedup();
                tally.add_many(&["people", set], count(people.len()));
            }
        }
        let charges = self.lodged.iter().map(|(_, facts)| facts.charges).sum();
        tally.add_many(&["charges", "lodged"], charges);
        tally.table("totals", "People, detainers and charges.", EACH, &["what", "set"])
    }

    fn by_offence(&self, name: &str, title: &str, of: &str) -> Table {
        let mut tally = Tally::default();
        let detainers = if of == RELEASED { &self.released } else { &self.outstanding };
        for (_, facts) in detainers {
            let at_release = facts.released.as_ref().filter(|_| of == RELEASED).map(|released| released.leading);
            let Leading { offence, status, said_by } = at_release.unwrap_or_else(|| self.fold.leading(facts));
            let offence = offence.map_or("no-charge", |offence| offence.word());
            tally.add(&[offence, status.map_or("not-said", |status| status.word()), said_by.word()]);
        }
        tally.table(name, title, of, &["offence", "status", "said by"])
    }

    fn by_facility(&self) -> Table {
        let mut tally = Tally::default();
        for (set, detainers) in self.sets() {
            for (_, facts) in detainers {
                let (custodian, facility) = self.fold.whereabouts(facts);
                let class = facts.class.map_or("not-known", |class| class.word());
                tally.add(&[set, class, custodian, facility]);
            }
        }
        let columns = ["set", "custody class", "custodian", "facility"];
        tally.table("by-facility", "By facility and class of custody.", EACH, &columns)
    }

    fn requests(&self) -> Table {
        let mut tally = Tally::default();
        for (_, facts) in &self.lodged {
            let form = facts.form.map_or("not-said", |form| form.word());
            let warrant = facts.warrant.map_or("not-said", |warrant| warrant.word());
            tally.add(&[form, warrant, facts.warrant_standing()]);
        }
        let title = "On which form, with which warrant, and whether anybody verified it.";
        tally.table("requests", title, LODGED, &["form", "warrant", "standing of the warrant"])
    }

    fn delivery(&self) -> Table {
        let mut tally = Tally::default();
        for (_, facts) in &self.lodged {
            let took =
                facts.delivered_at.zip(facts.lodged_at).map(|(delivered, lodged)| delivered.duration_since(lodged));
            let delivered = match took.map(|took| took.as_hours()) {
                None => "not-proved",
                Some(0) => "within-1-hour",
                Some(1..24) => "within-24-hours",
                Some(_) => "later",
            };
            let served = facts.served.unwrap_or("not-recorded");
            tally.add(&[delivered, served]);
        }
        let title = "Delivered to the custodian, and served on the person, as far as it is proved.";
        tally.table("delivery", title, LODGED, &["delivered", "copy served"])
    }

    fn answers(&self) -> Table {
        let mut tally = Tally::default();
        for (_, facts) in &self.lodged {
            tally.add(&[facts.answer.map_or("none", |answer| answer.word()), ground(facts.ground)]);
        }
        tally.table("answers", "What the custodian answered, on which ground.", LODGED, &["answer", "ground"])
    }

    fn releases(&self) -> Table {
        let mut tally = Tally::default();
        for released in self.released.iter().filter_map(|(_, facts)| facts.released.as_ref()) {
            let reason = released.reason.map_or("not-known", |reason| reason.word());
            let recipient = released.recipient.map_or("not-known", |recipient| recipient.word());
            let order = if released.is_order_said { "said" } else { "not-said" };
            tally.add(&[reason, recipient, order]);
        }
        let title = "Released why, to whom, and whether it is said by whose order.";
        tally.table("releases", title, RELEASED, &["reason", "to", "by whose order"])
    }

    fn lead_times(&self) -> Table {
        let mut tally = Tally::default();
        for (_, facts) in &self.released {
            tally.add(&[facts.lead()]);
        }
        let title = "From the first delivery of the notice to the release.";
        tally.table("lead-times", title, RELEASED, &["lead time"])
    }

    /// Dates that are recorded and not told are counted for whoever reads the custody log.
    fn eligibility(&self) -> Table {
        let mut tally = Tally::default();
        for (set, detainers) in self.sets() {
            for (_, facts) in detainers {
                let recorded = facts.custody.as_ref().and_then(|custody| self.fold.custodies.get(custody));
                let recorded = recorded.map(|custody| &custody.eligibilities).into_iter().flatten();
                let untold = recorded.filter(|kind| !facts.eligibilities.contains(&Some(**kind)));
                for kind in &facts.eligibilities {
                    tally.add(&[set, kind.map_or("not-known", ReleaseEligibilityKind::word), "told"]);
                }
                untold.for_each(|kind| tally.add(&[set, kind.word(), "not-told"]));
            }
        }
        let title = "Dates of eligibility for a release, and whether the requester was told.";
        tally.table("eligibility", title, EACH, &["set", "eligible for", "requester"])
    }

    fn interviews(&self) -> Table {
        let mut tally = Tally::default();
        for (set, detainers) in self.sets() {
            let standings = detainers.iter().filter_map(|(_, facts)| facts.interview);
            standings.for_each(|standing| tally.add(&[set, standing.word()]));
        }
        let title = "Interviews that requesters asked for, and what the person or the custodian said.";
        tally.table("interviews", title, EACH, &["set", "answer"])
    }

    fn pick_ups(&self) -> Table {
        let mut tally = Tally::default();
        for (set, detainers) in self.sets() {
            for PickUp { state, cause, window_change } in detainers.iter().filter_map(|(_, facts)| facts.pick_up) {
                let state = state.map_or("not-known", TransferState::word);
                let moved = window_change.map_or("none", WindowChange::word);
                tally.add(&[set, state, cause.map_or(moved, TransferFailureCause::word)]);
            }
        }
        let title = "Pick-ups, as they stand, and why they failed, or why a window no longer holds.";
        tally.table("pick-ups", title, EACH, &["set", "state", "because"])
    }

    fn outcomes(&self) -> Table {
        let mut tally = Tally::default();
        for (set, detainers) in self.sets() {
            for (_, facts) in detainers {
                let outcome = self.outcome(facts);
                tally.add(&[set, outcome.word, outcome.cause]);
            }
        }
        tally.table("outcomes", "What became of them, and why.", EACH, &["set", "outcome", "cause"])
    }

    fn outcome(&self, facts: &DetainerFacts) -> Outcome {
        if facts.ended_at().is_none() && self.fold.handed_on_at(self.audience, facts).is_some() {
            return Outcome { word: "handed-on", cause: "to-another-custodian" };
        }
        facts.outcome(self.sees_custody)
    }

    /// How far those lodged in the window came. A step is counted whatever became of an earlier one.
    fn funnel(&self) -> Table {
        let mut tally = Tally::default();
        let steps: [CountedIf; 6] = [
            ("1-lodged", |_| true),
            ("2-delivered", |facts| facts.delivered_at.is_some()),
            ("3-person-found", |facts| facts.custody.is_some()),
            ("4-answered", |facts| facts.answer.is_some()),
            ("5-notice-given", |facts| facts.is_noticed),
            ("6-released", |facts| facts.released.is_some()),
        ];
        for (step, holds) in steps {
            let reached = self.lodged.iter().filter(|(_, facts)| holds(facts)).count();
            tally.add_many(&[step], count(reached));
        }
        tally.table("funnel", "How far they came.", LODGED, &["step"])
    }

    fn rules(&self) -> Table {
        let mut tally = Tally::default();
        for (set, detainers) in [("outstanding", &self.outstanding), ("released", &self.released)] {
            for (_, facts) in detainers {
                for (act, rule) in [("hold", &facts.hold), ("notify", &facts.notify)] {
                    let Some(rule) = rule else { continue };
                    let (ruling, policies, citations) = named(rule);
                    tally.add(&[set, act, ruling, &policies, &citations]);
                }
            }
        }
        let title = "Which rule decided last, with what it cites.";
        tally.table("rules", title, "outstanding and released", &["set", "act", "ruling", "policies", "citations"])
    }

    fn safeguards(&self) -> Table {
        let mut tally = Tally::default();
        for (set, detainers) in self.sets() {
            let holds: [CountedIf; 5] = [
                ("citizen", |facts| facts.safeguards.citizen),
                ("citizenship-claim-open", |facts| facts.safeguards.citizenship_claim),
                ("identity-mismatch", |facts| facts.outcome(true).cause == "identity-mismatch"),
                ("juvenile", |facts| facts.safeguards.juvenile),
                ("sealed", |facts| facts.safeguards.sealed),
            ];
            for (word, holds) in holds {
                tally.add_many(&[set, word], count(detainers.iter().filter(|(_, facts)| holds(facts)).count()));
            }
        }
        let title = "Citizens, mismatches, juveniles and sealed records, by the custodian's record.";
        tally.table("safeguards", title, EACH, &["set", "safeguard"])
    }

    fn alarms(&self) -> Table {
        let mut tally = Tally::default();
        tally.add_many(&["held-too-long"], self.fold.over_holds);
        tally.add_many(&["handed-over-against-the-law"], self.fold.unlawful_hand_overs);
        tally.table("alarms", "Alarms by the as-of time, whatever the window.", "alarms", &["alarm"])
    }
}

fn named(rule: &Rule) -> (&'static str, String, String) {
    match rule {
        Rule::Unnamed => ("not-named", String::new(), String::new()),
        Rule::Named { ruling, policies, citations } => {
            (ruling.map_or("not-said", Ruling::word), policies.join(" "), citations.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_window_has_days_and_a_long_one_months() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let names = |first: &str, last: &str| -> Vec<String> {
            let points = points(first.parse().unwrap(), last.parse().unwrap(), &zone);
            points.into_iter().map(|(name, _)| name).collect()
        };
        // Two in the morning in London is the evening before in New York.
        assert_eq!(names("2026-03-02T02:00:00Z", "2026-03-03T20:00:00Z"), ["2026-03-01", "2026-03-02", "2026-03-03"]);
        let long = names("2025-11-15T12:00:00Z", "2026-03-02T12:00:00Z");
        assert_eq!(long, ["2025-11", "2025-12", "2026-01", "2026-02", "2026-03"]);
        let all = points(Timestamp::UNIX_EPOCH, "2026-03-02T12:00:00Z".parse().unwrap(), &zone);
        assert!(all.len() == POINTS_MAX && all.iter().all(|(_, end)| end.as_second() <= 1_772_452_800));
    }
}
