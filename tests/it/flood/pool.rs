//! What the attackers know of the exchange: names, etags, request ids, cursors and messages that were really used.

use std::sync::Mutex;

use fastrand::Rng;

/// Of each kind; the oldest make room.
const LEN_MAX: usize = 400;

/// What a text of the exchange is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Detainer,
    Custody,
    Transfer,
    Appeal,
    Entry,
    Etag,
    RequestId,
    Cursor,
    PageToken,
}

/// Grows as the story goes on.
#[derive(Debug, Default)]
pub(super) struct Pool {
    texts: Mutex<Vec<(Kind, String)>>,
    /// By method, as `Service/Method`.
    messages: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Pool {
    pub(super) fn put(&self, kind: Kind, text: impl Into<String>) {
        let mut texts = self.texts.lock().unwrap();
        if texts.iter().filter(|(of, _)| *of == kind).count() >= LEN_MAX {
            let oldest = texts.iter().position(|(of, _)| *of == kind).unwrap();
            texts.remove(oldest);
        }
        texts.push((kind, text.into()));
    }

    pub(super) fn put_message(&self, method: &str, message: Vec<u8>) {
        let mut messages = self.messages.lock().unwrap();
        // Of each method, too: the seldom ones would be lost among the rest.
        if messages.iter().filter(|(of, _)| of == method).count() >= LEN_MAX {
            let oldest = messages.iter().position(|(of, _)| of == method).unwrap();
            messages.remove(oldest);
        }
        messages.push((method.to_owned(), message));
    }

    pub(super) fn text(&self, random: &mut Rng, kind: Kind) -> Option<String> {
        let texts = self.texts.lock().unwrap();
        random.choice(texts.iter().filter(|(of, _)| *of == kind).collect::<Vec<_>>()).map(|(_, text)| text.clone())
    }

    /// Everything of another.
    pub(super) fn learn(&self, other: Self) {
        for (kind, text) in other.texts.into_inner().unwrap() {
            self.put(kind, text);
        }
        for (method, message) in other.messages.into_inner().unwrap() {
            self.put_message(&method, message);
        }
    }

    /// A few of any kind.
    pub(super) fn words(&self, random: &mut Rng) -> Vec<Vec<u8>> {
        let texts = self.texts.lock().unwrap();
        (0..4).filter_map(|_| random.choice(texts.iter()).map(|(_, text)| text.clone().into_bytes())).collect()
    }

    pub(super) fn message(&self, random: &mut Rng, method: &str) -> Option<Vec<u8>> {
        let messages = self.messages.lock().unwrap();
        let mut of_method = messages.iter().filter(|(of, _)| of == method).collect::<Vec<_>>();
        random.shuffle(&mut of_method);
        of_method.first().map(|(_, message)| message.clone())
    }

    pub(super) fn any_message(&self, random: &mut Rng) -> Vec<u8> {
        let messages = self.messages.lock().unwrap();
        random.choice(messages.iter()).map(|(_, message)| message.clone()).unwrap_or_default()
    }
}
