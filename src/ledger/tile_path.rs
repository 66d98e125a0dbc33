//! How a tile is named in a path: `tile/<L>/<N>[.p/<W>]` (C2SP tlog-tiles, Merkle tree).

use std::fmt;
use std::str::FromStr;

use super::tiles::{TILE_WIDTH, TileId};

/// The longest path that is read, in bytes: the longest of a `u64` index is shorter.
const PATH_LEN_MAX: usize = 64;

/// A tile with the width that it is asked for: whole, or as far as it was filled in an earlier tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TilePath {
    /// The tile.
    pub tile: TileId,
    /// Its first hashes that are asked for, 1 to 256.
    pub width: usize,
}

/// The text names no tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a tile: tile/<L>/<N>[.p/<W>]")]
pub struct TilePathError;

impl FromStr for TilePath {
    type Err = TilePathError;

    /// Each tile and width has exactly one path: anything but the canonical form is refused.
    fn from_str(text: &str) -> Result<Self, TilePathError> {
        let path = read(text).filter(|_| text.len() <= PATH_LEN_MAX).ok_or(TilePathError)?;
        if path.to_string() == text { Ok(path) } else { Err(TilePathError) }
    }
}

/// Reads more than the canonical form: leading zeros, and any sign that a number may have.
fn read(text: &str) -> Option<TilePath> {
    let (level, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (index, width.parse().ok().filter(|width| (1..TILE_WIDTH).contains(width))?),
        None => (rest, TILE_WIDTH),
    };
    let digits: String = index.chars().filter(|character| !matches!(character, 'x' | '/')).collect();
    Some(TilePath { tile: TileId { level: level.parse().ok()?, index: digits.parse().ok()? }, width })
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tile: TileId { level, index }, width } = self;
        write!(f, "tile/{level}/")?;
        // Groups of three digits, each but the last behind an `x`: 1234067 is x001/x234/067.
        let mut groups = vec![index % 1_000];
        let mut rest = index / 1_000;
        while rest > 0 {
            groups.push(rest % 1_000);
            rest /= 1_000;
        }
        for (position, group) in groups.iter().enumerate().rev() {
            if position == 0 { write!(f, "{group:03}")? } else { write!(f, "x{group:03}/")? }
        }
        if *width < TILE_WIDTH { write!(f, ".p/{width}") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(level: u8, index: u64, width: usize) -> TilePath {
        TilePath { tile: TileId { level, index }, width }
    }

    #[test]
    fn the_paths_of_the_specification_are_read_and_written() {
        for (text, tile) in [
            ("tile/0/000", path(0, 0, 256)),
            ("tile/0/x001/x234/067", path(0, 1_234_067, 256)),
            ("tile/1/000.p/1", path(1, 0, 1)),
            ("tile/0/273.p/112", path(0, 273, 112)),
            ("tile/7/x001/000.p/255", path(7, 1_000, 255)),
        ] {
            assert_eq!(text.parse(), Ok(tile));
            assert_eq!(tile.to_string(), text);
        }
    }

    #[test]
    fn what_is_not_canonical_names_no_tile() {
        for text in [
            "",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/00/000",
            "tile/+0/000",
            "tile/0/+00",
            "tile/-1/000",
            "tile/256/000",
            "tile/0/x000/001",
            "tile/0/001/x234",
            "tile/0/x01/234",
            "tile/0/1234",
            "tile/0/x001234",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/+1",
            "tile/0/000.p/",
            "tile/0/000.p/1/",
            "tile/0/000/",
            "tile/0//000",
            "/tile/0/000",
            "tile/entries/000",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
        ] {
            assert_eq!(text.parse::<TilePath>(), Err(TilePathError), "{text}");
        }
    }

    proptest! {
        /// `tlog_tiles`, which shares no code with ours, reads and writes the same paths.
        #[test]
        fn paths_are_those_of_another_implementation(level in 0_u8..64, index in any::<u64>(), width in 1_u32..=256) {
            let ours = path(level, index, usize::try_from(width).unwrap());
            let theirs = tlog_tiles::Tile::new(8, level, index, width, false).path();
            // Theirs names the height too.
            prop_assert_eq!(format!("tile/8/{}", ours.to_string().trim_start_matches("tile/")), theirs);
            prop_assert_eq!(ours.to_string().parse(), Ok(ours));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(tile/)?[0-9x/.p+-]{0,24}") {
            if let Ok(path) = text.parse::<TilePath>() {
                prop_assert_eq!(path.to_string(), text);
            }
        }
    }
}
