//! The plots of a report, drawn as SVG. Each bar is a row of a table, or the sum of rows that share a word.

use std::collections::BTreeMap;

use plotters::prelude::{
    ChartBuilder, Circle, Color as _, IntoDrawingArea as _, IntoFont as _, LineSeries, RGBColor, Rectangle, SVGBackend,
    Text, WHITE,
};

use crate::reports::report::{Report, Row, Table};

/// A plot cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[error("a plot cannot be drawn: {0}")]
pub struct PlotError(String);

/// Dark blue on white: a contrast of more than 8 to 1, and dark in print too.
const INK: RGBColor = RGBColor(0x1f, 0x4e, 0x79);
const TEXT: RGBColor = RGBColor(0x1a, 0x1a, 0x1a);

const WIDTH: u32 = 860;
/// Left of the bars, for their names.
const NAME_WIDTH: i32 = 330;
/// The longest bar. Right of it stands its count.
const BAR_WIDTH: i32 = 440;
const BAR_HEIGHT: i32 = 18;
const ROW_HEIGHT: i32 = 26;
const MARGIN: i32 = 8;
const LINE_HEIGHT: u32 = 320;
const FONT: &str = "sans-serif";
const FONT_PX: i32 = 14;

/// How it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A bar for each row.
    Bars,
    /// A line through the rows.
    Line,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plot {
    /// Its id in the page.
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) kind: Kind,
    /// A name and a count each, in order.
    pub(super) bars: Vec<(String, u64)>,
}

/// Where a plot comes from.
struct Source {
    id: &'static str,
    table: &'static str,
    kind: Kind,
    /// Only rows with this word in this column.
    only: Option<(usize, &'static str)>,
    /// The columns whose words name a bar.
    by: &'static [usize],
}

const fn bars(
    id: &'static str,
    table: &'static str,
    only: Option<(usize, &'static str)>,
    by: &'static [usize],
) -> Source {
    Source { id, table, kind: Kind::Bars, only, by }
}

const SOURCES: [Source; 9] = [
    Source { id: "plot-backlog", table: "backlog", kind: Kind::Line, only: None, by: &[0] },
    bars("plot-funnel", "funnel", None, &[0]),
    bars("plot-lead-times", "lead-times", None, &[0]),
    bars("plot-released-by-cause", "outcomes", Some((0, "released")), &[2]),
    bars("plot-lodged-by-outcome", "outcomes", Some((0, "lodged")), &[1, 2]),
    bars("plot-outstanding-by-offence", "outstanding-by-offence", None, &[0]),
    bars("plot-released-by-offence", "released-by-offence", None, &[0]),
    bars("plot-claimed-outstanding", "claimed-by-offence", Some((0, "outstanding")), &[1]),
    bars("plot-claimed-released", "claimed-by-offence", Some((0, "released-with-one-active")), &[1]),
];

/// The plots of a report. One without rows, or with nothing but zeros, is left out.
pub(super) fn plots(report: &Report) -> Vec<Plot> {
    let plot = |Source { id, table, kind, only, by }: &Source| {
        let table = report.table(table)?;
        let bars = bars_of(table, *only, by);
        let of_what = only.map(|(_, word)| format!(" ({})", word.replace('-', " "))).unwrap_or_default();
        let has_some = bars.iter().any(|(_, count)| *count > 0);
        has_some.then(|| Plot { id, title: format!("{}{of_what}", table.title), kind: *kind, bars })
    };
    SOURCES.iter().filter_map(plot).collect()
}

/// The sums of the rows that have these words, by the words of these columns.
fn bars_of(table: &Table, only: Option<(usize, &str)>, by: &[usize]) -> Vec<(String, u64)> {
    let is_meant = |row: &&Row| only.is_none_or(|(at, word)| row.key.get(at).is_some_and(|own| own == word));
    let mut bars: BTreeMap<String, u64> = BTreeMap::new();
    for row in table.rows.iter().filter(is_meant) {
        let words: Vec<&str> = by.iter().filter_map(|at| row.key.get(*at)).map(String::as_str).collect();
        let sum = bars.entry(words.join(": ")).or_default();
        *sum = sum.saturating_add(row.count.unwrap_or_default());
    }
    bars.into_iter().collect()
}

impl Plot {
    /// The plot as SVG, with its text alternative inside.
    pub(super) fn svg(&self) -> Result<String, PlotError> {
        let drawn = match self.kind {
            Kind::Bars => self.draw_bars(),
            Kind::Line => self.draw_line(),
        };
        let drawn = drawn.map_err(|error| PlotError(error.to_string()))?;
        let alternative = format!(r#"<svg role="img" aria-labelledby="{id}-title {id}-text" id="{id}" "#, id = self.id);
        let svg = drawn.replacen("<svg ", &alternative, 1);
        let end = svg.find('>').map_or(0, |at| at.saturating_add(1));
        let (head, rest) = svg.split_at(end);
        let Self { id, title, .. } = self;
        let said = escaped(&self.in_words());
        Ok(format!(
            r#"{head}<title id="{id}-title">{}</title><desc id="{id}-text">{said}</desc>{rest}"#,
            escaped(title)
        ))
    }

    /// What the plot shows, for whoever does not see it.
    fn in_words(&self) -> String {
        let said: Vec<String> = self.bars.iter().map(|(name, count)| format!("{name}: {count}")).collect();
        said.join("; ")
    }

    fn draw_bars(&self) -> Result<String, Box<dyn std::error::Error>> {
        let rows = i32::try_from(self.bars.len())?;
        let height = rows.saturating_mul(ROW_HEIGHT).saturating_add(MARGIN.saturating_mul(2));
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, (WIDTH, u32::try_from(height)?)).into_drawing_area();
            area.fill(&WHITE).map_err(|error| error.to_string())?;
            let most = self.bars.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
            let font = || (FONT, FONT_PX).into_font().color(&TEXT);
            for ((name, count), row) in self.bars.iter().zip(0..) {
                let top = MARGIN.saturating_add(ROW_HEIGHT.saturating_mul(row));
                let len =
                    i32::try_from(u128::from(*count).saturating_mul(u128::try_from(BAR_WIDTH)?) / u128::from(most))?;
                let end = NAME_WIDTH.saturating_add(len);
                let bar = Rectangle::new([(NAME_WIDTH, top), (end, top.saturating_add(BAR_HEIGHT))], INK.filled());
                area.draw(&bar).map_err(|error| error.to_string())?;
                let middle = top.saturating_add(2);
                area.draw(&Text::new(name.clone(), (MARGIN, middle), font())).map_err(|error| error.to_string())?;
                let beside = end.saturating_add(MARGIN);
                area.draw(&Text::new(count.to_string(), (beside, middle), font()))
                    .map_err(|error| error.to_string())?;
            }
            area.present().map_err(|error| error.to_string())?;
        }
        Ok(svg)
    }

    fn draw_line(&self) -> Result<String, Box<dyn std::error::Error>> {
        let last = i32::try_from(self.bars.len())?.saturating_sub(1).max(1);
        let most = self.bars.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, (WIDTH, LINE_HEIGHT)).into_drawing_area();
            area.fill(&WHITE).map_err(|error| error.to_string())?;
            let mut chart = ChartBuilder::on(&area)
                .margin(MARGIN)
                .x_label_area_size(40)
                .y_label_area_size(70)
                .build_cartesian_2d(0..last, 0..most)
                .map_err(|error| error.to_string())?;
            let named = |at: &i32| {
                let bar = usize::try_from(*at).ok().and_then(|at| self.bars.get(at));
                bar.map(|(name, _)| name.clone()).unwrap_or_default()
            };
            chart
                .configure_mesh()
                .disable_x_mesh()
                .x_labels(8)
                .y_labels(6)
                .x_label_formatter(&named)
                .label_style((FONT, FONT_PX).into_font().color(&TEXT))
                .draw()
                .map_err(|error| error.to_string())?;
            let points = || self.bars.iter().zip(0i32..).map(|((_, count), at)| (at, *count));
            let line = LineSeries::new(points(), INK.stroke_width(2));
            chart.draw_series(line).map_err(|error| error.to_string())?;
            let marks = points().map(|point| Circle::new(point, 3, INK.filled()));
            chart.draw_series(marks).map_err(|error| error.to_string())?;
            area.present().map_err(|error| error.to_string())?;
        }
        Ok(svg)
    }
}

/// Text that may stand in a document.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(bars: &[(&str, u64)], kind: Kind) -> Plot {
        let bars = bars.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Plot { id: "plot", title: "Of <something>".into(), kind, bars }
    }

    /// The values of an attribute of each element of a name that has this colour.
    fn attributes(svg: &str, element: &str, attribute: &str) -> Vec<f64> {
        let begins = format!("<{element} ");
        let own = svg
            .split(begins.as_str())
            .skip(1)
            .filter(|rest| rest.split('>').next().is_some_and(|tag| tag.contains("#1F4E79")));
        let value = |rest: &str| {
            let from = rest.find(&format!("{attribute}=\""))? + attribute.len() + 2;
            rest[from..].split('"').next()?.parse().ok()
        };
        own.filter_map(value).collect()
    }

    #[test]
    fn the_length_of_each_bar_is_its_count() {
        let bars = [("assault", 2_509), ("drugs", 392), ("homicide", 29), ("none", 0)];
        let svg = plot(&bars, Kind::Bars).svg().unwrap();
        let lengths = attributes(&svg, "rect", "width");
        assert_eq!(lengths.len(), bars.len(), "{svg}");
        for ((name, count), length) in bars.iter().zip(lengths) {
            let expected = f64::from(u32::try_from(*count).unwrap()) / 2_509.0 * f64::from(BAR_WIDTH);
            assert!((expected - length).abs() <= 1.5, "{name}: {length} against {expected}");
            assert!(svg.contains(&format!("{count}\n")) || svg.contains(&format!(">{count}<")), "{name}");
        }
    }

    #[test]
    fn the_height_of_each_point_is_its_count() {
        let bars = [("2025-01", 0), ("2025-02", 50), ("2025-03", 100)];
        let svg = plot(&bars, Kind::Line).svg().unwrap();
        let heights = attributes(&svg, "circle", "cy");
        assert_eq!(heights.len(), 3, "{svg}");
        let (zero, half, whole) = (heights[0], heights[1], heights[2]);
        assert!(zero > half && half > whole && (f64::midpoint(zero, whole) - half).abs() <= 1.5, "{heights:?}");
    }

    #[test]
    fn a_plot_says_in_words_what_it_shows() {
        let svg = plot(&[("a", 1), ("b & c", 2)], Kind::Bars).svg().unwrap();
        assert!(svg.starts_with(r#"<svg role="img""#));
        assert!(svg.contains(r#"<title id="plot-title">Of &lt;something&gt;</title>"#), "{svg}");
        assert!(svg.contains(r#"<desc id="plot-text">a: 1; b &amp; c: 2</desc>"#));
    }
}
