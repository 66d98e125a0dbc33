//! A database connection for blocking callers.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use crate::store::StoreError;
use crate::store::postgres::address::Address;
use crate::store::postgres::io::{Io, PendingWork};
use crate::store::postgres::session::{Answer, Notifications, Session, Statement};

/// The settings of every session. A commit is acknowledged only when it is durable, here and on the standby if there is
/// one, whatever the database's default is. Warnings are sent, since a warning is the only sign that a commit is not
/// replicated. Every statement of ours goes by a key whatever the planner believes about a table without statistics, so
/// plans are generic and never made twice. The keepalives free the locks of a gateway that is gone.
const EVERY_SESSION: &str = "\
    SELECT set_config('synchronous_commit', \
        CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false); \
    SET client_min_messages = warning; SET jit = off; SET enable_seqscan = off; SET enable_bitmapscan = off; \
    SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan; \
    SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; \
    SET tcp_user_timeout = '10s'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '30s'; ";

/// A commit may wait for its standby without limit.
const WRITER: &str = "SET statement_timeout = 0";
const READER: &str = "SET statement_timeout = '10s'";
const LISTENER: &str = "SET statement_timeout = 0; LISTEN comity";

/// An empty commit, which waits for the standby like any other. Everything read before it is durable.
pub(super) const CONFIRM: &str = "SELECT pg_logical_emit_message(true, 'comity', '')";

const NUMBER: &str = "SELECT id FROM names WHERE name = $1";

/// A server that exceeds its own limits by this much is considered gone.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// An abandoned commit goes on waiting on its server and keeps a connection there. So each further one in a row is
/// given twice the time, up to this many doublings.
const DOUBLED_MAX: u32 = 5;

/// The purpose of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Writer,
    Reader,
    /// Reads where nothing needs to be durable, or nothing may be written, as for verifying.
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
    /// Numbers of names that were read over it. A number never changes, but another server may not have it yet.
    numbers: Mutex<HashMap<String, i64>>,
    role: Role,
    // Declared last: the session says goodbye over it.
    io: Arc<Io>,
}

impl Connection {
    /// Connects to the database, whatever it holds.
    pub(super) fn open(io: &Arc<Io>, address: &Address, role: Role, tag: &str) -> Result<Self, StoreError> {
        // A server that did not answer a commit is tried last: another may have taken its place.
        let passed_over = usize::try_from(io.abandoned().load(Ordering::SeqCst)).unwrap_or_default();
        let opening = Session::open(address.clone(), passed_over, EVERY_SESSION, tag.to_owned(), io.drivers());
        let session = Arc::new(io.run(opening)??);
        let connection = Self { session, numbers: Mutex::default(), role, io: Arc::clone(io) };
        connection.run_script(role.settings())?;
        Ok(connection)
    }

    /// Runs statements in order in one round trip. Returns the first failure.
    pub(super) fn run<const N: usize>(&self, statements: [Statement; N]) -> Result<[Answer; N], StoreError> {
        let answers: Vec<Answer> = self.run_each(statements.into())?.into_iter().collect::<Result<_, _>>()?;
        answers.try_into().map_err(|_| StoreError::Broken("a statement has no answer"))
    }

    /// Like `ask`, with the outcome of each statement. After a failure there may be fewer answers than statements.
    pub(super) fn run_each(&self, statements: Vec<Statement>) -> Result<Answers, StoreError> {
        self.send(statements).wait()
    }

    /// Sends statements without waiting. The caller MUST wait for them before it asks anything else.
    pub(super) fn send(&self, statements: Vec<Statement>) -> PendingAnswers {
        let session = Arc::clone(&self.session);
        PendingAnswers(self.io.begin(async move { answers(&session, statements).await }))
    }

    /// Runs statements, the last of which commits. A commit may wait long for its standby and is never cancelled. A
    /// frozen server, however, would block for ever while another has taken its place. So the connection is abandoned
    /// after a time, and the outcome is then unknown.
    pub(super) fn commit(&self, statements: Vec<Statement>) -> Result<(), StoreError> {
        self.commit_and_announce(statements, None)
    }

    /// Like `commit`, then sends an announcement outside of any transaction.
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

    /// Runs a script of several statements.
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

    /// Returns when everything read before is durable.
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

    /// Waits until another gateway announces something or the connection ends, for `at_most`; then for `gather`, to
    /// collect further announcements.
    pub(super) fn listen(&self, at_most: Duration, gather: Duration) -> Result<(), StoreError> {
        let notifications: Arc<Notifications> = Arc::clone(&self.session.notifications);
        self.io.run(async move {
            if timeout(at_most, notifications.arrived.notified()).await.is_ok() {
                tokio::time::sleep(gather).await;
            }
        })
    }

    /// Whether the connection can still be used.
    pub(super) fn is_good(&self) -> bool {
        self.session.is_good()
    }
}

/// The outcome of each statement.
type Answers = Vec<Result<Answer, StoreError>>;

/// Statements that were sent.
#[must_use = "what is asked next could come before them"]
pub(super) struct PendingAnswers(PendingWork<Result<Answers, StoreError>>);

impl PendingAnswers {
    /// Waits for their outcomes.
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
