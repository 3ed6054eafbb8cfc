//! What clients are told when something fails: one table, for JSON and for event streams.

use crate::{
	market::{MarketError, Money, OrderError},
	receipt_id,
};
use axum::{
	http::{HeaderName, HeaderValue, StatusCode, header},
	response::{IntoResponse, Response},
};
use infergrid_checkpoint::{CheckpointError, TemplateError, TokenizerError};
use infergrid_primitives::Hash;
use serde_json::{Value, json};
use std::time::Duration;

const SHOULD_RETRY_HEADER: HeaderName = HeaderName::from_static("x-should-retry");

/// A class of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
	MalformedJson,
	MissingParameter,
	InvalidValue,
	UnknownParameter,
	UnsupportedParameter,
	ContextLength,
	InvalidKey,
	ModelNotFound,
	ReceiptNotFound,
	UnknownRoute,
	WrongMethod,
	BodyTooLarge,
	BodyTimeout,
	UnsupportedMediaType,
	ForeignHost,
	ForeignOrigin,
	MaxFee,
	Overloaded,
	Busy,
	Funds,
	NoMiner,
	Unavailable,
	Upstream,
	UpstreamTimeout,
	Internal,
}

impl Kind {
	/// Status, OpenAI `type` and `code`.
	fn row(self) -> (StatusCode, &'static str, &'static str) {
		const REQUEST: &str = "invalid_request_error";
		const SERVER: &str = "server_error";
		match self {
			Self::MalformedJson => (StatusCode::BAD_REQUEST, REQUEST, "invalid_json"),
			Self::MissingParameter => (
				StatusCode::BAD_REQUEST,
				REQUEST,
				"missing_required_parameter",
			),
			Self::InvalidValue => (StatusCode::BAD_REQUEST, REQUEST, "invalid_value"),
			Self::UnknownParameter => (StatusCode::BAD_REQUEST, REQUEST, "unknown_parameter"),
			Self::UnsupportedParameter => {
				(StatusCode::BAD_REQUEST, REQUEST, "unsupported_parameter")
			}
			Self::ContextLength => (StatusCode::BAD_REQUEST, REQUEST, "context_length_exceeded"),
			Self::InvalidKey => (StatusCode::UNAUTHORIZED, REQUEST, "invalid_api_key"),
			Self::ModelNotFound => (StatusCode::NOT_FOUND, REQUEST, "model_not_found"),
			Self::ReceiptNotFound => (StatusCode::NOT_FOUND, REQUEST, "receipt_not_found"),
			Self::UnknownRoute => (StatusCode::NOT_FOUND, REQUEST, "unknown_url"),
			Self::WrongMethod => (
				StatusCode::METHOD_NOT_ALLOWED,
				REQUEST,
				"method_not_allowed",
			),
			Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, REQUEST, "request_too_large"),
			Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, REQUEST, "request_timeout"),
			Self::Overloaded => (
				StatusCode::TOO_MANY_REQUESTS,
				"rate_limit_error",
				"overloaded",
			),
			Self::UnsupportedMediaType => (
				StatusCode::UNSUPPORTED_MEDIA_TYPE,
				REQUEST,
				"unsupported_media_type",
			),
			Self::ForeignHost => (StatusCode::MISDIRECTED_REQUEST, REQUEST, "foreign_host"),
			Self::ForeignOrigin => (StatusCode::FORBIDDEN, REQUEST, "foreign_origin"),
			Self::MaxFee => (StatusCode::BAD_REQUEST, REQUEST, "max_fee_too_low"),
			Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, SERVER, "busy"),
			Self::Funds => (
				StatusCode::SERVICE_UNAVAILABLE,
				SERVER,
				"insufficient_funds",
			),
			Self::NoMiner => (StatusCode::SERVICE_UNAVAILABLE, SERVER, "no_miner"),
			Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, SERVER, "grid_unavailable"),
			Self::Upstream => (StatusCode::BAD_GATEWAY, SERVER, "upstream_failed"),
			Self::UpstreamTimeout => (StatusCode::GATEWAY_TIMEOUT, SERVER, "upstream_timeout"),
			Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, SERVER, "internal_error"),
		}
	}
}

/// A failure as the client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
	pub(crate) kind: Kind,
	pub(crate) message: String,
	pub(crate) param: Option<String>,
	/// Whether a client's library should try again.
	pub(crate) retry: Retry,
	/// What is on chain.
	pub(crate) receipts: Vec<Hash>,
	/// What became of each prompt, where the request had several.
	pub(crate) choices: Vec<Value>,
}

/// Whether the same request is worth another try. Of several failures the greatest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Retry {
	/// As the status says.
	Default,
	/// After this time.
	After(Duration),
	/// It would be paid twice, or fail again.
	Never,
}

impl ApiError {
	pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
		Self {
			kind,
			message: message.into(),
			param: None,
			retry: match kind {
				// About one block: a place may be free by then.
				Kind::Overloaded | Kind::Unavailable => Retry::After(Duration::from_secs(3)),
				_ => Retry::Default,
			},
			receipts: Vec::new(),
			choices: Vec::new(),
		}
	}

	/// A failure of a request that is on chain.
	pub(crate) fn placed(mut self, request_id: &Hash) -> Self {
		self.receipts = vec![*request_id];
		self
	}

	/// A failure that one parameter causes.
	pub(crate) fn about(kind: Kind, param: impl Into<String>, message: impl Into<String>) -> Self {
		Self {
			param: Some(param.into()),
			..Self::new(kind, message)
		}
	}

	/// A failure whose cause is the gateway's own and stays in its log.
	pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
		tracing::error!(%cause, "request failed inside the gateway");
		Self::new(
			Kind::Internal,
			"The gateway failed. The reason is in its log.",
		)
	}

	/// No model has this name, or it could stand for several creators' `choices`.
	pub(crate) fn model_not_found(name: &str, choices: &[String]) -> Self {
		let shown: String = name.chars().take(128).collect();
		let message = match choices {
			[] => {
				format!("The model `{shown}` does not exist. GET /v1/models lists those that do.")
			}
			[..] => format!(
				"Several creators have a model `{shown}`. Ask for one of: {}.",
				choices.join(", ")
			),
		};
		Self::about(Kind::ModelNotFound, "model", message)
	}

	/// OpenAI's fields of an error.
	pub(crate) fn fields(&self) -> Value {
		let (_, kind, code) = self.kind.row();
		json!({"message": self.message, "type": kind, "param": self.param, "code": code})
	}

	/// The OpenAI error object.
	pub(crate) fn body(&self) -> Value {
		let mut error = self.fields();
		if !self.choices.is_empty() {
			error["infergrid"] = json!({"choices": self.choices});
		} else if let Some(receipt) = self.receipts.first() {
			error["infergrid"] = json!({"receipt_id": receipt_id::id(receipt)});
		}
		json!({"error": error})
	}
}

impl IntoResponse for ApiError {
	fn into_response(self) -> Response {
		let (status, _, code) = self.kind.row();
		tracing::debug!(status = status.as_u16(), code, "request refused");
		let mut response = (status, axum::Json(self.body())).into_response();
		let headers = response.headers_mut();
		if self.kind == Kind::InvalidKey {
			headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
		}
		// OpenAI's libraries obey the header whatever the status says.
		match self.retry {
			Retry::Default => {}
			Retry::Never => {
				headers.insert(SHOULD_RETRY_HEADER, HeaderValue::from_static("false"));
			}
			Retry::After(time) => {
				headers.insert(SHOULD_RETRY_HEADER, HeaderValue::from_static("true"));
				headers.insert(header::RETRY_AFTER, time.as_secs().max(1).into());
			}
		}
		receipt_id::name(headers, &self.receipts);
		response
	}
}

impl From<OrderError> for ApiError {
	fn from(error: OrderError) -> Self {
		let kind = match &error {
			OrderError::NoMiner | OrderError::NotTaken => Kind::NoMiner,
			OrderError::TooDear { .. } => Kind::MaxFee,
			OrderError::Busy { .. } | OrderError::Full { .. } => Kind::Busy,
			OrderError::Funds => Kind::Funds,
			OrderError::ChainUnavailable
			| OrderError::Refused(_)
			| OrderError::Closing { .. }
			| OrderError::Stopping
			| OrderError::Unrecorded => Kind::Unavailable,
			OrderError::CalledOff
			| OrderError::BrokenOff
			| OrderError::BadReceipt
			| OrderError::Withheld => Kind::Upstream,
			OrderError::Uncertain | OrderError::NotDelivered | OrderError::TimedOut => {
				Kind::UpstreamTimeout
			}
		};
		let money = match error.money() {
			Money::Untouched => "Nothing is charged.",
			Money::Returned => "The money has come back.",
			Money::Held => "The payment is on hold until the chain settles or refunds it.",
		};
		let remedy = match &error {
			OrderError::NoMiner | OrderError::NotTaken | OrderError::NotDelivered => "Try again.",
			OrderError::TooDear { .. } => "Raise `infergrid.max_fee`, or ask for fewer tokens.",
			OrderError::Busy { .. }
			| OrderError::Full { .. }
			| OrderError::Closing { .. }
			| OrderError::ChainUnavailable => "Try again later.",
			OrderError::Funds => "The gateway's operator must top its account up.",
			OrderError::Unrecorded => "The gateway's operator must look at its disk.",
			OrderError::TimedOut | OrderError::Stopping | OrderError::BrokenOff => {
				"The answer goes on, and can be fetched by its receipt."
			}
			_ => "",
		};
		let mut message = error.to_string();
		if let Some(first) = message.get_mut(..1) {
			first.make_ascii_uppercase();
		}
		let message = format!("{message}. {money} {remedy}");
		Self {
			retry: match &error {
				OrderError::Busy { retry_after }
				| OrderError::Full { retry_after }
				| OrderError::Closing { retry_after } => Retry::After(*retry_after),
				OrderError::TooDear { .. } | OrderError::Funds => Retry::Never,
				error if error.money() == Money::Held => Retry::Never,
				OrderError::NoMiner => Retry::After(Duration::from_secs(30)),
				_ => Retry::After(Duration::from_secs(3)),
			},
			..Self::new(kind, message.trim_end())
		}
	}
}

impl From<MarketError> for ApiError {
	fn from(error: MarketError) -> Self {
		match error {
			MarketError::Unavailable => OrderError::ChainUnavailable.into(),
		}
	}
}

impl From<CheckpointError> for ApiError {
	fn from(error: CheckpointError) -> Self {
		match error {
			CheckpointError::Template(TemplateError::Refused(reason)) => {
				let message = format!("The model's chat template refuses the messages: {reason}");
				Self::about(Kind::InvalidValue, "messages", message)
			}
			CheckpointError::NoChatTemplate { .. } => {
				let message = "This model has no chat template. Use /v1/completions.";
				Self::about(Kind::InvalidValue, "model", message)
			}
			CheckpointError::Tokenizer(TokenizerError::Encode { .. }) => {
				Self::new(Kind::InvalidValue, "The prompt cannot be tokenized.")
			}
			CheckpointError::Tokenizer(error @ TokenizerError::Control) => {
				Self::about(Kind::InvalidValue, "messages", error.to_string())
			}
			error => Self::internal(&error),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_error_object_has_the_four_fields() {
		let error = ApiError::about(Kind::InvalidValue, "top_p", "no");
		assert_eq!(
			error.body(),
			json!({"error": {
				"message": "no", "type": "invalid_request_error", "param": "top_p", "code": "invalid_value"
			}})
		);
	}

	#[test]
	fn a_long_model_name_is_not_echoed_whole() {
		assert!(
			ApiError::model_not_found(&"x".repeat(10_000), &[])
				.message
				.len() < 300
		);
	}
}
