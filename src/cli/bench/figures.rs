//! The results of all rounds, as lines and as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::bench::driver::Driven;
use crate::cli::bench::process::Usage;
use crate::demo::number;

/// One round of one server.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) driven: Driven,
    pub(super) used: Usage,
    pub(super) elapsed: Duration,
}

impl Measured {
    fn rps(&self) -> f64 {
        self.calls() / self.driven.seconds.max(f64::MIN_POSITIVE)
    }

    fn calls(&self) -> f64 {
        float(self.driven.calls)
    }

    fn a_call(&self, of: f64) -> f64 {
        of / self.calls().max(1.0)
    }

    fn cpu_us(&self) -> f64 {
        self.a_call(self.used.cpu().as_secs_f64() * 1e6)
    }

    fn writer_us(&self) -> f64 {
        self.a_call(self.used.writer_cpu().as_secs_f64() * 1e6)
    }
}

/// One round.
#[derive(Debug)]
pub(super) struct Measurements {
    pub(super) echo: Measured,
    pub(super) lodge: Measured,
    /// As `lodge`, on a gateway with witnesses, where there is one.
    pub(super) witnessed: Option<Measured>,
    /// A call is an item.
    pub(super) bulk: Measured,
    /// One at a time on each connection. Each is accounted for before it is answered.
    pub(super) get: Measured,
    /// Deliveries: by a stream of the echo that is always ready, and by `Receive` from the beginning of the inbox.
    pub(super) stream: Measured,
    pub(super) receive: Measured,
}

/// What was lodged before the rounds.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) detainers: u64,
    pub(super) seconds: f64,
    /// From the start of a gateway on it until it serves.
    pub(super) start: Duration,
}

/// A whole run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) connections: u16,
    pub(super) in_flight: u16,
    pub(super) witnesses: u16,
    pub(super) seconds: u64,
    pub(super) rounds: Vec<Measurements>,
    pub(super) filled: Option<Filled>,
    pub(super) rss_kb: u64,
    pub(super) acknowledged: usize,
    pub(super) stored_bytes: Option<u64>,
}

/// A figure over all rounds.
#[derive(Debug, Clone, Copy)]
struct Spread {
    low: f64,
    median: f64,
    high: f64,
}

impl Run {
    /// Every figure with its key, unit and spread.
    fn figures(&self) -> Vec<(&'static str, &'static str, Spread)> {
        let echo = |of: fn(&Measured) -> f64| spread(self.rounds.iter().map(|round| of(&round.echo)));
        let lodge = |of: fn(&Measured) -> f64| spread(self.rounds.iter().map(|round| of(&round.lodge)));
        let bulk = |of: fn(&Measured) -> f64| spread(self.rounds.iter().map(|round| of(&round.bulk)));
        let get = |of: fn(&Measured) -> f64| spread(self.rounds.iter().map(|round| of(&round.get)));
        let stream = |of: fn(&Measured) -> f64| spread(self.rounds.iter().map(|round| of(&round.stream)));
        let receive = |of: fn(&Measured) -> f64| spread(self.rounds.iter().map(|round| of(&round.receive)));
        let receive_over_stream =
            self.rounds.iter().map(|round| round.receive.rps() / round.stream.rps().max(f64::MIN_POSITIVE));
        let over_echo = |of: fn(&Measurements) -> &Measured, what: fn(&Measured) -> f64| {
            spread(self.rounds.iter().map(|round| what(of(round)) / what(&round.echo).max(f64::MIN_POSITIVE)))
        };
        let acknowledged = float(u64::try_from(self.acknowledged).unwrap_or(u64::MAX)).max(1.0);
        let mut figures = vec![
            ("echo.rps", "calls/s", echo(Measured::rps)),
            ("lodge.rps", "calls/s", lodge(Measured::rps)),
            ("bulk.rps", "items/s", bulk(Measured::rps)),
            ("ratio.lodge_over_echo", "", over_echo(|round| &round.lodge, Measured::rps)),
            ("ratio.bulk_over_echo", "", over_echo(|round| &round.bulk, Measured::rps)),
            ("cpu_us.echo", "us a call", echo(Measured::cpu_us)),
            ("cpu_us.lodge", "us a call", lodge(Measured::cpu_us)),
            ("cpu_us.lodge.writer", "us a call", lodge(Measured::writer_us)),
            ("cpu_us.lodge.rest", "us a call", lodge(|round| round.cpu_us() - round.writer_us())),
            ("cpu_us.bulk", "us an item", bulk(Measured::cpu_us)),
            ("cpu_us.bulk.writer", "us an item", bulk(Measured::writer_us)),
            ("ratio.cpu_lodge_over_echo", "", over_echo(|round| &round.lodge, Measured::cpu_us)),
            ("p50_ms.echo", "ms", echo(|round| round.driven.p50_ms)),
            ("p99_ms.echo", "ms", echo(|round| round.driven.p99_ms)),
            ("p999_ms.echo", "ms", echo(|round| round.driven.p999_ms)),
            ("p50_ms.lodge", "ms", lodge(|round| round.driven.p50_ms)),
            ("p99_ms.lodge", "ms", lodge(|round| round.driven.p99_ms)),
            ("p999_ms.lodge", "ms", lodge(|round| round.driven.p999_ms)),
            ("p50_ms.bulk", "ms", bulk(|round| round.driven.p50_ms)),
            ("p99_ms.bulk", "ms", bulk(|round| round.driven.p99_ms)),
            ("get.rps", "calls/s", get(Measured::rps)),
            ("p50_ms.get", "ms", get(|round| round.driven.p50_ms)),
            ("p99_ms.get", "ms", get(|round| round.driven.p99_ms)),
            ("stream.rps", "deliveries/s", stream(Measured::rps)),
            ("receive.rps", "deliveries/s", receive(Measured::rps)),
            ("ratio.receive_over_stream", "", spread(receive_over_stream)),
            ("cpu_us.stream", "us each", stream(Measured::cpu_us)),
            ("cpu_us.receive", "us each", receive(Measured::cpu_us)),
            ("batch.jobs", "writes", lodge(|round| round.used.jobs / float(round.used.batches).max(1.0))),
            ("batch.items", "items", bulk(|round| round.used.jobs / float(round.used.batches).max(1.0))),
            ("fsyncs_per_s", "/s", lodge(|round| float(round.used.commits) / round.elapsed.as_secs_f64())),
            ("bytes_per_write", "bytes", lodge(|round| round.a_call(float(round.used.written)))),
            ("rss_mb", "MB", Spread::of(float(self.rss_kb) / 1_024.0)),
        ];
        figures.extend(self.witnessed());
        if let Some(Filled { detainers, seconds, start }) = &self.filled {
            figures.push(("fill.detainers", "", Spread::of(float(*detainers))));
            figures.push(("fill.rps", "items/s", Spread::of(float(*detainers) / seconds)));
            figures.push(("start_s", "s", Spread::of(start.as_secs_f64())));
        }
        if let Some(bytes) = self.stored_bytes {
            figures.push(("stored_bytes_per_write", "bytes", Spread::of(float(bytes) / acknowledged)));
        }
        figures
    }

    /// What witnesses cost, where there are any.
    fn witnessed(&self) -> Vec<(&'static str, &'static str, Spread)> {
        let rounds = || self.rounds.iter().filter_map(|round| Some((round, round.witnessed.as_ref()?)));
        if rounds().next().is_none() {
            return Vec::new();
        }
        let over_lodge = |of: fn(&Measured) -> f64| {
            spread(rounds().map(|(round, witnessed)| of(witnessed) / of(&round.lodge).max(f64::MIN_POSITIVE)))
        };
        vec![
            ("witnesses", "", Spread::of(self.witnesses.into())),
            ("witnessed.rps", "calls/s", spread(rounds().map(|(_, witnessed)| witnessed.rps()))),
            ("p50_ms.witnessed", "ms", spread(rounds().map(|(_, witnessed)| witnessed.driven.p50_ms))),
            ("p99_ms.witnessed", "ms", spread(rounds().map(|(_, witnessed)| witnessed.driven.p99_ms))),
            ("ratio.p50_witnessed_over_lodge", "", over_lodge(|round| round.driven.p50_ms)),
            ("ratio.p99_witnessed_over_lodge", "", over_lodge(|round| round.driven.p99_ms)),
        ]
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let Self { connections, in_flight, seconds, rounds, .. } = self;
        let mut lines = vec![format!(
            "{connections} connections x {in_flight} in flight, {} interleaved rounds of {seconds} s, median (lowest to highest)",
            rounds.len()
        )];
        let shown = |value: f64| if value < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") };
        lines.extend(self.figures().into_iter().map(|(key, unit, Spread { low, median, high })| {
            let spread = if low < high { format!("({} to {})", shown(low), shown(high)) } else { String::new() };
            format!("{key:<31}{:>10} {unit:<13}{spread}", shown(median))
        }));
        let acknowledged = number(u64::try_from(self.acknowledged).unwrap_or(u64::MAX));
        lines.push(format!("{acknowledged} writes acknowledged, every one of them in the log"));
        lines
    }

    pub(super) fn json(&self) -> Value {
        let mut all = serde_json::Map::new();
        all.insert("connections".to_owned(), json!(self.connections));
        all.insert("in_flight".to_owned(), json!(self.in_flight));
        all.insert("seconds".to_owned(), json!(self.seconds));
        all.insert("rounds".to_owned(), json!(self.rounds.len()));
        all.insert("acknowledged".to_owned(), json!(self.acknowledged));
        let mut spreads = serde_json::Map::new();
        for (key, _, Spread { low, median, high }) in self.figures() {
            all.insert(key.to_owned(), json!(median));
            spreads.insert(key.to_owned(), json!([low, high]));
        }
        all.insert("spread".to_owned(), Value::Object(spreads));
        Value::Object(all)
    }
}

impl Spread {
    fn of(value: f64) -> Self {
        Self { low: value, median: value, high: value }
    }
}

fn spread(values: impl Iterator<Item = f64>) -> Spread {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or_default();
    Spread { low: at(0), median: at(values.len() / 2), high: values.last().copied().unwrap_or_default() }
}

/// A count as a float, precise enough for a figure.
fn float(count: u64) -> f64 {
    u32::try_from(count)
        .map_or_else(|_| f64::from(u32::try_from(count >> 20).unwrap_or(u32::MAX)) * 1_048_576.0, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_median_with_its_spread() {
        let Spread { low, median, high } = spread([3.0, 1.0, 2.0].into_iter());
        let near = |one: f64, other: f64| (one - other).abs() < 1e-9;
        assert!(near(low, 1.0) && near(median, 2.0) && near(high, 3.0));
    }

    #[test]
    fn a_large_count_is_near_enough() {
        assert!((float(5_000_000_000) - 5e9).abs() < 1_048_576.0);
        assert!((float(7) - 7.0).abs() < 1e-9);
    }
}
