//! What clients are told when something fails: one table, for JSON and for event streams.

use crate::market::{MarketError, OrderError};
use axum::{
	http::{HeaderValue, StatusCode, header},
	response::{IntoResponse, Response},
};
use infergrid_checkpoint::{CheckpointError, TemplateError, TokenizerError};
use serde_json::{Value, json};

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
	Overloaded,
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
}

impl ApiError {
	pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
		Self {
			kind,
			message: message.into(),
			param: None,
		}
	}

	/// A failure that one parameter causes.
	pub(crate) fn about(kind: Kind, param: impl Into<String>, message: impl Into<String>) -> Self {
		Self {
			kind,
			message: message.into(),
			param: Some(param.into()),
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

	pub(crate) fn model_not_found(name: &str) -> Self {
		let shown: String = name.chars().take(128).collect();
		let message =
			format!("The model `{shown}` does not exist. GET /v1/models lists those that do.");
		Self::about(Kind::ModelNotFound, "model", message)
	}

	/// The OpenAI error object.
	pub(crate) fn body(&self) -> Value {
		let (_, kind, code) = self.kind.row();
		json!({"error": {"message": self.message, "type": kind, "param": self.param, "code": code}})
	}
}

impl IntoResponse for ApiError {
	fn into_response(self) -> Response {
		let (status, _, code) = self.kind.row();
		tracing::debug!(status = status.as_u16(), code, "request refused");
		let mut response = (status, axum::Json(self.body())).into_response();
		let headers = response.headers_mut();
		match self.kind {
			Kind::InvalidKey => {
				headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
			}
			// About one block: a place or a miner may be free by then.
			Kind::Overloaded | Kind::NoMiner | Kind::Unavailable => {
				headers.insert(header::RETRY_AFTER, HeaderValue::from_static("3"));
			}
			_ => {}
		}
		response
	}
}

impl From<OrderError> for ApiError {
	fn from(error: OrderError) -> Self {
		let kind = match error {
			OrderError::NoMiner => Kind::NoMiner,
			OrderError::Overloaded => Kind::Overloaded,
			OrderError::Funds | OrderError::ChainUnavailable => Kind::Unavailable,
			OrderError::MinerFailed | OrderError::BadReceipt => Kind::Upstream,
			OrderError::TimedOut => Kind::UpstreamTimeout,
		};
		let message = match error {
			OrderError::NoMiner => {
				"No miner is available for this model now. Nothing is charged; try again."
			}
			OrderError::Overloaded => {
				"The grid takes no more requests now. Nothing is charged; try again."
			}
			OrderError::Funds => {
				"The gateway's account cannot pay for this request. Its operator must top it up."
			}
			OrderError::ChainUnavailable => {
				"The gateway does not reach the chain now. Try again later."
			}
			OrderError::MinerFailed => {
				"The miner failed. The payment is settled or refunded by the chain."
			}
			OrderError::BadReceipt => {
				"The miner's receipt does not match its answer, which was dropped."
			}
			OrderError::TimedOut => {
				"The answer did not come in time. The payment is settled or refunded by the chain."
			}
		};
		Self::new(kind, message)
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
		assert!(ApiError::model_not_found(&"x".repeat(10_000)).message.len() < 300);
	}
}
