//! The layer that puts the proven caller into each request, or refuses the request.

use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use futures_util::future::{Either, MapErr, Ready, TryFutureExt, ready};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};
use jiff::Timestamp;
use tower::{BoxError, Layer, Service};

use crate::domain::agency::Caller;
use crate::identity::certificate::PeerIdentity;
use crate::identity::clock::WallClock;
use crate::identity::pseudonym::PseudonymKey;
use crate::identity::registry::Registry;
use crate::identity::token::{self, TokenError, TokenVerifier};

/// When the proof of a caller ends: the earlier of certificate and token. A stream must not outlive it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallerExpiry(pub Timestamp);

/// Why a request has no caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The connection carries no identity: it did not come through our acceptor.
    #[error("no client certificate")]
    NoCertificate,
    /// Valid at the handshake, past its end now.
    #[error("the client certificate has expired")]
    CertificateExpired,
    /// Left the registry after the handshake.
    #[error("the agency is not registered")]
    UnknownAgency,
    /// Two tokens, and no telling which one another reader would take.
    #[error("more than one authorization header")]
    SeveralAuthorizations,
    /// Not `Bearer` and a token.
    #[error("the authorization header is not a bearer token: send `authorization: Bearer <token>`")]
    NotBearer,
    /// A token that proves nothing.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl IdentityError {
    /// A stable word for audit lines and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoCertificate => "certificate_absent",
            Self::CertificateExpired => "certificate_expired",
            Self::UnknownAgency => "agency_unknown",
            Self::SeveralAuthorizations => "authorization_repeated",
            Self::NotBearer => "authorization_not_bearer",
            Self::Token(error) => error.reason(),
        }
    }
}

/// Proves callers. One for all runtimes; a new registry takes effect with the next request.
#[derive(Debug)]
pub struct Authenticator {
    // Registry and remembered tokens change together: what was verified under one never answers under another.
    current: ArcSwap<RegistryState>,
    config: token::Config,
    pseudonyms: PseudonymKey,
    clock: WallClock,
}

#[derive(Debug)]
struct RegistryState {
    registry: Arc<Registry>,
    tokens: TokenVerifier,
}

impl Authenticator {
    /// Under a first registry.
    pub fn new(registry: Arc<Registry>, config: token::Config, pseudonyms: PseudonymKey, clock: WallClock) -> Self {
        let tokens = TokenVerifier::new(Arc::clone(&registry), config.clone(), pseudonyms.clone(), clock.clone());
        Self { current: ArcSwap::from_pointee(RegistryState { registry, tokens }), config, pseudonyms, clock }
    }

    /// Goes over to another registry and forgets every verified token.
    pub fn replace_registry(&self, registry: Arc<Registry>) {
        let tokens =
            TokenVerifier::new(Arc::clone(&registry), self.config.clone(), self.pseudonyms.clone(), self.clock.clone());
        self.current.store(Arc::new(RegistryState { registry, tokens }));
    }

    /// The caller of a request. Without an authorization header the caller is the agency alone.
    pub fn caller(
        &self,
        peer: Option<&PeerIdentity>,
        headers: &HeaderMap,
    ) -> Result<(Caller, CallerExpiry), IdentityError> {
        let peer = peer.ok_or(IdentityError::NoCertificate)?;
        if self.clock.now() > peer.not_after {
            return Err(IdentityError::CertificateExpired);
        }
        let current = self.current.load();
        let member = current.registry.member(&peer.agency).ok_or(IdentityError::UnknownAgency)?;
        let agency = member.agency.clone();
        let Some(token) = bearer_token(headers)? else {
            return Ok((Caller { agency, actor: None }, CallerExpiry(peer.not_after)));
        };
        let verified = current.tokens.verify(token, peer)?;
        let expiry = CallerExpiry(verified.good_until.min(peer.not_after));
        Ok((Caller { agency, actor: Some(verified.actor) }, expiry))
    }
}

fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, IdentityError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(IdentityError::SeveralAuthorizations);
    }
    let (scheme, token) =
        value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(IdentityError::NotBearer)?;
    // RFC 9110 11.1: schemes are case-insensitive. A comma would be a second credential in one line.
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.contains([' ', ',']) {
        return Err(IdentityError::NotBearer);
    }
    Ok(Some(token))
}

/// Puts [`Caller`] and [`CallerExpiry`] into the extensions of each request; refuses with an [`IdentityError`].
#[derive(Debug, Clone)]
pub struct AuthenticateLayer {
    authenticator: Arc<Authenticator>,
}

impl AuthenticateLayer {
    /// With a shared authenticator.
    pub fn new(authenticator: Arc<Authenticator>) -> Self {
        Self { authenticator }
    }
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Authenticate<S> {
        Authenticate { inner, authenticator: Arc::clone(&self.authenticator) }
    }
}

/// The service of [`AuthenticateLayer`].
#[derive(Debug, Clone)]
pub struct Authenticate<S> {
    inner: S,
    authenticator: Arc<Authenticator>,
}

impl<S, B> Service<Request<B>> for Authenticate<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Either<Ready<Result<S::Response, BoxError>>, MapErr<S::Future, fn(S::Error) -> BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let peer = request.extensions().get::<PeerIdentity>();
        match self.authenticator.caller(peer, request.headers()) {
            Ok((caller, expiry)) => {
                // Spent: nothing further in needs the credential, and nothing can log what it does not have.
                request.headers_mut().remove(AUTHORIZATION);
                request.extensions_mut().insert(caller);
                request.extensions_mut().insert(expiry);
                Either::Right(self.inner.call(request).map_err(Into::into))
            }
            Err(error) => Either::Left(ready(Err(error.into()))),
        }
    }
}

#[cfg(test)]
mod tests;
