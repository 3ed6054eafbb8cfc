//! Bearer keys.

use crate::{
	errors::{ApiError, Kind},
	gateway::Gateway,
	settings::ApiKey,
};
use axum::{
	extract::{Request, State},
	http::{HeaderMap, header},
	middleware::Next,
	response::Response,
};
use infergrid_primitives::Hash;
use std::sync::Arc;

/// The key that a request has shown, as a hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller(pub(crate) Option<Hash>);

/// Lets a request pass if it shows one of the keys, or if there are none.
pub(crate) async fn check(
	State(gateway): State<Arc<Gateway>>,
	mut request: Request,
	next: Next,
) -> Result<Response, ApiError> {
	let keys = &gateway.settings.api_keys;
	if keys.is_empty() {
		request.extensions_mut().insert(Caller(None));
		return Ok(next.run(request).await);
	}
	// Hashes are compared, so how long the comparison takes tells nothing about a key.
	match bearer(request.headers()).map(ApiKey::new) {
		Some(key) if keys.contains(&key) => {
			request.extensions_mut().insert(Caller(Some(key.hash())));
			Ok(next.run(request).await)
		}
		Some(_) => Err(ApiError::new(
			Kind::InvalidKey,
			"Incorrect API key provided.",
		)),
		None => {
			let message = "No API key provided. Send the header `Authorization: Bearer KEY`.";
			Err(ApiError::new(Kind::InvalidKey, message))
		}
	}
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
	let (scheme, key) = headers
		.get(header::AUTHORIZATION)?
		.to_str()
		.ok()?
		.split_once(' ')?;
	scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}
