//! The admission layer: may this kind of caller call this method at all? Asked of each call before its body is read.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::TryFutureExt;
use futures_util::future::{Either, MapErr};
use http::Request;
use tower::{BoxError, Layer, Service};

use crate::domain::agency::Caller;
use crate::domain::method::{admitted_as, own_at};
use crate::policy::engine::AdmitError;
use crate::policy::in_force::GateInForce;

/// Puts the admission check before a service. Each call asks the policy set in force at that moment.
#[derive(Debug, Clone)]
pub struct AdmitLayer {
    in_force: GateInForce,
}

impl AdmitLayer {
    /// A layer that asks the policy set in force.
    pub fn new(in_force: GateInForce) -> Self {
        Self { in_force }
    }
}

impl<S> Layer<S> for AdmitLayer {
    type Service = Admit<S>;

    fn layer(&self, inner: S) -> Admit<S> {
        Admit { in_force: self.in_force.clone(), inner }
    }
}

/// A service behind the admission check.
#[derive(Debug, Clone)]
pub struct Admit<S> {
    in_force: GateInForce,
    inner: S,
}

type Refused<T> = Ready<Result<T, BoxError>>;
type Passed<F, E> = MapErr<F, fn(E) -> BoxError>;

impl<S, B> Service<Request<B>> for Admit<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Either<Refused<S::Response>, Passed<S::Future, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match admit(&self.in_force, &request) {
            Ok(()) => Either::Right(self.inner.call(request).map_err(Into::into)),
            Err(denied) => Either::Left(ready(Err(denied.into()))),
        }
    }
}

fn admit<B>(in_force: &GateInForce, request: &Request<B>) -> Result<(), AdmitError> {
    let caller = request.extensions().get::<Caller>().ok_or(AdmitError::NoCaller)?;
    in_force.gate().admit(caller, admitted_as(method_of(request.uri().path())))
}

/// The method as policies name it: ours without the package. Each path gives one name. A path of another shape names no
/// method.
fn method_of(path: &str) -> &str {
    match own_at(path) {
        Some(own) if !own.contains('.') => own,
        Some(_) => "",
        None => path.strip_prefix('/').filter(|full| full.contains('.')).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::task::Waker;

    use tower::ServiceExt;

    use super::*;
    use crate::domain::agency::{Agency, AgencyKind};
    use crate::policy::engine::Engine;
    use crate::policy::gate::Gate;
    use crate::policy::load::PolicySet;

    fn call(path: &str, kind: Option<AgencyKind>) -> Result<(), AdmitError> {
        let engine = Arc::new(Engine::new(PolicySet::embedded().unwrap()));
        let in_force = GateInForce::new(Arc::new(Gate::new(engine, Arc::default())));
        let inner = tower::service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(())));
        let mut request = Request::builder().uri(path).body(()).unwrap();
        if let Some(kind) = kind {
            let agency = Agency { id: "us-ice".parse().unwrap(), kind, class: None, jurisdictions: [].into() };
            request.extensions_mut().insert(Caller { agency: Arc::new(agency), actor: None });
        }
        let mut answer = Box::pin(AdmitLayer::new(in_force).layer(inner).oneshot(request));
        match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => answer.map_err(|error| *error.downcast().unwrap()),
            Poll::Pending => panic!("admission never waits"),
        }
    }

    #[test]
    fn the_layer_passes_on_what_the_engine_admits_and_nothing_else() {
        let denied =
            |method: &str| Err(AdmitError::Denied { agency: "us-ice".parse().unwrap(), method: method.to_owned() });
        let token_missing = |method: &str| {
            Err(AdmitError::TokenMissing { agency: "us-ice".parse().unwrap(), method: method.to_owned() })
        };
        let federal = Some(AgencyKind::Federal);
        assert_eq!(call("/comity.v1.LedgerService/GetCheckpoint", federal), Ok(()));
        assert_eq!(call("/grpc.health.v1.Health/Check", federal), Ok(()));
        assert_eq!(call("/comity.v1.LedgerService/GetCheckpoint", None), Err(AdmitError::NoCaller));
        assert_eq!(
            call("/comity.v1.DetainerService/LodgeDetainer", federal),
            token_missing("DetainerService/LodgeDetainer"),
            "a write needs a token"
        );
        assert_eq!(
            call("/comity.v1.CustodyService/OpenCustody", federal),
            denied("CustodyService/OpenCustody"),
            "a token would not help"
        );
        for unknown in [
            "/LedgerService/GetCheckpoint",
            "/comity.v2.LedgerService/GetCheckpoint",
            "/comity.v1.LedgerService/GetCheckpoint/",
            "/comity.v1.LedgerService/getcheckpoint",
            "/comity.v1.LedgerService%2FGetCheckpoint",
            "//comity.v1.LedgerService/GetCheckpoint",
            "/comity.v1.grpc.health.v1.Health/Check",
            "/comity.v1.hold",
            "/hold",
            "/",
        ] {
            assert_eq!(call(unknown, federal), denied("unknown"), "{unknown}");
        }
    }
}
