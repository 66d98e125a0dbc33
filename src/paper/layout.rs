//! What stands where on which page, before anything is drawn. Points from the upper left corner.

use crate::paper::font;

/// A sheet of US letter.
pub(super) const PAGE_WIDTH: f32 = 612.0;
/// See [`PAGE_WIDTH`].
pub(super) const PAGE_HEIGHT: f32 = 792.0;
const MARGIN: f32 = 48.0;
const TEXT_WIDTH: f32 = PAGE_WIDTH - 2.0 * MARGIN;
const BODY: f32 = 8.5;
const LINE: f32 = 11.5;
/// Where the values of rows begin, from the left margin.
const INDENT: f32 = 124.0;
const FIELD_HEIGHT: f32 = 13.0;
/// Of a field for up to a thousand characters.
const TALL_FIELD_HEIGHT: f32 = 36.0;
const BOX_SIDE: f32 = 9.0;
/// How wide a box with its word is, so that three stand in a row.
const CHOICE_WIDTH: f32 = (TEXT_WIDTH - INDENT) / 3.0;
/// The side of the code in the corner.
pub(super) const CODE_SIDE: f32 = 92.0;

/// What a block of text is to somebody who has it read out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    Heading(u16, String),
    Paragraph,
}

/// A line of text of a block.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) block: usize,
    pub(super) x: f32,
    pub(super) baseline: f32,
    pub(super) size: f32,
    pub(super) text: String,
}

/// A rectangle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) height: f32,
}

/// One page.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) marks: Vec<Mark>,
    pub(super) frames: Vec<Area>,
}

/// What kind of field stands somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FieldKind {
    Text {
        chars_max: u16,
        tall: bool,
    },
    Check,
    /// Not to be changed.
    Fixed(String),
}

/// A field, and where it stands.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) page: usize,
    pub(super) area: Area,
    pub(super) name: String,
    pub(super) label: String,
    pub(super) kind: FieldKind,
}

/// The pages of a form.
#[derive(Debug)]
pub(super) struct Pages {
    pub(super) title: String,
    pub(super) sheets: Vec<Page>,
    pub(super) blocks: Vec<Block>,
    pub(super) placed: Vec<Placed>,
    /// The dark modules of the code in the corner of the first page, row by row, and how many there are in a row.
    pub(super) code: Option<(Vec<bool>, usize)>,
    y: f32,
}

impl Pages {
    pub(super) fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            sheets: vec![Page::default()],
            blocks: Vec::new(),
            placed: Vec::new(),
            code: None,
            y: MARGIN,
        }
    }

    /// Goes on with a new page.
    pub(super) fn break_page(&mut self) {
        self.sheets.push(Page::default());
        self.y = MARGIN;
    }

    /// Goes on beneath the code in the corner.
    pub(super) fn clear_code(&mut self) {
        self.y = self.y.max(MARGIN + CODE_SIDE + LINE);
    }

    pub(super) fn heading(&mut self, level: u16, text: &str, size: f32) {
        self.room(size * 3.0);
        self.y += size * 0.6;
        let block = self.block(Block::Heading(level, text.to_owned()));
        self.text(block, MARGIN, TEXT_WIDTH, size, text);
        self.y += 1.5;
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        let block = self.block(Block::Paragraph);
        self.text(block, MARGIN, TEXT_WIDTH, BODY, text);
        self.y += 2.0;
    }

    /// A paragraph beside the code in the corner.
    pub(super) fn narrow(&mut self, text: &str) {
        let block = self.block(Block::Paragraph);
        self.text(block, MARGIN, TEXT_WIDTH - CODE_SIDE - 12.0, BODY, text);
        self.y += 2.0;
    }

    /// A label, and what it is of.
    pub(super) fn row(&mut self, label: &str, value: &str) {
        self.room(LINE * 2.0);
        let block = self.block(Block::Paragraph);
        let (page, top) = (self.sheets.len(), self.y);
        self.text(block, MARGIN, INDENT - 8.0, BODY, label);
        let after_label = self.y;
        self.y = top;
        self.text(block, MARGIN + INDENT, TEXT_WIDTH - INDENT, BODY, if value.is_empty() { "–" } else { value });
        if self.sheets.len() == page {
            self.y = self.y.max(after_label);
        }
    }

    /// A label, and room to write by hand.
    pub(super) fn blank(&mut self, label: &str) {
        self.room(FIELD_HEIGHT * 2.0);
        self.y += 3.0;
        self.label(label);
        let area = Area { x: MARGIN + INDENT, y: self.y, width: TEXT_WIDTH - INDENT, height: FIELD_HEIGHT };
        self.frame(area);
        self.y += FIELD_HEIGHT + 3.0;
    }

    /// A box that is ticked or not, and what it says.
    pub(super) fn ticked(&mut self, on: bool, text: &str) {
        let mark = if on { "[X]" } else { "[  ]" };
        let block = self.block(Block::Paragraph);
        self.text(block, MARGIN + 8.0, TEXT_WIDTH - 8.0, BODY, &format!("{mark} {text}"));
    }

    /// A label, and a field to fill in.
    pub(super) fn field(&mut self, name: &str, label: &str, kind: FieldKind) {
        let tall = matches!(kind, FieldKind::Text { tall: true, .. });
        let height = if tall { TALL_FIELD_HEIGHT } else { FIELD_HEIGHT };
        self.room(height + 4.0);
        self.label(label);
        let area = Area { x: MARGIN + INDENT, y: self.y, width: TEXT_WIDTH - INDENT, height };
        self.place(name, label, area, kind);
        self.y += height + 3.0;
    }

    /// A box to tick.
    pub(super) fn tick(&mut self, name: &str, label: &str) {
        self.room(LINE + 3.0);
        self.option(name, label, label, 0);
        self.y += LINE + 3.0;
    }

    /// A label, and boxes of which one is to be ticked: the name of each, and its word.
    pub(super) fn choice(&mut self, label: &str, options: &[(String, String)]) {
        let rows = options.chunks(3);
        self.room(LINE * 2.0);
        self.label(label);
        for row in rows {
            self.room(LINE);
            for (column, (name, word)) in (0..).zip(row) {
                self.option(name, &format!("{label}: {word}"), word, column);
            }
            self.y += LINE + 1.5;
        }
        self.y += 1.5;
    }

    fn option(&mut self, name: &str, label: &str, word: &str, column: u16) {
        let x = MARGIN + INDENT + f32::from(column) * CHOICE_WIDTH;
        self.place(name, label, Area { x, y: self.y + 1.0, width: BOX_SIDE, height: BOX_SIDE }, FieldKind::Check);
        let block = self.block(Block::Paragraph);
        self.mark(block, x + BOX_SIDE + 4.0, self.y + BODY, BODY, word);
    }

    fn label(&mut self, label: &str) {
        let block = self.block(Block::Paragraph);
        let baseline = self.y + BODY;
        self.mark(block, MARGIN, baseline, BODY, label);
    }

    fn place(&mut self, name: &str, label: &str, area: Area, kind: FieldKind) {
        let page = self.sheets.len().saturating_sub(1);
        self.frame(area);
        self.placed.push(Placed { page, area, name: name.to_owned(), label: label.to_owned(), kind });
    }

    fn frame(&mut self, area: Area) {
        if let Some(page) = self.sheets.last_mut() {
            page.frames.push(area);
        }
    }

    fn block(&mut self, block: Block) -> usize {
        self.blocks.push(block);
        self.blocks.len().saturating_sub(1)
    }

    fn text(&mut self, block: usize, x: f32, width: f32, size: f32, text: &str) {
        for line in font::lines(&font::shown(text), size, width) {
            self.room(LINE);
            self.y += size.max(LINE - 2.5);
            let baseline = self.y;
            self.mark(block, x, baseline, size, &line);
            self.y += 2.5;
        }
    }

    fn mark(&mut self, block: usize, x: f32, baseline: f32, size: f32, text: &str) {
        if let Some(page) = self.sheets.last_mut() {
            // A word ends with a space, so that whoever extracts the text does not join it with the next line.
            page.marks.push(Mark { block, x, baseline, size, text: format!("{text} ") });
        }
    }

    /// Goes on with a new page unless there is so much room on this one.
    fn room(&mut self, height: f32) {
        if self.y + height > PAGE_HEIGHT - MARGIN {
            self.break_page();
        }
    }
}
