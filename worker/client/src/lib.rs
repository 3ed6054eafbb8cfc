//! A client of a gateway's OpenAI API, as far as the commands need one.
//!
//! A [`Client`] asks a [`Question`], hands the text on as it comes, and gives the whole answer with its
//! receipt. [`Events`] reads any streamed answer, for who asks in another way.

mod client;
mod error;
mod events;

pub use client::{Answered, Client, Question, Turn};
pub use error::ClientError;
pub use events::Events;
