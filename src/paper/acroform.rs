//! Adds the fields of the return section to the pages (ISO 32000-1, 12.7), by the rules of PDF/A-2: each has an appearance, the font
//! of what is typed is embedded, and nothing is hidden or acts by itself.

use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary, text_string};
use ttf_parser::Face;

use crate::paper::error::PaperError;
use crate::paper::font;
use crate::paper::layout::{Area, FieldKind, PAGE_HEIGHT, Placed};

/// Print (12.5.3). PDF/A-2 6.3.2 requires it, and that no other of the first flags is set.
const PRINT: i64 = 1 << 2;
/// Read only (12.7.3.1).
const READ_ONLY: i64 = 1;
/// Several lines (12.7.4.3).
const MULTILINE: i64 = 1 << 12;
/// The name of the font of what is typed.
const FONT: &str = "NotoSans";
/// How it is typed: its font and size, in black.
const TYPED: &str = "/NotoSans 9 Tf 0 g";
/// A box that is ticked.
pub(super) const ON: &str = "On";
/// A box that is not.
pub(super) const OFF: &str = "Off";

const FIRST_CODE: u8 = 32;
/// Nonsymbolic: its characters are those of the Latin alphabet (9.8.2).
const NONSYMBOLIC: i64 = 1 << 5;

/// The PDF with its fields.
pub(super) fn with_fields(pdf: &[u8], placed: &[Placed]) -> Result<Vec<u8>, PaperError> {
    add(pdf, placed).map_err(|error| PaperError::Unwritten(error.to_string()))
}

fn add(pdf: &[u8], placed: &[Placed]) -> Result<Vec<u8>, lopdf::Error> {
    let mut document = Document::load_mem(pdf)?;
    let pages: Vec<ObjectId> = document.get_pages().into_values().collect();
    let font = typed_font(&mut document)?;
    let resources = dictionary! { "Font" => dictionary! { FONT => Object::Reference(font) } };
    let mut fields = Vec::with_capacity(placed.len());
    let mut on_page: Vec<Vec<Object>> = vec![Vec::new(); pages.len()];
    for field in placed {
        let Some(page) = pages.get(field.page) else { continue };
        let widget = widget(&mut document, field, *page, &resources);
        let id = document.add_object(widget);
        fields.push(Object::Reference(id));
        if let Some(widgets) = on_page.get_mut(field.page) {
            widgets.push(Object::Reference(id));
        }
    }
    for (page, widgets) in pages.into_iter().zip(on_page).filter(|(_, widgets)| !widgets.is_empty()) {
        let page = document.get_dictionary_mut(page)?;
        page.set("Annots", Object::Array(widgets));
        page.set("Tabs", Object::Name(b"R".to_vec()));
    }
    let form = document.add_object(dictionary! {
        "Fields" => Object::Array(fields),
        "DR" => resources,
        "DA" => Object::string_literal(TYPED),
    });
    document.catalog_mut()?.set("AcroForm", Object::Reference(form));
    let mut written = Vec::new();
    document.save_to(&mut written)?;
    Ok(written)
}

/// A field with its one place on a page.
fn widget(document: &mut Document, field: &Placed, page: ObjectId, resources: &Dictionary) -> Dictionary {
    let mut widget = dictionary! {
        "Type" => "Annot",
        "Subtype" => "Widget",
        "F" => PRINT,
        "P" => Object::Reference(page),
        "Rect" => rectangle(field.area),
        "T" => text_string(&field.name),
        "TU" => text_string(&field.label),
        "DA" => Object::string_literal(TYPED),
    };
    match &field.kind {
        FieldKind::Check => {
            let on = appearance(document, field.area, &cross(field.area), &Dictionary::new());
            let off = appearance(document, field.area, "", &Dictionary::new());
            widget.set("FT", Object::Name(b"Btn".to_vec()));
            widget.set("V", Object::Name(OFF.into()));
            widget.set("AS", Object::Name(OFF.into()));
            widget.set(
                "AP",
                dictionary! { "N" => dictionary! { ON => Object::Reference(on), OFF => Object::Reference(off) } },
            );
        }
        FieldKind::Text { chars_max, tall } => {
            let empty = appearance(document, field.area, "/Tx BMC EMC", resources);
            widget.set("FT", Object::Name(b"Tx".to_vec()));
            widget.set("MaxLen", i64::from(*chars_max));
            widget.set("Ff", if *tall { MULTILINE } else { 0 });
            widget.set("AP", dictionary! { "N" => Object::Reference(empty) });
        }
        FieldKind::Fixed(text) => {
            // Plain ASCII, in which parentheses and backslashes are escaped in a literal string.
            let escaped = text.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
            let content = format!("/Tx BMC q BT {TYPED} 2 3.5 Td ({escaped}) Tj ET Q EMC");
            let shown = appearance(document, field.area, &content, resources);
            widget.set("FT", Object::Name(b"Tx".to_vec()));
            widget.set("Ff", READ_ONLY);
            widget.set("V", text_string(text));
            widget.set("AP", dictionary! { "N" => Object::Reference(shown) });
        }
    }
    widget
}

/// What a field looks like.
fn appearance(document: &mut Document, area: Area, content: &str, resources: &Dictionary) -> ObjectId {
    let form = dictionary! {
        "Type" => "XObject",
        "Subtype" => "Form",
        "BBox" => vec![Object::Real(0.0), Object::Real(0.0), Object::Real(area.width), Object::Real(area.height)],
        "Resources" => resources.clone(),
    };
    document.add_object(Stream::new(form, content.as_bytes().to_vec()))
}

fn cross(area: Area) -> String {
    let (right, top) = (area.width - 1.5, area.height - 1.5);
    format!("q 0 G 1.2 w 1.5 1.5 m {right} {top} l 1.5 {top} m {right} 1.5 l S Q")
}

/// From points below the upper left corner to points above the lower left one.
fn rectangle(area: Area) -> Object {
    let top = PAGE_HEIGHT - area.y;
    [area.x, top - area.height, area.x + area.width, top].map(Object::Real).to_vec().into()
}

/// The font of what is typed, with the codes of Windows code page 1252 (9.6.3).
fn typed_font(document: &mut Document) -> Result<ObjectId, lopdf::Error> {
    let mut file = Stream::new(
        dictionary! { "Length1" => i64::try_from(font::WIN_ANSI.len()).unwrap_or_default() },
        font::WIN_ANSI.to_vec(),
    );
    file.compress()?;
    let file = document.add_object(file);
    let face = Face::parse(font::WIN_ANSI, 0).ok();
    let units = face.as_ref().map_or(1_000.0, |face| f32::from(face.units_per_em()));
    let scaled = |units_of: i16| Object::Real(f32::from(units_of) * 1_000.0 / units);
    let bounds = face.as_ref().map(Face::global_bounding_box);
    let bounds = bounds.map_or([0; 4], |bounds| [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max]);
    let width = |code: u8| {
        let glyph = face.as_ref().and_then(|face| face.glyph_index(win_ansi(code)));
        let advance = glyph.and_then(|glyph| face.as_ref()?.glyph_hor_advance(glyph)).unwrap_or_default();
        Object::Real(f32::from(advance) * 1_000.0 / units)
    };
    let name = "COMITY+NotoSans-Regular";
    let descriptor = document.add_object(dictionary! {
        "Type" => "FontDescriptor",
        "FontName" => name,
        "Flags" => NONSYMBOLIC,
        "FontBBox" => bounds.map(scaled).to_vec(),
        "ItalicAngle" => 0,
        "Ascent" => scaled(face.as_ref().map_or(0, Face::ascender)),
        "Descent" => scaled(face.as_ref().map_or(0, Face::descender)),
        "CapHeight" => scaled(face.as_ref().and_then(Face::capital_height).unwrap_or_default()),
        "StemV" => 80,
        "FontFile2" => Object::Reference(file),
    });
    Ok(document.add_object(dictionary! {
        "Type" => "Font",
        "Subtype" => "TrueType",
        "BaseFont" => name,
        "Encoding" => "WinAnsiEncoding",
        "FirstChar" => i64::from(FIRST_CODE),
        "LastChar" => i64::from(u8::MAX),
        "Widths" => (FIRST_CODE..=u8::MAX).map(width).collect::<Vec<_>>(),
        "FontDescriptor" => Object::Reference(descriptor),
    }))
}

/// The character of a code of Windows code page 1252.
fn win_ansi(code: u8) -> char {
    const FROM_80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    let high = code.checked_sub(0x80).map(usize::from).and_then(|at| FROM_80.get(at));
    high.copied().unwrap_or_else(|| char::from(code))
}
