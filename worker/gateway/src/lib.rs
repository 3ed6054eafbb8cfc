//! An OpenAI-compatible HTTP server in front of the grid, as a library.
//!
//! It tokenizes and templates a request, orders the answer through [`Market`], turns token ids back
//! into text as they come, and hands out the receipt with every answer. What the grid is, who pays,
//! and how an answer is checked is the business of whoever implements [`Market`].
//!
//! A request is parsed into a valid one, takes one of a bounded number of places for each of its answers,
//! and becomes as many orders. A client that goes away only stops listening: its answers can be fetched
//! again. Prompts, answers and keys are never logged.
//!
//! | route | |
//! |---|---|
//! | `GET /v1/models`, `GET /v1/models/{id}` | what can be asked |
//! | `POST /v1/chat/completions`, `POST /v1/completions` | answers, whole or as server-sent events |
//! | `GET /v1/receipts/{id}` | an answer's receipt on its way to settlement |
//! | `GET /v1/receipts/{id}/answer` | the answer once more |
//! | `GET /`, `GET /healthz`, `GET /livez` | what this is, whether it can serve, whether it runs; need no key |

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

mod answer;
mod asked;
mod auth;
mod chat;
mod complete;
mod completions;
mod connections;
mod errors;
mod gateway;
mod guard;
mod market;
mod metrics;
mod names;
mod params;
mod places;
mod receipt_id;
mod receipts;
mod routes;
mod server;
mod settings;
mod shape;
mod stop;
mod stream;
mod validate;
mod welcome;

pub use market::{
	AuditProgress, Delivery, Health, KeptAnswer, Market, MarketError, Model, Money, Order,
	OrderError, OrderEvent, OrderStream, Placement, ReceiptProgress, SamplingDefaults, Settlement,
};
pub use metrics::GatewayMetrics;
pub use names::{Known, Names, names};
pub use routes::router;
pub use server::serve;
pub use settings::{ApiKey, Exposed, Settings};
