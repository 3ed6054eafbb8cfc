//! An OpenAI-compatible HTTP server in front of the grid, as a library.
//!
//! It tokenizes and templates a request, orders the answer through [`Market`], turns token ids back
//! into text as they come, and hands out the receipt with every answer. What the grid is, who pays,
//! and how an answer is checked is the business of whoever implements [`Market`].
//!
//! A request is parsed into a valid one, then takes one of a bounded number of places, then becomes
//! an order. A client that goes away takes its order with it. Prompts, answers and keys are never
//! logged.
//!
//! | route | |
//! |---|---|
//! | `GET /v1/models`, `GET /v1/models/{id}` | what can be asked |
//! | `POST /v1/chat/completions`, `POST /v1/completions` | answers, whole or as server-sent events |
//! | `GET /v1/receipts/{id}` | an answer's receipt on its way to settlement |
//! | `GET /healthz` | whether the market answers; needs no key |

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

mod answer;
mod auth;
mod chat;
mod completions;
mod errors;
mod market;
mod params;
mod receipts;
mod routes;
mod server;
mod settings;
mod stop;
mod stream;
mod validate;

pub use market::{
	AuditProgress, Delivery, Market, MarketError, Model, Order, OrderError, OrderEvent,
	OrderStream, Placement, ReceiptProgress, Settlement,
};
pub use routes::router;
pub use server::serve;
pub use settings::{ApiKey, Settings};
