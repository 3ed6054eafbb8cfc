//! Complete answers, and what is said of a request of which not all answers are.

use crate::{
	errors::{ApiError, Retry},
	market::{Delivery, Placement},
	receipt_id::id,
	receipts,
	shape::{Meta, Shape},
};
use infergrid_primitives::request::Finish;
use serde_json::{Value, json};

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Complete {
	/// Which of its request's prompts it answers.
	pub(crate) index: usize,
	/// Its text; in a stream what was not told before.
	pub(crate) text: String,
	pub(crate) placement: Placement,
	pub(crate) delivery: Box<Delivery>,
}

impl Complete {
	/// OpenAI's word for why it ended.
	pub(crate) fn finish_reason(&self) -> &'static str {
		match self.delivery.receipt.finish {
			Finish::EndOfSequence | Finish::StopString => "stop",
			Finish::Length => "length",
		}
	}

	/// Its extension field.
	pub(crate) fn extension(&self) -> Value {
		receipts::extension(&self.placement, &self.delivery)
	}
}

/// What a request's answers took together.
pub(crate) fn usage(answers: &[Complete]) -> Value {
	let receipts = || answers.iter().map(|answer| &answer.delivery.receipt);
	let prompt: u64 = receipts().map(|receipt| u64::from(receipt.n_prompt)).sum();
	let completion: u64 = receipts().map(|receipt| u64::from(receipt.n_out)).sum();
	json!({
		"prompt_tokens": prompt,
		"completion_tokens": completion,
		"total_tokens": prompt + completion,
	})
}

/// The extension field of a request's answers: that of its only one, or a list of all.
pub(crate) fn extension(answers: &[Complete]) -> Value {
	match answers {
		[answer] => answer.extension(),
		_ => json!({"choices": answers.iter().map(Complete::extension).collect::<Vec<_>>()}),
	}
}

/// Whole answers as one object.
pub(crate) fn body<S: Shape>(meta: &Meta, answers: &[Complete]) -> Value {
	let choice = |answer: &Complete| S::whole(answer.index, &answer.text, answer.finish_reason());
	let mut body = meta.object(S::WHOLE, answers.iter().map(choice).collect());
	body["usage"] = usage(answers);
	body["infergrid"] = extension(answers);
	body
}

/// The answers to a request's prompts, if there are all of them. What has failed is told with the receipts
/// of the others, which are paid: the request as a whole is then not to be sent again.
pub(crate) fn all(ends: Vec<Result<Complete, ApiError>>) -> Result<Vec<Complete>, ApiError> {
	let count = ends.len();
	let failed = ends.iter().enumerate();
	let failed = failed.filter_map(|(index, end)| Some((index, end.as_ref().err()?.clone())));
	let failed: Vec<_> = failed.collect();
	let Some((first, error)) = failed.first().cloned() else {
		return Ok(ends.into_iter().flatten().collect());
	};
	if count == 1 {
		return Err(error);
	}
	let others = match count - failed.len() {
		0 => "That is said of this prompt alone. None of the others is answered: \
		      `error.infergrid.choices` says why, and which cost something."
			.into(),
		answered => format!(
			"That is said of this prompt alone: {answered} of {count} are answered and paid, and \
			 `error.infergrid.choices` has the receipts by which their answers can be fetched."
		),
	};
	let retry = ends.iter().map(|end| match end {
		Ok(_) => Retry::Never,
		Err(error) => error.retry,
	});
	Err(ApiError {
		message: format!(
			"`prompt[{first}]` is not answered: {} {others}",
			error.message
		),
		retry: retry.max().unwrap_or(error.retry),
		receipts: ends.iter().flat_map(receipts_of).collect(),
		choices: ends.iter().map(told).collect(),
		..error
	})
}

fn receipts_of(end: &Result<Complete, ApiError>) -> Vec<infergrid_primitives::Hash> {
	match end {
		Ok(answer) => vec![answer.placement.request_id],
		Err(error) => error.receipts.clone(),
	}
}

/// What an error says of one of a request's answers.
fn told(end: &Result<Complete, ApiError>) -> Value {
	match end {
		Ok(answer) => answer.extension(),
		Err(error) => json!({
			"receipt_id": error.receipts.first().map(id),
			"status": "failed",
			"error": error.fields(),
		}),
	}
}
