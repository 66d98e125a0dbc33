//! Finds the records that may be of a person without comparing the person with all of them.
//!
//! A person is compared with the records that share a block with it: a number; the birth date, also with day and month
//! exchanged, with one digit changed, and a day off; the year and the beginning of a word of the name, where one of them
//! is not known to the day; the beginnings of two words, where one of them has no birth date at all.

use std::collections::HashMap;

use jiff::civil::Date;
use smol_str::SmolStr;

use crate::domain::matching::{number, numbers_somebody};
use crate::domain::partial_date::PartialDate;
use crate::domain::roster::likeness::BirthDateAgreement::{Different, Same};
use crate::domain::roster::likeness::{Likeness, Person, births, transposed};
use crate::domain::roster::name::{Name, Prefix};
use crate::domain::subject::IdentifierKind;

/// What a record and a person have in common, so that they are compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Block {
    Number(IdentifierKind, SmolStr),
    /// Of records whose birth date is known to the day.
    Day(Date),
    /// Of records whose birth date is known less well.
    RoughYear(i16, Prefix),
    /// Of all records with a birth date.
    Year(i16, Prefix),
    /// Of records without a birth date.
    Undated(Prefix, Prefix),
    /// Of all records.
    Words(Prefix, Prefix),
}

/// Records of people, each with what it stands for.
#[derive(Debug)]
pub struct Index<T> {
    records: Vec<(Person, T)>,
    blocks: HashMap<Block, Vec<u32>>,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self { records: Vec::new(), blocks: HashMap::new() }
    }
}

impl<T> Index<T> {
    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// What the records stand for.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.records.iter().map(|(_, of)| of)
    }

    /// Adds a record. More than four thousand million are not found again.
    pub fn add(&mut self, person: Person, of: T) {
        let Ok(at) = u32::try_from(self.records.len()) else { return };
        let mut add = |block| {
            let found: &mut Vec<u32> = self.blocks.entry(block).or_default();
            if found.last() != Some(&at) {
                found.push(at);
            }
        };
        numbers(&person, &mut add);
        match person.birth_date {
            None => pairs(&person, Block::Undated, &mut add),
            Some(born) => {
                let year = born.earliest().year();
                if let Some(day) = born.day() {
                    add(Block::Day(day));
                } else {
                    prefixes(&person, |prefix| add(Block::RoughYear(year, prefix)));
                }
                prefixes(&person, |prefix| add(Block::Year(year, prefix)));
            }
        }
        pairs(&person, Block::Words, &mut add);
        self.records.push((person, of));
    }

    /// The records that are worth a look, in the order in which they were added.
    pub fn candidates(&self, person: &Person) -> Vec<(&T, Likeness)> {
        let mut found = Vec::new();
        self.share(person, &mut found);
        if let Some(day) = person.birth_date.and_then(PartialDate::day) {
            near(day, |near| self.collect(&Block::Day(near), &mut found));
        }
        self.compared(person, found, Likeness::is_candidate)
    }

    /// The records of the same person, as far as records can say, in the order in which they were added.
    pub fn same(&self, person: &Person) -> Vec<(&T, Likeness)> {
        let mut found = Vec::new();
        self.share(person, &mut found);
        self.compared(person, found, Likeness::is_one_person)
    }

    /// Everything that shares a block, but for birth dates that are not the same.
    fn share(&self, person: &Person, found: &mut Vec<u32>) {
        numbers(person, &mut |block| self.collect(&block, found));
        let Some(born) = person.birth_date else {
            return pairs(person, Block::Words, &mut |block| self.collect(&block, found));
        };
        let year = born.earliest().year();
        match born.day() {
            Some(day) => {
                self.collect(&Block::Day(day), found);
                prefixes(person, |prefix| self.collect(&Block::RoughYear(year, prefix), found));
            }
            None => prefixes(person, |prefix| self.collect(&Block::Year(year, prefix), found)),
        }
        pairs(person, Block::Undated, &mut |block| self.collect(&block, found));
    }

    fn collect(&self, block: &Block, found: &mut Vec<u32>) {
        found.extend(self.blocks.get(block).into_iter().flatten());
    }

    fn compared(
        &self,
        person: &Person,
        mut found: Vec<u32>,
        is_wanted: impl Fn(&Likeness) -> bool,
    ) -> Vec<(&T, Likeness)> {
        found.sort_unstable();
        found.dedup();
        let records = found.into_iter().filter_map(|at| self.records.get(usize::try_from(at).ok()?));
        let records = records.filter(|(record, _)| is_worth_comparing(person, record));
        let compared = records.map(|(record, of)| (of, Likeness::of(person, record)));
        compared.filter(|(_, likeness)| is_wanted(likeness)).collect()
    }
}

/// Whether two records of a block may be of one person: a comparison of names takes a thousand times as long as this.
fn is_worth_comparing(person: &Person, record: &Person) -> bool {
    let births = births(person.birth_date, record.birth_date);
    let begin_alike = || person.names.iter().any(|name| record.names.iter().any(|other| name.begins_like(other)));
    let share_number = || {
        let same = |kind: &IdentifierKind| {
            let (one, other) = (number(&person.identifiers, *kind), number(&record.identifiers, *kind));
            one.is_some() && one == other
        };
        IdentifierKind::ALL.iter().any(same)
    };
    births == Same || (births != Different && begin_alike()) || share_number()
}

/// The blocks of the numbers that can identify somebody.
fn numbers(person: &Person, each: &mut impl FnMut(Block)) {
    for kind in IdentifierKind::ALL {
        let number = number(&person.identifiers, *kind).filter(|number| numbers_somebody(number));
        if let Some(number) = number {
            each(Block::Number(*kind, SmolStr::new(number)));
        }
    }
}

fn prefixes(person: &Person, each: impl FnMut(Prefix)) {
    person.names.iter().flat_map(Name::prefixes).copied().for_each(each);
}

/// The blocks of each two words of a name. The words of a name are in order.
fn pairs(person: &Person, block: impl Fn(Prefix, Prefix) -> Block, each: &mut impl FnMut(Block)) {
    for name in &person.names {
        for (at, first) in name.prefixes().iter().enumerate() {
            name.prefixes().iter().skip(at).skip(1).for_each(|second| each(block(*first, *second)));
        }
    }
}

/// The dates that are taken for a slip of this one: day and month exchanged, one digit changed, a day before or after.
fn near(day: Date, mut each: impl FnMut(Date)) {
    let (year, month, date) = (day.year(), day.month(), day.day());
    [transposed(day), day.tomorrow().ok(), day.yesterday().ok()].into_iter().flatten().for_each(&mut each);
    for digit in 0..10_i8 {
        for place in [1, 10, 100] {
            let changed = year + (i16::from(digit) - year / place % 10) * place;
            Date::new(changed, month, date).into_iter().filter(|near| *near != day).for_each(&mut each);
        }
        for (changed_month, changed_date) in [
            (month / 10 * 10 + digit, date),
            (digit * 10 + month % 10, date),
            (month, date / 10 * 10 + digit),
            (month, digit * 10 + date % 10),
        ] {
            let changed = Date::new(year, changed_month, changed_date);
            changed.into_iter().filter(|near| *near != day).for_each(&mut each);
        }
    }
}
