//! The routes.

use crate::{
	answer::{self, Answer},
	asked::{Ask, Asked},
	auth::{self, Caller},
	chat::{Chat, ChatRequest},
	complete::{self, Complete},
	completions::{self, CompletionRequest, Completions},
	errors::{ApiError, Kind},
	gateway::Gateway,
	guard,
	market::{KeptAnswer, Market, Model},
	names,
	params::{Common, Input},
	places::{Place, Places},
	receipt_id, receipts,
	settings::Settings,
	shape::{Meta, Shape},
	stream, welcome,
};
use axum::{
	Extension, Json, Router,
	body::Body,
	extract::{MatchedPath, Path, Request, State},
	http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
	middleware::{self, Next},
	response::{IntoResponse, Response},
	routing::{get, post},
};
use futures::StreamExt;
use infergrid_checkpoint::RenderOptions;
use serde_json::{Value, json};
use std::{
	sync::Arc,
	time::{Duration, Instant, SystemTime},
};
use tokio::time::timeout;

/// How long a client may take to send its request.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The response header by which a client and the log name the same request.
const REQUEST_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Every route of the gateway, over `market`.
pub fn router(settings: Settings, market: Arc<dyn Market>) -> Router {
	let places = Places::new(
		settings.max_concurrent,
		settings.max_bodies_bytes,
		settings.max_body_bytes,
	);
	let gateway = Arc::new(Gateway {
		settings,
		market,
		places,
		asked: Asked::default(),
	});
	Router::new()
		.route("/v1/models", get(models))
		.route("/v1/models/{*id}", get(model))
		.route("/v1/chat/completions", post(chat))
		.route("/v1/completions", post(completions))
		.route("/v1/receipts/{id}", get(receipt))
		.route("/v1/receipts/{id}/answer", get(kept_answer))
		.route_layer(middleware::from_fn_with_state(gateway.clone(), auth::check))
		.route("/", get(welcome::root))
		.route("/healthz", get(health))
		.route("/livez", get(|| async { "alive" }))
		.fallback(welcome::unknown)
		.method_not_allowed_fallback(wrong_method)
		.layer(middleware::from_fn_with_state(
			gateway.clone(),
			guard::check,
		))
		.layer(middleware::from_fn_with_state(gateway.clone(), log))
		.with_state(gateway)
}

async fn models(State(gateway): State<Arc<Gateway>>) -> Result<Json<Value>, ApiError> {
	let models = gateway.market.models().await?;
	let data: Vec<_> = models.iter().map(|model| model_json(model)).collect();
	Ok(Json(json!({"object": "list", "data": data})))
}

async fn model(
	State(gateway): State<Arc<Gateway>>,
	Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
	Ok(Json(model_json(&*gateway.model(&id).await?)))
}

fn model_json(model: &Model) -> Value {
	json!({
		"id": model.name,
		"object": "model",
		"created": model.created,
		"owned_by": model.owner,
		"infergrid": {"profile": format!("0x{}", hex::encode(model.profile)), "context": model.context},
	})
}

async fn chat(
	State(gateway): State<Arc<Gateway>>,
	Extension(caller): Extension<Caller>,
	request: Request,
) -> Result<Response, ApiError> {
	let body = gateway.body(request).await?;
	let ChatRequest { messages, common } = ChatRequest::parse(&body)?;
	let model = gateway.model(&common.model).await?;
	let places = gateway.places.answers(1)?;
	let checkpoint = model.checkpoint.clone();
	let options = RenderOptions {
		now: i64::try_from(now()).ok(),
		allow_control_tokens: gateway.settings.allow_control_tokens,
		..RenderOptions::default()
	};
	let tokens = blocking(move || Ok(checkpoint.encode_chat(&messages, &options)?)).await?;
	let param = "messages".into();
	let inputs = vec![Input { param, tokens }];
	gateway
		.complete::<Chat>(common, model, (inputs, None), (places, caller))
		.await
}

async fn completions(
	State(gateway): State<Arc<Gateway>>,
	Extension(caller): Extension<Caller>,
	request: Request,
) -> Result<Response, ApiError> {
	let body = gateway.body(request).await?;
	let CompletionRequest { prompts, common } = CompletionRequest::parse(&body)?;
	let model = gateway.model(&common.model).await?;
	let places = gateway.places.answers(prompts.len())?;
	let of = model.clone();
	let tokenize = move || {
		prompts
			.into_iter()
			.map(|prompt| prompt.tokenize(&of))
			.collect()
	};
	let inputs = blocking(tokenize).await?;
	let default = Some(completions::DEFAULT_MAX_TOKENS);
	gateway
		.complete::<Completions>(common, model, (inputs, default), (places, caller))
		.await
}

async fn receipt(
	State(gateway): State<Arc<Gateway>>,
	Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
	let request_id = receipts::parse_id(&id)?;
	match gateway.market.receipt(&request_id).await? {
		Some(progress) => Ok(Json(receipts::progress(&progress))),
		None => Err(ApiError::about(
			Kind::ReceiptNotFound,
			"id",
			"No receipt has this id.",
		)),
	}
}

/// The answer to a request, once more, as the client knows it.
async fn kept_answer(
	State(gateway): State<Arc<Gateway>>,
	Extension(Caller(caller)): Extension<Caller>,
	Path(id): Path<String>,
) -> Result<Response, ApiError> {
	let request_id = receipts::parse_id(&id)?;
	let ask = gateway.asked.find(&request_id);
	// Who asked is forgotten with the gateway's process: nobody else must get the answer.
	let known = ask.as_ref().is_some_and(|ask| ask.owner == caller) || caller.is_none();
	match gateway.market.answer(&request_id).await? {
		Some(KeptAnswer::Complete {
			model,
			placement,
			delivery,
			tokens,
		}) if known => {
			let ask = ask.unwrap_or_else(|| Ask {
				meta: Meta::new::<Chat>(&model.name, now()),
				chat: true,
				index: 0,
				stops: Vec::new(),
				owner: None,
			});
			let stops = ask.stops;
			let text = blocking(move || answer::text(&model, &tokens, stops)).await?;
			let answer = Complete {
				index: ask.index,
				text,
				placement,
				delivery,
			};
			let body = match ask.chat {
				true => complete::body::<Chat>,
				false => complete::body::<Completions>,
			};
			let mut response = Json(body(&ask.meta, std::slice::from_ref(&answer))).into_response();
			receipt_id::name(response.headers_mut(), &[answer.placement.request_id]);
			Ok(response)
		}
		Some(KeptAnswer::Running { tokens }) if known => {
			let body = json!({"object": "infergrid.answer", "status": "running", "tokens": tokens});
			let head = [(header::RETRY_AFTER, HeaderValue::from_static("3"))];
			Ok((StatusCode::ACCEPTED, head, Json(body)).into_response())
		}
		_ => Err(ApiError::about(
			Kind::ReceiptNotFound,
			"id",
			"No answer is kept for this receipt: it is unknown, too long ago, or another key's.",
		)),
	}
}

async fn health(State(gateway): State<Arc<Gateway>>) -> Response {
	let health = gateway.market.health().await;
	let models = gateway
		.market
		.models()
		.await
		.map_or(0, |models| models.len());
	let mut problems = health.problems;
	if models == 0 {
		problems
			.push("no model can be served now: no miner offers one that this gateway knows".into());
	}
	let (status, word) = match problems.is_empty() {
		true => (StatusCode::OK, "ok"),
		false => (StatusCode::SERVICE_UNAVAILABLE, "degraded"),
	};
	let body = json!({
		"status": word,
		"models": models,
		"finality_age_seconds": health.finality_age.map(|age| age.as_secs()),
		"funds": health.funds.map(|funds| funds.to_string()),
		"problems": problems,
	});
	(status, Json(body)).into_response()
}

fn now() -> u64 {
	SystemTime::now()
		.duration_since(SystemTime::UNIX_EPOCH)
		.map_or(0, |now| now.as_secs())
}

async fn wrong_method(request: Request) -> ApiError {
	let path: String = request.uri().path().chars().take(128).collect();
	let message = format!("{path} does not take {}.", request.method());
	ApiError::new(Kind::WrongMethod, message)
}

/// One line for each request, without bodies, headers or query.
async fn log(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
	let id = format!("req_{}", hex::encode(rand::random::<[u8; 12]>()));
	let method = request.method().clone();
	let route = request
		.extensions()
		.get::<MatchedPath>()
		.map(|path| path.as_str().to_owned());
	let began = Instant::now();
	let mut response = next.run(request).await;
	let (route, status) = (route.as_deref().unwrap_or("unknown"), response.status());
	gateway.settings.metrics.request(route, status.as_u16());
	tracing::info!(
		request.id = %id,
		http.method = %method,
		http.route = route,
		http.status = status.as_u16(),
		latency_ms = began.elapsed().as_millis(),
		"answered a request"
	);
	if let Ok(id) = HeaderValue::from_str(&id) {
		response.headers_mut().insert(REQUEST_HEADER, id);
	}
	response
}

impl Gateway {
	async fn model(&self, name: &str) -> Result<Arc<Model>, ApiError> {
		let models = self.market.models().await?;
		names::find(&models, name)
			.cloned()
			.ok_or_else(|| ApiError::model_not_found(name, &names::choices(&models, name)))
	}

	/// Orders the answers to a request's inputs, once all of it is valid. With them come the tokens of an
	/// answer for which the request names no limit.
	async fn complete<S: Shape>(
		self: &Arc<Self>,
		common: Common,
		model: Arc<Model>,
		(inputs, default): (Vec<Input>, Option<u32>),
		(places, caller): (Vec<Place>, Caller),
	) -> Result<Response, ApiError> {
		let orders = common.orders(&model, inputs, default)?;
		let meta = Meta::new::<S>(&model.name, now());
		let ask = Ask {
			meta: meta.clone(),
			chat: S::CHAT,
			index: 0,
			stops: common.stops,
			owner: caller.0,
		};
		let answers = Answer::begin(self, &model, orders, &ask, places).await?;
		if common.stream {
			let keep_alive = self.settings.keep_alive;
			stream::events::<S>(answers, meta, common.include_usage, keep_alive)
		} else {
			stream::whole::<S>(answers, &meta).await
		}
	}

	/// Reads a JSON body up to the limit.
	async fn body(&self, request: Request) -> Result<Vec<u8>, ApiError> {
		let headers = request.headers();
		if !is_json(headers) {
			// Pages of other origins can send anything else without asking first.
			let message =
				"The body must be JSON: send the header `Content-Type: application/json`.";
			return Err(ApiError::new(Kind::UnsupportedMediaType, message));
		}
		let length = headers
			.get(header::CONTENT_LENGTH)
			.and_then(|length| length.to_str().ok()?.parse().ok());
		let _room = self.places.body(length)?;
		self.read(request.into_body()).await
	}

	/// Reads a body up to the limit.
	async fn read(&self, body: Body) -> Result<Vec<u8>, ApiError> {
		let limit = self.settings.max_body_bytes;
		let read = async {
			let mut bytes = Vec::new();
			let mut stream = body.into_data_stream();
			while let Some(part) = stream.next().await {
				// The connection broke, or the encoding of the body is wrong.
				let part = part.map_err(|_| {
					ApiError::new(Kind::MalformedJson, "The body could not be read.")
				})?;
				if bytes.len() + part.len() > limit {
					let message = format!("The body is larger than {limit} bytes.");
					return Err(ApiError::new(Kind::BodyTooLarge, message));
				}
				self.settings.metrics.body(part.len());
				bytes.extend_from_slice(&part);
			}
			Ok(bytes)
		};
		timeout(BODY_TIMEOUT, read).await.unwrap_or_else(|_| {
			Err(ApiError::new(
				Kind::BodyTimeout,
				"The body did not arrive in time.",
			))
		})
	}
}

fn is_json(headers: &HeaderMap) -> bool {
	headers
		.get(header::CONTENT_TYPE)
		.and_then(|kind| kind.to_str().ok())
		.and_then(|kind| kind.split(';').next())
		.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// Runs work that takes milliseconds of processor time off the network's threads.
async fn blocking<T: Send + 'static>(
	work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
	tokio::task::spawn_blocking(work)
		.await
		.unwrap_or_else(|error| Err(ApiError::internal(&error)))
}
