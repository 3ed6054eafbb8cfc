//! Bearer keys.

use crate::{
	errors::{ApiError, Kind},
	routes::Gateway,
	settings::ApiKey,
};
use axum::{
	extract::{Request, State},
	http::{HeaderMap, header},
	middleware::Next,
	response::Response,
};
use std::sync::Arc;

/// Lets a request pass if it shows one of the keys, or if there are none.
pub(crate) async fn check(
	State(gateway): State<Arc<Gateway>>,
	request: Request,
	next: Next,
) -> Result<Response, ApiError> {
	let keys = &gateway.settings.api_keys;
	if keys.is_empty() {
		return Ok(next.run(request).await);
	}
	// Hashes are compared, so how long the comparison takes tells nothing about a key.
	match bearer(request.headers()).map(ApiKey::new) {
		Some(key) if keys.contains(&key) => Ok(next.run(request).await),
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
