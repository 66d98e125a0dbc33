//! A session with the server: how it is opened and set up, and how statements run over it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_postgres::error::Severity;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, Row, Statement as Prepared};
use tokio_util::task::TaskTracker;

use crate::store::StoreError;
use crate::store::postgres::address::Address;
use crate::store::postgres::fault::{describe, ends_connection, fault};

/// The time for a TLS handshake and a login, in addition to connecting.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(5);

/// A parameter of a statement: a value, or a column of values.
pub(super) type Value = Box<dyn ToSql + Sync + Send>;

/// A statement with its parameters.
pub(super) struct Statement {
    pub(super) sql: Cow<'static, str>,
    pub(super) values: Vec<Value>,
}

impl Statement {
    pub(super) fn new(sql: impl Into<Cow<'static, str>>) -> Self {
        Self { sql: sql.into(), values: Vec::new() }
    }

    pub(super) fn with(mut self, value: impl ToSql + Sync + Send + 'static) -> Self {
        self.values.push(Box::new(value));
        self
    }
}

/// The result of a statement.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) rows: Vec<Row>,
    /// Rows written or read.
    pub(super) affected: u64,
}

/// What the server sends unasked.
#[derive(Debug)]
pub(super) struct Notifications {
    /// A warning came. It is the only sign that no standby has confirmed a commit.
    warned: AtomicBool,
    /// Our tag. `arrived` is notified when another tag announces something, or when the connection ends.
    tag: String,
    pub(super) arrived: Notify,
    /// Why the connection ended.
    end: Mutex<Option<String>>,
}

impl Notifications {
    pub(super) fn of(tag: &str) -> Self {
        Self { warned: AtomicBool::new(false), tag: tag.to_owned(), arrived: Notify::new(), end: Mutex::new(None) }
    }
}

/// An open connection.
pub(super) struct Session {
    client: Client,
    statements: Mutex<HashMap<Cow<'static, str>, Prepared>>,
    pub(super) notifications: Arc<Notifications>,
    /// The session MUST NOT be used again.
    retired: AtomicBool,
}

impl Session {
    /// Connects to the first host that takes writes, trying the first `passed_over` hosts last, and sets up the
    /// session.
    pub(super) async fn open(
        address: Address,
        passed_over: usize,
        settings: &'static str,
        tag: String,
        drivers: TaskTracker,
    ) -> Result<Self, StoreError> {
        let (mut temporary, mut permanent) = (Vec::new(), Vec::new());
        let mut hosts = address.hosts()?;
        let len = hosts.len();
        hosts.rotate_left(passed_over.checked_rem(len).unwrap_or_default());
        for host in hosts {
            match Self::open_host(&host, &address, settings, &tag, &drivers).await {
                Ok(session) => return Ok(session),
                Err(StoreError::Interrupted(why)) => temporary.push(why),
                Err(StoreError::Server(why)) => permanent.push(why),
                Err(other) => return Err(other),
            }
        }
        // A permanently wrong host must not keep anybody from waiting for another.
        if temporary.is_empty() {
            return Err(StoreError::Server(permanent.join("; ")));
        }
        temporary.extend(permanent);
        Err(StoreError::Interrupted(temporary.join("; ")))
    }

    async fn open_host(
        host: &Config,
        address: &Address,
        settings: &str,
        tag: &str,
        drivers: &TaskTracker,
    ) -> Result<Self, StoreError> {
        let limit = host.get_connect_timeout().map_or(LOGIN_TIMEOUT, |limit| limit.saturating_add(LOGIN_TIMEOUT));
        let late = |_| StoreError::Interrupted("the server did not answer in time".to_owned());
        let connected = timeout(limit, host.connect(address.tls())).await.map_err(late)?;
        let (client, connection) = connected.map_err(|error| fault(&error))?;
        let notifications = Arc::new(Notifications::of(tag));
        drivers.spawn(drive(connection, Arc::clone(&notifications)));
        let statements = Mutex::new(HashMap::new());
        let session = Self { client, statements, notifications, retired: AtomicBool::new(false) };
        timeout(limit, session.run_script(settings)).await.map_err(late)??;
        Ok(session)
    }

    /// Sends several statements as one text.
    pub(super) async fn run_script(&self, settings: &str) -> Result<(), StoreError> {
        self.client.batch_execute(settings).await.map_err(|error| self.failed(&error))
    }

    /// Whether the session may be used.
    pub(super) fn is_good(&self) -> bool {
        !self.retired.load(Ordering::SeqCst) && !self.client.is_closed()
    }

    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
    }

    /// Runs statements in order, sending each without waiting for the one before. Within a transaction, those after a
    /// failed one fail too.
    pub(super) async fn run(&self, statements: Vec<Statement>) -> Vec<Result<Answer, StoreError>> {
        if let Err(error) = self.prepare(&statements).await {
            return vec![Err(self.failed(&error))];
        }
        let answers = join_all(statements.iter().map(|ask| self.answer(ask))).await;
        answers.into_iter().map(|answer| answer.map_err(|error| self.failed(&error))).collect()
    }

    /// Like `ask`, for statements that end a transaction: success with a warning counts as failure.
    pub(super) async fn run_unwarned(&self, statements: Vec<Statement>) -> Vec<Result<Answer, StoreError>> {
        self.notifications.warned.store(false, Ordering::SeqCst);
        let answers = self.run(statements).await;
        // The server sends the warning before the answer, so it has been seen by now.
        if self.notifications.warned.load(Ordering::SeqCst) {
            self.retire();
            return vec![Err(StoreError::Interrupted("the server committed with a warning".to_owned()))];
        }
        answers
    }

    /// Sends a statement without waiting for it. It goes out before anything that is asked afterwards.
    pub(super) fn announce(&self, sql: &str) {
        let _sent = self.client.batch_execute(sql).now_or_never();
    }

    async fn prepare(&self, statements: &[Statement]) -> Result<(), Error> {
        let known = |sql: &str| self.statements.lock().unwrap_or_else(PoisonError::into_inner).contains_key(sql);
        let new = statements.iter().map(|ask| ask.sql.clone()).filter(|sql| !known(sql));
        let new = try_join_all(new.map(async |sql| {
            let statement = self.client.prepare(&sql).await?;
            Ok::<_, Error>((sql, statement))
        }))
        .await?;
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).extend(new);
        Ok(())
    }

    async fn answer(&self, ask: &Statement) -> Result<Answer, Error> {
        let statement = self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(&ask.sql).cloned();
        let Some(statement) = statement else { return Ok(Answer::default()) };
        let values = ask.values.iter().map(|value| {
            let value: &(dyn ToSql + Sync) = &**value;
            value
        });
        let stream = self.client.query_raw(&statement, values).await?;
        let mut stream = std::pin::pin!(stream);
        let mut rows = Vec::new();
        while let Some(row) = stream.as_mut().next().await {
            rows.push(row?);
        }
        Ok(Answer { rows, affected: stream.rows_affected().unwrap_or_default() })
    }

    fn failed(&self, error: &Error) -> StoreError {
        if ends_connection(error) {
            self.retire();
        }
        let end = self.notifications.end.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match end {
            Some(why) if error.is_closed() => StoreError::Interrupted(format!("{error}: {why}")),
            Some(_) | None => fault(error),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("good", &self.is_good()).finish_non_exhaustive()
    }
}

/// Drives a connection until it ends, and handles everything that the server sends unasked.
async fn drive<S, T>(mut connection: Connection<S, T>, notifications: Arc<Notifications>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let end = loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            // By severity, not by text: servers speak many languages.
            Some(Ok(AsyncMessage::Notice(notice))) => {
                if notice.parsed_severity() == Some(Severity::Warning) {
                    notifications.warned.store(true, Ordering::SeqCst);
                }
            }
            Some(Ok(AsyncMessage::Notification(notification))) => {
                if notification.payload() != notifications.tag {
                    notifications.arrived.notify_one();
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => break Some(describe(&error)),
            None => break None,
        }
    };
    *notifications.end.lock().unwrap_or_else(PoisonError::into_inner) = end;
    notifications.arrived.notify_one();
}
