//! Which web pages may use the gateway.
//!
//! A browser sends whatever any page tells it to. A gateway without keys pays for everybody who
//! reaches it, so it answers only to its own names (another name that leads to it is somebody's DNS
//! rebinding), and whether or not there are keys, pages of other origins are refused unless they are
//! allowed.

use crate::{
	errors::{ApiError, Kind},
	gateway::Gateway,
	settings::Settings,
};
use axum::{
	extract::{Request, State},
	http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
	middleware::Next,
	response::{IntoResponse, Response},
};
use std::{net::IpAddr, sync::Arc};

/// How long a browser may remember what a preflight said.
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("600");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
const EXPOSED: HeaderValue =
	HeaderValue::from_static("x-request-id, x-infergrid-receipt, retry-after, x-should-retry");

/// Refuses foreign hosts and origins, answers preflights, and tells browsers what is allowed.
pub(crate) async fn check(
	State(gateway): State<Arc<Gateway>>,
	request: Request,
	next: Next,
) -> Response {
	let settings = &gateway.settings;
	let headers = request.headers();
	if settings.api_keys.is_empty()
		&& let Err(error) = check_host(settings, headers)
	{
		return error.into_response();
	}
	let origin = match check_origin(settings, headers) {
		Ok(origin) => origin,
		Err(error) => return error.into_response(),
	};
	let preflight = request.method() == Method::OPTIONS
		&& headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
	let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
	let mut response = match preflight {
		true => StatusCode::NO_CONTENT.into_response(),
		false => next.run(request).await,
	};
	let Some(origin) = origin else {
		return response;
	};
	let headers = response.headers_mut();
	headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
	headers.append(header::VARY, HeaderValue::from_static("origin"));
	headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
	if preflight {
		headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
		headers.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS);
		if let Some(asked) = asked {
			headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
		}
	}
	response
}

fn check_host(settings: &Settings, headers: &HeaderMap) -> Result<(), ApiError> {
	let Some(host) = text(headers, &header::HOST) else {
		return Ok(());
	};
	let name = without_port(host);
	let own = is_loopback(name) || is_listed(&settings.allow_hosts, name);
	if own {
		return Ok(());
	}
	let message = "This gateway does not answer to the name in the header `Host`. Call it by a loopback \
		address, or start it with --allow-host NAME.";
	Err(ApiError::new(Kind::ForeignHost, message))
}

/// The origin to be named in the answer, if there is one.
fn check_origin(settings: &Settings, headers: &HeaderMap) -> Result<Option<HeaderValue>, ApiError> {
	let Some(origin) = headers.get(header::ORIGIN) else {
		return Ok(None);
	};
	let name = origin.to_str().unwrap_or_default();
	let own = name
		.split_once("://")
		.is_some_and(|(_, host)| Some(host) == text(headers, &header::HOST));
	if own || is_listed(&settings.allow_origins, name) {
		return Ok(Some(origin.clone()));
	}
	let message = "Pages of this origin may not use this gateway. Its operator can start it with \
		--allow-origin ORIGIN.";
	Err(ApiError::new(Kind::ForeignOrigin, message))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
	headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

fn is_listed(list: &[String], name: &str) -> bool {
	list.iter()
		.any(|listed| listed == "*" || listed.eq_ignore_ascii_case(name))
}

fn without_port(host: &str) -> &str {
	match host.rsplit_once(':') {
		Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
		_ => host,
	}
}

fn is_loopback(name: &str) -> bool {
	let address = name.trim_start_matches('[').trim_end_matches(']');
	name.eq_ignore_ascii_case("localhost")
		|| address
			.parse()
			.is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
	use super::*;

	fn host(name: &str, allowed: &[&str]) -> bool {
		let settings = Settings {
			allow_hosts: allowed.iter().map(ToString::to_string).collect(),
			..Settings::default()
		};
		let mut headers = HeaderMap::new();
		headers.insert(header::HOST, name.parse().unwrap());
		check_host(&settings, &headers).is_ok()
	}

	#[test]
	fn only_own_names_are_answered_to() {
		for own in [
			"localhost",
			"LOCALHOST:8080",
			"127.0.0.1:1",
			"127.0.0.1",
			"[::1]:80",
			"[::1]",
		] {
			assert!(host(own, &[]), "{own}");
		}
		for foreign in [
			"evil.example",
			"127.0.0.1.evil.example",
			"localhost.evil.example:80",
			"10.0.0.1",
		] {
			assert!(!host(foreign, &[]), "{foreign}");
		}
		assert!(host("gateway.example:443", &["gateway.example"]));
		assert!(!host("other.example", &["gateway.example"]));
		assert!(host("other.example", &["*"]));
	}

	#[test]
	fn only_own_and_allowed_origins_are_let_in() {
		let settings = Settings {
			allow_origins: vec!["https://app.example".into()],
			..Settings::default()
		};
		let let_in = |origin: &str| {
			let mut headers = HeaderMap::new();
			headers.insert(header::HOST, "localhost:8080".parse().unwrap());
			headers.insert(header::ORIGIN, origin.parse().unwrap());
			check_origin(&settings, &headers).is_ok()
		};
		assert!(let_in("https://app.example") && let_in("http://localhost:8080"));
		for foreign in [
			"null",
			"https://evil.example",
			"http://localhost:9999",
			"https://app.example.evil",
		] {
			assert!(!let_in(foreign), "{foreign}");
		}
	}
}
