//! Forms on paper, for agencies that have no connection: a detainer as pages whose return section can be filled in, and what came back
//! in it as requests.
//!
//! [`render`] writes a PDF/A-2u with a receipt code in its corner and the fields of [`SECTIONS`]. [`read`] takes the fields back
//! from a file that anybody may have written, and checks them as the gateway would. The requests are the caller's to send.

mod acroform;
mod content;
mod error;
mod font;
mod layout;
mod paint;
mod proof;
mod read;
mod sections;

pub use error::{FieldFault, PaperError};
pub use proof::Proof;
pub use read::{Returned, read};
pub use sections::{Item, Kind, SECTIONS, Section};

use jiff::Timestamp;

use crate::wire::v1;

/// A detainer as pages: the request, and the return section, as PDF. The same input gives the same bytes.
///
/// # Errors
/// The detainer has no name, which the return could not be told by; or its pages cannot be written.
pub fn render(detainer: &v1::Detainer, proof: Option<&Proof>, made_at: Timestamp) -> Result<Vec<u8>, PaperError> {
    if detainer.name.is_empty() {
        return Err(PaperError::Nameless);
    }
    let laid_out = content::pages(detainer, proof)?;
    let pdf = paint::pdf(&laid_out, made_at)?;
    acroform::with_fields(&pdf, &laid_out.placed)
}
