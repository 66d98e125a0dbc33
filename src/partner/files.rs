//! The names of the files in an agency's own directory.

/// The private key of its certificate. Never leaves the directory.
pub const KEY: &str = "client.key";
/// The private key that signs its tokens. Never leaves the directory.
pub const TOKEN_KEY: &str = "token.key";
/// Its certificate request, for whoever wants to look at it.
pub const CERTIFICATE_REQUEST: &str = "client.csr.pem";
/// The set of its token keys (RFC 7517), public.
pub const TOKEN_KEYS: &str = "token-keys.json";
/// What is sent to the operator: everything of it is public.
pub const REQUEST: &str = "request.json";
/// Its certificate.
pub const CERTIFICATE: &str = "client.pem";
/// The authorities that may vouch for the gateway.
pub const AUTHORITIES: &str = "gateway-ca.pem";
/// Where the gateway is, and what it is held to.
pub const SETTINGS: &str = "client.toml";
/// How many witnesses a head is to be cosigned by, and which, if the operator said it.
pub const WITNESSES: &str = "witnesses.policy";
