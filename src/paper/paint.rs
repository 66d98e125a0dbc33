//! Pages as PDF/A-2u, tagged.

use std::num::NonZeroU16;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::page::PageSettings;
use krilla::paint::Stroke;
use krilla::surface::Surface;
use krilla::tagging::{Artifact, ArtifactType, ContentTag, Identifier, SpanTag, Tag, TagGroup, TagTree};
use krilla::text::{Font, TextDirection};
use krilla::{Document, SerializeSettings};

use crate::paper::error::PaperError;
use crate::paper::font;
use crate::paper::layout::{Area, Block, CODE_SIDE, PAGE_HEIGHT, PAGE_WIDTH, Page, Pages};

/// From the upper right corner.
const CODE_MARGIN: f32 = 48.0;
const FRAME_WIDTH: f32 = 0.5;

/// The pages, without fields.
pub(super) fn pdf(pages: &Pages, made_at: Timestamp) -> Result<Vec<u8>, PaperError> {
    let unwritten = |why: &str| PaperError::Unwritten(why.to_owned());
    let font = Font::new(font::REGULAR.into(), 0).ok_or_else(|| unwritten("its font cannot be read"))?;
    let configuration = ConfigurationBuilder::new().with_archival_validator(Archival::A2_U).finish();
    let configuration = configuration.map_err(|_| unwritten("PDF/A-2u cannot be written"))?;
    let settings = SerializeSettings { configuration, enable_tagging: true, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    document.set_metadata(metadata(&pages.title, made_at));

    let mut tagged: Vec<Vec<Identifier>> = vec![Vec::new(); pages.blocks.len()];
    let mut figure = None;
    for (number, page) in pages.sheets.iter().enumerate() {
        let settings = PageSettings::from_wh(PAGE_WIDTH, PAGE_HEIGHT).ok_or_else(|| unwritten("its page is empty"))?;
        let mut sheet = document.start_page_with(settings);
        let mut surface = sheet.surface();
        texts(&mut surface, page, &font, &mut tagged);
        frames(&mut surface, &page.frames);
        if number == 0
            && let Some((modules, width)) = &pages.code
        {
            figure = code(&mut surface, modules, *width);
        }
        surface.finish();
        sheet.finish();
    }
    document.set_tag_tree(tree(pages, tagged, figure));
    document.finish().map_err(|error| PaperError::Unwritten(format!("{error:?}")))
}

fn metadata(title: &str, made_at: Timestamp) -> Metadata {
    let made_at = made_at.to_zoned(TimeZone::UTC);
    let part = |number: i8| u8::try_from(number).unwrap_or_default();
    let date = DateTime::new(u16::try_from(made_at.year()).unwrap_or_default())
        .month(part(made_at.month()))
        .day(part(made_at.day()))
        .hour(part(made_at.hour()))
        .minute(part(made_at.minute()))
        .second(part(made_at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    Metadata::new().title(title.to_owned()).language("en".to_owned()).creator("Comity".to_owned()).creation_date(date)
}

fn texts(surface: &mut Surface<'_>, page: &Page, font: &Font, tagged: &mut [Vec<Identifier>]) {
    for mark in &page.marks {
        let identifier = surface.start_tagged(ContentTag::Span(SpanTag::empty()));
        let start = Point::from_xy(mark.x, mark.baseline);
        surface.draw_text(start, font.clone(), mark.size, &mark.text, false, TextDirection::LeftToRight);
        surface.end_tagged();
        if let Some(block) = tagged.get_mut(mark.block) {
            block.push(identifier);
        }
    }
}

/// The frames of the fields. Nothing to read.
fn frames(surface: &mut Surface<'_>, frames: &[Area]) {
    let mut path = PathBuilder::new();
    for area in frames {
        if let Some(rect) = Rect::from_xywh(area.x, area.y, area.width, area.height) {
            path.push_rect(rect);
        }
    }
    let Some(path) = path.finish() else { return };
    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)));
    surface.set_stroke(Some(Stroke { width: FRAME_WIDTH, ..Stroke::default() }));
    surface.draw_path(&path);
    surface.set_stroke(None);
    surface.end_tagged();
}

/// The code in the corner, module by module.
fn code(surface: &mut Surface<'_>, modules: &[bool], width: usize) -> Option<Identifier> {
    let width = u16::try_from(width).ok().filter(|width| *width > 0)?;
    let side = CODE_SIDE / f32::from(width);
    let left = PAGE_WIDTH - CODE_MARGIN - CODE_SIDE;
    let mut path = PathBuilder::new();
    let (mut row, mut column) = (0_u16, 0_u16);
    for dark in modules {
        let (x, y) = (left + f32::from(column) * side, CODE_MARGIN + f32::from(row) * side);
        if *dark && let Some(rect) = Rect::from_xywh(x, y, side, side) {
            path.push_rect(rect);
        }
        column = column.saturating_add(1);
        if column == width {
            (row, column) = (row.saturating_add(1), 0);
        }
    }
    let path = path.finish()?;
    let identifier = surface.start_tagged(ContentTag::Other);
    surface.draw_path(&path);
    surface.end_tagged();
    Some(identifier)
}

/// What each text is, in the order in which it is read.
fn tree(pages: &Pages, tagged: Vec<Vec<Identifier>>, figure: Option<Identifier>) -> TagTree {
    let mut tree = TagTree::new().with_lang(Some("en".to_owned()));
    for (block, identifiers) in pages.blocks.iter().zip(tagged) {
        let mut group = match block {
            Block::Heading(level, title) => {
                TagGroup::new(Tag::Hn(NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN), Some(title.clone())))
            }
            Block::Paragraph => TagGroup::new(Tag::P),
        };
        for identifier in identifiers {
            group.push(identifier);
        }
        tree.push(group);
    }
    if let Some(identifier) = figure {
        let says =
            "Code with the name of the detainer, the leaf hash of its entry, and the log and size that prove it.";
        let mut group = TagGroup::new(Tag::Figure(Some(says.to_owned())));
        group.push(identifier);
        tree.push(group);
    }
    tree
}
