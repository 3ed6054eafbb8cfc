//! What somebody sees who opens the gateway's address, or calls a path that does not exist.

use crate::errors::{ApiError, Kind};
use axum::{
	Json,
	extract::Request,
	http::{HeaderMap, header},
	response::{Html, IntoResponse, Response},
};
use serde_json::json;

const PAGE: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>Infergrid gateway</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem }
code { background: #8882; padding: .1em .3em }
</style>
<h1>Infergrid gateway</h1>
<p>This is a gateway to an open market for AI inference. It speaks the OpenAI API: give your client this
address with <code>/v1</code> as its base URL.</p>
<ul>
<li><a href=\"/v1/models\"><code>GET /v1/models</code></a>: what can be asked</li>
<li><code>POST /v1/chat/completions</code>, <code>POST /v1/completions</code>: answers</li>
<li><code>GET /v1/receipts/ID</code>: what an answer cost, who computed it, and whether it was checked</li>
<li><code>GET /v1/receipts/ID/answer</code>: the answer once more</li>
<li><a href=\"/healthz\"><code>GET /healthz</code></a>: whether requests can be served now</li>
</ul>
<p>Every field and error is described in <code>docs/api.md</code> of the source code.</p>
</html>
";

/// `GET /`: a page for people, an object for programs.
pub(crate) async fn root(headers: HeaderMap) -> Response {
	let wants_page = headers
		.get(header::ACCEPT)
		.and_then(|accept| accept.to_str().ok())
		.is_some_and(|accept| accept.contains("text/html"));
	if wants_page {
		return Html(PAGE).into_response();
	}
	Json(json!({
		"name": "Infergrid gateway",
		"api": "OpenAI-compatible; the base URL is this address with /v1",
		"routes": {
			"models": "GET /v1/models",
			"chat": "POST /v1/chat/completions",
			"completions": "POST /v1/completions",
			"receipt": "GET /v1/receipts/{id}",
			"answer": "GET /v1/receipts/{id}/answer",
			"health": "GET /healthz",
		},
		"documentation": "docs/api.md of the source code",
	}))
	.into_response()
}

/// The routes that clients miss by a prefix or a slash.
const ROUTES: [&str; 4] = ["models", "chat/completions", "completions", "healthz"];

/// A path that does not exist, with the one that was probably meant.
pub(crate) async fn unknown(request: Request) -> ApiError {
	let path: String = request.uri().path().chars().take(128).collect();
	let mut message = format!("Unknown URL: {} {path}.", request.method());
	match meant(&path) {
		Some(meant) => message.push_str(&format!(" Did you mean {meant}?")),
		None => message.push_str(" GET / lists the routes."),
	}
	ApiError::new(Kind::UnknownRoute, message)
}

fn meant(path: &str) -> Option<String> {
	let rest = path.trim_matches('/');
	let route = ROUTES.iter().find(|route| {
		rest == **route
			|| rest
				.strip_suffix(**route)
				.is_some_and(|before| before.ends_with('/'))
	})?;
	Some(match *route {
		"healthz" => "/healthz".to_owned(),
		route => format!("/v1/{route}"),
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_near_miss_is_pointed_to_the_right_path() {
		for (missed, right) in [
			("/chat/completions", "/v1/chat/completions"),
			("/v1/v1/chat/completions", "/v1/chat/completions"),
			("/v1/chat/completions/", "/v1/chat/completions"),
			("/openai/v1/models", "/v1/models"),
			("/api/completions", "/v1/completions"),
			("/v1/healthz", "/healthz"),
		] {
			assert_eq!(meant(missed).as_deref(), Some(right), "{missed}");
		}
		assert_eq!(meant("/v1/embeddings"), None);
		assert_eq!(meant("/"), None);
	}
}
