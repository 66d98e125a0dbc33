//! The authentication layer: adds the proven caller to each request, or refuses the request.

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

/// When the proof of a caller expires: with the certificate or the token, whichever is earlier. A stream MUST NOT
/// outlive it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallerExpiry(pub Timestamp);

/// Why a request has no caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The connection carries no identity: it did not come through our acceptor.
    #[error("no client certificate")]
    NoCertificate,
    /// The certificate was valid at the handshake and has expired since.
    #[error("the client certificate has expired")]
    CertificateExpired,
    /// The agency has left the registry since the handshake.
    #[error("the agency is not registered")]
    UnknownAgency,
    /// There are two tokens, and another reader might take the other one.
    #[error("more than one authorization header")]
    SeveralAuthorizations,
    /// The header is not `Bearer` and a token.
    #[error("the authorization header is not a bearer token: send `authorization: Bearer <token>`")]
    NotBearer,
    /// The token is refused.
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

/// Proves callers. Shared by all runtimes. A new registry takes effect with the next request.
#[derive(Debug)]
pub struct Authenticator {
    // Registry and token cache are replaced together: a token verified under one registry is never accepted under
    // another.
    current: ArcSwap<RegistryState>,
    pseudonyms: PseudonymKey,
    clock: WallClock,
}

#[derive(Debug)]
struct RegistryState {
    registry: Arc<Registry>,
    tokens: TokenVerifier,
}

impl Authenticator {
    /// Starts with this registry.
    pub fn new(registry: Arc<Registry>, config: token::Config, pseudonyms: PseudonymKey, clock: WallClock) -> Self {
        let tokens = TokenVerifier::new(Arc::clone(&registry), config, pseudonyms.clone(), clock.clone());
        Self { current: ArcSwap::from_pointee(RegistryState { registry, tokens }), pseudonyms, clock }
    }

    /// Replaces the registry and the requirements on tokens, and drops every cached token.
    pub fn replace(&self, registry: Arc<Registry>, config: token::Config) {
        let tokens = TokenVerifier::new(Arc::clone(&registry), config, self.pseudonyms.clone(), self.clock.clone());
        self.current.store(Arc::new(RegistryState { registry, tokens }));
    }

    /// The caller of a request. Without an authorization header, the caller is the agency alone.
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
    // RFC 9110 11.1: schemes are case-insensitive. A comma would separate a second credential.
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.contains([' ', ',']) {
        return Err(IdentityError::NotBearer);
    }
    Ok(Some(token))
}

/// Adds [`Caller`] and [`CallerExpiry`] to the extensions of each request. Refuses with an [`IdentityError`].
#[derive(Debug, Clone)]
pub struct AuthenticateLayer {
    authenticator: Arc<Authenticator>,
}

impl AuthenticateLayer {
    /// A layer over a shared authenticator.
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
                // Removed so that nothing further in can log the credential.
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
