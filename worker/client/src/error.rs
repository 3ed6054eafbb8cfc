//! Why a gateway gave no answer.

use reqwest::StatusCode;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
	/// The HTTP client cannot be made, whatever the gateway: a bug.
	#[error(transparent)]
	Start(reqwest::Error),
	/// No gateway is there. Start one, or name another.
	#[error("cannot reach the gateway at {url}")]
	Unreachable {
		/// Where it should be.
		url: String,
		/// What the system says.
		source: reqwest::Error,
	},
	/// The gateway refuses. It says why.
	#[error("the gateway answered {status}: {message}")]
	Refused {
		/// The HTTP status.
		status: StatusCode,
		/// The gateway's reason.
		message: String,
	},
	/// The gateway gave up after the answer had begun. It says why.
	#[error("{message}")]
	Failed {
		/// The gateway's reason.
		message: String,
	},
	/// What came is no OpenAI API.
	#[error("the gateway sent no JSON")]
	NoJson(#[source] reqwest::Error),
	/// An event of the answer cannot be read.
	#[error("the gateway sent something that is no JSON")]
	NoEvent(#[source] serde_json::Error),
	/// The connection was lost.
	#[error("the answer broke off")]
	BrokenOff(#[source] reqwest::Error),
	/// The connection was closed before the answer's end.
	#[error("the answer ended without its end")]
	Unfinished,
	/// What came is no stream of events.
	#[error("the gateway sent a line without an end")]
	EndlessLine,
}
