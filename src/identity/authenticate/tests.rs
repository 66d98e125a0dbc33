//! The layers around a service that answers with the caller it was given.

use std::convert::Infallible;

use http::HeaderValue;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::*;
use crate::domain::agency::ActorKind;
use crate::identity::fixture::{World, pseudonym_key};
use crate::identity::mint::mint;
use crate::identity::rate::{self, RateExceeded, RateLimitLayer};

struct Authentication {
    world: World,
    peer: PeerIdentity,
    authenticator: Arc<Authenticator>,
}

type Answer = (Caller, CallerExpiry, bool);

impl Authentication {
    fn new() -> Self {
        let world = World::new();
        let peer = world.peer(&world.ice());
        let authenticator =
            Authenticator::new(world.registry(), token::Config::default(), pseudonym_key(), world.clock());
        Self { world, peer, authenticator: Arc::new(authenticator) }
    }

    fn token(&self) -> String {
        mint(&self.world.ice_minting(), &self.world.ice_claims(), &self.peer.thumbprint).unwrap()
    }

    async fn call(&self, peer: Option<PeerIdentity>, authorizations: &[&str]) -> Result<Answer, IdentityError> {
        let mut request = Request::new(());
        for value in authorizations {
            request.headers_mut().append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let service = ServiceBuilder::new().layer(AuthenticateLayer::new(Arc::clone(&self.authenticator))).service(
            service_fn(|request: Request<()>| async move {
                let caller = request.extensions().get::<Caller>().unwrap().clone();
                let expiry = *request.extensions().get::<CallerExpiry>().unwrap();
                Ok::<Answer, Infallible>((caller, expiry, request.headers().contains_key(AUTHORIZATION)))
            }),
        );
        service.oneshot(request).await.map_err(|error| *error.downcast::<IdentityError>().unwrap())
    }
}

#[tokio::test]
async fn certificate_and_token_make_a_caller() {
    let authentication = Authentication::new();
    let token = format!("Bearer {}", authentication.token());
    let (caller, expiry, forwarded) = authentication.call(Some(authentication.peer.clone()), &[&token]).await.unwrap();
    assert_eq!(caller.agency.id.as_str(), "us-ice");
    assert_eq!(caller.actor.unwrap().kind, ActorKind::Officer);
    assert_eq!(expiry.0, authentication.world.now + jiff::SignedDuration::from_secs(905));
    assert!(!forwarded, "the credential went further in");
}

#[tokio::test]
async fn a_certificate_alone_is_the_agency_without_an_actor() {
    let authentication = Authentication::new();
    let (caller, expiry, _) = authentication.call(Some(authentication.peer.clone()), &[]).await.unwrap();
    assert_eq!(caller.actor, None);
    assert_eq!(expiry.0, authentication.peer.not_after);
}

#[tokio::test]
async fn the_earlier_end_of_certificate_and_token_counts() {
    let authentication = Authentication::new();
    let not_after = authentication.world.now + jiff::SignedDuration::from_secs(60);
    let peer = PeerIdentity { not_after, ..authentication.peer.clone() };
    let token = format!("Bearer {}", authentication.token());
    assert_eq!(authentication.call(Some(peer), &[&token]).await.unwrap().1, CallerExpiry(not_after));
}

#[tokio::test]
async fn a_request_that_proves_nobody_is_refused() {
    let authentication = Authentication::new();
    let token = authentication.token();
    let bearer = format!("Bearer {token}");
    let peer = || Some(authentication.peer.clone());
    let malformed = IdentityError::Token(TokenError::Malformed);
    let past = PeerIdentity {
        not_after: authentication.world.now - jiff::SignedDuration::from_secs(1),
        ..authentication.peer.clone()
    };
    let stranger = PeerIdentity { agency: "us-uscis".parse().unwrap(), ..authentication.peer.clone() };
    let cases: Vec<(&str, Option<PeerIdentity>, Vec<&str>, IdentityError)> = vec![
        ("no certificate", None, vec![&bearer], IdentityError::NoCertificate),
        ("certificate past its end", Some(past), vec![&bearer], IdentityError::CertificateExpired),
        ("agency unknown by now", Some(stranger), vec![&bearer], IdentityError::UnknownAgency),
        ("twice the same", peer(), vec![&bearer, &bearer], IdentityError::SeveralAuthorizations),
        ("empty beside a good one", peer(), vec!["", &bearer], IdentityError::SeveralAuthorizations),
        ("basic", peer(), vec!["Basic dXNlcjpwYXNz"], IdentityError::NotBearer),
        ("no scheme", peer(), vec![&token], IdentityError::NotBearer),
        ("no token", peer(), vec!["Bearer "], IdentityError::NotBearer),
        ("empty", peer(), vec![""], IdentityError::NotBearer),
        ("two in one line", peer(), vec!["Bearer a.b.c, Bearer d.e.f"], IdentityError::NotBearer),
        ("two spaces", peer(), vec!["Bearer  a.b.c"], IdentityError::NotBearer),
        ("not ASCII", peer(), vec!["Bearer \u{e9}"], IdentityError::NotBearer),
        ("not a token", peer(), vec!["Bearer x"], malformed),
    ];
    for (name, peer, authorizations, expected) in cases {
        assert_eq!(authentication.call(peer, &authorizations).await, Err(expected), "{name}");
    }
}

#[tokio::test]
async fn a_new_registry_forgets_what_was_verified_under_the_old() {
    let authentication = Authentication::new();
    let bearer = format!("Bearer {}", authentication.token());
    assert!(authentication.call(Some(authentication.peer.clone()), &[&bearer]).await.is_ok());
    let mut config = authentication.world.config.clone();
    config.agencies[0].token = None;
    let registry = Registry::load(&config, std::path::Path::new("/"), &crate::identity::fixture::known()).unwrap();
    authentication.authenticator.replace(Arc::new(registry), token::Config::default());
    let refused = IdentityError::Token(TokenError::UnknownIssuer);
    assert_eq!(authentication.call(Some(authentication.peer.clone()), &[&bearer]).await, Err(refused));
}

#[tokio::test]
async fn an_agency_that_calls_too_fast_waits_alone() {
    let authentication = Authentication::new();
    let config =
        rate::Config { requests_per_s: 1.try_into().unwrap(), burst: 3.try_into().unwrap(), ..rate::Config::default() };
    let layer = RateLimitLayer::new(&config);
    let call = async |peer: &PeerIdentity| {
        let mut request = Request::new(());
        request.extensions_mut().insert(peer.clone());
        let service = layer.layer(service_fn(|_: Request<()>| async { Ok::<(), Infallible>(()) }));
        service.oneshot(request).await.map_err(|error| *error.downcast::<RateExceeded>().unwrap())
    };
    for _ in 0..3 {
        assert!(call(&authentication.peer).await.is_ok());
    }
    let RateExceeded { retry_after } = call(&authentication.peer).await.unwrap_err();
    assert!(!retry_after.is_zero() && retry_after.as_secs() < 1, "{retry_after:?}");
    let other = PeerIdentity { agency: "us-ny-doccs".parse().unwrap(), ..authentication.peer.clone() };
    assert!(call(&other).await.is_ok());
}
