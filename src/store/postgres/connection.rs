//! A connection as the threads that ask have it.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use crate::store::StoreError;
use crate::store::postgres::address::Address;
use crate::store::postgres::io::{Io, PendingWork};
use crate::store::postgres::session::{Answer, Notifications, Session, Statement};

/// What every session is told first. A commit answers when it is durable, here and on the standby there is, whatever the
/// database is set to; warnings are sent, since one of them says that it is not. Every statement of ours goes by a key,
/// whatever the planner believes of a table that nobody has counted yet, so it need not be planned twice. And a gateway that is gone lets go of its locks.
const EVERY_SESSION: &str = "\
    SELECT set_config('synchronous_commit', \
        CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false); \
    SET client_min_messages = warning; SET jit = off; SET enable_seqscan = off; SET enable_bitmapscan = off; \
    SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan; \
    SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; \
    SET tcp_user_timeout = '10s'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '30s'; ";

/// A commit may wait for its standby as long as it takes.
const WRITER: &str = "SET statement_timeout = 0";
const READER: &str = "SET statement_timeout = '10s'";
const LISTENER: &str = "SET statement_timeout = 0; LISTEN comity";

/// An empty commit, which waits for the standby as every other does. Whatever was read before it is durable.
pub(super) const CONFIRM: &str = "SELECT pg_logical_emit_message(true, 'comity', '')";

const NUMBER: &str = "SELECT id FROM names WHERE name = $1";

/// A server that is this much slower than its own limits is not there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A commit that is left goes on waiting on its server, and keeps a connection there: so the next one in a row is given
/// twice the time, and after so many no more.
const DOUBLED_MAX: u32 = 5;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Writer,
    Reader,
    /// Reads where nothing needs to be durable, or where nothing may be written: for verifying.
    Onlooker,
    Listener,
    /// Reads or writes a whole store.
    Copier,
}

impl Role {
    fn settings(self) -> &'static str {
        match self {
            Self::Writer | Self::Copier => WRITER,
            Self::Reader | Self::Onlooker => READER,
            Self::Listener => LISTENER,
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    session: Arc<Session>,
    /// Numbers of names that were read over it. They are for good; another server may not have them yet.
    numbers: Mutex<HashMap<String, i64>>,
    role: Role,
    // Last: the session says goodbye over it.
    io: Arc<Io>,
}

impl Connection {
    /// Connects to whatever is there.
    pub(super) fn open(io: &Arc<Io>, address: &Address, role: Role, tag: &str) -> Result<Self, StoreError> {
        // A server that has not answered a commit is tried last: another may have taken its place.
        let passed_over = usize::try_from(io.abandoned().load(Ordering::SeqCst)).unwrap_or_default();
        let opening = Session::open(address.clone(), passed_over, EVERY_SESSION, tag.to_owned(), io.drivers());
        let session = Arc::new(io.run(opening)??);
        let connection = Self { session, numbers: Mutex::default(), role, io: Arc::clone(io) };
        connection.run_script(role.settings())?;
        Ok(connection)
    }

    /// Runs statements in order, in one round trip. The first failure counts.
    pub(super) fn run<const N: usize>(&self, statements: [Statement; N]) -> Result<[Answer; N], StoreError> {
        let answers: Vec<Answer> = self.run_each(statements.into())?.into_iter().collect::<Result<_, _>>()?;
        answers.try_into().map_err(|_| StoreError::Broken("a statement has no answer"))
    }

    /// The same, with what became of each. After a failure there may be fewer answers than statements.
    pub(super) fn run_each(&self, statements: Vec<Statement>) -> Result<Answers, StoreError> {
        self.send(statements).wait()
    }

    /// Sends statements and goes on meanwhile. What becomes of them must be waited for before anything else is asked.
    pub(super) fn send(&self, statements: Vec<Statement>) -> PendingAnswers {
        let session = Arc::clone(&self.session);
        PendingAnswers(self.io.begin(async move { answers(&session, statements).await }))
    }

    /// Runs statements of which the last commits. That may wait for its standby as long as it takes, and is never cancelled;
    /// but a server that is frozen would be waited for for ever, while another has taken its place. So after a time the
    /// connection is left, and the outcome is unknown.
    pub(super) fn commit(&self, statements: Vec<Statement>) -> Result<(), StoreError> {
        self.commit_and_announce(statements, None)
    }

    /// The same; then an announcement is sent, outside of the transaction that has ended and of the one that follows.
    pub(super) fn commit_and_announce(
        &self,
        statements: Vec<Statement>,
        announcement: Option<String>,
    ) -> Result<(), StoreError> {
        let (session, abandoned) = (Arc::clone(&self.session), self.io.abandoned());
        let doubled = abandoned.load(Ordering::SeqCst).min(DOUBLED_MAX);
        let limit = if self.role == Role::Copier { Duration::MAX } else { ANSWER_TIMEOUT.saturating_mul(1 << doubled) };
        self.io.run(async move {
            let answers = timeout(limit, session.run_unwarned(statements)).await.map_err(|_| {
                session.retire();
                abandoned.fetch_add(1, Ordering::SeqCst);
                StoreError::Interrupted("the server did not answer a commit in time".to_owned())
            })?;
            answers.into_iter().try_for_each(|answer| answer.map(drop))?;
            abandoned.store(0, Ordering::SeqCst);
            if let Some(announcement) = announcement {
                session.announce(&announcement);
            }
            Ok(())
        })?
    }

    /// Runs a text of several statements.
    pub(super) fn run_script(&self, script: &'static str) -> Result<(), StoreError> {
        let session = Arc::clone(&self.session);
        self.io.run(async move {
            let done = timeout(ANSWER_TIMEOUT, session.run_script(script)).await;
            done.unwrap_or_else(|_| {
                session.retire();
                Err(StoreError::Interrupted("the server did not answer in time".to_owned()))
            })
        })?
    }

    /// Returns when everything that could be read before is durable.
    pub(super) fn confirm(&self) -> Result<(), StoreError> {
        self.commit(vec![Statement::new(CONFIRM)])
    }

    /// The number of a name, if it has one.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, StoreError> {
        let known = self.numbers.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        if known.is_some() {
            return Ok(known);
        }
        let [found] = self.run([Statement::new(NUMBER).with(name.to_owned())])?;
        let number: Option<i64> = found.rows.first().map(|row| row.try_get(0)).transpose()?;
        if let Some(number) = number {
            self.numbers.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), number);
        }
        Ok(number)
    }

    /// Waits until another gateway announces something or the connection ends, at most so long; then a little for more.
    pub(super) fn listen(&self, at_most: Duration, gather: Duration) -> Result<(), StoreError> {
        let notifications: Arc<Notifications> = Arc::clone(&self.session.notifications);
        self.io.run(async move {
            if timeout(at_most, notifications.heard.notified()).await.is_ok() {
                tokio::time::sleep(gather).await;
            }
        })
    }

    /// Whether it may be used again.
    pub(super) fn is_good(&self) -> bool {
        self.session.is_good()
    }
}

/// What became of each statement.
type Answers = Vec<Result<Answer, StoreError>>;

/// Statements that are under way.
#[must_use = "what is asked next could come before them"]
pub(super) struct PendingAnswers(PendingWork<Result<Answers, StoreError>>);

impl PendingAnswers {
    /// Waits for what becomes of them.
    pub(super) fn wait(self) -> Result<Answers, StoreError> {
        self.0.wait()?
    }
}

async fn answers(session: &Session, statements: Vec<Statement>) -> Result<Answers, StoreError> {
    let answers = timeout(ANSWER_TIMEOUT, session.run(statements)).await;
    answers.map_err(|_| {
        session.retire();
        StoreError::Interrupted("the server did not answer in time".to_owned())
    })
}
