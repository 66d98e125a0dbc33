//! An export from a store, by whoever keeps it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use quick_cache::sync::Cache;

use crate::cli::export::args::{ExportArgs, Wanted, said_size};
use crate::cli::paths::{base_directory, store_location};
use crate::cli::verify::{Unreadable, wrapping_key_in};
use crate::config::Config;
use crate::domain::agency::{Agency, Caller};
use crate::domain::determination::FieldClasses;
use crate::domain::ids::{JurisdictionId, LogName};
use crate::export::{Audience, LogWriter, Payloads, Proof};
use crate::feed::{DisclosureFilter, may_read};
use crate::identity::clock::WallClock;
use crate::ledger::{Hash, TileId, prove_consistency, prove_inclusion, root_at};
use crate::policy::gate::Gate;
use crate::server::check;
use crate::store::{Reader, StoreError, StoredEntry};
use crate::wire::entry::Opening;

/// Entries read at a time.
const PAGE_LEN: usize = 256;
/// Tiles that are kept: some of each level, for neighbouring entries.
const TILES_MAX: usize = 64;

pub(super) fn export(args: &ExportArgs, data: &Path, wanted: &Wanted<'_>) -> Result<()> {
    let audience = args.audience.clone().unwrap_or(Audience::Everything);
    let view = View::of(args, &audience)?;
    let place = store_location(args.store.as_deref(), data)?;
    let key = match &view {
        View::Everything if wanted.payloads != Payloads::All => None,
        View::Everything | View::Callers { .. } => {
            let key = wrapping_key_in(data, None)?;
            Some(key.context("what is sealed is asked for, and there is no keys/wrapping.key in the data directory")?)
        }
    };
    let reader = place.read(key.as_deref()).with_context(|| Unreadable(place.to_string()))?;
    let all = reader.logs().with_context(|| Unreadable(place.to_string()))?;
    let logs: BTreeSet<LogName> = all.into_iter().filter(|log| wanted.takes(log) && view.reads(log)).collect();
    let mut heads = Vec::new();
    for log in logs {
        if let Some((size, note)) = reader.checkpoint(&log)?.filter(|(size, _)| *size > 0) {
            heads.push((log, size, note));
        }
    }
    let Some((log, _, note)) = heads.first() else { bail!("there is nothing to export: no log has an entry") };
    let named = note.lines().next().unwrap_or_default();
    let prefix = named.strip_suffix(&format!("/{log}")).context("the log's checkpoint is of another log")?;
    let mut out = wanted.begin(prefix, audience)?;
    for (log, size, note) in &heads {
        let log = OfLog { reader: &*reader, view: &view, log, size: *size, tiles: Cache::new(TILES_MAX) };
        let mut writer = out.log(log.log)?;
        log.checkpoints(&mut writer, note)?;
        log.growth(&mut writer, wanted, note)?;
        log.entries(&mut writer)?;
        let root = root_at(*size, |tile| log.tile(tile))?;
        out.end_log(writer, *size, root)?;
    }
    out.finish()?;
    Ok(())
}

impl Wanted<'_> {
    fn takes(&self, log: &LogName) -> bool {
        self.jurisdictions.is_empty() || self.jurisdictions.contains(&log.jurisdiction)
    }
}

/// What the audience of an export may see.
enum View {
    Everything,
    /// What any of these may see, by the law of now.
    Callers {
        callers: Vec<Caller>,
        gate: Box<Gate>,
        now: Timestamp,
    },
}

impl View {
    fn of(args: &ExportArgs, audience: &Audience) -> Result<Self> {
        let is_meant: Box<dyn Fn(&Agency) -> bool> = match audience {
            Audience::Everything => return Ok(Self::Everything),
            Audience::Agency(id) => Box::new(move |agency| agency.id == *id),
            Audience::Jurisdiction(jurisdiction) => {
                Box::new(move |agency| agency.kind.holds_people() && agency.jurisdictions.contains(jurisdiction))
            }
        };
        let path = args.config.as_deref().context("whom the law lets see what is in a configuration: give --config")?;
        let config = Config::read(path)?;
        let checked = check(&config, &base_directory(path)?, &WallClock::system())?;
        let meant = checked.members().filter(|agency| is_meant(agency)).cloned();
        // Of the jurisdiction alone, for an audience that is one: an agency may take part in several.
        let within = |mut agency: Agency| {
            if let Audience::Jurisdiction(jurisdiction) = audience {
                agency.jurisdictions.retain(|of: &JurisdictionId| of == jurisdiction);
            }
            Caller { agency: Arc::new(agency), actor: None }
        };
        let callers: Vec<Caller> = meant.map(within).collect();
        if callers.is_empty() {
            bail!("the registry has nobody who is {audience}");
        }
        Ok(Self::Callers { callers, gate: Box::new(checked.gate()), now: args.as_of.unwrap_or_else(Timestamp::now) })
    }

    /// Whether the audience may know of a log at all.
    fn reads(&self, log: &LogName) -> bool {
        match self {
            Self::Everything => true,
            Self::Callers { callers, .. } => callers.iter().any(|caller| may_read(caller, log)),
        }
    }
}

/// One log that is exported, up to a size.
struct OfLog<'a> {
    reader: &'a dyn Reader,
    view: &'a View,
    log: &'a LogName,
    size: u64,
    tiles: Cache<TileId, Vec<Hash>>,
}

impl OfLog<'_> {
    fn is_everything(&self) -> bool {
        matches!(self.view, View::Everything)
    }

    fn tile(&self, id: TileId) -> Result<Vec<Hash>, StoreError> {
        self.tiles.get_or_insert_with(&id, || self.reader.tile(self.log, id))
    }

    fn checkpoints(&self, writer: &mut LogWriter, head: &str) -> Result<()> {
        if !self.is_everything() {
            return Ok(writer.checkpoint(self.size, head)?);
        }
        for (size, note) in self.reader.checkpoints(self.log)? {
            if size <= self.size {
                writer.checkpoint(size, &note)?;
            }
        }
        Ok(())
    }

    fn growth(&self, writer: &mut LogWriter, wanted: &Wanted<'_>, head: &str) -> Result<()> {
        for kept in wanted.kept_of(head.lines().next().unwrap_or_default()) {
            let hashes = prove_consistency(said_size(kept)?, self.size, |tile| self.tile(tile))?;
            writer.growth(kept, hashes)?;
        }
        Ok(())
    }

    fn entries(&self, writer: &mut LogWriter) -> Result<()> {
        let mut batch_ends = self.batch_ends()?;
        let mut batch_end = 0u64;
        let mut next = 0u64;
        while next < self.size {
            let page = self.reader.entries(self.log, next, PAGE_LEN)?;
            let Some(last) = page.last() else { bail!("{} ends at {next} of {} entries", self.log, self.size) };
            next = last.index.saturating_add(1);
            let mut filters = self.filters();
            for stored in page.into_iter().filter(|stored| stored.index < self.size) {
                let Some(openings) = self.shown(&mut filters, &stored)? else { continue };
                while self.is_everything() && batch_end <= stored.index {
                    batch_end = batch_ends.next().context("an entry that no checkpoint covers")?;
                }
                let size = if self.is_everything() { batch_end } else { self.size };
                let hashes = prove_inclusion(stored.index, size, |tile| self.tile(tile))?;
                writer.entry(stored.index, stored.leaf, &openings, Proof { size, hashes })?;
            }
        }
        Ok(())
    }

    /// The sizes at the end of each batch: there is a checkpoint for each.
    fn batch_ends(&self) -> Result<impl Iterator<Item = u64> + use<>> {
        let checkpoints = if self.is_everything() { self.reader.checkpoints(self.log)? } else { Vec::new() };
        Ok(checkpoints.into_iter().map(|(size, _)| size))
    }

    fn filters(&self) -> Vec<(&Caller, DisclosureFilter<'_>)> {
        match self.view {
            View::Everything => Vec::new(),
            View::Callers { callers, gate, now } => {
                callers.iter().map(|caller| (caller, DisclosureFilter::new(self.reader, gate, caller, *now))).collect()
            }
        }
    }

    /// What the audience may see of an entry. None: not even that it is there.
    fn shown(
        &self,
        filters: &mut [(&Caller, DisclosureFilter<'_>)],
        stored: &StoredEntry,
    ) -> Result<Option<Vec<Opening>>> {
        if self.is_everything() {
            return Ok(Some(stored.openings.clone()));
        }
        let mut classes: Option<FieldClasses> = None;
        for (caller, filter) in filters {
            if !may_read(caller, self.log) {
                continue;
            }
            if let Some(visible) = filter.visible(stored, &self.log.jurisdiction)? {
                classes = Some(classes.unwrap_or(FieldClasses::NONE).union(visible.classes));
            }
        }
        let shown = |classes: FieldClasses| {
            stored.openings.iter().filter(|opening| classes.contains(opening.class)).cloned().collect()
        };
        Ok(classes.map(shown))
    }
}
