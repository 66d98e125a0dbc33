//! What a store promises of consumers and of what was delivered to them.

use comity::domain::ids::LogKind;
use comity::domain::inbox::{Attempt, Consumer, DeliveryState, EntryPosition, Inbox, InboxConsumer};
use comity::store::{Append, NewConsumer, NewDelivery, Wanted};

use crate::sample;
use crate::store_contract::Open;
use crate::store_contract::batch::{Drafts, delivered, log};

pub(super) fn what_a_confirmation_left_out_was_not_delivered_by_it(open: Open<'_>) {
    let mut store = open();
    Drafts::recover(&mut *store);
    // Everything before 9 but for entry 3; that one a day later.
    for (from, position, day) in [(0, 3, 1), (4, 9, 1), (3, 4, 2)] {
        let deliveries = vec![NewDelivery { from, ..delivered(position, day) }];
        let mut append = Append { deliveries, ..Append::default() };
        append.consumers.push(consumer("us-ny", "default", Consumer::default()));
        store.commit(&append).unwrap();
    }
    let ice = sample::officer("ice").agency.id.clone();
    let key = |index| (ice.clone(), log(LogKind::Exchange), index);
    let loaded = open().load(&Wanted { deliveries: (0..10).map(key).collect(), ..Wanted::default() }).unwrap();
    let on = |day| Some(delivered(0, day).recorded_at);
    let days = [2, 3, 4, 8, 9].map(|index| loaded.deliveries.get(&key(index)).copied());
    assert_eq!(days, [on(1), on(2), on(1), on(1), None]);
}

fn consumer(jurisdiction: &str, name: &str, state: Consumer) -> NewConsumer {
    let agency = sample::officer("ice").agency.id.clone();
    let whose = InboxConsumer { agency, jurisdiction: jurisdiction.parse().unwrap(), consumer: name.parse().unwrap() };
    NewConsumer { whose, state }
}

pub(super) fn a_consumer_is_read_as_it_was_last_kept(open: Open<'_>) {
    let mut store = open();
    Drafts::recover(&mut *store);
    let attempt = |tries, state| Attempt { tries, since: sample::start(), state };
    let place = |log, index| EntryPosition { log, index };
    let attempts = [
        (place(LogKind::Exchange, 4), attempt(5, DeliveryState::Parked)),
        (place(LogKind::Exchange, 9), attempt(1, DeliveryState::Tried)),
        (place(LogKind::Custody, 9), attempt(7, DeliveryState::Received)),
    ];
    let first = Consumer { exchange: 8, custody: 2, attempts: attempts.into() };
    let later = Consumer { exchange: 10, attempts: [attempts[0]].into(), ..first.clone() };
    let other = Consumer { custody: 3, ..Consumer::default() };
    let (agency, new_york) = (sample::officer("ice").agency.id.clone(), sample::jurisdiction());
    let named = |states: &[(&str, &Consumer)]| {
        Inbox(states.iter().map(|(name, state)| (name.parse().unwrap(), (*state).clone())).collect())
    };
    let rounds = [
        (vec![consumer("us-ny", "default", first.clone())], named(&[("default", &first)])),
        (
            vec![consumer("us-ny", "statistics", other.clone()), consumer("us-tx", "default", other.clone())],
            named(&[("default", &first), ("statistics", &other)]),
        ),
        (vec![consumer("us-ny", "default", later.clone())], named(&[("default", &later), ("statistics", &other)])),
    ];
    for (consumers, expected) in rounds {
        store.commit(&Append { consumers, ..Append::default() }).unwrap();
        assert_eq!(store.reader().inbox(&agency, &new_york).unwrap(), expected);
        let key = (agency.clone(), new_york.clone());
        let loaded = open().load(&Wanted { inboxes: [key.clone()].into(), ..Wanted::default() }).unwrap();
        assert_eq!(loaded.inboxes.get(&key), Some(&expected));
    }
    let nobody = sample::officer("cbp").agency.id.clone();
    assert_eq!(store.reader().inbox(&nobody, &new_york).unwrap(), Inbox::default());
}
